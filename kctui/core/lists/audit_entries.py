"""The list of audit entries."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from kctui.core.model import AuditEntry
from kctui.core.paging import Paged, contains
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType


@dataclass(frozen=True)
class AuditQuery:
    """Which audit entries."""

    text: str = ""
    type: AuditType | None = None
    category: AuditCategory | None = None
    operator: str | None = None
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
