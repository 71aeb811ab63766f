"""Another administrator acts in AWS between two steps: nothing is lost, taken away from them, or left open for ever."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError
from kctui.core.lists import AuditList, AuditQuery, cloud_key_row
from kctui.core.model import KeyVersion, Operation
from kctui.core.observer import Silent
from kctui.core.operations import (
    cancel_deletion,
    create_cloud_key,
    delete,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.recovery import open_operations, recover
from kctui.core.words import AuditType, CloudStatus, ImportState, MaterialState, OperationState, StepState
from kctui.demo.box import Box, FaultKind
from tests.core.operations import QUICK, new_key
from tests.core.test_rotation import NEW_KEY, decrypts, encrypt, foreign_import, material_states, states

ALIAS = "alias/payroll-db"


class Between(Silent):
    """Lets somebody act just after a step is done, or just before its effect."""

    def __init__(self, step: str, act: Callable[[], object], when: StepState = StepState.DONE) -> None:
        self._step, self._act, self._when = step, act, when

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Act, once the step has come so far."""
        if (name, state) == (self._step, self._when):
            self._act()


def kms_key(engine: Engine, key_id: str) -> str:
    return cloud_key_row(engine.store, key_id).kms_key_id or ""


def newest_key(engine: Engine, key_id: str) -> str:
    return cloud_key_details(engine.store, key_id).versions[0].kms_key_id or ""


def test_a_copy_is_kept_where_somebody_else_rotates_to_our_new_material(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)
    theirs = Between("ImportKeyMaterial 2", lambda: kms.rotate_key_on_demand(KeyId=kms_key_id))
    rotate(engine, key_id, observer=theirs)
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]
    blob = encrypt(kms)
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    assert decrypts(kms, blob)


def test_a_copy_is_kept_where_a_refused_rotation_was_done_elsewhere(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)
    theirs = Between("ImportKeyMaterial 2", lambda: kms.rotate_key_on_demand(KeyId=kms_key_id))
    box.faults.add("RotateKeyOnDemand", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(AwsRefusedError, match="kms:RotateKeyOnDemand"):
        rotate(engine, key_id, observer=theirs)
    assert open_operations(engine.store) == []
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]
    assert cloud_key_details(engine.store, key_id).rotations_left == 24
    blob = encrypt(kms)
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    assert decrypts(kms, blob)


def test_a_rotation_whose_material_somebody_deletes_is_undone(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)

    def delete_waiting() -> None:
        waiting = kms.list_key_rotations(KeyId=kms_key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"][-1]
        kms.delete_imported_key_material(KeyId=kms_key_id, KeyMaterialId=waiting["KeyMaterialId"])

    engine.timing = replace(QUICK, settle=60)
    with pytest.raises(NeedsRecoveryError, match="may come of an earlier try"):
        rotate(engine, key_id, observer=Between("ImportKeyMaterial 2", delete_waiting))
    assert len(material_states(engine, key_id)) == 2
    engine.timing = QUICK
    recover(engine)
    assert open_operations(engine.store) == []
    assert material_states(engine, key_id) == [MaterialState.CURRENT]
    rotate(engine, key_id)
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]


