"""Sealing one secret to one place: AES-256-GCM under a key of its own, derived from the group key.

A sealed value is: format (1 byte) ‖ group key generation (4, big endian) ‖ nonce (12) ‖ ciphertext and tag.
The key is HKDF-SHA256 (RFC 5869) of the group key with the record as info, so that no key seals two records;
the associated data names table, row, column, format and generation, so that a value moved elsewhere does not open,
and what else the value may be used with only, so that it does not open beside anything else.
"""

import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kctui.core.errors import TamperedError
from kctui.core.secret import Secret

FORMAT = 1
KEY_BYTES = 32
_NONCE_BYTES = 12
_HEADER = struct.Struct(">BI")


@dataclass(frozen=True)
class Place:
    """Where a sealed value belongs. context: what must be as it was when the value was sealed."""

    table: str
    row: str
    column: str
    context: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """The place as bytes, each part with its length, so that no two places encode alike."""
        parts = [part.encode() for part in (self.table, self.row, self.column, *self.context)]
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def new_key() -> Secret:
    """A random 256-bit key."""
    return Secret.taking(os.urandom(KEY_BYTES))


def derive(key: Secret, purpose: bytes) -> Secret:
    """A 256-bit key for one purpose (HKDF-SHA256, RFC 5869). Raises TamperedError for what is no 256-bit key."""
    with key.lent() as plain:
        if len(plain) != KEY_BYTES:
            raise TamperedError(
                f"A key of the vault is of {len(plain)} bytes, not {KEY_BYTES}",
                remedy="Do not go on with this database. Compare it with a backup.",
            )
        hkdf = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"kctui/1/" + purpose)
        return Secret.taking(hkdf.derive(plain))


def seal(group_key: Secret, generation: int, place: Place, value: Secret) -> bytes:
    """Seal `value` so that it opens only at `place`, under this generation of the group key."""
    header = _HEADER.pack(FORMAT, generation)
    nonce = os.urandom(_NONCE_BYTES)
    with derive(group_key, b"record/" + place.encode()) as key, key.lent() as plain_key, value.lent() as plain:
        return header + nonce + AESGCM(plain_key).encrypt(nonce, plain, header + place.encode())


def generation_of(sealed: bytes) -> int:
    """The group key generation that sealed this. Raises TamperedError when it is no sealed value of ours."""
    if len(sealed) < _HEADER.size + _NONCE_BYTES + 16 or sealed[0] != FORMAT:
        raise TamperedError(
            "A sealed value is not in kctui's format",
            remedy="The database was changed by something else, or comes from a newer kctui. Compare with a backup.",
        )
    generation: int = _HEADER.unpack_from(sealed)[1]
    return generation


def unseal(group_key: Secret, place: Place, sealed: bytes) -> Secret:
    """Open what `seal` sealed. Raises TamperedError for a wrong key, place, or any changed byte."""
    generation_of(sealed)
    header, nonce = sealed[: _HEADER.size], sealed[_HEADER.size : _HEADER.size + _NONCE_BYTES]
    with derive(group_key, b"record/" + place.encode()) as key, key.lent() as plain_key:
        try:
            plain = AESGCM(plain_key).decrypt(nonce, sealed[_HEADER.size + _NONCE_BYTES :], header + place.encode())
        except InvalidTag:
            raise TamperedError(
                f"A sealed value does not open: {place.table}.{place.column} of {place.row}",
                detail="It or what is bound to it was changed, it was moved here, or sealed under another group key.",
                remedy="Do not overwrite it. Compare with a backup: `kctui doctor` lists what does not open.",
            ) from None
    return Secret.taking(plain)
