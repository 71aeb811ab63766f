"""A KMS key that waits for its deletion, or is gone: no operation stays open on it, and no copy is dropped."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError
from kctui.core.lists import AuditList, AuditQuery, cloud_key_row
from kctui.core.model import CloudKey, KeyVersion, Operation
from kctui.core.operations import (
    CloudKeyEdit,
    cancel_deletion,
    create_cloud_key,
    delete,
    disable,
    edit_cloud_key,
    enable,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.recovery import open_operations, recover
from kctui.core.sync import sync
from kctui.core.words import AuditType, CloudStatus, OperationState, RotationMethod
from kctui.demo.box import Box, FaultKind
from tests.core.operations import new_key
from tests.core.test_changed_between import Between, kms_key, newest_key

WEEK = timedelta(days=8)


def doom(kms: KMSClient, kms_key_id: str) -> None:
    kms.schedule_key_deletion(KeyId=kms_key_id, PendingWindowInDays=7)


def status(engine: Engine, key_id: str) -> CloudStatus:
    return cloud_key_row(engine.store, key_id).cloud_status


def copies(engine: Engine) -> list[bytes | None]:
    with engine.store.read() as session:
        return [version.sealed_material for version in session.exec(select(KeyVersion))]


def last_seen(engine: Engine, key_id: str, ago: timedelta) -> None:
    """Let the key, and the beginning of what is open on it, be so long ago."""
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).status_seen_at = datetime.now(UTC) - ago
        for operation in session.exec(select(Operation).where(Operation.state == OperationState.OPEN)):
            operation.started_at = datetime.now(UTC) - ago


def lose_enable(box: Box, engine: Engine, key_id: str) -> None:
    disable(engine, key_id)
    box.faults.add("EnableKey", FaultKind.TIMEOUT_BEFORE, times=4)
    with pytest.raises(NeedsRecoveryError):
        enable(engine, key_id)


def lose_disable(box: Box, engine: Engine, key_id: str) -> None:
    box.faults.add("DisableKey", FaultKind.TIMEOUT_BEFORE, times=4)
    with pytest.raises(NeedsRecoveryError):
        disable(engine, key_id)


def lose_edit(box: Box, engine: Engine, key_id: str) -> None:
    box.faults.add("UpdateKeyDescription", FaultKind.TIMEOUT_BEFORE, times=4)
    with pytest.raises(NeedsRecoveryError):
        edit_cloud_key(engine, key_id, CloudKeyEdit(description="new"))


def lose_removal(box: Box, engine: Engine, key_id: str) -> None:
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.TIMEOUT_BEFORE, times=4)
    with pytest.raises(NeedsRecoveryError):
        remove_from_cloud(engine, key_id)


def lose_rotation(box: Box, engine: Engine, key_id: str) -> None:
    box.faults.add("RotateKeyOnDemand", FaultKind.TIMEOUT_BEFORE)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine, key_id)


def lose_deletion(box: Box, engine: Engine, key_id: str) -> None:
    box.faults.add("ScheduleKeyDeletion", FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        delete(engine, key_id, days=7)


Losing = Callable[[Box, Engine, str], None]


@pytest.mark.parametrize("lose", [lose_enable, lose_disable])
def test_an_interrupted_operation_ends_on_a_key_that_waits_for_its_deletion(
    box: Box, engine: Engine, kms: KMSClient, lose: Losing
) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose(box, engine, key_id)
    before = copies(engine)
    doom(kms, kms_key(engine, key_id))
    [said] = recover(engine).undone
    assert "KMS says PendingDeletion" in said
    assert open_operations(engine.store) == []
    assert status(engine, key_id) is CloudStatus.PENDING_DELETE
    assert copies(engine) == before
    [entry] = AuditList(engine.store, AuditQuery(text="ended unfinished")).page().rows
    assert entry.type is AuditType.WARNING
    cancel_deletion(engine, key_id)
    assert status(engine, key_id) is CloudStatus.DISABLED


@pytest.mark.parametrize("lose", [lose_enable, lose_disable, lose_edit, lose_removal, lose_rotation])
def test_an_interrupted_operation_ends_on_a_key_that_was_doomed_and_is_gone(
    box: Box, engine: Engine, kms: KMSClient, lose: Losing
) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose(box, engine, key_id)
    before = copies(engine)
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).deletion_date = datetime.now(UTC) + timedelta(days=7)
    doom(kms, kms_key(engine, key_id))
    box.clock.advance(WEEK.total_seconds())
    recover(engine)
    assert open_operations(engine.store) == []
    assert (status(engine, key_id), copies(engine)) == (CloudStatus.DELETED, before)


@pytest.mark.parametrize("lose", [lose_enable, lose_disable, lose_edit, lose_removal, lose_rotation])
def test_a_key_that_nobody_saw_for_a_week_and_is_gone_is_unknown(
    box: Box, engine: Engine, kms: KMSClient, lose: Losing
) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose(box, engine, key_id)
    before = copies(engine)
    doom(kms, kms_key(engine, key_id))
    box.clock.advance(WEEK.total_seconds())
    recover(engine)
    assert len(open_operations(engine.store)) == 1
    last_seen(engine, key_id, WEEK)
    recover(engine)
    assert open_operations(engine.store) == []
    assert (status(engine, key_id), copies(engine)) == (CloudStatus.UNKNOWN, before)


def test_a_deletion_whose_answer_was_lost_ends_when_the_key_is_gone(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose_deletion(box, engine, key_id)
    box.clock.advance(WEEK.total_seconds())
    recover(engine)
    assert open_operations(engine.store) == []
    assert status(engine, key_id) is CloudStatus.DELETED


@pytest.mark.parametrize("call", ["DescribeKey", "ListKeys"])
def test_what_cannot_be_asked_leaves_the_operation_open(box: Box, engine: Engine, kms: KMSClient, call: str) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose_disable(box, engine, key_id)
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).deletion_date = datetime.now(UTC) + timedelta(days=7)
    doom(kms, kms_key(engine, key_id))
    box.clock.advance(WEEK.total_seconds())
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    recover(engine)
    assert len(open_operations(engine.store)) == 1
    recover(engine)
    assert open_operations(engine.store) == []


def test_a_key_that_is_listed_all_the_same_is_not_gone(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose_disable(box, engine, key_id)
    last_seen(engine, key_id, WEEK)
    box.faults.add("DisableKey", FaultKind.NOT_FOUND)
    box.faults.add("DescribeKey", FaultKind.NOT_FOUND)
    recover(engine)
    assert len(open_operations(engine.store)) == 1
    recover(engine)
    assert (open_operations(engine.store), status(engine, key_id)) == ([], CloudStatus.DISABLED)


@pytest.mark.parametrize("lose", [lose_enable, lose_disable])
def test_a_switch_ends_where_the_material_was_taken_out(box: Box, engine: Engine, kms: KMSClient, lose: Losing) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose(box, engine, key_id)
    kms.delete_imported_key_material(KeyId=kms_key(engine, key_id))
    recover(engine)
    assert (open_operations(engine.store), status(engine, key_id)) == ([], CloudStatus.NOT_AVAILABLE)
    upload(engine, key_id)
    assert status(engine, key_id) is CloudStatus.AVAILABLE


def test_a_removal_that_can_neither_go_on_nor_back_lets_the_deletion_be_cancelled(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id)
    kms_key_id, before = kms_key(engine, key_id), copies(engine)
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(ConflictError, match="KMS says PendingDeletion"):
        remove_from_cloud(
            engine, key_id, observer=Between("DeleteImportedKeyMaterial 1", lambda: doom(kms, kms_key_id))
        )
    assert (open_operations(engine.store), copies(engine)) == ([], before)
    cancel_deletion(engine, key_id)
    upload(engine, key_id)
    assert status(engine, key_id) is CloudStatus.AVAILABLE


def test_the_copy_of_a_rotation_that_cannot_be_taken_back_is_kept(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("ImportKeyMaterial", FaultKind.LOST_REPLY, times=4)
    box.faults.add("ListKeyRotations", FaultKind.ACCESS_DENIED, skip=1, times=2)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine, key_id)
    box.faults.clear()
    doom(kms, kms_key(engine, key_id))
    recover(engine)
    assert open_operations(engine.store) == []
    assert status(engine, key_id) is CloudStatus.PENDING_DELETE
    assert len(copies(engine)) == 2
    cancel_deletion(engine, key_id)


def test_a_new_key_that_is_doomed_before_the_alias_moves_ends_the_rotation(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    before = kms_key(engine, key_id)
    box.faults.add("UpdateAlias", FaultKind.TIMEOUT_BEFORE, times=4)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine, key_id, method=RotationMethod.NEW_KEY)
    doom(kms, newest_key(engine, key_id))
    recover(engine)
    assert open_operations(engine.store) == []
    assert (kms_key(engine, key_id), status(engine, key_id)) == (before, CloudStatus.AVAILABLE)
    newest = cloud_key_details(engine.store, key_id).versions[0]
    assert newest.cloud_status is CloudStatus.PENDING_DELETE
    assert None not in copies(engine)
    rotate(engine, key_id, method=RotationMethod.NEW_KEY)


def test_the_undoing_of_a_rotation_ends_when_the_new_key_is_gone(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("ImportKeyMaterial", FaultKind.ACCESS_DENIED)
    box.faults.add("ScheduleKeyDeletion", FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine, key_id, method=RotationMethod.NEW_KEY)
    box.clock.advance(WEEK.total_seconds())
    recover(engine)
    assert open_operations(engine.store) == []
    assert cloud_key_details(engine.store, key_id).versions[0].cloud_status is CloudStatus.DELETED
    assert status(engine, key_id) is CloudStatus.AVAILABLE
    box.clock.reset()
    assert not sync(engine).failed


def test_the_undoing_of_an_edit_ends_when_the_key_is_gone(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key(tags={"team": "pay"}))
    kms_key_id = kms_key(engine, key_id)

    def gone() -> None:
        doom(kms, kms_key_id)
        box.clock.advance(WEEK.total_seconds())

    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).deletion_date = datetime.now(UTC) + timedelta(days=7)
    box.faults.add("TagResource", FaultKind.ACCESS_DENIED)
    edit = CloudKeyEdit(description="new", tags={"team": "hr"})
    with pytest.raises(KctuiError):
        edit_cloud_key(engine, key_id, edit, observer=Between("UpdateKeyDescription", gone))
    recover(engine)
    assert open_operations(engine.store) == []
    assert status(engine, key_id) is CloudStatus.DELETED
