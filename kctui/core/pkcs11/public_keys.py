"""Public keys, on their way between a token and the host: points, moduli, SubjectPublicKeyInfo."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from pkcs11 import Attribute, PublicKey

from kctui.core.errors import TamperedError
from kctui.core.pkcs11.shapes import Kind, Shape


def spki(public: PublicKey, shape: Shape) -> bytes:
    """A token's public key as the host knows it (DER)."""
    host: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    if shape.kind is Kind.RSA:
        modulus = int.from_bytes(public[Attribute.MODULUS])
        host = rsa.RSAPublicNumbers(int.from_bytes(public[Attribute.PUBLIC_EXPONENT]), modulus).public_key()
    else:
        if shape.host_curve is None:
            raise ValueError(f"{shape.spec.value} has no curve")
        host = ec.EllipticCurvePublicKey.from_encoded_point(
            shape.host_curve(), _bare(public[Attribute.EC_POINT], shape.bits)
        )
    return host.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _bare(point: bytes, bits: int) -> bytes:
    """An EC point without the OCTET STRING around it, which PKCS#11 demands and not every token gives."""
    length = 2 * ((bits + 7) // 8) + 1
    return point if len(point) == length else point[-length:]


def point_of(public_key: bytes) -> bytes:
    """The uncompressed point of an elliptic curve's public key (SPKI, DER). Raises TamperedError for another."""
    host = load_public(public_key)
    if not isinstance(host, ec.EllipticCurvePublicKey):
        raise TamperedError("The public key of the key material is not of its curve")
    return host.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def octets_of(number: int) -> bytes:
    """A number as PKCS#11 has it: big-endian, without leading zeros."""
    return number.to_bytes((number.bit_length() + 7) // 8)


def load_public(public_key: bytes) -> object:
    """A public key (SPKI, DER) for the host; None where it is none."""
    try:
        return load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        return None
