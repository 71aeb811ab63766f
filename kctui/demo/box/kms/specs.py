"""Key specs and what they can do, after the AWS KMS Developer Guide, "Key spec reference"."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Family(StrEnum):
    """The families of key specs, which differ in material and in what can be done with them."""

    SYMMETRIC = "SYMMETRIC"
    HMAC = "HMAC"
    RSA = "RSA"
    ECC = "ECC"


ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
SIGN_VERIFY = "SIGN_VERIFY"
GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
KEY_AGREEMENT = "KEY_AGREEMENT"

OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
RSA_SIGNING = tuple(
    f"{scheme}_SHA_{bits}" for scheme in ("RSASSA_PKCS1_V1_5", "RSASSA_PSS") for bits in (256, 384, 512)
)


@dataclass(frozen=True)
class Spec:
    """One key spec: its size is in bytes for symmetric material, in bits for RSA and ECC."""

    name: str
    family: Family
    size: int
    usages: tuple[str, ...]
    signing: tuple[str, ...] = ()
    mac: tuple[str, ...] = ()

    @property
    def asymmetric(self) -> bool:
        """Tell whether the material is a private key."""
        return self.family in (Family.RSA, Family.ECC)

    def algorithms(self, usage: str) -> dict[str, list[str]]:
        """Return the member of KeyMetadata that lists the algorithms, for a key of this usage."""
        match usage:
            case "ENCRYPT_DECRYPT":
                return {"EncryptionAlgorithms": list(OAEP) if self.asymmetric else ["SYMMETRIC_DEFAULT"]}
            case "SIGN_VERIFY":
                return {"SigningAlgorithms": list(self.signing)}
            case "GENERATE_VERIFY_MAC":
                return {"MacAlgorithms": list(self.mac)}
            case _:
                return {"KeyAgreementAlgorithms": ["ECDH"]}


def _ecc(name: str, bits: int, digest: int, *, agreement: bool) -> Spec:
    usages = (SIGN_VERIFY, KEY_AGREEMENT) if agreement else (SIGN_VERIFY,)
    return Spec(name, Family.ECC, bits, usages, signing=(f"ECDSA_SHA_{digest}",))


_ALL = (
    Spec("SYMMETRIC_DEFAULT", Family.SYMMETRIC, 32, (ENCRYPT_DECRYPT,)),
    *(
        Spec(f"HMAC_{bits}", Family.HMAC, bits // 8, (GENERATE_VERIFY_MAC,), mac=(f"HMAC_SHA_{bits}",))
        for bits in (224, 256, 384, 512)
    ),
    *(
        Spec(f"RSA_{bits}", Family.RSA, bits, (ENCRYPT_DECRYPT, SIGN_VERIFY), signing=RSA_SIGNING)
        for bits in (2048, 3072, 4096)
    ),
    _ecc("ECC_NIST_P256", 256, 256, agreement=True),
    _ecc("ECC_NIST_P384", 384, 384, agreement=True),
    _ecc("ECC_NIST_P521", 521, 512, agreement=True),
    _ecc("ECC_SECG_P256K1", 256, 256, agreement=False),
)
SPECS: Mapping[str, Spec] = MappingProxyType({spec.name: spec for spec in _ALL})
"""The key specs of the box; the model knows more (SM2, ML-DSA, ML-KEM, Ed25519), which are refused."""
