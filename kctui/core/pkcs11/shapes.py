"""What the key material of a key spec is on a token, and what proves that it is the same again."""

from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import KeyType, Mechanism, ObjectClass

from kctui.core.words import KeySpec


class Kind(StrEnum):
    """The four kinds of key material."""

    AES = "AES"
    HMAC = "HMAC"
    EC = "EC"
    RSA = "RSA"


@dataclass(frozen=True)
class Shape:
    """One key spec on a token. bits: of the key; of an elliptic curve, of its field. proof: the mechanism of the proof.

    curve: its name for PKCS#11 (RFC 5480), and the class for the host.
    """

    spec: KeySpec
    kind: Kind
    bits: int
    proof: Mechanism
    curve: str = ""
    host_curve: type[ec.EllipticCurve] | None = None

    @property
    def private(self) -> bool:
        """Whether it is a private key, with a public half."""
        return self.kind in {Kind.EC, Kind.RSA}

    @property
    def object_class(self) -> ObjectClass:
        """CKA_CLASS."""
        return ObjectClass.PRIVATE_KEY if self.private else ObjectClass.SECRET_KEY

    @property
    def key_type(self) -> KeyType:
        """CKA_KEY_TYPE."""
        return _KEY_TYPES[self.kind]


_KEY_TYPES = {
    Kind.AES: KeyType.AES,
    Kind.HMAC: KeyType.GENERIC_SECRET,
    Kind.EC: KeyType.EC,
    Kind.RSA: KeyType.RSA,
}
_ALL = (
    Shape(KeySpec.SYMMETRIC_DEFAULT, Kind.AES, 256, Mechanism.AES_ECB),
    Shape(KeySpec.HMAC_224, Kind.HMAC, 224, Mechanism.SHA224_HMAC),
    Shape(KeySpec.HMAC_256, Kind.HMAC, 256, Mechanism.SHA256_HMAC),
    Shape(KeySpec.HMAC_384, Kind.HMAC, 384, Mechanism.SHA384_HMAC),
    Shape(KeySpec.HMAC_512, Kind.HMAC, 512, Mechanism.SHA512_HMAC),
    Shape(KeySpec.RSA_2048, Kind.RSA, 2048, Mechanism.SHA256_RSA_PKCS),
    Shape(KeySpec.RSA_3072, Kind.RSA, 3072, Mechanism.SHA256_RSA_PKCS),
    Shape(KeySpec.RSA_4096, Kind.RSA, 4096, Mechanism.SHA256_RSA_PKCS),
    Shape(KeySpec.ECC_NIST_P256, Kind.EC, 256, Mechanism.ECDSA, "secp256r1", ec.SECP256R1),
    Shape(KeySpec.ECC_NIST_P384, Kind.EC, 384, Mechanism.ECDSA, "secp384r1", ec.SECP384R1),
    Shape(KeySpec.ECC_NIST_P521, Kind.EC, 521, Mechanism.ECDSA, "secp521r1", ec.SECP521R1),
    Shape(KeySpec.ECC_SECG_P256K1, Kind.EC, 256, Mechanism.ECDSA, "secp256k1", ec.SECP256K1),
)
SHAPES = {shape.spec: shape for shape in _ALL}
