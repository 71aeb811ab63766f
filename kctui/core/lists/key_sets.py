"""The list of Key Sets."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from kctui.core.model import AdminGroup, CloudKey, CspAccount, Hsm, KeySet
from kctui.core.paging import Paged, contains
from kctui.core.store import Store
from kctui.core.words import RotationMethod


class KeySetSort(StrEnum):
    """What Key Sets can be sorted by."""

    NAME = "Key Set Name"
    DESCRIPTION = "Description"
    GROUP = "Admin Group"
    ACCOUNT = "CSP Account"


@dataclass(frozen=True)
class KeySetRow:
    """A Key Set as lists show it. hsm: None for software. cloud_keys: how many it has.

    revision: a dialog refuses an outdated row.
    """

    id: str
    name: str
    description: str
    group: str
    account: str
    account_id: str
    hsm: str | None
    rotation_days: int | None
    rotation_method: RotationMethod
    cloud_keys: int
    revision: int
    created_at: datetime


_SET_SORTS: dict[KeySetSort, Any] = {
    KeySetSort.NAME: col(KeySet.name),
    KeySetSort.DESCRIPTION: col(KeySet.description),
    KeySetSort.GROUP: col(AdminGroup.name),
    KeySetSort.ACCOUNT: col(CspAccount.name),
}


class KeySetList(Paged[KeySetRow]):
    """Key Sets, filtered by name or description."""

    def __init__(
        self, store: Store, text: str = "", sort: KeySetSort = KeySetSort.NAME, *, descending: bool = False
    ) -> None:
        wanted = [contains(text, KeySet.name, KeySet.description)] if text else []
        keys = sa.select(sa.func.count()).where(col(CloudKey.key_set_id) == KeySet.id).scalar_subquery()
        statement: sa.Select[Any] = sa.select(
            col(KeySet.id),
            col(KeySet.name),
            col(KeySet.description),
            col(AdminGroup.name),
            col(CspAccount.name),
            col(CspAccount.id),
            col(Hsm.name),
            col(KeySet.rotation_days),
            col(KeySet.rotation_method),
            keys,
            col(KeySet.revision),
            col(KeySet.created_at),
        )
        super().__init__(
            store,
            statement.join(AdminGroup, col(AdminGroup.id) == KeySet.group_id)
            .join(CspAccount, col(CspAccount.id) == KeySet.csp_account_id)
            .outerjoin(Hsm, col(Hsm.id) == KeySet.hsm_id)
            .where(*wanted),
            sa.select(col(KeySet.id)).where(*wanted),
            _SET_SORTS[sort],
            col(KeySet.id),
            lambda found: KeySetRow(*found),
            descending=descending,
        )
