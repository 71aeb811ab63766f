"""Key material made or read: raw bytes, RSA and elliptic-curve private keys."""

import hashlib
import secrets
from collections.abc import Mapping
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from kctui.demo.box.errors import AwsError

from .specs import Family, Spec
from .state import Key, Material

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

CURVES: Mapping[str, ec.EllipticCurve] = MappingProxyType(
    {
        "ECC_NIST_P256": ec.SECP256R1(),
        "ECC_NIST_P384": ec.SECP384R1(),
        "ECC_NIST_P521": ec.SECP521R1(),
        "ECC_SECG_P256K1": ec.SECP256K1(),
    }
)


def generate_private_key(spec: str, size: int) -> PrivateKey:
    """Return a new private key of an RSA or ECC spec."""
    if spec in CURVES:
        return ec.generate_private_key(CURVES[spec])
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def private_der(key: PrivateKey) -> bytes:
    """Return a private key as PKCS#8 DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_private_key(material: Material) -> PrivateKey:
    """Return the private key that a material is; it was checked when it came in."""
    if material.secret is None:
        raise TypeError("the material is not there; the key state should have said so")
    key = load_der_private_key(material.secret, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(f"{type(key).__name__} is no key material of the box")
    return key


def material_id(key: Key, secret: bytes) -> str:
    """Return the id of a material: 64 hexadecimal digits from the key id and the material.

    AWS does not publish its derivation, so this one is only as stable and as unique.
    """
    return hashlib.sha256(b"key-material-id\0" + key.key_id.encode() + b"\0" + secret).hexdigest()


def make_material(key: Key, secret: bytes) -> Material:
    """Return a material of a key, present and without expiry."""
    return Material(material_id(key, secret), hashlib.sha256(secret).digest(), secret)


def new_material(key: Key) -> Material:
    """Return fresh material for a key of AWS_KMS origin."""
    if key.spec.asymmetric:
        return make_material(key, private_der(generate_private_key(key.spec.name, key.spec.size)))
    return make_material(key, secrets.token_bytes(key.spec.size))


def check_imported(spec: Spec, secret: bytes) -> bytes:
    """Refuse material of the wrong length or type ("Requirements for imported key material").

    Symmetric and HMAC material is as long as the key spec says; private keys come as PKCS#8 DER and are
    kept in one encoding, so that the same key wrapped by another tool is the same material.
    """
    if not spec.asymmetric:
        if len(secret) != spec.size:
            raise AwsError("IncorrectKeyMaterialException", f"Key material must be {spec.size} bytes long.")
        return secret
    try:
        key = load_der_private_key(secret, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise AwsError("IncorrectKeyMaterialException", "Key material is not a private key in PKCS#8.") from None
    if isinstance(key, rsa.RSAPrivateKey):
        fits = spec.family is Family.RSA and key.key_size == spec.size
    else:
        fits = (
            isinstance(key, ec.EllipticCurvePrivateKey)
            and spec.family is Family.ECC
            and key.curve.name == CURVES[spec.name].name
        )
    if fits and isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return private_der(key)
    raise AwsError("IncorrectKeyMaterialException", f"Key material does not match the key spec {spec.name}.")
