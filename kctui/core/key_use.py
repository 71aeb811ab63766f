"""What an operation on a key means for whoever used it, in words: it differs by what the key is for."""

from kctui.core.words import KeySpec, KeyUsage

_ENDED = {
    KeyUsage.ENCRYPT_DECRYPT: "KMS can no longer decrypt what is encrypted under it",
    KeyUsage.SIGN_VERIFY: "nothing can be signed with it any more; its public key still verifies",
    KeyUsage.GENERATE_VERIFY_MAC: "KMS can neither make nor verify MACs with it any more",
    KeyUsage.KEY_AGREEMENT: "no shared secret can be derived with it any more",
}
_LEFT = {
    KeyUsage.ENCRYPT_DECRYPT: "what was encrypted before decrypts as it did",
    KeyUsage.SIGN_VERIFY: "what was signed before verifies as it did, with its own public key",
    KeyUsage.GENERATE_VERIFY_MAC: "MACs made before verify as they did, under its key id",
    KeyUsage.KEY_AGREEMENT: "it derives the shared secrets that it did, under its key id",
}


def ended_by_deletion(spec: KeySpec, usage: KeyUsage) -> str:
    """What is over once AWS has deleted the key. Nothing but KMS itself reads a symmetric key's ciphertext."""
    if spec is KeySpec.SYMMETRIC_DEFAULT:
        return "what is encrypted under it can never be read again"
    return _ENDED[usage]


def left_by_rotation(usage: KeyUsage) -> str:
    """What the earlier KMS key, left by a rotation to a new one, goes on doing."""
    return _LEFT[usage]


def works_after_upload(usage: KeyUsage) -> str:
    """How the key works once its material is back."""
    if usage is KeyUsage.ENCRYPT_DECRYPT:
        return "The key works at once, for what was encrypted before as well."
    return "The key works at once, as it did before."
