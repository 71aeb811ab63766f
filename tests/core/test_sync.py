"""Sync: Cloud Status as KMS says it, with its age; one account's failure stops no other."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.accounts import NewAccount, add_account
from kctui.core.aws.credentials import secret_access_key_place
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import CancelledError
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import CspAccountList, cloud_key_row
from kctui.core.model import CloudKey, CspAccount
from kctui.core.observer import Silent
from kctui.core.operations import create_cloud_key, disable
from kctui.core.paths import Home
from kctui.core.secret import Secret
from kctui.core.store import Store
from kctui.core.sync import sync
from kctui.core.words import CloudStatus
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.operations import REGION, kms_client, new_key, with_key_set

_accounts = count(400_000_000_001)


@pytest.fixture(scope="session")
def box() -> Iterator[Box]:
    with Box.start() as started:
        yield started


@pytest.fixture
def root(box: Box, engine: Engine) -> Iterator[AccessKey]:
    box.faults.clear()
    key = box.add_account(str(next(_accounts)))
    with_key_set(engine, box, key)
    yield key
    box.faults.clear()
    box.clock.reset()


@pytest.fixture
def kms(box: Box, root: AccessKey) -> Iterator[KMSClient]:
    client = kms_client(box, root)
    yield client
    client.close()


def kms_key_id(engine: Engine, cloud_key_id: str) -> str:
    return cloud_key_row(engine.store, cloud_key_id).kms_key_id or ""


def test_each_state_of_kms_becomes_its_cloud_status(box: Box, engine: Engine, kms: KMSClient) -> None:
    names = ("available", "disabled", "lost", "doomed", "gone")
    ids = {name: create_cloud_key(engine, new_key(name)) for name in names}
    kms.disable_key(KeyId=kms_key_id(engine, ids["disabled"]))
    kms.delete_imported_key_material(KeyId=kms_key_id(engine, ids["lost"]))
    kms.schedule_key_deletion(KeyId=kms_key_id(engine, ids["gone"]), PendingWindowInDays=7)
    sync(engine)
    box.clock.advance(timedelta(days=8).total_seconds())
    kms.schedule_key_deletion(KeyId=kms_key_id(engine, ids["doomed"]), PendingWindowInDays=7)
    report = sync(engine)
    assert {name: cloud_key_row(engine.store, key_id).cloud_status for name, key_id in ids.items()} == {
        "available": CloudStatus.AVAILABLE,
        "disabled": CloudStatus.DISABLED,
        "lost": CloudStatus.NOT_AVAILABLE,
        "doomed": CloudStatus.PENDING_DELETE,
        "gone": CloudStatus.DELETED,
    }
    assert (report.accounts[0].keys, report.accounts[0].changed) == (5, 2)


def test_the_date_of_a_deletion_is_kept(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    date = kms.schedule_key_deletion(KeyId=kms_key_id(engine, key_id), PendingWindowInDays=9)["DeletionDate"]
    sync(engine)
    assert cloud_key_row(engine.store, key_id).deletion_date == date


def test_the_name_of_a_deleted_key_is_free_again(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.schedule_key_deletion(KeyId=kms_key_id(engine, key_id), PendingWindowInDays=7)
    sync(engine)
    box.clock.advance(timedelta(days=8).total_seconds())
    sync(engine)
    box.clock.reset()
    again = create_cloud_key(engine, new_key())
    assert cloud_key_row(engine.store, again).cloud_status is CloudStatus.AVAILABLE


def test_a_key_that_kms_does_not_find_once_is_unknown_and_keeps_its_name(
    box: Box, engine: Engine, root: AccessKey
) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("DescribeKey", FaultKind.NOT_FOUND)
    sync(engine)
    row = cloud_key_row(engine.store, key_id)
    assert (row.cloud_status, row.alias) == (CloudStatus.UNKNOWN, "alias/payroll-db")
    sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.AVAILABLE


def test_a_key_that_waits_for_its_deletion_and_is_still_listed_is_not_deleted(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.schedule_key_deletion(KeyId=kms_key_id(engine, key_id), PendingWindowInDays=7)
    sync(engine)
    box.faults.add("DescribeKey", FaultKind.NOT_FOUND)
    sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.UNKNOWN


def test_a_key_last_seen_waiting_for_its_deletion_is_deleted_even_after_a_sync_that_could_not_tell(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.schedule_key_deletion(KeyId=kms_key_id(engine, key_id), PendingWindowInDays=7)
    sync(engine)
    box.faults.add("DescribeKey", FaultKind.NOT_FOUND)
    sync(engine)
    box.clock.advance(timedelta(days=8).total_seconds())
    sync(engine)
    row = cloud_key_row(engine.store, key_id)
    assert (row.cloud_status, row.alias) == (CloudStatus.DELETED, None)


def test_a_key_that_vanished_without_having_waited_for_it_is_unknown(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.schedule_key_deletion(KeyId=kms_key_id(engine, key_id), PendingWindowInDays=7)
    box.clock.advance(timedelta(days=8).total_seconds())
    sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.UNKNOWN


def test_a_deleted_key_that_kms_lists_again_comes_back(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).cloud_status = CloudStatus.DELETED
    report = sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.AVAILABLE
    assert report.accounts[0].unmanaged == 0


def test_one_account_out_of_reach_stops_no_other(box: Box, engine: Engine, root: AccessKey) -> None:
    other = box.add_account(str(next(_accounts)))
    secret = Secret(other.secret_access_key)
    add_account(engine, NewAccount("cut-off", other.access_key_id, secret, REGION, box.endpoint))
    create_key_set(engine, NewKeySet("unreachable", "cut-off"))
    stale = create_cloud_key(engine, new_key(key_set="unreachable"))
    fresh = create_cloud_key(engine, new_key())
    seen = cloud_key_row(engine.store, stale).status_seen_at
    _switch_off(box, other)
    report = sync(engine)
    assert {account.name: account.error is None for account in report.accounts} == {"bank": True, "cut-off": False}
    assert cloud_key_row(engine.store, stale).status_seen_at == seen
    assert (cloud_key_row(engine.store, fresh).status_seen_at or seen) != seen
    [row] = [row for row in CspAccountList(engine.store).page().rows if row.name == "cut-off"]
    assert row.unreachable_since is not None
    assert "does not know these credentials" in (row.unreachable_reason or "")


def test_a_credential_for_another_aws_account_changes_nothing(box: Box, engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    before = cloud_key_row(engine.store, key_id)
    with engine.store.write() as session:
        account = session.exec(select(CspAccount)).one()
        account.aws_account_id = "999999999999"
        account.sealed_secret_access_key = engine.keyring.seal(
            account.group_id, secret_access_key_place(account), Secret(root.secret_access_key)
        )
    engine.clients.forget()
    [bank] = sync(engine).accounts
    assert "for another AWS account" in (bank.error.title if bank.error else "")
    assert cloud_key_row(engine.store, key_id) == before


def test_a_region_that_is_refused_stops_no_other(box: Box, engine: Engine, root: AccessKey) -> None:
    here, there = create_cloud_key(engine, new_key()), create_cloud_key(engine, new_key(region="us-east-1"))
    before = {key_id: cloud_key_row(engine.store, key_id).status_seen_at for key_id in (here, there)}
    box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    [bank] = sync(engine).accounts
    assert cloud_key_row(engine.store, here).status_seen_at == before[here]
    assert cloud_key_row(engine.store, there).status_seen_at != before[there]
    assert (bank.keys, bank.error.title if bank.error else "") == (1, "AWS does not allow kms:ListKeys")
    [row] = CspAccountList(engine.store).page().rows
    assert row.unreachable_since is None


def test_throttling_is_waited_out(box: Box, engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    fault = box.faults.add("DescribeKey", FaultKind.THROTTLE)
    assert not sync(engine).failed
    assert fault.struck == 1
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.AVAILABLE


def test_keys_that_are_not_ours_are_counted_and_left_alone(engine: Engine, kms: KMSClient) -> None:
    create_cloud_key(engine, new_key())
    kms.create_key()
    assert sync(engine).accounts[0].unmanaged == 1


def test_what_an_operation_saw_meanwhile_is_not_overwritten(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    with meanwhile(engine, "DescribeKey", lambda: disable(engine, key_id)):
        sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.DISABLED


def test_what_another_sync_saw_later_is_not_overwritten(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.disable_key(KeyId=kms_key_id(engine, key_id))

    def another() -> None:
        kms.enable_key(KeyId=kms_key_id(engine, key_id))
        sync(engine)

    with meanwhile(engine, "DescribeKey", another):
        report = sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.AVAILABLE
    assert report.accounts[0].changed == 0


def test_a_status_is_as_old_as_the_question(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    answered: list[datetime] = []
    with meanwhile(engine, "DescribeKey", lambda: answered.append(now())):
        sync(engine)
    seen_at = cloud_key_row(engine.store, key_id).status_seen_at
    assert seen_at is not None
    assert seen_at < answered[0]


def test_what_a_server_database_was_told_meanwhile_is_not_overwritten(
    box: Box, tmp_path: Path, postgres_url: str
) -> None:
    root = box.add_account(str(next(_accounts)))
    home = Home(tmp_path / "bastion")
    with Engine.initialise(home, operator="alice", passphrase=Secret("correct horse"), database=postgres_url) as engine:
        with_key_set(engine, box, root)
        key_id = create_cloud_key(engine, new_key())
        with contextlib.closing(kms_client(box, root)) as kms:
            kms.delete_imported_key_material(KeyId=kms_key_id(engine, key_id))
        other = Store(postgres_url)
        written: list[str] = []

        def write_first(*arguments: Any) -> None:
            statement = arguments[2]
            if statement.startswith("UPDATE cloud_key") and not written:
                written.append(statement)
                with other.write() as session:
                    row = session.get_one(CloudKey, key_id)
                    row.cloud_status, row.revision = CloudStatus.DISABLED, row.revision + 1

        sa.event.listen(engine.store.engine, "before_cursor_execute", write_first)
        sync(engine)
        other.close()
        assert written
        assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.DISABLED


def test_an_alias_that_the_list_misses_is_kept(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    with answering(engine, "ListAliases", lambda answer: answer["Aliases"].clear()):
        sync(engine)
    assert cloud_key_row(engine.store, key_id).alias == "alias/payroll-db"


def test_an_alias_that_points_elsewhere_is_dropped(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.update_alias(AliasName="alias/payroll-db", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    sync(engine)
    assert cloud_key_row(engine.store, key_id).alias is None


def test_an_alias_that_was_deleted_and_made_again_is_the_keys_again(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.delete_alias(AliasName="alias/payroll-db")
    sync(engine)
    assert cloud_key_row(engine.store, key_id).alias is None
    kms.create_alias(AliasName="alias/payroll-db", TargetKeyId=kms_key_id(engine, key_id))
    sync(engine)
    assert cloud_key_row(engine.store, key_id).alias == "alias/payroll-db"


def test_an_alias_promised_to_another_cloud_key_is_not_taken_back(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.disable_key(KeyId=kms_key_id(engine, key_id))
    with engine.store.write() as session:
        row = session.get_one(CloudKey, key_id)
        row.alias = None
        session.flush()
        session.add(
            CloudKey(
                key_set_id=row.key_set_id,
                csp_account_id=row.csp_account_id,
                region=REGION,
                name=row.name,
                alias="alias/payroll-db",
            )
        )
    assert not sync(engine).failed
    found = cloud_key_row(engine.store, key_id)
    assert (found.alias, found.cloud_status) == (None, CloudStatus.DISABLED)


def test_a_key_made_while_sync_goes_on_keeps_its_alias(engine: Engine, root: AccessKey) -> None:
    create_cloud_key(engine, new_key())
    made: list[str] = []
    with meanwhile(engine, "ListAliases", lambda: made.append(create_cloud_key(engine, new_key("newer")))):
        sync(engine)
    assert cloud_key_row(engine.store, made[0]).alias == "alias/newer"


def meanwhile(engine: Engine, operation: str, act: Callable[[], object]) -> AbstractContextManager[None]:
    """Act once, when KMS has answered the operation's next call and sync has not heard of it yet."""
    return answering(engine, operation, lambda _: act())


