"""Wrapping keys and import tokens, after GetParametersForImport and "Importing key material" of the guide.

A token binds the KMS key, the wrapping key and the algorithm; it is opaque to the caller and sealed here.
"""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kctui.demo.box.errors import AwsError

from .specs import Family, Spec

TOKEN_LIFE = timedelta(hours=24)
_SIZES: Mapping[str, int] = MappingProxyType({"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096})
_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = MappingProxyType({"SHA_1": hashes.SHA1, "SHA_256": hashes.SHA256})
_OAEP = frozenset({"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"})
_RSA_AES = frozenset({"RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"})
_ALLOWED: Mapping[Family, frozenset[str]] = MappingProxyType(
    {Family.SYMMETRIC: _OAEP, Family.HMAC: _OAEP, Family.RSA: _RSA_AES, Family.ECC: _OAEP | _RSA_AES}
)
_POOL_TARGET = 3
_NONCE = 12
_LIVE_TOKENS = 4096


def check_combination(spec: Spec, algorithm: str, wrapping_spec: str) -> None:
    """Refuse what "Select a wrapping algorithm" does not list for this key material.

    RSAES_PKCS1_V1_5 was withdrawn in October 2023, SM2PKE exists in China regions only.
    """
    if wrapping_spec not in _SIZES or algorithm not in _ALLOWED[spec.family]:
        raise AwsError(
            "UnsupportedOperationException",
            f"{algorithm} with {wrapping_spec} is not supported for key material of {spec.name}",
        )
    if spec.name == "ECC_NIST_P521" and wrapping_spec == "RSA_2048" and algorithm in _OAEP:
        raise AwsError(
            "UnsupportedOperationException",
            "You cannot use an RSA_2048 public key to directly wrap an ECC_NIST_P521 private key",
        )


class WrappingPool:
    """RSA wrapping keys, made ahead by a background thread: a 4096-bit pair costs half a second.

    One pool serves the process. A key drawn again and again is the same key: what a token binds is which
    of them it was.
    """

    def __init__(self) -> None:
        self._keys: dict[int, list[rsa.RSAPrivateKey]] = {}
        self._drawn: dict[int, int] = {}
        self._condition = threading.Condition()
        self._filling: set[int] = set()

    def draw(self, bits: int) -> rsa.RSAPrivateKey:
        """Return a wrapping key of this size, waiting for the first one if need be."""
        with self._condition:
            self._start_filling(bits)
            self._condition.wait_for(lambda: self._keys.get(bits))
            keys = self._keys[bits]
            turn = self._drawn.get(bits, 0)
            self._drawn[bits] = turn + 1
            return keys[turn % len(keys)]

    def warm(self) -> None:
        """Begin with the size that everyone asks for."""
        with self._condition:
            self._start_filling(_SIZES["RSA_4096"])

    def _start_filling(self, bits: int) -> None:
        if bits not in self._filling:
            self._filling.add(bits)
            threading.Thread(target=self._fill, args=(bits,), name=f"box-rsa-{bits}", daemon=True).start()

    def _fill(self, bits: int) -> None:
        for _ in range(_POOL_TARGET):
            key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
            with self._condition:
                self._keys.setdefault(bits, []).append(key)
                self._condition.notify_all()


POOL = WrappingPool()


@dataclass(frozen=True)
class ImportParameters:
    """What GetParametersForImport answers."""

    public_key: bytes
    token: bytes
    valid_to: datetime


@dataclass(frozen=True)
class Opened:
    """An import token that was found to be good."""

    private_key: rsa.RSAPrivateKey
    algorithm: str


@dataclass(frozen=True)
class _Issued:
    key_arn: str
    algorithm: str
    valid_to: datetime
    private_key: rsa.RSAPrivateKey


class WrappingKeys:
    """The import tokens of one box: any number may be alive at once for a key."""

    def __init__(self, pool: WrappingPool = POOL) -> None:
        self._pool = pool
        self._sealer = AESGCM(AESGCM.generate_key(256))
        self._issued: dict[bytes, _Issued] = {}
        self._lock = threading.Lock()

    def issue(self, key_arn: str, algorithm: str, wrapping_spec: str, now: datetime) -> ImportParameters:
        """Return a public key and a token that belong to this KMS key alone, valid for 24 hours."""
        private_key = self._pool.draw(_SIZES[wrapping_spec])
        valid_to = now + TOKEN_LIFE
        reference = secrets.token_bytes(32)
        with self._lock:
            self._issued[reference] = _Issued(key_arn, algorithm, valid_to, private_key)
            while len(self._issued) > _LIVE_TOKENS:
                del self._issued[next(iter(self._issued))]
        nonce = secrets.token_bytes(_NONCE)
        public_key = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return ImportParameters(public_key, nonce + self._sealer.encrypt(nonce, reference, None), valid_to)

    def open(self, token: bytes, key_arn: str, now: datetime) -> Opened:
        """Return what a token stands for; a foreign one is invalid, an old one expired."""
        try:
            reference = self._sealer.decrypt(token[:_NONCE], token[_NONCE:], None)
        except (InvalidTag, ValueError):
            raise AwsError("InvalidImportTokenException", "") from None
        with self._lock:
            issued = self._issued.get(reference)
        if issued is None or issued.key_arn != key_arn:
            raise AwsError("InvalidImportTokenException", "")
        if issued.valid_to <= now.astimezone(UTC):
            raise AwsError("ExpiredImportTokenException", "")
        return Opened(issued.private_key, issued.algorithm)


def unwrap(opened: Opened, wrapped: bytes) -> bytes:
    """Return the key material in an ImportKeyMaterial request, or refuse it as invalid ciphertext.

    RSA_AES_KEY_WRAP is RSA-OAEP of an ephemeral AES-256 key followed by AES-KWP (RFC 5649) of the material.
    """
    digest = _HASHES["SHA_256" if opened.algorithm.endswith("SHA_256") else "SHA_1"]
    oaep = padding.OAEP(mgf=padding.MGF1(digest()), algorithm=digest(), label=None)
    try:
        if opened.algorithm in _OAEP:
            return opened.private_key.decrypt(wrapped, oaep)
        length = opened.private_key.key_size // 8
        ephemeral = opened.private_key.decrypt(wrapped[:length], oaep)
        return keywrap.aes_key_unwrap_with_padding(ephemeral, wrapped[length:])
    except (ValueError, keywrap.InvalidUnwrap):
        raise AwsError("InvalidCiphertextException", "") from None
