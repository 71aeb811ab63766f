"""Which wrapping AWS takes for which key material (AWS KMS Developer Guide, Select a wrapping algorithm).

The algorithm is fixed by GetParametersForImport, so it is chosen from this table before that call, and checked
against it once more when the material is wrapped. RSAES_PKCS1_V1_5, which AWS withdrew, is not in it, nor is SM2PKE.
"""

from enum import StrEnum

from kctui.core.errors import RefusedError
from kctui.core.words import KeyFamily, KeySpec

WRAPPING_KEY_BITS = 4096
CHINA = "aws-cn"
_LEAST_BITS_FOR_P521 = 3072


class WrappingFamily(StrEnum):
    """RSAES_OAEP wraps the material itself; RSA_AES_KEY_WRAP an AES key, which wraps material of any length."""

    RSAES_OAEP = "RSAES_OAEP"
    RSA_AES_KEY_WRAP = "RSA_AES_KEY_WRAP"


class WrappingHash(StrEnum):
    """The hash of OAEP, and of its mask (MGF1)."""

    SHA_256 = "SHA_256"
    SHA_1 = "SHA_1"


class WrappingAlgorithm(StrEnum):
    """AWS's names (GetParametersForImport, WrappingAlgorithm)."""

    RSAES_OAEP_SHA_256 = "RSAES_OAEP_SHA_256"
    RSAES_OAEP_SHA_1 = "RSAES_OAEP_SHA_1"
    RSA_AES_KEY_WRAP_SHA_256 = "RSA_AES_KEY_WRAP_SHA_256"
    RSA_AES_KEY_WRAP_SHA_1 = "RSA_AES_KEY_WRAP_SHA_1"

    @property
    def family(self) -> WrappingFamily:
        """How it wraps."""
        return next(family for family in WrappingFamily if self.startswith(family))

    @property
    def hash(self) -> WrappingHash:
        """The hash it uses."""
        return next(digest for digest in WrappingHash if self.endswith(digest))


_OAEP = (WrappingAlgorithm.RSAES_OAEP_SHA_256, WrappingAlgorithm.RSAES_OAEP_SHA_1)
_AES = (WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_256, WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_1)
_ALLOWED = {
    KeyFamily.SYMMETRIC: _OAEP,
    KeyFamily.HMAC: _OAEP,
    KeyFamily.RSA: _AES,
    KeyFamily.ECC: (_AES[0], _OAEP[0], _AES[1], _OAEP[1]),
}


def allowed(
    spec: KeySpec, wrapping_key_bits: int = WRAPPING_KEY_BITS, partition: str = "aws"
) -> tuple[WrappingAlgorithm, ...]:
    """The algorithms that AWS takes for material of a spec, the best first; none where it cannot be imported.

    wrapping_key_bits: of AWS's RSA key. partition: the China regions know no RSA_AES_KEY_WRAP.
    """
    family = spec.family
    found = _ALLOWED[family] if family is not None else ()
    if partition == CHINA:
        found = tuple(algorithm for algorithm in found if algorithm.family is WrappingFamily.RSAES_OAEP)
    if spec is KeySpec.ECC_NIST_P521 and wrapping_key_bits < _LEAST_BITS_FOR_P521:
        found = tuple(algorithm for algorithm in found if algorithm.family is not WrappingFamily.RSAES_OAEP)
    return found


def require_importable(spec: KeySpec, partition: str = "aws") -> None:
    """Raise RefusedError where AWS takes no wrapping that kctui has for material of a spec."""
    if not allowed(spec, partition=partition):
        raise _refused(spec, partition)


def require_allowed(
    spec: KeySpec,
    algorithm: WrappingAlgorithm,
    wrapping_key_bits: int = WRAPPING_KEY_BITS,
    partition: str = "aws",
) -> None:
    """Raise RefusedError where AWS does not take material of a spec wrapped so."""
    found = allowed(spec, wrapping_key_bits, partition)
    if algorithm in found:
        return
    if not found:
        raise _refused(spec, partition)
    raise RefusedError(
        f"AWS does not take {spec.value} key material wrapped with {algorithm.value}",
        detail=f"With a wrapping key of {wrapping_key_bits} bits it takes {', '.join(one.value for one in found)}.",
        remedy="Nothing was sent.",
    )


def _refused(spec: KeySpec, partition: str) -> RefusedError:
    if partition == CHINA and spec.family is KeyFamily.RSA:
        return RefusedError(
            f"{spec.value} key material cannot be imported in the China regions",
            detail="It takes the wrapping RSA_AES_KEY_WRAP, which AWS does not have there.",
            remedy="Choose an ECC, HMAC or symmetric key spec, or a region outside China.",
        )
    return RefusedError(
        f"AWS imports no key material for {spec.value}",
        remedy="Choose a symmetric, HMAC, RSA or ECC key spec.",
    )
