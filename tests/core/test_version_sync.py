"""Sync of versions: nothing that an operation wrote meanwhile is overwritten, and no version blamed for another's."""

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.lists import cloud_key_row
from kctui.core.model import CspAccount
from kctui.core.operations import create_cloud_key, remove_from_cloud, rotate, upload
from kctui.core.operations.journal import Beginning, begin
from kctui.core.sync import sync
from kctui.core.version_sync import sync_versions
from kctui.core.words import CloudStatus, ImportState, OperationKind, RotationMethod
from kctui.demo.box import Box, FaultKind
from tests.core.operations import REGION, new_key
from tests.core.test_changed_between import kms_key
from tests.core.test_rotation import foreign_import
from tests.core.test_sync import meanwhile


def imports(engine: Engine, key_id: str) -> list[ImportState]:
    """From the newest version on."""
    return [version.import_state for version in cloud_key_details(engine.store, key_id).versions]


def hold(engine: Engine, key_id: str) -> None:
    """Begin an operation on the key, which goes on."""
    [group_id] = engine.keyring.groups
    begin(engine, Beginning(OperationKind.UPLOAD, key_id, group_id, "Upload payroll-db"))


def lose_theirs(engine: Engine, kms: KMSClient, key_id: str) -> None:
    """Let somebody rotate to material of theirs, and delete it."""
    kms_key_id = kms_key(engine, key_id)
    theirs = foreign_import(kms, kms_key_id)
    kms.rotate_key_on_demand(KeyId=kms_key_id)
    kms.delete_imported_key_material(KeyId=kms_key_id, KeyMaterialId=theirs)


def test_our_only_version_is_not_blamed_for_somebody_else_s(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    lose_theirs(engine, kms, key_id)
    sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.NOT_AVAILABLE
    assert imports(engine, key_id) == [ImportState.IMPORTED]


@pytest.mark.parametrize("fault", [FaultKind.ACCESS_DENIED, FaultKind.UNKNOWN_OPERATION])
def test_our_only_version_is_taken_to_be_missing_where_kms_does_not_tell(
    box: Box, engine: Engine, kms: KMSClient, fault: FaultKind
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.delete_imported_key_material(KeyId=kms_key(engine, key_id))
    box.faults.add("ListKeyRotations", fault)
    assert not sync(engine).failed
    assert imports(engine, key_id) == [ImportState.PENDING_IMPORT]


def test_an_upload_that_ends_while_kms_is_asked_is_not_overwritten(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    remove_from_cloud(engine, key_id)
    with meanwhile(engine, "ListKeyRotations", lambda: upload(engine, key_id)):
        sync(engine)
    assert imports(engine, key_id) == [ImportState.IMPORTED]


def test_a_version_whose_operation_began_while_kms_was_asked_is_left_alone(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.delete_imported_key_material(KeyId=kms_key(engine, key_id))
    with meanwhile(engine, "ListKeyRotations", lambda: hold(engine, key_id)):
        sync(engine)
    assert imports(engine, key_id) == [ImportState.IMPORTED]


def test_an_earlier_key_whose_operation_began_while_kms_was_asked_is_left_alone(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    earlier = kms_key(engine, key_id)
    rotate(engine, key_id, method=RotationMethod.NEW_KEY)
    kms.schedule_key_deletion(KeyId=earlier, PendingWindowInDays=7)
    with engine.store.read() as session:
        account = session.exec(select(CspAccount)).one()
    with meanwhile(engine, "DescribeKey", lambda: hold(engine, key_id)):
        sync_versions(engine, engine.clients.session(account).kms(REGION), account.id)
    assert cloud_key_details(engine.store, key_id).versions[-1].cloud_status is CloudStatus.AVAILABLE