def test_material_that_comes_after_another_process_undid_the_rotation_is_taken_out(
    engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)

    def undo_elsewhere() -> None:
        with engine.store.write() as session:
            operation = session.exec(select(Operation).where(Operation.state == OperationState.OPEN)).one()
            operation.fence, operation.state, operation.subject = operation.fence + 1, OperationState.UNDONE, None
            session.delete(session.exec(select(KeyVersion).where(KeyVersion.number == 2)).one())

    late = Between("ImportKeyMaterial 2", undo_elsewhere, StepState.INTENDED)
    with pytest.raises(ConflictError, match="taken over"):
        rotate(engine, key_id, observer=late)
    listed = kms.list_key_rotations(KeyId=kms_key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [entry["KeyMaterialState"] for entry in listed] == ["CURRENT"]
    [entry] = AuditList(engine.store, AuditQuery(text="came late")).page().rows
    assert entry.type is AuditType.CRITICAL


def test_a_rotation_whose_alias_is_deleted_meanwhile_is_undone(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    before = kms_key(engine, key_id)
    with pytest.raises(ConflictError, match="is gone"):
        rotate(engine, key_id, method=NEW_KEY, observer=Between("CreateKey", lambda: kms.delete_alias(AliasName=ALIAS)))
    assert open_operations(engine.store) == []
    assert kms_key(engine, key_id) == before
    assert states(kms) == ["Enabled", "PendingDeletion"]


def test_a_rotation_does_not_take_an_alias_that_is_moved_meanwhile(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = Between("CreateKey", lambda: kms.update_alias(AliasName=ALIAS, TargetKeyId=other))
    with pytest.raises(ConflictError, match="points to another KMS key"):
        rotate(engine, key_id, method=NEW_KEY, observer=moved)
    assert open_operations(engine.store) == []
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"] == other
    assert states(kms) == ["Enabled", "Enabled", "PendingDeletion"]


def test_an_alias_that_may_have_moved_and_is_elsewhere_now_leaves_no_open_rotation(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    before, old = kms_key(engine, key_id), encrypt(kms)
    box.faults.add("UpdateAlias", FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine, key_id, method=NEW_KEY)
    new = encrypt(kms)
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=ALIAS, TargetKeyId=other)
    recover(engine)
    assert open_operations(engine.store) == []
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"] == other
    assert {version.kms_key_id for version in cloud_key_details(engine.store, key_id).versions} > {before}
    assert decrypts(kms, old, new)


@pytest.mark.parametrize("what", ["disabled", "doomed"])
def test_a_new_key_that_somebody_takes_out_of_service_gets_no_alias(engine: Engine, kms: KMSClient, what: str) -> None:
    key_id = create_cloud_key(engine, new_key())
    before = kms_key(engine, key_id)

    def act() -> None:
        new_id = newest_key(engine, key_id)
        if what == "disabled":
            kms.disable_key(KeyId=new_id)
        else:
            kms.schedule_key_deletion(KeyId=new_id, PendingWindowInDays=7)

    with pytest.raises(ConflictError, match="was changed elsewhere"):
        rotate(engine, key_id, method=NEW_KEY, observer=Between("ImportKeyMaterial 2", act))
    assert open_operations(engine.store) == []
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"] == before
    assert states(kms) == ["Enabled", "PendingDeletion"]


def test_an_upload_that_somebody_else_s_missing_material_keeps_from_working_ends(
    engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)
    theirs = foreign_import(kms, kms_key_id)
    kms.rotate_key_on_demand(KeyId=kms_key_id)
    remove_from_cloud(engine, key_id)
    kms.delete_imported_key_material(KeyId=kms_key_id, KeyMaterialId=theirs)
    with pytest.raises(ConflictError, match="not kctui's"):
        upload(engine, key_id)
    assert open_operations(engine.store) == []
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.NOT_AVAILABLE


def test_a_removal_that_is_taken_back_after_the_expiration_leaves_nothing_open(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id)

    def expire() -> None:
        with engine.store.write() as session:
            first = session.exec(select(KeyVersion).where(KeyVersion.number == 1)).one()
            first.expires_at = datetime.now(UTC) - timedelta(seconds=1)

    box.faults.add("DeleteImportedKeyMaterial", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(AwsRefusedError, match="kms:DeleteImportedKeyMaterial"):
        remove_from_cloud(engine, key_id, observer=Between("DeleteImportedKeyMaterial 1", expire))
    assert open_operations(engine.store) == []
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.NOT_AVAILABLE
    upload(engine, key_id, expires_at=None)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.AVAILABLE


def test_the_expiration_outlives_a_deletion_that_was_called_off(engine: Engine, kms: KMSClient) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    key_id = create_cloud_key(engine, new_key(expires_at=expires))
    remove_from_cloud(engine, key_id)
    delete(engine, key_id, days=7)
    cancel_deletion(engine, key_id)
    upload(engine, key_id)
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"].get("ValidTo") == expires


def test_an_upload_that_meets_a_scheduled_deletion_lets_it_be_cancelled(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id)
    remove_from_cloud(engine, key_id)
    kms_key_id = kms_key(engine, key_id)
    doom = Between("ImportKeyMaterial 1", lambda: kms.schedule_key_deletion(KeyId=kms_key_id, PendingWindowInDays=7))
    with pytest.raises(KctuiError):
        upload(engine, key_id, observer=doom)
    assert open_operations(engine.store) == []
    cancel_deletion(engine, key_id)
    upload(engine, key_id)
    seen = {version.import_state for version in cloud_key_details(engine.store, key_id).versions}
    assert seen == {ImportState.IMPORTED}
