"""The lists of CloudKeys, and finding one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select

from kctui.core.errors import ConflictError, NotFoundError
from kctui.core.model import CloudKey, CspAccount, KeySet, KeyVersion, Operation, Schedule, UtcDateTime
from kctui.core.ownership import owner_lives
from kctui.core.paging import Paged, contains
from kctui.core.store import Store
from kctui.core.words import CloudStatus, KeySource, KeySpec, KeyUsage, OperationKind, ScheduleKind

_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
# Before any sight of KMS, and a date in every time zone: PostgreSQL gives dates in its own.
_FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)


class CloudKeySort(StrEnum):
    """What CloudKeys can be sorted by."""

    NAME = "CloudKey Name"
    DESCRIPTION = "Description"
    SOURCE = "Source"
    EXPIRES = "Expires"
    ROTATES = "Rotates"
    STATUS = "Cloud Status"
    SEEN = "Seen"


@dataclass(frozen=True)
class CloudKeyQuery:
    """Which CloudKeys, in which order. None: of all Key Sets, of all regions."""

    key_set_id: str | None = None
    region: str | None = None
    text: str = ""
    sort: CloudKeySort = CloudKeySort.NAME
    descending: bool = False


@dataclass(frozen=True)
class CloudKeyRow:
    """A CloudKey as lists show it. busy: the open operation; needs_recovery: whose owner is dead."""

    id: str
    name: str
    key_set: str
    key_set_id: str
    account: str
    account_id: str
    region: str
    description: str
    key_source: KeySource
    expires_at: datetime | None
    rotates_at: datetime | None
    rotation_days: int | None
    cloud_status: CloudStatus
    status_seen_at: datetime | None
    deletion_date: datetime | None
    kms_key_id: str | None
    key_arn: str | None
    alias: str | None
    key_spec: KeySpec
    key_usage: KeyUsage
    revision: int
    busy: OperationKind | None
    needs_recovery: bool
    created_at: datetime


_KEY_SORTS: dict[CloudKeySort, Any] = {
    CloudKeySort.NAME: col(CloudKey.name),
    CloudKeySort.DESCRIPTION: col(CloudKey.description),
    CloudKeySort.SOURCE: sa.type_coerce(col(CloudKey.key_source), sa.String),
    CloudKeySort.EXPIRES: sa.func.coalesce(col(CloudKey.expires_at), sa.literal(_LAST_DAY, UtcDateTime())),
    CloudKeySort.ROTATES: sa.func.coalesce(col(Schedule.due_at), sa.literal(_LAST_DAY, UtcDateTime())),
    CloudKeySort.STATUS: sa.type_coerce(col(CloudKey.cloud_status), sa.String),
    CloudKeySort.SEEN: sa.func.coalesce(col(CloudKey.status_seen_at), sa.literal(_FIRST_DAY, UtcDateTime())),
}


def _cloud_key_select() -> sa.Select[Any]:
    entities: tuple[Any, ...] = (CloudKey, col(KeySet.name), col(CspAccount.name), col(Schedule.due_at), Operation)
    statement: sa.Select[Any] = sa.select(*entities)
    return (
        statement.join(KeySet, col(KeySet.id) == CloudKey.key_set_id)
        .join(CspAccount, col(CspAccount.id) == CloudKey.csp_account_id)
        .outerjoin(
            Schedule,
            sa.and_(col(Schedule.kind) == ScheduleKind.ROTATE_CLOUD_KEY, col(Schedule.target_id) == CloudKey.id),
        )
        .outerjoin(Operation, col(Operation.subject) == CloudKey.id)
    )


def _cloud_key_row(found: Sequence[Any]) -> CloudKeyRow:
    key, key_set, account, due_at, operation = found
    return CloudKeyRow(
        id=key.id,
        name=key.name,
        key_set=key_set,
        key_set_id=key.key_set_id,
        account=account,
        account_id=key.csp_account_id,
        region=key.region,
        description=key.description,
        key_source=key.key_source,
        expires_at=key.expires_at,
        rotates_at=due_at,
        rotation_days=key.rotation_days,
        cloud_status=key.cloud_status,
        status_seen_at=key.status_seen_at,
        deletion_date=key.deletion_date,
        kms_key_id=key.kms_key_id,
        key_arn=key.key_arn,
        alias=key.alias,
        key_spec=key.key_spec,
        key_usage=key.key_usage,
        revision=key.revision,
        busy=operation.kind if operation else None,
        needs_recovery=operation is not None
        and not owner_lives(operation.owner_host, operation.owner_process, operation.owner_seen_at),
        created_at=key.created_at,
    )


class CloudKeyList(Paged[CloudKeyRow]):
    """CloudKeys by a query."""

    def __init__(self, store: Store, query: CloudKeyQuery) -> None:
        wanted: list[sa.ColumnElement[bool]] = []
        if query.key_set_id:
            wanted.append(col(CloudKey.key_set_id) == query.key_set_id)
        if query.region:
            wanted.append(col(CloudKey.region) == query.region)
        if query.text:
            # An earlier KMS key, left by a rotation, is found under its CloudKey.
            earlier = sa.exists().where(
                col(KeyVersion.cloud_key_id) == CloudKey.id, contains(query.text, KeyVersion.kms_key_id)
            )
            wanted.append(
                sa.or_(contains(query.text, CloudKey.name, CloudKey.description, CloudKey.kms_key_id), earlier)
            )
        super().__init__(
            store,
            _cloud_key_select().where(*wanted),
            sa.select(col(CloudKey.id)).where(*wanted),
            _KEY_SORTS[query.sort],
            col(CloudKey.id),
            _cloud_key_row,
            descending=query.descending,
        )


def regions_in_use(store: Store, key_set_id: str | None = None) -> list[str]:
    """The regions in which there are CloudKeys, of one Key Set or of all."""
    statement = select(CloudKey.region).distinct().order_by(col(CloudKey.region))
    if key_set_id:
        statement = statement.where(CloudKey.key_set_id == key_set_id)
    with store.read() as session:
        return list(session.exec(statement))


def cloud_key_row(store: Store, cloud_key_id: str) -> CloudKeyRow:
    """One CloudKey by its id. Raises NotFoundError."""
    with store.read() as session:
        found = session.execute(_cloud_key_select().where(col(CloudKey.id) == cloud_key_id)).one_or_none()
    if found is None:
        raise NotFoundError("That CloudKey is no longer there", remedy="Refresh.")
    return _cloud_key_row(found)


def find_cloud_key(store: Store, name: str, *, key_set: str | None = None, region: str | None = None) -> CloudKeyRow:
    """The CloudKey of this name; the one that holds the alias, where an earlier one had it too.

    Raises NotFoundError, and ConflictError when several Key Sets or regions have one.
    """
    statement = _cloud_key_select().where(col(CloudKey.name) == name)
    if key_set:
        statement = statement.where(col(KeySet.name) == key_set)
    if region:
        statement = statement.where(col(CloudKey.region) == region)
    with store.read() as session:
        rows = [_cloud_key_row(found) for found in session.execute(statement)]
    rows = [row for row in rows if row.alias] or rows
    where = " ".join(f"in {part}" for part in (key_set, region) if part)
    if not rows:
        raise NotFoundError(
            f"There is no CloudKey {name} {where}".rstrip(), remedy="`kctui key list` shows what there is."
        )
    if len(rows) > 1:
        raise ConflictError(
            f"{len(rows)} CloudKeys are named {name}",
            detail=", ".join(f"{row.key_set} in {row.region}" for row in rows[:5]),
            remedy="Say which: --key-set and --region.",
        )
    return rows[0]
