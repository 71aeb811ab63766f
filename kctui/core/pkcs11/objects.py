"""Keys on a token: made, kept as a blob under the key-encryption key, restored, proven, and wrapped for AWS.

Key material is a session object for one job of the PKCS#11 thread, and is destroyed before the job ends. Its value
never leaves the token but wrapped. Everything here runs in that thread.
"""

import contextlib
import ctypes
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from pkcs11 import Attribute, Key, KeyType, Mechanism, MechanismFlag, ObjectClass, PublicKey, SecretKey
from pkcs11 import exceptions as p11
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_named_curve_parameters

from kctui.core.errors import TamperedError
from kctui.core.material.aws_wrapping import WrappingHash
from kctui.core.pkcs11 import functions
from kctui.core.pkcs11.connection import CKA_NSS_DB, Opened
from kctui.core.pkcs11.errors import BlobError, HsmRefusedError, reason
from kctui.core.pkcs11.shapes import Kind, Shape
from kctui.core.pkcs11.ways import Way

TokenKey = Key
KEK_BITS = 256
LABEL = b"kctui/1/hsm-fingerprint/"
_BLOCKS = hashlib.sha256(LABEL).digest()
# Attributes that a kind of key has no use for, and that some tokens refuse even where they are false.
_DROPS = {
    Kind.HMAC: (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP),
    Kind.EC: (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP, Attribute.VERIFY),
    Kind.RSA: (Attribute.ENCRYPT, Attribute.WRAP, Attribute.VERIFY, Attribute.DERIVE),
}
_OAEP = {
    WrappingHash.SHA_256: (0x250, 2),
    WrappingHash.SHA_1: (0x220, 1),
}  # CKM_SHA256, CKG_MGF1_SHA256; CKM_SHA_1, CKG_MGF1_SHA1
_HMAC_HASHES: dict[int, Callable[[], hashes.HashAlgorithm]] = {
    224: hashes.SHA224,
    256: hashes.SHA256,
    384: hashes.SHA384,
    512: hashes.SHA512,
}
_CKZ_DATA_SPECIFIED = 1
_CKM_RSA_PKCS_OAEP, _CKM_RSA_AES_KEY_WRAP = 0x9, 0x1054
_USES = (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.SIGN, Attribute.VERIFY, Attribute.DERIVE)


@dataclass(frozen=True)
class Made:
    """New key material on the token. public_key: SPKI (DER), of an asymmetric one."""

    key: Key
    public_key: bytes | None


def make_kek(opened: Opened, kek_id: bytes, label: str, *, store: bool) -> SecretKey:
    """Make a key-encryption key: AES-256, which can wrap and unwrap only, and never leaves the token.

    store: on the token; else for this session, for the probe.
    """
    template: dict[Attribute, Any] = {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
    }

    def make(more: dict[Attribute, Any]) -> SecretKey:
        return opened.session.generate_key(
            KeyType.AES,
            KEK_BITS,
            id=kek_id,
            label=label,
            store=store,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template={**template, **more},
        )

    try:
        return make({Attribute.MODIFIABLE: False})
    except (p11.AttributeValueInvalid, p11.AttributeTypeInvalid, p11.AttributeReadOnly, p11.TemplateInconsistent):
        # CloudHSM takes MODIFIABLE only as it is by default. What the key may do is looked at each time it is used.
        return make({})


def has_key(opened: Opened, key_id: bytes) -> bool:
    """Whether the token has a key of this CKA_ID."""
    return bool(list(opened.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: key_id})))


def find_kek(opened: Opened, kek_id: bytes) -> SecretKey:
    """The key-encryption key. Raises HsmRefusedError where it is not there, TamperedError where it could do more."""
    template = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: kek_id}
    found = list(opened.session.get_objects(template))
    if len(found) != 1 or not isinstance(found[0], SecretKey):
        opened.require_present()  # a token that is away may show no key instead of an error
        raise HsmRefusedError(
            f"The key-encryption key is not on the token {opened.info.label}",
            detail=f"{len(found)} keys there have the id {kek_id.hex()}.",
            remedy="Put the token back that it was made on, or restore that token from the HSM's own backup.",
        )
    kek = found[0]
    sound = _is(kek, Attribute.SENSITIVE) and not _is(kek, Attribute.EXTRACTABLE) and _made_there(kek)
    able = _is(kek, Attribute.WRAP) and _is(kek, Attribute.UNWRAP)
    if not sound or not able or any(_is(kek, use) for use in _USES):
        raise TamperedError(
            f"The key-encryption key on the token {opened.info.label} is not as it was made",
            detail=f"Its id is {kek_id.hex()}. It must be made on the token, never leave it, and wrap and unwrap only.",
            remedy="Do not go on with this token. Find out who changed or replaced it.",
        )
    return kek


@contextlib.contextmanager
def made(opened: Opened, shape: Shape) -> Iterator[Made]:
    """New key material, for the length of the block."""
    with contextlib.ExitStack() as undo:
        if not shape.private:
            uses = MechanismFlag.ENCRYPT if shape.kind is Kind.AES else MechanismFlag.SIGN
            secret = opened.session.generate_key(
                shape.key_type, shape.bits, store=False, capabilities=uses, template={**_CONFINED, **_drops(shape)}
            )
            undo.callback(destroy, secret)
            require_confined(secret)
            yield Made(secret, None)
            return
        uses = MechanismFlag.SIGN | MechanismFlag.VERIFY
        if shape.kind is Kind.RSA:
            public, private = opened.session.generate_keypair(
                KeyType.RSA, shape.bits, store=False, capabilities=uses, private_template=_CONFINED
            )
        else:
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(shape.curve)}
            domain = opened.session.create_domain_parameters(KeyType.EC, curve, local=True)
            public, private = domain.generate_keypair(store=False, capabilities=uses, private_template=_CONFINED)
        undo.callback(destroy, private)
        undo.callback(destroy, public)
        require_confined(private)
        yield Made(private, _spki(public, shape))


