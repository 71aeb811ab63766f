"""Remove from Cloud and Upload to Cloud: all versions, each proven first; refused, the key is as it was."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, NeedsRecoveryError, RefusedError, TamperedError
from kctui.core.lists import AuditList, AuditQuery, cloud_key_row
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.operations import create_cloud_key, disable, enable, remove_from_cloud, rotate, upload
from kctui.core.recovery import open_operations, recover
from kctui.core.words import AuditType, CloudStatus, ImportState, OperationState, RotationMethod
from kctui.demo.box import Box, FaultKind
from tests.core.operations import new_key
from tests.core.test_rotation import foreign_import

PLAIN = b"salaries"


def status(engine: Engine, key_id: str) -> CloudStatus:
    return cloud_key_row(engine.store, key_id).cloud_status


def state(engine: Engine, kms: KMSClient, key_id: str) -> str:
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    return kms.describe_key(KeyId=kms_key_id)["KeyMetadata"]["KeyState"]


def encrypt(kms: KMSClient) -> bytes:
    return kms.encrypt(KeyId="alias/payroll-db", Plaintext=PLAIN)["CiphertextBlob"]


def decrypts(kms: KMSClient, *blobs: bytes) -> bool:
    return all(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == PLAIN for blob in blobs)


def test_a_removed_key_is_not_available_and_its_copy_stays(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    blob = encrypt(kms)
    remove_from_cloud(engine, key_id)
    assert (status(engine, key_id), state(engine, kms, key_id)) == (CloudStatus.NOT_AVAILABLE, "PendingImport")
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.decrypt(CiphertextBlob=blob)
    [version] = cloud_key_details(engine.store, key_id).versions
    assert version.import_state is ImportState.PENDING_IMPORT
    upload(engine, key_id)
    assert (status(engine, key_id), state(engine, kms, key_id)) == (CloudStatus.AVAILABLE, "Enabled")
    assert decrypts(kms, blob)


def test_a_disabled_key_can_be_removed(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    disable(engine, key_id)
    remove_from_cloud(engine, key_id)
    assert status(engine, key_id) is CloudStatus.NOT_AVAILABLE


def test_every_version_is_removed_and_comes_back(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    old = encrypt(kms)
    rotate(engine, key_id)
    new = encrypt(kms)
    remove_from_cloud(engine, key_id)
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    listed = kms.list_key_rotations(KeyId=kms_key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [entry["ImportState"] for entry in listed] == ["PENDING_IMPORT", "PENDING_IMPORT"]
    upload(engine, key_id)
    assert decrypts(kms, old, new)


def test_a_copy_that_does_not_match_stops_the_removal(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        session.exec(select(KeyVersion)).one().fingerprint = "0" * 64
    box.calls.clear()
    with pytest.raises(TamperedError):
        remove_from_cloud(engine, key_id)
    assert "DeleteImportedKeyMaterial" not in box.calls.operations()
    assert (status(engine, key_id), state(engine, kms, key_id)) == (CloudStatus.AVAILABLE, "Enabled")
    assert open_operations(engine.store) == []


def test_one_damaged_version_stops_the_removal_of_all(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id)
    with engine.store.write() as session:
        last = session.exec(select(KeyVersion).order_by(col(KeyVersion.number).desc()).limit(1)).one()
        last.sealed_material = (last.sealed_material or b"")[:-1] + b"x"
    box.calls.clear()
    with pytest.raises(TamperedError):
        remove_from_cloud(engine, key_id)
    assert "DeleteImportedKeyMaterial" not in box.calls.operations()


def test_a_removal_that_is_refused_leaves_the_key_as_it_was(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="kms:DeleteImportedKeyMaterial"):
        remove_from_cloud(engine, key_id)
    assert (status(engine, key_id), state(engine, kms, key_id)) == (CloudStatus.AVAILABLE, "Enabled")
    [operation, _] = cloud_key_details(engine.store, key_id).operations
    assert operation.state is OperationState.FAILED


@pytest.mark.parametrize("disabled", [False, True], ids=["enabled", "disabled"])
def test_a_permission_lost_in_the_middle_puts_the_key_back(
    box: Box, engine: Engine, kms: KMSClient, disabled: bool
) -> None:
    key_id = create_cloud_key(engine, new_key())
    old = encrypt(kms)
    rotate(engine, key_id)
    if disabled:
        disable(engine, key_id)
    before = state(engine, kms, key_id)
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(AwsRefusedError, match="kms:DeleteImportedKeyMaterial"):
        remove_from_cloud(engine, key_id)
    assert state(engine, kms, key_id) == before
    assert {version.import_state for version in cloud_key_details(engine.store, key_id).versions} == {
        ImportState.IMPORTED
    }
    assert open_operations(engine.store) == []
    if disabled:
        enable(engine, key_id)
    assert decrypts(kms, old)


@pytest.mark.parametrize("fault", [FaultKind.LOST_REPLY, FaultKind.INTERNAL, FaultKind.THROTTLE])
def test_a_passing_fault_does_not_stop_a_removal(box: Box, engine: Engine, kms: KMSClient, fault: FaultKind) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("DeleteImportedKeyMaterial", fault)
    remove_from_cloud(engine, key_id)
    assert status(engine, key_id) is CloudStatus.NOT_AVAILABLE


def test_a_removal_whose_answers_are_all_lost_is_finished_by_recovery(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        remove_from_cloud(engine, key_id)
    assert len(recover(engine).finished) == 1
    assert status(engine, key_id) is CloudStatus.NOT_AVAILABLE


def test_what_changed_since_it_was_looked_at_is_not_removed(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    seen = cloud_key_row(engine.store, key_id).revision
    disable(engine, key_id)
    enable(engine, key_id)
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        remove_from_cloud(engine, key_id, revision=seen)
    assert state(engine, kms, key_id) == "Enabled"


def test_a_refused_removal_is_audited(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    remove_from_cloud(engine, key_id)
    with pytest.raises(RefusedError, match="the material is not in the cloud"):
        remove_from_cloud(engine, key_id)
    [entry] = AuditList(engine.store, AuditQuery(text="refused")).page().rows
    assert (entry.type, entry.objects["CloudKey"]) == (AuditType.WARNING, "payroll-db")


def test_the_expiration_of_an_available_key_is_changed_by_importing_again(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id, method=RotationMethod.IN_PLACE)
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    upload(engine, key_id, expires_at=expires)
    assert cloud_key_row(engine.store, key_id).expires_at == expires
    upload(engine, key_id, expires_at=None)
    assert cloud_key_row(engine.store, key_id).expires_at is None
    assert "ValidTo" not in kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]


def test_a_key_that_is_there_is_not_uploaded_without_need(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    with pytest.raises(RefusedError, match="already there"):
        upload(engine, key_id)


def test_an_expiration_too_far_ahead_is_refused_before_anything_is_sent(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.calls.clear()
    with pytest.raises(InvalidInputError, match="cannot expire"):
        upload(engine, key_id, expires_at=datetime.now(UTC) + timedelta(days=366))
    assert box.calls.operations() == []


@pytest.mark.parametrize("expires_at", [None, datetime.now(UTC) + timedelta(days=90)], ids=["never", "date"])
def test_another_expiration_does_not_enable_a_key_that_somebody_disabled(
    box: Box, engine: Engine, kms: KMSClient, expires_at: datetime | None
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.disable_key(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")
    box.calls.clear()
    with pytest.raises(ConflictError, match="KMS says Disabled"):
        upload(engine, key_id, expires_at=expires_at)
    assert state(engine, kms, key_id) == "Disabled"
    assert "ImportKeyMaterial" not in box.calls.operations()
    assert cloud_key_details(engine.store, key_id).operations[0].state is OperationState.FAILED


def test_an_upload_is_refused_where_kms_says_something_else_than_the_row(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    disable(engine, key_id)
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).cloud_status = CloudStatus.NOT_AVAILABLE
    with pytest.raises(ConflictError, match="KMS says Disabled"):
        upload(engine, key_id)
    assert state(engine, kms, key_id) == "Disabled"
    assert open_operations(engine.store) == []


def forget_ids(engine: Engine, *numbers: int) -> None:
    """Let versions be without a recorded key material id."""
    with engine.store.write() as session:
        for version in session.exec(select(KeyVersion).where(col(KeyVersion.number).in_(numbers))):
            version.key_material_id = None


def present(kms: KMSClient) -> list[str]:
    kms_key_id = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyId"]
    listed = kms.list_key_rotations(KeyId=kms_key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    return [entry["KeyMaterialId"] for entry in listed if entry["ImportState"] == "IMPORTED"]


def test_a_version_without_a_material_id_is_removed_by_the_id_that_is_left(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    old = encrypt(kms)
    rotate(engine, key_id)
    [first, _] = present(kms)
    forget_ids(engine, 1)
    remove_from_cloud(engine, key_id)
    assert (present(kms), status(engine, key_id)) == ([], CloudStatus.NOT_AVAILABLE)
    assert cloud_key_details(engine.store, key_id).versions[-1].key_material_id == first
    upload(engine, key_id)
    assert decrypts(kms, old)


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_a_removal_does_not_guess_which_material_is_meant(box: Box, engine: Engine, kms: KMSClient, whose: str) -> None:
    key_id = create_cloud_key(engine, new_key())
    if whose == "ours":
        rotate(engine, key_id)
        forget_ids(engine, 1, 2)
    else:
        foreign_import(kms, cloud_key_row(engine.store, key_id).kms_key_id or "")
        kms.rotate_key_on_demand(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")
        forget_ids(engine, 1)
    before = present(kms)
    box.calls.clear()
    with pytest.raises(ConflictError, match="cannot be told"):
        remove_from_cloud(engine, key_id)
    assert "DeleteImportedKeyMaterial" not in box.calls.operations()
    assert (present(kms), open_operations(engine.store)) == (before, [])
