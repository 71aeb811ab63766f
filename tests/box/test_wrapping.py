"""Which material may be wrapped how (AWS KMS Developer Guide, "Select a wrapping algorithm")."""

import pytest
from types_boto3_kms import KMSClient

from .support import import_material, make_key, material_for, parameters, refused, state, wrap

OAEP = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1")
RSA_AES = ("RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1")
ALLOWED = {
    "SYMMETRIC_DEFAULT": OAEP,
    "HMAC_512": OAEP,
    "RSA_2048": RSA_AES,
    "ECC_NIST_P256": OAEP + RSA_AES,
}


@pytest.mark.parametrize("algorithm", OAEP + RSA_AES)
@pytest.mark.parametrize("spec", ALLOWED)
def test_the_wrapping_table(kms: KMSClient, spec: str, algorithm: str) -> None:
    key_id = make_key(kms, spec)
    if algorithm in ALLOWED[spec]:
        import_material(kms, key_id, material_for(spec), algorithm)
        assert state(kms, key_id) == "Enabled"
    else:
        with refused("UnsupportedOperationException"):
            parameters(kms, key_id, algorithm)


@pytest.mark.parametrize("algorithm", OAEP)
def test_p521_is_too_long_for_a_2048_bit_wrapping_key(kms: KMSClient, algorithm: str) -> None:
    with refused("UnsupportedOperationException"):
        parameters(kms, make_key(kms, "ECC_NIST_P521"), algorithm, "RSA_2048")


def test_p521_fits_a_longer_wrapping_key(kms: KMSClient) -> None:
    assert parameters(kms, make_key(kms, "ECC_NIST_P521"), "RSAES_OAEP_SHA_256", "RSA_3072")


@pytest.mark.parametrize("algorithm", ["RSAES_PKCS1_V1_5", "SM2PKE"])
def test_withdrawn_and_regional_algorithms_are_refused(kms: KMSClient, algorithm: str) -> None:
    with refused("UnsupportedOperationException"):
        parameters(kms, make_key(kms), algorithm)


@pytest.mark.parametrize(("wrapping_spec", "bits"), [("RSA_2048", 2048), ("RSA_3072", 3072), ("RSA_4096", 4096)])
def test_the_public_key_has_the_size_asked_for(kms: KMSClient, wrapping_spec: str, bits: int) -> None:
    found = parameters(kms, make_key(kms), "RSAES_OAEP_SHA_256", wrapping_spec)
    assert len(wrap(found["PublicKey"], "RSAES_OAEP_SHA_256", b"x" * 32)) == bits // 8


@pytest.mark.parametrize("spec", ["ML_DSA_44", "ML_KEM_768", "ECC_NIST_EDWARDS25519", "SM2"])
def test_specs_that_cannot_be_imported_are_not_made(kms: KMSClient, spec: str) -> None:
    with refused("UnsupportedOperationException"):
        kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")  # type: ignore[arg-type]
