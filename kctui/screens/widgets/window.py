"""A window of pages around the cursor: however long a list is, only these rows are held."""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from kctui.core.paging import Cursor, Page

RowT = TypeVar("RowT")
PAGE_ROWS = 100
MOST_ROWS = 500


class Source(Protocol[RowT]):
    """A list of the core: pages by key, and a count. Both block."""

    def page(
        self,
        *,
        after: "Cursor | None" = None,
        before: "Cursor | None" = None,
        last: bool = False,
        limit: int = PAGE_ROWS,
    ) -> "Page[RowT]":
        """Give a page."""

    def count(self) -> int:
        """Count the rows."""


class Window(Generic[RowT]):
    """Consecutive pages. offset: the place of the first row in the whole list, where it is known."""

    def __init__(self) -> None:
        self._pages: list[Page[RowT]] = []
        self.rows: list[RowT] = []
        self.offset: int | None = 0

    @property
    def before(self) -> "Cursor | None":
        """Where the list goes on upwards; None at its beginning."""
        return self._pages[0].before if self._pages else None

    @property
    def after(self) -> "Cursor | None":
        """Where the list goes on downwards; None at its end."""
        return self._pages[-1].after if self._pages else None

    def reset(self, pages: "Sequence[Page[RowT]]", offset: int | None) -> None:
        """Hold these pages only."""
        self._pages = list(pages)
        self.offset = 0 if self.before is None else offset
        self._collect()

    def append(self, page: "Page[RowT]") -> int:
        """Add the page that follows. Give by how much the rows before moved up: what was let go of."""
        self._pages.append(page)
        gone = 0
        while len(self._pages) > 1 and self._held() > MOST_ROWS:
            gone += len(self._pages.pop(0).rows)
        if self.offset is not None:
            self.offset += gone
        self._collect()
        return gone

    def prepend(self, page: "Page[RowT]") -> int:
        """Add the page that goes before. Give by how much the rows moved down."""
        self._pages.insert(0, page)
        while len(self._pages) > 1 and self._held() > MOST_ROWS:
            self._pages.pop()
        if page.before is None:
            self.offset = 0
        elif self.offset is not None:
            self.offset = max(0, self.offset - len(page.rows))
        self._collect()
        return len(page.rows)

    def _held(self) -> int:
        return sum(len(page.rows) for page in self._pages)

    def _collect(self) -> None:
        self.rows = [row for page in self._pages for row in page.rows]


class Load(Enum):
    """Which page is asked for."""

    FIRST = "first"
    LAST = "last"
    AFTER = "after"
    BEFORE = "before"
    AGAIN = "again"


def read_pages(
    source: Source[RowT], load: Load, window: Window[RowT], around: "Cursor | None" = None
) -> "list[Page[RowT]]":
    """Read what `load` means for this window. Blocking."""
    if load is Load.LAST:
        return [source.page(last=True, limit=PAGE_ROWS)]
    if load is Load.BEFORE:
        return [source.page(before=window.before, limit=PAGE_ROWS)]
    if load is Load.AFTER:
        return [source.page(after=window.after, limit=PAGE_ROWS)]
    if load is Load.AGAIN:
        return _read_again(source, window)
    if around is not None:
        before = source.page(before=around, limit=PAGE_ROWS // 2)
        if before.before is not None:
            return [source.page(after=before.before, limit=PAGE_ROWS)]
    return [source.page(limit=PAGE_ROWS)]


def _read_again(source: Source[RowT], window: Window[RowT]) -> "list[Page[RowT]]":
    """Read as many rows as are held, page by page: the window lets go of whole pages."""
    pages = [source.page(after=window.before, limit=PAGE_ROWS)]
    while sum(len(page.rows) for page in pages) < len(window.rows) and pages[-1].after is not None:
        pages.append(source.page(after=pages[-1].after, limit=PAGE_ROWS))
    return pages
