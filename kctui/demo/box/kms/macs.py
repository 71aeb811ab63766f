"""HMAC keys (AWS KMS API Reference: GenerateMac, VerifyMac)."""

import hashlib
import hmac

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer

from .call import KmsCall
from .crypto import current, require_usage
from .registry import USABLE, operation
from .specs import GENERATE_VERIFY_MAC


def _mac(call: KmsCall) -> bytes:
    key, algorithm = call.key, call.params.text("MacAlgorithm")
    require_usage(call, key, GENERATE_VERIFY_MAC)
    if algorithm not in key.spec.mac:
        raise AwsError(
            "InvalidKeyUsageException", f"Algorithm {algorithm} and key spec {key.spec.name} are incompatible."
        )
    secret = current(key).secret
    if secret is None:
        raise TypeError("a usable key has material")
    digest = f"sha{algorithm.rpartition('_')[2]}"
    return hmac.new(secret, call.params.blob("Message"), getattr(hashlib, digest)).digest()


@operation("GenerateMac", key="KeyId", allowed=USABLE, aliases=True)
def generate_mac(call: KmsCall) -> Answer:
    """GenerateMac: the HMAC of RFC 2104 under the key material."""
    return {"Mac": _mac(call), "MacAlgorithm": call.params.text("MacAlgorithm"), "KeyId": call.key.arn}


@operation("VerifyMac", key="KeyId", allowed=USABLE, aliases=True)
def verify_mac(call: KmsCall) -> Answer:
    """VerifyMac answers true or KMSInvalidMacException, never false."""
    if not hmac.compare_digest(_mac(call), call.params.blob("Mac")):
        raise AwsError("KMSInvalidMacException", "")
    return {"MacValid": True, "MacAlgorithm": call.params.text("MacAlgorithm"), "KeyId": call.key.arn}
