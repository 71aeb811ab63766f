"""Delete CloudKey and Cancel Deletion: announced, with a date, and called off until then."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError, NeedsRecoveryError, RefusedError, TamperedError
from kctui.core.lists import cloud_key_row
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.operations import cancel_deletion, create_cloud_key, delete, enable, remove_from_cloud, upload
from kctui.core.recovery import open_operations, recover
from kctui.core.words import CloudStatus, KeySource
from kctui.demo.box import Box, FaultKind
from tests.core.operations import new_key


def status(engine: Engine, key_id: str) -> CloudStatus:
    return cloud_key_row(engine.store, key_id).cloud_status


def test_a_deleted_key_waits_and_its_date_is_known(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    delete(engine, key_id, days=7)
    row = cloud_key_row(engine.store, key_id)
    known = kms.describe_key(KeyId=row.kms_key_id or "")["KeyMetadata"]
    assert (row.cloud_status, known["KeyState"]) == (CloudStatus.PENDING_DELETE, "PendingDeletion")
    assert row.deletion_date == known["DeletionDate"]
    assert abs(row.deletion_date - (datetime.now(UTC) + timedelta(days=7))) < timedelta(minutes=5)


def test_a_cancelled_deletion_leaves_the_key_disabled_and_it_works_again(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    blob = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    delete(engine, key_id, days=30)
    cancel_deletion(engine, key_id)
    row = cloud_key_row(engine.store, key_id)
    assert (row.cloud_status, row.deletion_date) == (CloudStatus.DISABLED, None)
    enable(engine, key_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"salaries"


def test_a_cancelled_deletion_of_a_removed_key_leaves_it_not_available(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    remove_from_cloud(engine, key_id)
    delete(engine, key_id, days=7)
    cancel_deletion(engine, key_id)
    assert status(engine, key_id) is CloudStatus.NOT_AVAILABLE
    upload(engine, key_id)
    assert status(engine, key_id) is CloudStatus.AVAILABLE


@pytest.mark.parametrize("days", [-1, 0, 6, 31, 365])
def test_days_that_aws_does_not_take_are_refused_without_asking(
    box: Box, engine: Engine, kms: KMSClient, days: int
) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.calls.clear()
    with pytest.raises(InvalidInputError, match="cannot be deleted"):
        delete(engine, key_id, days=days)
    assert box.calls.operations() == []


def test_a_copy_that_does_not_match_stops_the_deletion(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        session.exec(select(KeyVersion)).one().fingerprint = "0" * 64
    with pytest.raises(TamperedError):
        delete(engine, key_id, days=7)
    assert "ScheduleKeyDeletion" not in box.calls.operations()


def test_a_key_whose_material_aws_made_can_be_deleted(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).key_source = KeySource.AWS
        session.delete(session.exec(select(KeyVersion)).one())
    delete(engine, key_id, days=7)
    assert status(engine, key_id) is CloudStatus.PENDING_DELETE


@pytest.mark.parametrize("fault", [FaultKind.LOST_REPLY, FaultKind.INTERNAL, FaultKind.THROTTLE])
def test_a_passing_fault_does_not_stop_either(box: Box, engine: Engine, kms: KMSClient, fault: FaultKind) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("ScheduleKeyDeletion", fault)
    delete(engine, key_id, days=7)
    box.faults.add("CancelKeyDeletion", fault)
    cancel_deletion(engine, key_id)
    assert status(engine, key_id) is CloudStatus.DISABLED


def test_answers_that_are_all_lost_are_made_up_for_by_recovery(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("ScheduleKeyDeletion", FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        delete(engine, key_id, days=7)
    recover(engine)
    assert status(engine, key_id) is CloudStatus.PENDING_DELETE
    box.faults.add("CancelKeyDeletion", FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        cancel_deletion(engine, key_id)
    recover(engine)
    assert status(engine, key_id) is CloudStatus.DISABLED


def test_a_refusal_leaves_the_key_as_it_was(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("ScheduleKeyDeletion", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="kms:ScheduleKeyDeletion"):
        delete(engine, key_id, days=7)
    assert status(engine, key_id) is CloudStatus.AVAILABLE
    delete(engine, key_id, days=7)
    box.faults.add("CancelKeyDeletion", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="kms:CancelKeyDeletion"):
        cancel_deletion(engine, key_id)
    assert status(engine, key_id) is CloudStatus.PENDING_DELETE
    assert open_operations(engine.store) == []


def test_a_key_that_is_gone_meanwhile_is_said_to_be(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    delete(engine, key_id, days=7)
    box.clock.advance(timedelta(days=8).total_seconds())
    with pytest.raises(AwsRefusedError, match="NotFoundException"):
        cancel_deletion(engine, key_id)


def test_no_deletion_is_cancelled_that_was_not_asked_for(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    with pytest.raises(RefusedError, match="not waiting for a deletion"):
        cancel_deletion(engine, key_id)
