"""Key material made on this host: by the operating system's random generator, and by OpenSSL for key pairs."""

import hashlib
import os
from contextlib import suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.freed import overwritten_after
from kctui.core.secret import Secret
from kctui.core.words import MADE_SPECS, KeyFamily, KeySpec

# AWS KMS Developer Guide, Requirements for imported key material.
_BYTES = {
    KeySpec.SYMMETRIC_DEFAULT: 32,
    KeySpec.HMAC_224: 28,
    KeySpec.HMAC_256: 32,
    KeySpec.HMAC_384: 48,
    KeySpec.HMAC_512: 64,
}
_RSA_BITS = {KeySpec.RSA_2048: 2048, KeySpec.RSA_3072: 3072, KeySpec.RSA_4096: 4096}
_CURVES: dict[KeySpec, type[ec.EllipticCurve]] = {
    KeySpec.ECC_NIST_P256: ec.SECP256R1,
    KeySpec.ECC_NIST_P384: ec.SECP384R1,
    KeySpec.ECC_NIST_P521: ec.SECP521R1,
    KeySpec.ECC_SECG_P256K1: ec.SECP256K1,
}
_PUBLIC_EXPONENT = 65537


def generate(spec: KeySpec) -> Secret:
    """New key material of a spec, as AWS imports it: random bytes, or a private key (PKCS#8, DER).

    An RSA_4096 key takes a second or two. Raises InvalidInputError for a spec that kctui makes no material for (see
    `MADE_SPECS`).
    """
    require_made(spec)
    if spec in _BYTES:
        return Secret.taking(os.urandom(_BYTES[spec]))
    with overwritten_after():
        return _new_private_key(spec)


def _new_private_key(spec: KeySpec) -> Secret:
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if spec in _RSA_BITS:
        key = rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=_RSA_BITS[spec])
    else:
        key = ec.generate_private_key(_CURVES[spec]())
    return Secret.taking(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def require_made(spec: KeySpec) -> None:
    """Raise InvalidInputError for a spec that kctui makes no material for."""
    if spec not in MADE_SPECS:
        raise InvalidInputError(
            f"kctui makes no key material for {spec.value}",
            remedy=f"It makes it for {', '.join(made.value for made in MADE_SPECS)}.",
            field="key_spec",
        )


def public_key_of(spec: KeySpec, material: Secret) -> bytes | None:
    """The public key of a private key (SubjectPublicKeyInfo, DER), as GetPublicKey gives it; None for the others.

    The private key is checked on the way. Raises KctuiError where it is none of the spec.
    """
    if spec.family not in {KeyFamily.RSA, KeyFamily.ECC}:
        return None
    with suppress(ValueError, TypeError, UnsupportedAlgorithm), overwritten_after(), material.lent() as plain:
        return _checked_public_key(spec, plain)
    # Raised out here: a parser's error, even as a context, might carry a part of what it read.
    raise KctuiError(f"The key material is no private key of {spec.value}")


def has_public_key(material: Secret, public_key: bytes) -> bool:
    """Whether a public key (SubjectPublicKeyInfo, DER) is that of this private key, which is not checked again."""
    with suppress(ValueError, TypeError, UnsupportedAlgorithm), overwritten_after(), material.lent() as plain:
        return _spki(load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)) == public_key
    return False


def _checked_public_key(spec: KeySpec, plain: memoryview) -> bytes:
    """The public key of a private key. Raises ValueError where it is none of the spec."""
    key = load_der_private_key(plain, None)
    fits = (
        key.key_size == _RSA_BITS.get(spec)
        if isinstance(key, rsa.RSAPrivateKey)
        else isinstance(key, ec.EllipticCurvePrivateKey) and spec in _CURVES and isinstance(key.curve, _CURVES[spec])
    )
    if not fits:
        raise ValueError
    return _spki(key)


def _spki(private: PrivateKeyTypes) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(material: Secret) -> str:
    """SHA-256 over a label and the material, in hex. A random value of 224 bits or more cannot be found from it."""
    digest = hashlib.sha256(b"kctui/1/material-fingerprint/")
    with material.lent() as plain:
        digest.update(plain)
    return digest.hexdigest()
