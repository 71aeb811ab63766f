"""Rotation of material in one key (AWS KMS Developer Guide, "Rotate AWS KMS keys")."""

from datetime import timedelta
from typing import Any

import pytest
from types_boto3_kms import KMSClient

from kctui.demo.box import Box

from .support import call, import_material, imported_key, make_key, material_for, refused, state

NEW = {"ImportType": "NEW_KEY_MATERIAL"}
DAY = 86_400


def materials(kms: KMSClient, key_id: str) -> list[dict[str, Any]]:
    listed = call(kms, "ListKeyRotations", KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    return list(listed["Rotations"])


def states(kms: KMSClient, key_id: str) -> list[tuple[str, str]]:
    return [(each["KeyMaterialState"], each["ImportState"]) for each in materials(kms, key_id)]


def rotated_key(kms: KMSClient) -> tuple[str, bytes, bytes]:
    key_id, first = imported_key(kms)
    second = material_for("SYMMETRIC_DEFAULT")
    import_material(kms, key_id, second, **NEW)
    kms.rotate_key_on_demand(KeyId=key_id)
    return key_id, first, second


def test_new_material_waits_for_the_rotation(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), **NEW)
    assert states(kms, key_id) == [("CURRENT", "IMPORTED"), ("PENDING_ROTATION", "IMPORTED")]


def test_rotation_makes_new_material_current(kms: KMSClient) -> None:
    key_id, _, _ = rotated_key(kms)
    assert states(kms, key_id) == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "IMPORTED")]


def test_earlier_ciphertext_still_decrypts_after_a_rotation(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"before")["CiphertextBlob"]
    import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), **NEW)
    kms.rotate_key_on_demand(KeyId=key_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"before"


def test_after_a_rotation_the_new_material_encrypts(kms: KMSClient) -> None:
    key_id, _, _ = rotated_key(kms)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"after")["CiphertextBlob"]
    current = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == current


def test_without_all_key_material_only_rotations_are_listed(kms: KMSClient) -> None:
    key_id, _, _ = rotated_key(kms)
    listed = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [each["RotationType"] for each in listed] == ["ON_DEMAND"]


def test_rotation_needs_material_that_waits(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("KMSInvalidStateException"):
        kms.rotate_key_on_demand(KeyId=key_id)


def test_only_one_material_waits_at_a_time(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), **NEW)
    with refused("KMSInvalidStateException"):
        import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), **NEW)


def test_deleted_waiting_material_is_forgotten(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    made = import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), **NEW)
    kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=made["KeyMaterialId"])
    assert (states(kms, key_id), state(kms, key_id)) == ([("CURRENT", "IMPORTED")], "Enabled")


def test_expired_waiting_material_leaves_the_key_enabled(kms: KMSClient, box: Box) -> None:
    key_id, _ = imported_key(kms)
    valid_to = box.clock.now() + timedelta(days=1)
    import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), ValidTo=valid_to, **NEW)
    box.clock.advance(2 * DAY)
    assert state(kms, key_id) == "Enabled"


def test_known_material_is_not_new(kms: KMSClient) -> None:
    key_id, material = imported_key(kms)
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, key_id, material, **NEW)


def test_the_import_type_defaults_to_existing_after_the_first(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"))


def test_the_first_import_cannot_be_of_existing_material(kms: KMSClient) -> None:
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, make_key(kms), material_for("SYMMETRIC_DEFAULT"), ImportType="EXISTING_KEY_MATERIAL")


def test_new_material_takes_no_material_id(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("ValidationException"):
        import_material(kms, key_id, material_for("SYMMETRIC_DEFAULT"), KeyMaterialId="0" * 64, **NEW)


def test_deleting_one_of_several_materials_makes_the_key_wait(kms: KMSClient) -> None:
    key_id, _, _ = rotated_key(kms)
    earlier = materials(kms, key_id)[0]["KeyMaterialId"]
    kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=earlier)
    assert state(kms, key_id) == "PendingImport"
    assert states(kms, key_id) == [("NON_CURRENT", "PENDING_IMPORT"), ("CURRENT", "IMPORTED")]


def test_deleting_without_an_id_deletes_the_current_material(kms: KMSClient) -> None:
    key_id, _, _ = rotated_key(kms)
    kms.delete_imported_key_material(KeyId=key_id)
    assert states(kms, key_id) == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "PENDING_IMPORT")]


def test_the_key_waits_until_all_materials_are_back(kms: KMSClient) -> None:
    key_id, first, second = rotated_key(kms)
    for each in materials(kms, key_id):
        kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=each["KeyMaterialId"])
    import_material(kms, key_id, second)
    assert state(kms, key_id) == "PendingImport"
    import_material(kms, key_id, first)
    assert state(kms, key_id) == "Enabled"


def test_the_earliest_expiry_of_all_is_shown(kms: KMSClient, box: Box) -> None:
    key_id, _, second = rotated_key(kms)
    date = (box.clock.now() + timedelta(days=5)).replace(microsecond=0)
    import_material(kms, key_id, second, ValidTo=date)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["ValidTo"] == date


def test_an_unknown_material_id_is_not_found(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("NotFoundException"):
        kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId="0" * 64)


def test_a_reimport_under_another_material_id_is_incorrect(kms: KMSClient) -> None:
    key_id, first, _ = rotated_key(kms)
    other = materials(kms, key_id)[1]["KeyMaterialId"]
    with refused("IncorrectKeyMaterialException"):
        import_material(kms, key_id, first, KeyMaterialId=other)


def test_the_description_of_material_is_kept(kms: KMSClient) -> None:
    key_id, material = make_key(kms), material_for("SYMMETRIC_DEFAULT")
    import_material(kms, key_id, material, KeyMaterialDescription="from vault 1")
    import_material(kms, key_id, material)
    assert materials(kms, key_id)[0]["KeyMaterialDescription"] == "from vault 1"


def test_25_rotations_on_demand_are_the_limit(kms: KMSClient) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key_id)
    with refused("LimitExceededException"):
        kms.rotate_key_on_demand(KeyId=key_id)


@pytest.mark.parametrize("operation", ["RotateKeyOnDemand", "ListKeyRotations"])
def test_other_keys_do_not_rotate(kms: KMSClient, operation: str) -> None:
    key_id, _ = imported_key(kms, "HMAC_256")
    with refused("UnsupportedOperationException"):
        call(kms, operation, KeyId=key_id)


def test_imported_keys_do_not_rotate_by_themselves(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("UnsupportedOperationException"):
        kms.enable_key_rotation(KeyId=key_id)


def test_automatic_rotation_follows_the_clock(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    box.clock.advance(181 * DAY)
    listed = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [each["RotationType"] for each in listed] == ["AUTOMATIC", "AUTOMATIC"]


def test_rotation_status_tells_the_period_and_the_next_date(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    kms.enable_key_rotation(KeyId=key_id)
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    assert abs(status["NextRotationDate"] - box.clock.now() - timedelta(days=365)) < timedelta(minutes=1)


def test_rotation_status_is_false_while_pending_deletion(kms: KMSClient) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    kms.enable_key_rotation(KeyId=key_id)
    kms.schedule_key_deletion(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False


def test_on_demand_conflicts_with_an_automatic_rotation_close_by(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    box.clock.advance(90 * DAY - 600)
    with refused("ConflictException"):
        kms.rotate_key_on_demand(KeyId=key_id)


def test_a_rotation_missed_while_disabled_is_made_up_once(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    kms.disable_key(KeyId=key_id)
    box.clock.advance(300 * DAY)
    kms.enable_key(KeyId=key_id)
    assert len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) == 1
