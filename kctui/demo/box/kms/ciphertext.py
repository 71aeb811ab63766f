"""The ciphertext of symmetric keys: authenticated, and bound to key, material and encryption context.

AWS does not publish its format; this one says which key and which material it needs, as AWS's does.
"""

import json
import secrets
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kctui.demo.box.errors import AwsError

from .state import Key, Material

_MAGIC = b"\x01\x02\x02\x00box"
_HEADER = struct.Struct(f">{len(_MAGIC)}s16s32s12s")


@dataclass(frozen=True)
class Sealed:
    """A ciphertext taken apart."""

    key_id: str
    material_id: str
    header: bytes
    nonce: bytes
    body: bytes


def _bound(header: bytes, context: Mapping[str, str]) -> bytes:
    return header + json.dumps(dict(context), sort_keys=True).encode()


def seal(key: Key, material: Material, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """Encrypt under a material of a key."""
    nonce = secrets.token_bytes(12)
    header = _HEADER.pack(_MAGIC, uuid.UUID(key.key_id).bytes, bytes.fromhex(material.material_id), nonce)
    return header + AESGCM(_secret(material)).encrypt(nonce, plaintext, _bound(header, context))


def take_apart(blob: bytes) -> Sealed:
    """Read which key and material a ciphertext needs, or refuse it as none of ours."""
    if len(blob) < _HEADER.size or not blob.startswith(_MAGIC):
        raise AwsError("InvalidCiphertextException", "")
    _, key_id, material_id, nonce = _HEADER.unpack(blob[: _HEADER.size])
    return Sealed(str(uuid.UUID(bytes=key_id)), material_id.hex(), blob[: _HEADER.size], nonce, blob[_HEADER.size :])


def unseal(material: Material, sealed: Sealed, context: Mapping[str, str]) -> bytes:
    """Decrypt; a changed byte or another encryption context is InvalidCiphertextException."""
    try:
        return AESGCM(_secret(material)).decrypt(sealed.nonce, sealed.body, _bound(sealed.header, context))
    except InvalidTag:
        raise AwsError("InvalidCiphertextException", "") from None


def _secret(material: Material) -> bytes:
    if material.secret is None:
        raise TypeError("the material is not there; the key state should have said so")
    return material.secret
