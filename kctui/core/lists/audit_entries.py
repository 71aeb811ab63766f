"""The list of audit entries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from kctui.core.model import AuditEntry
from kctui.core.paging import Paged, contains
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType


@dataclass(frozen=True)
class AuditObject:
    """A thing that entries tell of, by its exact name. kind: as entries call it, such as CloudKey; "" is any."""

    name: str
    kind: str = ""

    @classmethod
    def parse(cls, text: str) -> "AuditObject | None":
        """From `payroll-db` or `CloudKey=payroll-db`; None where nothing is written."""
        kind, is_kind, name = text.partition("=")
        found = cls(name.strip(), kind.strip()) if is_kind else cls(text.strip())
        return found if found.name else None


@dataclass(frozen=True)
class AuditQuery:
    """Which audit entries. since is the first moment, until the first one after."""

    text: str = ""
    type: AuditType | None = None
    category: AuditCategory | None = None
    operator: str | None = None
    object: AuditObject | None = None
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = True


class AuditList(Paged[AuditEntry]):
    """Audit entries, in the order they were written."""

    def __init__(self, store: Store, query: AuditQuery) -> None:
        wanted: list[sa.ColumnElement[bool]] = []
        if query.text:
            wanted.append(contains(query.text, AuditEntry.message, AuditEntry.operator))
        if query.type:
            wanted.append(col(AuditEntry.type) == query.type)
        if query.category:
            wanted.append(col(AuditEntry.category) == query.category)
        if query.operator:
            wanted.append(col(AuditEntry.operator) == query.operator)
        if query.object:
            wanted.append(_tells_of(query.object, sqlite=store.is_sqlite))
        if query.since:
            wanted.append(col(AuditEntry.time) >= query.since)
        if query.until:
            wanted.append(col(AuditEntry.time) < query.until)
        statement: sa.Select[Any] = sa.select(AuditEntry)
        super().__init__(
            store,
            statement.where(*wanted),
            sa.select(col(AuditEntry.seq)).where(*wanted),
            col(AuditEntry.seq),
            col(AuditEntry.seq),
            lambda found: found[0],
            descending=query.newest_first,
        )


def _tells_of(thing: AuditObject, *, sqlite: bool) -> sa.ColumnElement[bool]:
    """Whether an entry's objects hold this one. A kind is known in any case, with or without spaces and hyphens."""
    each = sa.func.json_each if sqlite else sa.func.json_each_text
    objects = each(col(AuditEntry.objects)).table_valued(sa.column("key", sa.String), sa.column("value", sa.String))
    wanted = [objects.c.value == thing.name]
    if thing.kind:
        kind = thing.kind.lower().replace(" ", "").replace("-", "")
        wanted.append(sa.func.replace(sa.func.lower(objects.c.key), " ", "") == kind)
    return sa.select(sa.literal(1)).select_from(objects).where(*wanted).correlate(AuditEntry).exists()
