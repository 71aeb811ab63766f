"""Key material on its way to AWS: wrapped on the token to AWS's public key."""

import contextlib
import ctypes
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, Key, KeyType, MechanismFlag, ObjectClass, PublicKey

from kctui.core.material.aws_wrapping import WrappingHash
from kctui.core.pkcs11 import functions
from kctui.core.pkcs11.connection import Opened
from kctui.core.pkcs11.errors import HsmRefusedError
from kctui.core.pkcs11.key_encryption import KEK_BITS
from kctui.core.pkcs11.objects import CONFINED, destroy, handle_of, require_confined
from kctui.core.pkcs11.public_keys import load_public, octets_of
from kctui.core.pkcs11.ways import Way

# CKM_SHA256 and CKG_MGF1_SHA256; CKM_SHA_1 and CKG_MGF1_SHA1.
_OAEP = {WrappingHash.SHA_256: (0x250, 2), WrappingHash.SHA_1: (0x220, 1)}
_CKZ_DATA_SPECIFIED = 1
_CKM_RSA_PKCS_OAEP, _CKM_RSA_AES_KEY_WRAP = 0x9, 0x1054


def wrap_for_aws(opened: Opened, key: Key, aws_key: bytes, way: Way, kwp: int | None) -> bytes:
    """The key, wrapped on the token to AWS's public key (SPKI, DER). kwp: the mechanism of the second step."""
    with _imported(opened, aws_key) as target:
        oaep_hash, mgf = _OAEP[way.hash]
        oaep = functions.OaepParameters(oaep_hash, mgf, _CKZ_DATA_SPECIFIED, None, 0)

        def wrapped(what: Key, number: int, parameters: ctypes.Structure) -> bytes:
            mechanism = functions.Mechanism(
                number, ctypes.cast(ctypes.pointer(parameters), ctypes.c_void_p), ctypes.sizeof(parameters)
            )
            return opened.functions.wrap(opened.handle, mechanism, handle_of(target), handle_of(what))

        if way.direct:
            return wrapped(key, _CKM_RSA_PKCS_OAEP, oaep)
        if way.native:
            parameters = functions.RsaAesParameters(KEK_BITS, ctypes.pointer(oaep))
            return wrapped(key, _CKM_RSA_AES_KEY_WRAP, parameters)
        if kwp is None:
            raise HsmRefusedError("The token has no AES key wrap with padding for the second step")
        between = opened.session.generate_key(
            KeyType.AES, KEK_BITS, store=False, capabilities=MechanismFlag.WRAP, template=CONFINED
        )
        try:
            require_confined(between)
            second = opened.functions.wrap(opened.handle, functions.Mechanism(kwp), handle_of(between), handle_of(key))
            return wrapped(between, _CKM_RSA_PKCS_OAEP, oaep) + second
        finally:
            destroy(between)


@contextlib.contextmanager
def _imported(opened: Opened, aws_key: bytes) -> Iterator[PublicKey]:
    """AWS's public key as a session object that can wrap only."""
    host = load_public(aws_key)
    if not isinstance(host, rsa.RSAPublicKey):
        raise HsmRefusedError("AWS's wrapping key is no RSA key", remedy="Check that the endpoint is AWS's.")
    numbers = host.public_numbers()
    public = opened.session.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.MODULUS: octets_of(numbers.n),
            Attribute.PUBLIC_EXPONENT: octets_of(numbers.e),
            Attribute.WRAP: True,
            Attribute.ENCRYPT: False,
            Attribute.VERIFY: False,
            Attribute.TOKEN: False,
        }
    )
    try:
        if not isinstance(public, PublicKey):
            raise HsmRefusedError("The token does not take AWS's wrapping key")
        yield public
    finally:
        destroy(public)
