"""The ways from a token to AWS: how key material can be wrapped to AWS's public key, in the order of preference."""

from enum import StrEnum

from kctui.core.material.aws_wrapping import WrappingAlgorithm, WrappingHash
from kctui.core.pkcs11.shapes import Kind


class Way(StrEnum):
    """How the token wraps key material for AWS.

    native: the token's own RSA_AES_KEY_WRAP. In two steps: the key under an ephemeral AES key by KWP (RFC 5649), and
    that under AWS's key by OAEP; the bytes are the same.
    """

    OAEP_SHA_256 = "RSAES_OAEP_SHA_256"
    OAEP_SHA_1 = "RSAES_OAEP_SHA_1"
    NATIVE_SHA_256 = "RSA_AES_KEY_WRAP_SHA_256, native"
    NATIVE_SHA_1 = "RSA_AES_KEY_WRAP_SHA_1, native"
    TWO_STEPS_SHA_256 = "RSA_AES_KEY_WRAP_SHA_256, in two steps"
    TWO_STEPS_SHA_1 = "RSA_AES_KEY_WRAP_SHA_1, in two steps"

    @property
    def algorithm(self) -> WrappingAlgorithm:
        """What AWS calls it."""
        return WrappingAlgorithm(self.value.partition(",")[0])

    @property
    def hash(self) -> WrappingHash:
        """The hash of its OAEP."""
        return self.algorithm.hash

    @property
    def direct(self) -> bool:
        """Whether OAEP holds the key itself."""
        return self in {Way.OAEP_SHA_256, Way.OAEP_SHA_1}

    @property
    def native(self) -> bool:
        """Whether the token does it in one call."""
        return self in {Way.NATIVE_SHA_256, Way.NATIVE_SHA_1}

    @property
    def in_two_steps(self) -> bool:
        """Whether the token's AES key wrap makes the second half."""
        return self in {Way.TWO_STEPS_SHA_256, Way.TWO_STEPS_SHA_1}


_SECRET = (Way.OAEP_SHA_256, Way.OAEP_SHA_1)
ORDER = {
    Kind.AES: _SECRET,
    Kind.HMAC: _SECRET,
    Kind.EC: (
        Way.NATIVE_SHA_256,
        Way.TWO_STEPS_SHA_256,
        Way.OAEP_SHA_256,
        Way.NATIVE_SHA_1,
        Way.TWO_STEPS_SHA_1,
        Way.OAEP_SHA_1,
    ),
    Kind.RSA: (Way.NATIVE_SHA_256, Way.TWO_STEPS_SHA_256, Way.NATIVE_SHA_1, Way.TWO_STEPS_SHA_1),
}
# KWP of RFC 5649: PKCS#11 v3.1, Luna's own, CloudHSM's own, and the number that v2.40 left open: only where proven.
KWP_MECHANISMS = (0x210B, 0x80000171, 0x8000216F, 0x210A)
# RFC 3394, for lengths that need no padding.
PLAIN_KEY_WRAP = 0x2109
# What may keep a blob on the token itself.
KEEP_MECHANISMS = (*KWP_MECHANISMS, PLAIN_KEY_WRAP)
