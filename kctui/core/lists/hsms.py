"""The list of HSMs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from kctui.core.model import AdminGroup, Hsm, KeySet, KeyVersion
from kctui.core.paging import Paged, contains
from kctui.core.store import Store


@dataclass(frozen=True)
class HsmRow:
    """An HSM as lists show it. key_sets, versions: how many use it. revision: a dialog refuses an outdated row.

    pin_refused_at: the token refused the PIN that the vault has; it is not tried again.
    """

    id: str
    name: str
    group: str
    module: str
    init_args: str | None
    token_label: str
    token_serial: str
    slot: int | None
    manufacturer: str
    token_model: str
    kek_id: str
    sha1_allowed: bool
    export_allowed: bool
    conformance: str
    probed_at: datetime
    pin_refused_at: datetime | None
    reached_at: datetime | None
    unreachable_since: datetime | None
    unreachable_reason: str | None
    key_sets: int
    versions: int
    revision: int
    created_at: datetime


class HsmList(Paged[HsmRow]):
    """HSMs by name, filtered by name or token label."""

    def __init__(self, store: Store, text: str = "") -> None:
        wanted = [contains(text, Hsm.name, Hsm.token_label)] if text else []
        sets = sa.select(sa.func.count()).where(col(KeySet.hsm_id) == Hsm.id).scalar_subquery()
        versions = sa.select(sa.func.count()).where(col(KeyVersion.hsm_id) == Hsm.id).scalar_subquery()
        columns: list[Any] = [
            col(Hsm.id),
            col(Hsm.name),
            col(AdminGroup.name),
            col(Hsm.module),
            col(Hsm.init_args),
            col(Hsm.token_label),
            col(Hsm.token_serial),
            col(Hsm.slot),
            col(Hsm.manufacturer),
            col(Hsm.token_model),
            col(Hsm.kek_id),
            col(Hsm.sha1_allowed),
            col(Hsm.export_allowed),
            col(Hsm.conformance),
            col(Hsm.probed_at),
            col(Hsm.pin_refused_at),
            col(Hsm.reached_at),
            col(Hsm.unreachable_since),
            col(Hsm.unreachable_reason),
            sets,
            versions,
            col(Hsm.revision),
            col(Hsm.created_at),
        ]
        statement = sa.select(*columns)
        super().__init__(
            store,
            statement.join(AdminGroup, col(AdminGroup.id) == Hsm.group_id).where(*wanted),
            sa.select(col(Hsm.id)).where(*wanted),
            col(Hsm.name),
            col(Hsm.id),
            lambda found: HsmRow(*found),
        )
