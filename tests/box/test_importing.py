"""Key material comes, expires, goes and comes back (AWS KMS Developer Guide, "Importing key material")."""

from datetime import timedelta

import pytest
from types_boto3_kms import KMSClient

from kctui.demo.box import Box

from .support import (
    STAYS,
    call,
    default_algorithm,
    import_material,
    imported_key,
    make_key,
    material_for,
    parameters,
    refused,
    state,
    wrap,
)

EVERY_SPEC = [
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "RSA_2048",
    "RSA_3072",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
]
DAY = 86_400


def send(kms: KMSClient, key_id: str, token: bytes, wrapped: bytes, **more: object) -> None:
    call(
        kms,
        "ImportKeyMaterial",
        KeyId=key_id,
        ImportToken=token,
        EncryptedKeyMaterial=wrapped,
        **(more or STAYS),
    )


def test_a_key_of_external_origin_waits_for_its_material(kms: KMSClient) -> None:
    metadata = call(kms, "DescribeKey", KeyId=make_key(kms))["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("PendingImport", False)
    assert not {"ExpirationModel", "ValidTo", "CurrentKeyMaterialId"} & set(metadata)


@pytest.mark.parametrize("spec", EVERY_SPEC)
def test_import_enables_a_key_of_every_spec(kms: KMSClient, spec: str) -> None:
    key_id, _ = imported_key(kms, spec)
    assert state(kms, key_id) == "Enabled"


def test_import_answers_arn_and_material_id(kms: KMSClient) -> None:
    key_id = make_key(kms)
    answer = import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"))
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (answer["KeyId"], answer["KeyMaterialId"]) == (metadata["Arn"], metadata["CurrentKeyMaterialId"])
    assert len(answer["KeyMaterialId"]) == 64


def test_the_same_material_has_another_id_in_another_key(kms: KMSClient) -> None:
    material = material_for("SYMMETRIC_DEFAULT")
    ids = {import_material(kms, make_key(kms), material)["KeyMaterialId"] for _ in range(2)}
    assert len(ids) == 2


def test_parameters_name_the_key_by_arn_and_last_a_day(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms)
    found = parameters(kms, key_id)
    assert found["KeyId"].endswith(f":key/{key_id}")
    assert abs(found["ParametersValidTo"] - box.clock.now() - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256", "ECC_NIST_P256"])
def test_reimport_takes_the_same_material_only(kms: KMSClient, spec: str) -> None:
    key_id, _ = imported_key(kms, spec)
    kms.delete_imported_key_material(KeyId=key_id)
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, key_id, material_for(spec), default_algorithm(spec))


def test_reimport_of_the_same_material_enables_again(kms: KMSClient) -> None:
    key_id, material = imported_key(kms)
    kms.delete_imported_key_material(KeyId=key_id)
    import_material(kms, key_id, material)
    assert state(kms, key_id) == "Enabled"


@pytest.mark.parametrize("length", [16, 31, 33, 64])
def test_symmetric_material_is_32_bytes(kms: KMSClient, length: int) -> None:
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, make_key(kms), b"x" * length)


@pytest.mark.parametrize(
    ("spec", "other"),
    [
        ("HMAC_384", "HMAC_256"),
        ("RSA_2048", "ECC_NIST_P256"),
        ("RSA_3072", "RSA_2048"),
        ("ECC_NIST_P384", "ECC_NIST_P256"),
        ("ECC_SECG_P256K1", "ECC_NIST_P256"),
        ("ECC_NIST_P256", "SYMMETRIC_DEFAULT"),
    ],
)
def test_material_fits_the_key_spec(kms: KMSClient, spec: str, other: str) -> None:
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, make_key(kms, spec), material_for(other), default_algorithm(spec))


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_256"])
def test_tampered_ciphertext_is_invalid(kms: KMSClient, algorithm: str) -> None:
    key_id = make_key(kms, "ECC_NIST_P256")
    found = parameters(kms, key_id, algorithm)
    wrapped = bytearray(wrap(found["PublicKey"], algorithm, material_for("ECC_NIST_P256")))
    wrapped[-1] ^= 1
    with refused("InvalidCiphertextException"):
        send(kms, key_id, found["ImportToken"], bytes(wrapped))


def test_material_wrapped_to_another_public_key_is_invalid(kms: KMSClient) -> None:
    key_id = make_key(kms)
    first, second = parameters(kms, key_id), parameters(kms, key_id, wrapping_spec="RSA_3072")
    wrapped = wrap(second["PublicKey"], "RSAES_OAEP_SHA_256", material_for("SYMMETRIC_DEFAULT"))
    with refused("InvalidCiphertextException"):
        send(kms, key_id, first["ImportToken"], wrapped)


def test_material_wrapped_by_another_algorithm_is_invalid(kms: KMSClient) -> None:
    key_id = make_key(kms)
    found = parameters(kms, key_id, "RSAES_OAEP_SHA_256")
    wrapped = wrap(found["PublicKey"], "RSAES_OAEP_SHA_1", material_for("SYMMETRIC_DEFAULT"))
    with refused("InvalidCiphertextException"):
        send(kms, key_id, found["ImportToken"], wrapped)


