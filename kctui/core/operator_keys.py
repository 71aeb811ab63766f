"""An operator's key pair: made, sealed under a passphrase, and used to receive group keys.

HPKE (RFC 9180) with the hybrid of ML-KEM-768 and X25519, HKDF-SHA256 and AES-256-GCM: what is sealed today
stays sealed if either of the two is broken later. The private half is sealed under Argon2id (RFC 9106).
"""

import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kctui.core.errors import InvalidInputError, TamperedError, UnlockError
from kctui.core.secret import Secret

MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 4
SHORTEST_PASSPHRASE = 12
_MOST_MEMORY_KIB = 4 * 1024 * 1024
_MOST_PASSES = 64
_MOST_LANES = 64
_SALT_BYTES = 16
_NONCE_BYTES = 12
_MLKEM_SEED_BYTES = 64
_MLKEM_PUBLIC_BYTES = 1184

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True)
class KdfParameters:
    """Argon2id parameters, stored beside what they protect. memory in KiB."""

    salt: bytes
    memory_kib: int = MEMORY_KIB
    passes: int = PASSES
    lanes: int = LANES

    def encode(self) -> bytes:
        """The parameters as associated data: one that was changed does not open."""
        return struct.pack(">III", self.memory_kib, self.passes, self.lanes) + self.salt


@dataclass(frozen=True)
class SealedKeyPair:
    """A key pair as it is stored: the private half sealed under a passphrase."""

    public_key: bytes
    sealed_private_key: bytes
    kdf: KdfParameters


class OperatorKey:
    """An operator's open private key, until `wipe`."""

    def __init__(self, seed: Secret) -> None:
        self._seed = seed

    def receive(self, sealed: bytes, info: bytes) -> Secret:
        """Open what was sealed to this operator. Raises TamperedError."""
        private = hpke.MLKEM768X25519PrivateKey(*_halves(self._seed))
        try:
            return Secret(_SUITE.decrypt(sealed, private, info=info))
        except (InvalidTag, ValueError):
            raise TamperedError(
                "A group key does not open with this operator's key",
                remedy="Ask another member of the group to admit this operator again.",
            ) from None

    def reseal(self, operator_id: str, passphrase: Secret, kdf: KdfParameters, public_key: bytes) -> SealedKeyPair:
        """Seal the same private key under a new passphrase."""
        return SealedKeyPair(public_key, _seal_private(self._seed, operator_id, passphrase, kdf), kdf)

    def wipe(self) -> None:
        """Forget the key."""
        self._seed.wipe()


def new_parameters() -> KdfParameters:
    """Today's Argon2id parameters with a salt of their own."""
    return KdfParameters(salt=os.urandom(_SALT_BYTES))


def check_passphrase(passphrase: Secret) -> None:
    """Refuse a passphrase too short to stand against a stolen database (NIST SP 800-63B asks for length)."""
    if len(passphrase.reveal().decode("utf-8", "replace")) < SHORTEST_PASSPHRASE:
        raise InvalidInputError(
            f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters",
            remedy="Four or five random words are strong and can be remembered.",
            field="passphrase",
        )


def make_key_pair(operator_id: str, passphrase: Secret, kdf: KdfParameters | None = None) -> SealedKeyPair:
    """Make an operator's key pair and seal its private half under the passphrase."""
    check_passphrase(passphrase)
    kdf = kdf or new_parameters()
    kem = mlkem.MLKEM768PrivateKey.generate()
    curve = x25519.X25519PrivateKey.generate()
    with Secret(kem.private_bytes_raw() + curve.private_bytes_raw()) as seed:
        return SealedKeyPair(_public_key(seed), _seal_private(seed, operator_id, passphrase, kdf), kdf)


def open_key_pair(operator_id: str, pair: SealedKeyPair, passphrase: Secret) -> OperatorKey:
    """Open the private half. Takes about 0.2 s and 64 MiB. Raises UnlockError.

    Raises TamperedError for a public half that is not its own: what is sent to that, somebody else receives.
    """
    nonce, body = pair.sealed_private_key[:_NONCE_BYTES], pair.sealed_private_key[_NONCE_BYTES:]
    try:
        with _stretch(passphrase, pair.kdf) as key:
            plain = AESGCM(key.reveal()).decrypt(nonce, body, _private_data(operator_id, pair.kdf))
    except (InvalidTag, ValueError):
        raise UnlockError("The passphrase does not open this operator's key", remedy="Try again.") from None
    seed = Secret(plain)
    if _public_key(seed) != pair.public_key:
        seed.wipe()
        raise TamperedError(
            "This operator's public key is not the one that was made with the private key",
            remedy="Let nobody admit this operator. Compare the database with a backup.",
        )
    return OperatorKey(seed)


def send(public_key: bytes, value: Secret, info: bytes) -> bytes:
    """Seal `value` to the operator with this public key (HPKE base mode). info binds it to its use.

    Raises TamperedError for what is no public key.
    """
    try:
        public = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_PUBLIC_BYTES]),
            x25519.X25519PublicKey.from_public_bytes(public_key[_MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError:
        raise TamperedError(
            "An operator's public key is not in kctui's format", remedy="Compare the database with a backup."
        ) from None
    return _SUITE.encrypt(value.reveal(), public, info=info)


def _halves(seed: Secret) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    raw = seed.reveal()
    return (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED_BYTES]),
        x25519.X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED_BYTES:]),
    )


def _public_key(seed: Secret) -> bytes:
    kem, curve = _halves(seed)
    return kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def _stretch(passphrase: Secret, kdf: KdfParameters) -> Secret:
    # The parameters come from the database: absurd ones would take the machine down before they fail.
    bounds = ((kdf.memory_kib, _MOST_MEMORY_KIB), (kdf.passes, _MOST_PASSES), (kdf.lanes, _MOST_LANES))
    if not all(0 < value <= most for value, most in bounds):
        raise ValueError("Argon2id parameters out of bounds")
    stretched = Argon2id(
        salt=kdf.salt, length=32, iterations=kdf.passes, lanes=kdf.lanes, memory_cost=kdf.memory_kib
    ).derive(passphrase.reveal())
    return Secret(stretched)


def _private_data(operator_id: str, kdf: KdfParameters) -> bytes:
    return b"kctui/1/operator/" + operator_id.encode() + b"/" + kdf.encode()


def _seal_private(seed: Secret, operator_id: str, passphrase: Secret, kdf: KdfParameters) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    with _stretch(passphrase, kdf) as key:
        return nonce + AESGCM(key.reveal()).encrypt(nonce, seed.reveal(), _private_data(operator_id, kdf))