_CONFINED: dict[Attribute, Any] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
}


def keep(opened: Opened, kek: SecretKey, key: Key, mechanism: int) -> bytes:
    """The key as a blob under the key-encryption key."""
    return opened.functions.wrap(opened.handle, functions.Mechanism(mechanism), _handle(kek), _handle(key))


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
        return attempt(_CONFINED)
    except p11.TemplateIncomplete:
        if shape.kind is not Kind.EC or public_key is None:
            raise
        # NSS wants the public point beside a wrapped private key of an elliptic curve.
        return attempt({**_CONFINED, CKA_NSS_DB: _point(public_key)})
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
    if not _is(key, Attribute.SENSITIVE) or not _is(key, Attribute.EXTRACTABLE):
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
    host = _load_public(public_key)
    try:
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
    except InvalidSignature:
        pass
    raise TamperedError(
        "The private key on the token is not that of its public key",
        remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
    )


def wrap_for_aws(opened: Opened, key: Key, aws_key: bytes, way: Way, kwp: int | None) -> bytes:
    """The key, wrapped on the token to AWS's public key (SPKI, DER). kwp: the mechanism of the second step."""
    with _imported(opened, aws_key) as target:
        oaep_hash, mgf = _OAEP[way.hash]
        oaep = functions.OaepParameters(oaep_hash, mgf, _CKZ_DATA_SPECIFIED, None, 0)

        def wrapped(what: Key, number: int, parameters: ctypes.Structure) -> bytes:
            mechanism = functions.Mechanism(
                number, ctypes.cast(ctypes.pointer(parameters), ctypes.c_void_p), ctypes.sizeof(parameters)
            )
            return opened.functions.wrap(opened.handle, mechanism, _handle(target), _handle(what))

        if way.direct:
            return wrapped(key, _CKM_RSA_PKCS_OAEP, oaep)
        if way.native:
            parameters = functions.RsaAesParameters(KEK_BITS, ctypes.pointer(oaep))
            return wrapped(key, _CKM_RSA_AES_KEY_WRAP, parameters)
        if kwp is None:
            raise HsmRefusedError("The token has no AES key wrap with padding for the second step")
        between = opened.session.generate_key(
            KeyType.AES, KEK_BITS, store=False, capabilities=MechanismFlag.WRAP, template=_CONFINED
        )
        try:
            require_confined(between)
            second = opened.functions.wrap(opened.handle, functions.Mechanism(kwp), _handle(between), _handle(key))
            return wrapped(between, _CKM_RSA_PKCS_OAEP, oaep) + second
        finally:
            destroy(between)


@contextlib.contextmanager
def _imported(opened: Opened, aws_key: bytes) -> Iterator[PublicKey]:
    """AWS's public key as a session object that can wrap only."""
    host = _load_public(aws_key)
    if not isinstance(host, rsa.RSAPublicKey):
        raise HsmRefusedError("AWS's wrapping key is no RSA key", remedy="Check that the endpoint is AWS's.")
    numbers = host.public_numbers()
    public = opened.session.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.MODULUS: _octets_of(numbers.n),
            Attribute.PUBLIC_EXPONENT: _octets_of(numbers.e),
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


def _is(key: Key, attribute: Attribute) -> bool:
    return bool(key[attribute])


def _made_there(kek: Key) -> bool:
    """Whether the token made the key itself or never let it out, where it tells either: else somebody knows it."""
    told = []
    for attribute in (Attribute.LOCAL, Attribute.NEVER_EXTRACTABLE):
        with contextlib.suppress(p11.AttributeTypeInvalid):
            told.append(_is(kek, attribute))
    return not told or any(told)


def _handle(key: Any) -> int:
    handle: int = key.handle
    return handle


def _spki(public: PublicKey, shape: Shape) -> bytes:
    host: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    if shape.kind is Kind.RSA:
        modulus = int.from_bytes(public[Attribute.MODULUS])
        host = rsa.RSAPublicNumbers(int.from_bytes(public[Attribute.PUBLIC_EXPONENT]), modulus).public_key()
    else:
        if shape.host_curve is None:
            raise ValueError(f"{shape.spec.value} has no curve")
        host = ec.EllipticCurvePublicKey.from_encoded_point(
            shape.host_curve(), _bare(public[Attribute.EC_POINT], shape.bits)
        )
    return host.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _bare(point: bytes, bits: int) -> bytes:
    """An EC point without the OCTET STRING around it, which PKCS#11 demands and not every token gives."""
    length = 2 * ((bits + 7) // 8) + 1
    return point if len(point) == length else point[-length:]


def _point(public_key: bytes) -> bytes:
    host = _load_public(public_key)
    if not isinstance(host, ec.EllipticCurvePublicKey):
        raise TamperedError("The public key of the key material is not of its curve")
    return host.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _octets_of(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _load_public(public_key: bytes) -> object:
    try:
        return load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        return None
