"""Sync: what KMS says of our keys now, kept as Cloud Status with its time. One account's failure stops no other."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from kctui.core.absence import is_doomed, without_key
from kctui.core.accounts import find_account, note_reach
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal
from kctui.core.aws.identity import require_same_account
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import CancelledError, KctuiError
from kctui.core.lists import managed_key_ids
from kctui.core.model import CloudKey, CspAccount, Operation
from kctui.core.observer import Observer, Silent
from kctui.core.version_sync import sync_versions
from kctui.core.words import CloudStatus, KeySource, StepState

WORKERS = 16
_BATCH = 100


@dataclass(frozen=True)
class AccountSync:
    """What a sync found in one CSP Account. unmanaged: keys of its regions that are no CloudKeys of ours.

    error: why it, or the first of its regions that failed, could not be asked. The counts are of the others.
    """

    name: str
    keys: int
    changed: int
    unmanaged: int
    error: KctuiError | None = None


@dataclass(frozen=True)
class SyncReport:
    """What a sync found. cancelled: it was stopped between two keys; what was seen until then is kept."""

    accounts: tuple[AccountSync, ...]
    at: datetime
    cancelled: bool = False

    @property
    def failed(self) -> bool:
        """Whether any account could not be asked."""
        return any(account.error for account in self.accounts)


@dataclass(frozen=True)
class _Seen:
    """What KMS said of a key of ours. row: as it was before KMS was asked, at `at`; key: None where it has none."""

    row: CloudKey
    at: datetime
    key: KmsKey | None
    status: CloudStatus
    alias: str | None


def sync(engine: Engine, *, account: str | None = None, observer: Observer | None = None) -> SyncReport:
    """Ask KMS for every CloudKey of all CSP Accounts, or of one.

    sts:GetCallerIdentity, and kms:ListKeys, kms:ListAliases, kms:DescribeKey in each region that holds CloudKeys,
    within AWS's quotas. The observer may cancel it between keys.
    """
    observer = observer or Silent()
    engine.require_writable("Refresh")
    with engine.store.read() as session:
        statement = select(CspAccount).order_by(CspAccount.name)
        accounts = [find_account(session, account)] if account else list(session.exec(statement))
    accounts = [row for row in accounts if row.group_id in engine.keyring.groups]
    watched = observer

    def one(row: CspAccount) -> AccountSync | None:
        try:
            result = _sync_account(engine, row, watched)
        except CancelledError:
            return None
        except KctuiError as error:
            note_reach(engine, row.id, error)
            watched.step(row.name, StepState.FAILED, error.title)
            return AccountSync(row.name, 0, 0, 0, error)
        note_reach(engine, row.id, None)
        return result

    with ThreadPoolExecutor(4, thread_name_prefix="kctui-sync") as pool:
        found = [account for account in pool.map(one, accounts) if account is not None]
    return SyncReport(tuple(found), now(), cancelled=len(found) < len(accounts))


def _sync_account(engine: Engine, account: CspAccount, observer: Observer) -> AccountSync:
    observer.step(account.name, StepState.INTENDED)
    aws = engine.clients.session(account)
    require_same_account(account, aws)
    with engine.store.read() as session:
        regions = list(
            session.exec(select(CloudKey.region).where(CloudKey.csp_account_id == account.id).distinct())
        ) or [account.region]
    found, failures = [], []
    for region in sorted(regions):
        observer.progress(0, len(regions), f"{account.name} {region}")
        try:
            found.append(_sync_region(engine, account, aws.kms(region), observer))
        except (AwsRefusedError, AwsUnreachableError) as error:
            # A region may be switched off or forbidden by itself.
            failures.append(error)
            observer.step(f"{account.name} {region}", StepState.FAILED, error.title)
    if not found:
        raise failures[0]
    keys, changed, unmanaged = (sum(column) for column in zip(*found, strict=True))
    outcome = StepState.FAILED if failures else StepState.DONE
    observer.step(account.name, outcome, f"{keys} {'CloudKey' if keys == 1 else 'CloudKeys'}, {changed} changed")
    return AccountSync(account.name, keys, changed, unmanaged, failures[0] if failures else None)


def _sync_region(engine: Engine, account: CspAccount, kms: Kms, observer: Observer) -> tuple[int, int, int]:
    """How many keys were asked for, how many had changed, and how many are there that are not ours."""
    ours = _ours(engine, account.id, kms.region)
    there = set(kms.key_ids())
    aliases = {alias.name: alias.key_id for alias in kms.aliases()}
    # A key that is gone is gone, unless KMS lists it all the same.
    asked = [row for row in ours if row.cloud_status is not CloudStatus.DELETED or row.kms_key_id in there]
    changed = done = 0
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="kctui-describe") as pool:
        batch: list[_Seen] = []
        try:
            for seen in pool.map(lambda row: _look(kms, there, aliases, row), asked):
                batch.append(seen)
                done += 1
                if len(batch) >= _BATCH:
                    changed += _keep(engine, batch)
                    batch.clear()
                    observer.progress(done, len(asked), f"{account.name} {kms.region}")
        except CancelledError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        changed += _keep(engine, batch)
    sync_versions(engine, kms, account.id)
    return len(asked), changed, len(there - managed_key_ids(engine.store, account.aws_account_id, kms.region))


def _ours(engine: Engine, account_id: str, region: str) -> list[CloudKey]:
    """Our keys in a region, but for those that KMS has not made yet."""
    with engine.store.read() as session:
        return list(
            session.exec(
                select(CloudKey).where(
                    CloudKey.csp_account_id == account_id,
                    CloudKey.region == region,
                    col(CloudKey.kms_key_id).is_not(None),
                )
            )
        )


def _look(kms: Kms, there: set[str], aliases: dict[str, str | None], row: CloudKey) -> _Seen:
    key_id, at = row.kms_key_id or "", now()
    try:
        key = kms.describe(key_id)
    except AwsRefusedError as error:
        if error.refusal is not Refusal.NOT_FOUND:
            raise
        status = CloudStatus.DELETED
        if row.cloud_status is not status:
            status = without_key(doomed=is_doomed(row), listed=key_id in there)
        return _Seen(row, at, None, status, None if status is CloudStatus.DELETED else row.alias)
    return _Seen(row, at, key, key.status, _alias(kms, aliases, row))


def _alias(kms: Kms, aliases: dict[str, str | None], row: CloudKey) -> str | None:
    """The alias that is the key's: the recorded one, or that of its name where it has come back."""
    alias = row.alias or f"alias/{row.name}"
    if aliases.get(alias) == row.kms_key_id:
        return alias
    if row.alias is None:
        return None
    # The list may lag behind, and a name once given up may be taken by another key.
    try:
        held = kms.describe(alias)
    except AwsRefusedError as error:
        if error.refusal is not Refusal.NOT_FOUND:
            raise
        return None
    return alias if held.key_id == row.kms_key_id else None


