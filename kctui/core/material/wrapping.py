"""Wrapping key material to AWS's public key (AWS KMS Developer Guide, Importing key material, step 3)."""

import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kctui.core.errors import KctuiError
from kctui.core.freed import overwritten_after
from kctui.core.material.aws_wrapping import (
    WRAPPING_KEY_BITS,
    WrappingAlgorithm,
    WrappingFamily,
    WrappingHash,
    allowed,
    require_allowed,
    require_importable,
)
from kctui.core.material.software import require_made
from kctui.core.secret import Secret
from kctui.core.words import KeySpec

_AES_KEY_BYTES = 32
_HASHES: dict[WrappingHash, type[hashes.HashAlgorithm]] = {
    WrappingHash.SHA_256: hashes.SHA256,
    WrappingHash.SHA_1: hashes.SHA1,
}


def wrapping_algorithm(spec: KeySpec, partition: str = "aws") -> WrappingAlgorithm:
    """The algorithm to ask of GetParametersForImport, with SHA-256; it cannot be changed afterwards.

    Raises InvalidInputError, or RefusedError where AWS takes none in that partition.
    """
    require_made(spec)
    require_importable(spec, partition)
    return next(one for one in allowed(spec, partition=partition) if one.hash is WrappingHash.SHA_256)


def checked(public_key: bytes) -> bytes:
    """AWS's public key (SPKI, DER), where it is one that may wrap. Raises KctuiError."""
    _loaded(public_key)
    return public_key


def wrap(spec: KeySpec, material: Secret, public_key: bytes, algorithm: WrappingAlgorithm) -> bytes:
    """Wrap to AWS's public key (SPKI, DER): RSAES-OAEP (RFC 8017), or RSA_AES_KEY_WRAP.

    The latter is an AES key that lives for this call, wrapped by OAEP, and after it the material, wrapped under it by
    AES-KWP (RFC 5649): the same as PKCS#11's CKM_RSA_AES_KEY_WRAP.
    """
    key = _loaded(public_key)
    require_allowed(spec, algorithm, key.key_size)
    digest = _HASHES[algorithm.hash]()
    oaep = padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)
    if algorithm.family is WrappingFamily.RSAES_OAEP:
        with overwritten_after(), material.lent_bytes() as copy:
            return key.encrypt(copy, oaep)
    with (
        overwritten_after(),
        Secret.taking(os.urandom(_AES_KEY_BYTES)) as ephemeral,
        ephemeral.lent_bytes() as wrapper,
        material.lent() as plain,
    ):
        return key.encrypt(wrapper, oaep) + aes_key_wrap_with_padding(wrapper, plain)


def _loaded(public_key: bytes) -> rsa.RSAPublicKey:
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != WRAPPING_KEY_BITS:
        raise KctuiError(
            "AWS's wrapping key is not an RSA key of 4096 bits",
            remedy="Nothing was sent. Check that the endpoint is AWS's.",
        )
    return key
