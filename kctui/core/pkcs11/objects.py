"""Key material on a token: made, kept as a blob under the key-encryption key, restored, and proven.

Key material is a session object for one job of the PKCS#11 thread, and is destroyed before the job ends. Its value
never leaves the token but wrapped. Everything here runs in that thread.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pkcs11 import Attribute, Key, KeyType, Mechanism, MechanismFlag, SecretKey
from pkcs11 import exceptions as p11
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_named_curve_parameters

from kctui.core.errors import TamperedError
from kctui.core.pkcs11 import functions
from kctui.core.pkcs11.connection import CKA_NSS_DB, Opened
from kctui.core.pkcs11.errors import BlobError, HsmRefusedError, reason
from kctui.core.pkcs11.key_encryption import is_set
from kctui.core.pkcs11.public_keys import load_public, point_of, spki
from kctui.core.pkcs11.shapes import Kind, Shape

TokenKey = Key
LABEL = b"kctui/1/hsm-fingerprint/"
_BLOCKS = hashlib.sha256(LABEL).digest()
# Attributes that a kind of key has no use for, and that some tokens refuse even where they are false.
_DROPS = {
    Kind.HMAC: (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP),
    Kind.EC: (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP, Attribute.VERIFY),
    Kind.RSA: (Attribute.ENCRYPT, Attribute.WRAP, Attribute.VERIFY, Attribute.DERIVE),
}
_HMAC_HASHES: dict[int, Callable[[], hashes.HashAlgorithm]] = {
    224: hashes.SHA224,
    256: hashes.SHA256,
    384: hashes.SHA384,
    512: hashes.SHA512,
}


@dataclass(frozen=True)
class Made:
    """New key material on the token. public_key: SPKI (DER), of an asymmetric one."""

    key: Key
    public_key: bytes | None


@contextlib.contextmanager
def made(opened: Opened, shape: Shape) -> Iterator[Made]:
    """New key material, for the length of the block."""
    with contextlib.ExitStack() as undo:
        if not shape.private:
            uses = MechanismFlag.ENCRYPT if shape.kind is Kind.AES else MechanismFlag.SIGN
            secret = opened.session.generate_key(
                shape.key_type, shape.bits, store=False, capabilities=uses, template={**CONFINED, **_drops(shape)}
            )
            undo.callback(destroy, secret)
            require_confined(secret)
            yield Made(secret, None)
            return
        uses = MechanismFlag.SIGN | MechanismFlag.VERIFY
        if shape.kind is Kind.RSA:
            public, private = opened.session.generate_keypair(
                KeyType.RSA, shape.bits, store=False, capabilities=uses, private_template=CONFINED
            )
        else:
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(shape.curve)}
            domain = opened.session.create_domain_parameters(KeyType.EC, curve, local=True)
            public, private = domain.generate_keypair(store=False, capabilities=uses, private_template=CONFINED)
        undo.callback(destroy, private)
        undo.callback(destroy, public)
        require_confined(private)
        yield Made(private, spki(public, shape))


CONFINED: dict[Attribute, Any] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
}


def keep(opened: Opened, kek: SecretKey, key: Key, mechanism: int) -> bytes:
    """The key as a blob under the key-encryption key."""
    return opened.functions.wrap(opened.handle, functions.Mechanism(mechanism), handle_of(kek), handle_of(key))


@contextlib.contextmanager
def restored(
    opened: Opened, kek: SecretKey, shape: Shape, blob: bytes, mechanism: int, public_key: bytes | None
) -> Iterator[Key]:
    """The key of a blob, for the length of the block. Raises BlobError where the token does not open it."""
    try:
        if not blob:
            raise p11.WrappedKeyLenRange
        key = _unwrap(kek, shape, blob, mechanism, public_key)
    except (p11.GeneralError, p11.FunctionFailed, p11.ArgumentsBad, p11.DataInvalid, p11.DataLenRange,
            p11.EncryptedDataInvalid, p11.EncryptedDataLenRange, p11.WrappedKeyInvalid,
            p11.WrappedKeyLenRange) as error:  # fmt: skip
        opened.require_present()
        raise BlobError(
            "The token does not open the key material",
            detail=f"It said {reason(error)}: it was changed, or wrapped on another token.",
            remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
        ) from error
    try:
        require_confined(key)
        _require_length(key, shape)
        yield key
    finally:
        destroy(key)


def _require_length(key: Key, shape: Shape) -> None:
    """Refuse an HMAC key of another length, where the token tells it: one with zeros behind it gives the same MACs."""
    if shape.kind is not Kind.HMAC:
        return
    with contextlib.suppress(p11.AttributeTypeInvalid, p11.AttributeSensitive):
        length = int(key[Attribute.VALUE_LEN])
        if length and length * 8 != shape.bits:
            raise BlobError(
                f"The token restores a key of {length} bytes, not {shape.bits // 8}",
                remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
            )


def _unwrap(kek: Any, shape: Shape, blob: bytes, mechanism: int, public_key: bytes | None) -> Key:
    """C_UnwrapKey, in the ways that tokens want it."""
    drops: dict[Any, Any] = _drops(shape)
    uses = MechanismFlag.ENCRYPT if shape.kind is Kind.AES else MechanismFlag.SIGN

    def attempt(template: dict[Any, Any]) -> Key:
        key: Key = kek.unwrap_key(
            shape.object_class,
            shape.key_type,
            blob,
            mechanism=mechanism_of(mechanism),
            capabilities=uses,
            template={**template, **drops},
        )
        return key

    try:
        return attempt(CONFINED)
    except p11.TemplateIncomplete:
        if shape.kind is not Kind.EC or public_key is None:
            raise
        # NSS wants the public point beside a wrapped private key of an elliptic curve.
        return attempt({**CONFINED, CKA_NSS_DB: point_of(public_key)})
    except p11.AttributeReadOnly:
        # opencryptoki decides about EXTRACTABLE itself; both are read back below.
        key = attempt({})
        with contextlib.suppress(p11.PKCS11Error):
            key[Attribute.SENSITIVE] = True
        return key


def _drops(shape: Shape) -> dict[Any, Any]:
    return dict.fromkeys(_DROPS.get(shape.kind, ()), DEFAULT)


def require_confined(key: Key) -> None:
    """Refuse a key that the token would give away in plain, or would not wrap. Raises HsmRefusedError."""
    if not is_set(key, Attribute.SENSITIVE) or not is_set(key, Attribute.EXTRACTABLE):
        raise HsmRefusedError(
            "The token does not keep key material as it was told to",
            detail="A key is not both sensitive (never shown in plain) and extractable (can be wrapped).",
            remedy="Look at the policy of the partition; `kctui hsm test` shows what the token can do.",
        )


def fingerprint(key: Key, shape: Shape, public_key: bytes | None) -> str:
    """What tells the key from any other, in hex; for a private key only once it has proven itself.

    SHA-256 over a label and: two blocks encrypted under an AES key, a MAC of the label under an HMAC key, or the
    public key. None of them says anything of a random secret. Raises TamperedError where a private key is not that of
    the public one.
    """
    if shape.private:
        prove_private(key, shape, public_key or b"")
        seen = public_key or b""
    else:
        seen = shown(key, shape)
    return hashlib.sha256(LABEL + shape.spec.value.encode() + b"/" + seen).hexdigest()


def shown(key: Key, shape: Shape) -> bytes:
    """What a secret key makes of known bytes: two blocks encrypted under an AES key, a MAC under an HMAC key."""
    return _encrypted(key) if shape.kind is Kind.AES else _sign(key, LABEL, shape.proof)


def shown_by_value(plain: bytes, shape: Shape) -> bytes:
    """The same on the host, for a throwaway key that was let out."""
    if shape.kind is Kind.AES:
        encryptor = Cipher(algorithms.AES(plain), modes.ECB()).encryptor()  # noqa: S305 -- of two known blocks
        return encryptor.update(_BLOCKS) + encryptor.finalize()
    mac = hmac.HMAC(plain, _HMAC_HASHES[shape.bits]())
    mac.update(LABEL)
    return mac.finalize()


def prove_private(key: Key, shape: Shape, public_key: bytes) -> None:
    """Let the private key sign, and verify that on the host with the public key. Raises TamperedError."""
    digest = hashlib.sha256(LABEL).digest()
    host = load_public(public_key)
    with contextlib.suppress(InvalidSignature):
        if isinstance(host, rsa.RSAPublicKey):
            signature = _sign(key, LABEL, shape.proof)
            host.verify(signature, LABEL, padding.PKCS1v15(), hashes.SHA256())
            return
        if isinstance(host, ec.EllipticCurvePublicKey):
            signature = _sign(key, digest, shape.proof)
            half = len(signature) // 2
            numbers = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            host.verify(encode_dss_signature(*numbers), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
            return
    raise TamperedError(
        "The private key on the token is not that of its public key",
        remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
    )


def mechanism_of(number: int) -> Mechanism:
    """python-pkcs11's word for a mechanism; one is made for a vendor's number, which it has none for."""
    try:
        return Mechanism(number)
    except ValueError:
        word = int.__new__(Mechanism, number)
        word._name_, word._value_ = f"VENDOR_{number:08X}", number
        return word


def destroy(key: Any) -> None:
    """Destroy a session object. It dies with the session at the latest, should the token not answer."""
    with contextlib.suppress(p11.PKCS11Error):
        key.destroy()


def _encrypted(key: Key) -> bytes:
    """Two blocks under an AES key: by ECB, or where a token has none, each by CBC from zero, which is the same."""
    encrypting: Any = key
    try:
        return bytes(encrypting.encrypt(_BLOCKS, mechanism=Mechanism.AES_ECB))
    except (p11.MechanismInvalid, p11.FunctionNotSupported):
        halves = (_BLOCKS[:16], _BLOCKS[16:])
        return b"".join(
            bytes(encrypting.encrypt(half, mechanism=Mechanism.AES_CBC, mechanism_param=bytes(16))) for half in halves
        )


def _sign(key: Any, message: bytes, mechanism: Mechanism) -> bytes:
    """python-pkcs11 mixes signing in by what the token says of a key."""
    return bytes(key.sign(message, mechanism=mechanism))


def handle_of(key: Any) -> int:
    """The handle of an object."""
    handle: int = key.handle
    return handle