def test_another_keys_token_is_invalid(kms: KMSClient) -> None:
    key_id, other = make_key(kms), make_key(kms)
    found = parameters(kms, other)
    wrapped = wrap(found["PublicKey"], "RSAES_OAEP_SHA_256", material_for("SYMMETRIC_DEFAULT"))
    with refused("InvalidImportTokenException"):
        send(kms, key_id, found["ImportToken"], wrapped)


def test_a_tampered_token_is_invalid(kms: KMSClient) -> None:
    key_id = make_key(kms)
    found = parameters(kms, key_id)
    wrapped = wrap(found["PublicKey"], "RSAES_OAEP_SHA_256", material_for("SYMMETRIC_DEFAULT"))
    with refused("InvalidImportTokenException"):
        send(kms, key_id, found["ImportToken"][:-1] + b"x", wrapped)


def test_a_token_expires_after_a_day(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms)
    found = parameters(kms, key_id)
    wrapped = wrap(found["PublicKey"], "RSAES_OAEP_SHA_256", material_for("SYMMETRIC_DEFAULT"))
    box.clock.advance(DAY + 1)
    with refused("ExpiredImportTokenException"):
        send(kms, key_id, found["ImportToken"], wrapped)


def test_an_earlier_token_stays_good_beside_a_later_one(kms: KMSClient) -> None:
    key_id = make_key(kms)
    first = parameters(kms, key_id)
    parameters(kms, key_id)
    wrapped = wrap(first["PublicKey"], "RSAES_OAEP_SHA_256", material_for("SYMMETRIC_DEFAULT"))
    send(kms, key_id, first["ImportToken"], wrapped)
    assert state(kms, key_id) == "Enabled"


def test_expiration_is_the_default_and_needs_a_date(kms: KMSClient) -> None:
    key_id = make_key(kms)
    found = parameters(kms, key_id)
    wrapped = wrap(found["PublicKey"], "RSAES_OAEP_SHA_256", material_for("SYMMETRIC_DEFAULT"))
    with refused("ValidationException"):
        call(
            kms,
            "ImportKeyMaterial",
            KeyId=key_id,
            ImportToken=found["ImportToken"],
            EncryptedKeyMaterial=wrapped,
        )


def test_a_date_without_expiration_is_refused(kms: KMSClient, box: Box) -> None:
    with refused("ValidationException"):
        import_material(kms, make_key(kms), b"x" * 32, ValidTo=box.clock.now() + timedelta(days=1), **STAYS)


@pytest.mark.parametrize("days", [-1, 366])
def test_the_date_is_ahead_by_365_days_at_most(kms: KMSClient, box: Box, days: int) -> None:
    with refused("ValidationException"):
        import_material(kms, make_key(kms), b"x" * 32, ValidTo=box.clock.now() + timedelta(days=days))


def test_material_expires_on_its_date(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms)
    import_material(kms, key_id, b"x" * 32, ValidTo=box.clock.now() + timedelta(days=10))
    box.clock.advance(11 * DAY)
    assert state(kms, key_id) == "PendingImport"


def test_describe_key_shows_the_expiration(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms)
    date = (box.clock.now() + timedelta(days=10)).replace(microsecond=0)
    import_material(kms, key_id, b"x" * 32, ValidTo=date)
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (metadata["ExpirationModel"], metadata["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", date)


def test_importing_again_changes_the_expiration(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms)
    import_material(kms, key_id, b"x" * 32, ValidTo=box.clock.now() + timedelta(days=1))
    import_material(kms, key_id, b"x" * 32)
    box.clock.advance(2 * DAY)
    assert state(kms, key_id) == "Enabled"


@pytest.mark.parametrize("member", ["ImportType", "KeyMaterialDescription", "KeyMaterialId"])
def test_members_of_symmetric_keys_are_refused_for_others(kms: KMSClient, member: str) -> None:
    values = {
        "ImportType": "NEW_KEY_MATERIAL",
        "KeyMaterialDescription": "first",
        "KeyMaterialId": "0" * 64,
    }
    with refused("ValidationException"):
        import_material(kms, make_key(kms, "HMAC_256"), b"x" * 32, **{member: values[member]})


def test_deleting_material_answers_what_was_deleted(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    current = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    answer = kms.delete_imported_key_material(KeyId=key_id)
    assert answer["KeyMaterialId"] == current


def test_deleting_nothing_has_no_effect(kms: KMSClient) -> None:
    key_id = make_key(kms)
    assert "KeyMaterialId" not in kms.delete_imported_key_material(KeyId=key_id)


def test_a_disabled_key_without_material_is_pending_import(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    kms.disable_key(KeyId=key_id)
    kms.delete_imported_key_material(KeyId=key_id)
    assert state(kms, key_id) == "PendingImport"
