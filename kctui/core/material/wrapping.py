"""Wrapping key material to AWS's public key (AWS KMS Developer Guide, Importing key material, step 3)."""

from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kctui.core.errors import KctuiError
from kctui.core.material.software import require_made
from kctui.core.secret import Secret
from kctui.core.words import KeySpec

if TYPE_CHECKING:
    from types_boto3_kms.literals import AlgorithmSpecType

WRAPPING_KEY_BITS = 4096


def wrapping_algorithm(spec: KeySpec) -> "AlgorithmSpecType":
    """The algorithm to ask of GetParametersForImport; it cannot be changed afterwards."""
    require_made(spec)
    return "RSAES_OAEP_SHA_256"


def wrap(spec: KeySpec, material: Secret, public_key: bytes) -> bytes:
    """Wrap to AWS's public key (SPKI, DER): RSAES-OAEP with SHA-256 and MGF1-SHA-256 (RFC 8017)."""
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != WRAPPING_KEY_BITS:
        raise KctuiError(
            "AWS's wrapping key is not an RSA key of 4096 bits",
            remedy="Nothing was sent. Check that the endpoint is AWS's.",
        )
    require_made(spec)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return key.encrypt(material.reveal(), oaep)