def _keep(engine: Engine, batch: Iterable[_Seen]) -> int:
    """Write what was seen; how many had changed."""
    with engine.store.write() as session:
        return sum(_keep_one(session, seen) for seen in batch)


def _keep_one(session: Session, seen: _Seen) -> bool:
    values = _values(seen)
    changed = any(getattr(seen.row, name) != value for name, value in values.items())
    values |= {"status_seen_at": seen.at, "revision": seen.row.revision + changed}
    if seen.row.alias is None and seen.alias is not None:
        try:
            with session.begin_nested():
                return _update(session, seen, values)
        except IntegrityError:
            # Another CloudKey has been promised that name.
            return _keep_one(session, replace(seen, alias=None))
    return _update(session, seen, values) and changed


def _values(seen: _Seen) -> dict[str, Any]:
    """The row's columns as KMS has them."""
    values: dict[str, Any] = {"cloud_status": seen.status, "alias": seen.alias}
    if seen.key is not None:
        values["deletion_date"] = seen.key.deletion_date
        values["description"] = seen.key.description
        values["key_arn"] = seen.key.arn
        # A date that has passed says when our copy must be uploaded again; of AWS's material only AWS knows.
        ours = seen.row.key_source is KeySource.KCTUI
        if seen.key.valid_to is not None or seen.status is CloudStatus.AVAILABLE or not ours:
            values["expires_at"] = seen.key.valid_to
    elif seen.status is CloudStatus.DELETED:
        values["deletion_date"] = None
    return values


def _update(session: Session, seen: _Seen, values: dict[str, Any]) -> bool:
    """Write, unless an operation or another sync wrote what is newer, or an open operation will: it asks KMS itself.

    One statement, so that nothing comes between the question and the answer on any database.
    """
    statement = (
        sa.update(CloudKey)
        .where(
            col(CloudKey.id) == seen.row.id,
            col(CloudKey.revision) == seen.row.revision,
            sa.or_(col(CloudKey.status_seen_at).is_(None), col(CloudKey.status_seen_at) < seen.at),
            ~sa.exists().where(col(Operation.subject) == CloudKey.id),
        )
        .values(values)
    )
    result = session.connection().execute(statement)
    return result.rowcount == 1