@contextlib.contextmanager
def answering(engine: Engine, operation: str, change: Callable[[dict[str, Any]], object]) -> Iterator[None]:
    """Let the answer to the operation's next call be changed on its way."""
    with engine.store.read() as session:
        account = session.exec(select(CspAccount)).one()
    events = engine.clients.session(account).kms(REGION).client.meta.events
    event, changed = f"after-call.kms.{operation}", False

    def answered(parsed: dict[str, Any], **_: object) -> None:
        nonlocal changed
        if not changed:
            changed = True
            change(parsed)

    events.register(event, answered)
    yield
    events.unregister(event, answered)
    assert changed


def _switch_off(box: Box, key: AccessKey) -> None:
    import boto3

    iam = boto3.client(
        "iam",
        region_name=REGION,
        endpoint_url=box.endpoint,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
    )
    iam.update_access_key(AccessKeyId=key.access_key_id, Status="Inactive")
    iam.close()


def test_a_sync_can_be_stopped_between_keys_and_keeps_what_it_saw(
    engine: Engine, kms: KMSClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kctui.core.sync._BATCH", 1)
    first, second = (create_cloud_key(engine, new_key(name)) for name in ("a", "b"))
    for key_id in (first, second):
        kms.disable_key(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")

    class Stopping(Silent):
        def progress(self, done: int, total: int, what: str) -> None:
            if done == 1:
                raise CancelledError("enough")

    report = sync(engine, observer=Stopping())
    assert (report.cancelled, report.accounts) == (True, ())
    seen = {cloud_key_row(engine.store, key_id).cloud_status for key_id in (first, second)}
    assert seen == {CloudStatus.DISABLED, CloudStatus.AVAILABLE}
    assert not sync(engine).cancelled
