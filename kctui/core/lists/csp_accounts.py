"""The list of CSP Accounts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from kctui.core.model import AdminGroup, CspAccount, KeySet, Operation, Schedule
from kctui.core.paging import Paged, contains
from kctui.core.store import Store
from kctui.core.words import CredentialKind, OperationKind, ScheduleKind


class AccountSort(StrEnum):
    """What CSP Accounts can be sorted by."""

    NAME = "CSP Account Name"
    DESCRIPTION = "Description"
    ACCOUNT = "AWS account"
    REGION = "Region"


@dataclass(frozen=True)
class CspAccountRow:
    """A CSP Account as lists show it. key_sets: how many use it. rotates_at: when its access key is due next.

    busy: an operation on it is open.
    """

    id: str
    name: str
    description: str
    group: str
    aws_account_id: str
    caller_arn: str
    credential_kind: CredentialKind
    access_key_id: str
    profile: str | None
    role_arn: str | None
    external_id: str | None
    rotation_days: int | None
    rotates_at: datetime | None
    credential_rotated_at: datetime | None
    region: str
    endpoint_url: str | None
    partition: str
    key_sets: int
    reached_at: datetime | None
    unreachable_since: datetime | None
    unreachable_reason: str | None
    created_at: datetime
    revision: int
    busy: OperationKind | None


_ACCOUNT_SORTS: dict[AccountSort, Any] = {
    AccountSort.NAME: col(CspAccount.name),
    AccountSort.DESCRIPTION: col(CspAccount.description),
    AccountSort.ACCOUNT: col(CspAccount.aws_account_id),
    AccountSort.REGION: col(CspAccount.region),
}


class CspAccountList(Paged[CspAccountRow]):
    """CSP Accounts, filtered by name, description or AWS account id."""

    def __init__(
        self, store: Store, text: str = "", sort: AccountSort = AccountSort.NAME, *, descending: bool = False
    ) -> None:
        wanted = [contains(text, CspAccount.name, CspAccount.description, CspAccount.aws_account_id)] if text else []
        sets = sa.select(sa.func.count()).where(col(KeySet.csp_account_id) == CspAccount.id).scalar_subquery()
        due = (
            sa.select(col(Schedule.due_at))
            .where(col(Schedule.target_id) == CspAccount.id, col(Schedule.kind) == ScheduleKind.ROTATE_CREDENTIAL)
            .scalar_subquery()
        )
        busy = sa.select(col(Operation.kind)).where(col(Operation.subject) == CspAccount.id).scalar_subquery()
        columns: tuple[Any, ...] = (
            col(CspAccount.id),
            col(CspAccount.name),
            col(CspAccount.description),
            col(AdminGroup.name),
            col(CspAccount.aws_account_id),
            col(CspAccount.caller_arn),
            col(CspAccount.credential_kind),
            col(CspAccount.access_key_id),
            col(CspAccount.profile),
            col(CspAccount.role_arn),
            col(CspAccount.external_id),
            col(CspAccount.rotation_days),
            due,
            col(CspAccount.credential_rotated_at),
            col(CspAccount.region),
            col(CspAccount.endpoint_url),
            col(CspAccount.partition),
            sets,
            col(CspAccount.reached_at),
            col(CspAccount.unreachable_since),
            col(CspAccount.unreachable_reason),
            col(CspAccount.created_at),
            col(CspAccount.revision),
            busy,
        )
        statement: sa.Select[Any] = sa.select(*columns)
        super().__init__(
            store,
            statement.join(AdminGroup, col(AdminGroup.id) == CspAccount.group_id).where(*wanted),
            sa.select(col(CspAccount.id)).where(*wanted),
            _ACCOUNT_SORTS[sort],
            col(CspAccount.id),
            lambda found: CspAccountRow(*found),
            descending=descending,
        )
