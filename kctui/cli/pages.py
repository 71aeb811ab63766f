"""Every row of a list that the core gives page by page."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from kctui.core.paging import Paged

Row = TypeVar("Row")
_PAGE = 1000


def every(rows: "Paged[Row]", limit: int | None = None) -> Iterator[Row]:
    """The rows in order, at most `limit` of them."""
    left = limit
    page = rows.page(limit=_PAGE if left is None else min(_PAGE, left))
    while True:
        yield from page.rows
        if left is not None:
            left -= len(page.rows)
        if page.after is None or left == 0:
            return
        page = rows.page(after=page.after, limit=_PAGE if left is None else min(_PAGE, left))
