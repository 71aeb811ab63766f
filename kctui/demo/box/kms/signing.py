"""Asymmetric keys in use (AWS KMS API Reference: Sign, Verify, GetPublicKey, DeriveSharedSecret)."""

from collections.abc import Mapping
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer

from .call import KmsCall
from .crypto import current, require_usage
from .materials import load_private_key
from .registry import USABLE, operation
from .specs import KEY_AGREEMENT, SIGN_VERIFY

_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
)


def _digest(call: KmsCall) -> tuple[bytes, hashes.HashAlgorithm]:
    """Return the digest of the message, which the request may bring instead (MessageType DIGEST)."""
    algorithm = call.params.text("SigningAlgorithm")
    require_usage(call, call.key, SIGN_VERIFY)
    if algorithm not in call.key.spec.signing:
        raise AwsError(
            "InvalidKeyUsageException",
            f"Algorithm {algorithm} and key spec {call.key.spec.name} are incompatible.",
        )
    chosen, message = _HASHES[algorithm.rpartition("_")[2]], call.params.blob("Message")
    kind = call.params.text_or("MessageType", "RAW")
    if kind == "RAW":
        hasher = hashes.Hash(chosen)
        hasher.update(message)
        return hasher.finalize(), chosen
    if kind != "DIGEST" or len(message) != chosen.digest_size:
        raise AwsError("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")
    return message, chosen


def _padding(algorithm: str, chosen: hashes.HashAlgorithm) -> padding.PSS | padding.PKCS1v15:
    if algorithm.startswith("RSASSA_PSS"):
        return padding.PSS(mgf=padding.MGF1(chosen), salt_length=chosen.digest_size)
    return padding.PKCS1v15()


@operation("Sign", key="KeyId", allowed=USABLE, aliases=True)
def sign(call: KmsCall) -> Answer:
    """Sign: RSASSA-PSS with a salt as long as the digest, RSASSA-PKCS1-v1_5, or ECDSA as a DER sequence."""
    algorithm = call.params.text("SigningAlgorithm")
    digest, chosen = _digest(call)
    private = load_private_key(current(call.key))
    if isinstance(private, rsa.RSAPrivateKey):
        signature = private.sign(digest, _padding(algorithm, chosen), Prehashed(chosen))
    else:
        signature = private.sign(digest, ec.ECDSA(Prehashed(chosen)))
    return {"KeyId": call.key.arn, "Signature": signature, "SigningAlgorithm": algorithm}


@operation("Verify", key="KeyId", allowed=USABLE, aliases=True)
def verify(call: KmsCall) -> Answer:
    """Verify answers true or KMSInvalidSignatureException, never false."""
    algorithm, signature = call.params.text("SigningAlgorithm"), call.params.blob("Signature")
    digest, chosen = _digest(call)
    private = load_private_key(current(call.key))
    try:
        if isinstance(private, rsa.RSAPrivateKey):
            private.public_key().verify(signature, digest, _padding(algorithm, chosen), Prehashed(chosen))
        else:
            private.public_key().verify(signature, digest, ec.ECDSA(Prehashed(chosen)))
    except InvalidSignature:
        raise AwsError("KMSInvalidSignatureException", "") from None
    return {"KeyId": call.key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


@operation("GetPublicKey", key="KeyId", allowed=USABLE, aliases=True)
def get_public_key(call: KmsCall) -> Answer:
    """GetPublicKey: SubjectPublicKeyInfo in DER; symmetric keys have none to give."""
    key = call.key
    if not key.spec.asymmetric:
        raise AwsError("UnsupportedOperationException", f"{key.arn} is not an asymmetric KMS key.")
    public = load_private_key(current(key)).public_key()
    return {
        "KeyId": key.arn,
        "PublicKey": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "CustomerMasterKeySpec": key.spec.name,
        "KeySpec": key.spec.name,
        "KeyUsage": key.usage,
        **key.spec.algorithms(key.usage),
    }


@operation("DeriveSharedSecret", key="KeyId", allowed=USABLE, aliases=True)
def derive_shared_secret(call: KmsCall) -> Answer:
    """DeriveSharedSecret: ECDH with a public key on the same curve."""
    call.unsupported("Recipient")
    require_usage(call, call.key, KEY_AGREEMENT)
    private = load_private_key(current(call.key))
    try:
        peer = load_der_public_key(call.params.blob("PublicKey"))
    except (ValueError, UnsupportedAlgorithm):
        raise AwsError("ValidationException", "PublicKey is not a DER-encoded X.509 public key.") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("only elliptic-curve keys agree")
    if not isinstance(peer, ec.EllipticCurvePublicKey) or peer.curve.name != private.curve.name:
        raise AwsError("ValidationException", f"PublicKey does not match the key spec {call.key.spec.name}.")
    return {
        "KeyId": call.key.arn,
        "SharedSecret": private.exchange(ec.ECDH(), peer),
        "KeyAgreementAlgorithm": call.params.text("KeyAgreementAlgorithm"),
        "KeyOrigin": call.key.origin,
    }
