"""Lists fetched page by page by key: a page begins after the last row of the one before, at any size alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlmodel import func

from kctui.core.store import Store

Row = TypeVar("Row")


@dataclass(frozen=True)
class Cursor:
    """A place in a list: the sort value and the id of a row."""

    value: Any
    id: Any


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and where the list goes on in each direction; None is its end there."""

    rows: tuple[Row, ...]
    before: Cursor | None
    after: Cursor | None


class Paged(Generic[Row]):
    """A filtered, sorted list. statement: the select, without order; its last two columns are sort value and id."""

    def __init__(
        self,
        store: Store,
        statement: sa.Select[Any],
        counted: sa.Select[Any],
        sort: Any,
        row_id: Any,
        make: Callable[[Sequence[Any]], Row],
        *,
        descending: bool = False,
    ) -> None:
        self._store = store
        self._statement = statement.add_columns(sort.label("_sort"), row_id.label("_id"))
        self._counted = counted
        self._sort = sort
        self._row_id = row_id
        self._make = make
        self._descending = descending

    def page(
        self,
        *,
        after: Cursor | None = None,
        before: Cursor | None = None,
        last: bool = False,
        limit: int = 200,
    ) -> Page[Row]:
        """The first `limit` rows; those after or before a cursor; or the last ones. Blocking."""
        backwards = before is not None or last
        cursor = before or after
        down = self._descending != backwards
        statement = self._statement
        place = sa.tuple_(self._sort, self._row_id)
        if cursor is not None:
            there = sa.tuple_(sa.literal(cursor.value, self._sort.type), sa.literal(cursor.id, self._row_id.type))
            statement = statement.where(place < there if down else place > there)
        order = (self._sort.desc(), self._row_id.desc()) if down else (self._sort.asc(), self._row_id.asc())
        with self._store.read() as session:
            found = session.execute(statement.order_by(*order).limit(limit + 1)).all()
        more = len(found) > limit
        found = found[:limit]
        if backwards:
            found = found[::-1]
        first = Cursor(found[0][-2], found[0][-1]) if found else None
        final = Cursor(found[-1][-2], found[-1][-1]) if found else None
        # Coming from a cursor, there is at least one row on its side.
        goes_back = more if backwards else after is not None
        goes_on = before is not None if backwards else more
        return Page(
            tuple(self._make(row[:-2]) for row in found),
            before=first if goes_back else None,
            after=final if goes_on else None,
        )

    def count(self) -> int:
        """How many rows the filter leaves. Blocking."""
        with self._store.read() as session:
            counted = self._counted.with_only_columns(func.count(), maintain_column_froms=True)
            return int(session.execute(counted).scalar_one())


def contains(text: str, *columns: Any) -> sa.ColumnElement[bool]:
    """Whether any of the columns holds the text, in any case as the database knows it."""
    literal = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
    pattern = sa.func.lower(f"%{literal}%")
    return sa.or_(*(sa.func.lower(column).like(pattern, escape="/") for column in columns))
