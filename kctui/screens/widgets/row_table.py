"""A table over a list of the core that holds only the rows around its cursor.

It draws lines itself: the cost of a key press is that of the lines that change, and a list of a hundred thousand
rows opens as fast as one of ten.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic

from rich.style import Style
from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus, Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from kctui.screens.widgets.columns import GAP, Column, RowT, lay_out
from kctui.screens.widgets.row_lines import RowLines, is_thumb
from kctui.screens.widgets.row_messages import (
    RowHighlighted,
    RowsChanged,
    RowsCounted,
    RowsFailed,
    RowsLoaded,
)
from kctui.screens.widgets.threads import in_thread
from kctui.screens.widgets.window import PAGE_ROWS, Load, Source, Window, read_pages

if TYPE_CHECKING:
    from kctui.core.paging import Cursor, Page

# So many rows from an end of the window the next page is asked for. With a window of five pages, the cursor never
# comes so near to one end because a page was let go of at it.
NEAR = PAGE_ROWS // 2


class RowTable(Widget, Generic[RowT], can_focus=True):
    """The table. It asks its source in threads and says by messages what happened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False),
        Binding("up,k", "move(-1)", "Row before", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "first", "First row", show=False),
        Binding("end,G", "last", "Last row", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-table--plain",
        "row-table--dim",
        "row-table--good",
        "row-table--attention",
        "row-table--danger",
        "row-table--header",
        "row-table--cursor",
        "row-table--bar",
    }
    DEFAULT_CSS = """
    RowTable {
        height: 1fr; width: 1fr; background: $background; color: $foreground;
        .row-table--dim { text-style: dim; }
        .row-table--good { color: $success; }
        .row-table--attention { color: $warning; }
        .row-table--danger { color: $error; }
        .row-table--header { text-style: dim; }
        .row-table--cursor { text-style: bold; }
        .row-table--bar { color: $accent; text-style: bold; }
    }
    """

    def __init__(
        self,
        columns: Sequence[Column[RowT]],
        row_id: Callable[[RowT], object],
        *,
        id: str | None = None,  # noqa: A002 -- Textual's own name
        dim_row: Callable[[RowT], bool] = lambda _row: False,
    ) -> None:
        super().__init__(id=id)
        self.columns = columns
        self.sorted_by = ""
        self.descending = False
        self.empty: list[Content] = []
        self.count: int | None = None
        self.loaded = False
        self._row_id = row_id
        self._dim_row = dim_row
        self._source: Source[RowT] | None = None
        self._window: Window[RowT] = Window()
        self._generation = 0
        self._loading: Load | None = None
        self._pending = 0
        self._wanted: object | None = None
        self._cursor = 0
        self._top = 0
        self._shown: list[tuple[Column[RowT], int]] = []

    # What is shown

    @property
    def row(self) -> RowT | None:
        """Give the row under the cursor."""
        rows = self._window.rows
        return rows[self._cursor] if self._cursor < len(rows) else None

    @property
    def position(self) -> int | None:
        """Give the place of the cursor in the whole list, from 0, where it is known."""
        return None if self._window.offset is None else self._window.offset + self._cursor

    @property
    def visible_rows(self) -> list[RowT]:
        """Give the rows that are on the screen."""
        return self._window.rows[self._top : self._top + self._lines]

    @property
    def _lines(self) -> int:
        return max(1, self.size.height - 1)

    # Reading

    def show(self, source: Source[RowT], around: "Cursor | None" = None, row_id: object | None = None) -> None:
        """Show a list from its first row, or with the cursor on the row at a place in it.

        What is shown stays until the list arrives.
        """
        self._source = source
        self._wanted = row_id
        self.count = None
        self._ask(Load.FIRST, around)
        self._ask_count()

    def read_again(self, source: Source[RowT] | None = None) -> None:
        """Read the rows around the cursor anew; the cursor stays on its row."""
        if source is not None:
            self._source = source
        if self._source is None:
            return
        self._ask(Load.AGAIN if self.loaded else Load.FIRST)
        self._ask_count()

    def _ask(self, load: Load, around: "Cursor | None" = None) -> None:
        source, window = self._source, self._window
        if source is None:
            return
        self._generation += load not in {Load.AFTER, Load.BEFORE}
        self._loading = load
        generation = self._generation
        if load not in {Load.AFTER, Load.BEFORE}:
            self._pending = 0

        in_thread(
            self,
            f"read rows ({load.value})",
            lambda: read_pages(source, load, window, around),
            lambda pages: RowsLoaded(generation, load, pages),
            RowsFailed,
        )

    def _ask_count(self) -> None:
        source, generation = self._source, self._generation
        if source is not None:
            in_thread(self, "count rows", source.count, lambda count: RowsCounted(generation, count), RowsFailed)

    @on(RowsCounted)
    def _take_count(self, message: RowsCounted) -> None:
        message.stop()
        if message.generation != self._generation and self.count is not None:
            return
        self.count = message.count
        if self._window.offset is None and self._window.after is None:
            self._window.offset = max(0, message.count - len(self._window.rows))
        self.post_message(RowsChanged(self))
        self.refresh()

    @on(RowsFailed)
    def _forget_load(self) -> None:
        self._loading = None

    @on(RowsLoaded)
    def _take_pages(self, message: RowsLoaded) -> None:
        message.stop()
        if message.generation != self._generation or message.load is not self._loading:
            return
        self._loading = None
        self.loaded = True
        {
            Load.FIRST: self._take_first,
            Load.LAST: self._take_last,
            Load.AFTER: self._take_after,
            Load.BEFORE: self._take_before,
            Load.AGAIN: self._take_again,
        }[message.load](message.pages)
        self._clamp()
        self.refresh()
        self.post_message(RowHighlighted(self, self.row))
        self.post_message(RowsChanged(self))
        self._ask_near_edge()

    def _take_first(self, pages: "list[Page[RowT]]") -> None:
        self._window.reset(pages, None)
        self._top = 0
        wanted, self._wanted = self._wanted, None
        self._cursor = self._index_of(wanted) or 0

    def _take_last(self, pages: "list[Page[RowT]]") -> None:
        rows = len(pages[0].rows)
        self._window.reset(pages, None if self.count is None else self.count - rows)
        self._cursor = rows - 1

    def _take_after(self, pages: "list[Page[RowT]]") -> None:
        self._shift(-self._window.append(pages[0]))

    def _take_before(self, pages: "list[Page[RowT]]") -> None:
        self._shift(self._window.prepend(pages[0]))

    def _shift(self, by: int) -> None:
        """The rows moved within the window: go along, and by what was still to be moved."""
        self._top += by
        self._cursor += by + self._pending
        self._pending = 0

    def _take_again(self, pages: "list[Page[RowT]]") -> None:
        row = self.row
        wanted = None if row is None else self._row_id(row)
        offset = self._window.offset
        # Read from behind the first row that was held.
        self._window.reset(pages, None if offset is None else offset + 1)
        found = self._index_of(wanted)
        if found is not None:
            self._top += found - self._cursor
            self._cursor = found

    def _index_of(self, row_id: object) -> int | None:
        return next((i for i, row in enumerate(self._window.rows) if self._row_id(row) == row_id), None)

    # Moving

    def action_move(self, steps: int) -> None:
        """Move the cursor."""
        self._move(self._cursor + steps)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful, less one line."""
        self._move(self._cursor + direction * max(1, self._lines - 1))

    def action_first(self) -> None:
        """Go to the first row of the whole list."""
        if self._window.before is not None:
            self._ask(Load.FIRST)
        else:
            self._move(0)

    def action_last(self) -> None:
        """Go to the last row of the whole list."""
        if self._window.after is not None:
            self._ask(Load.LAST)
        else:
            self._move(len(self._window.rows) - 1)

    def _move(self, index: int) -> None:
        window = self._window
        beyond = index - (len(window.rows) - 1)
        if beyond > 0 and window.after is not None:
            self._pending = beyond
        elif index < 0 and window.before is not None:
            self._pending = index
        old, top = self._cursor, self._top
        self._cursor = index
        self._clamp()
        if self._top != top:
            self.refresh()
        elif self._cursor != old:
            for line in (old, self._cursor):
                self.refresh(Region(0, line - self._top + 1, self.size.width, 1))
        if self._cursor != old:
            self.post_message(RowHighlighted(self, self.row))
        self._ask_near_edge()

    def _clamp(self) -> None:
        rows = len(self._window.rows)
        self._cursor = max(0, min(self._cursor, rows - 1))
        self._top = max(0, min(self._top, rows - self._lines))
        if self._cursor < self._top:
            self._top = self._cursor
        elif self._cursor >= self._top + self._lines:
            self._top = self._cursor - self._lines + 1

    def _ask_near_edge(self) -> None:
        if self._loading is not None:
            return
        window = self._window
        ahead = len(window.rows) - max(self._cursor + NEAR, self._top + self._lines)
        if window.after is not None and ahead < 0:
            self._ask(Load.AFTER)
        elif window.before is not None and self._cursor < NEAR:
            self._ask(Load.BEFORE)

    # Drawing

    @on(Resize)
    def _lay_out(self) -> None:
        self._shown = lay_out(self.columns, max(1, self.size.width - 2))
        self._clamp()
        self._ask_near_edge()
        self.refresh()

    @on(Focus)
    @on(Blur)
    def _redraw_cursor(self) -> None:
        self.refresh(Region(0, self._cursor - self._top + 1, self.size.width, 1))

    def refresh_ages(self) -> None:
        """Draw anew what changes with time alone."""
        x = 1
        for column, width in self._shown:
            if column.ages:
                self.refresh(Region(x, 1, width, self.size.height - 1))
            x += width + GAP

    def render_line(self, y: int) -> Strip:
        """Draw one line: the header, a row, or what an empty table says."""
        width = self.size.width
        blank = Strip.blank(width, self.rich_style)
        if not self._shown:
            return blank
        lines = RowLines(self._shown, width, self._style, self.rich_style)
        if y == 0:
            return lines.header(self.sorted_by, descending=self.descending)
        index = self._top + y - 1
        rows = self._window.rows
        if index < len(rows):
            row = rows[index]
            return lines.row(
                row,
                dim=self._dim_row(row),
                cursor=index == self._cursor,
                focus=self.has_focus,
                thumb=is_thumb(y - 1, self._lines, self.count, self._window.offset, self._top),
            )
        if self.loaded and not rows and 0 <= y - 2 < len(self.empty):
            return lines.words(self.empty[y - 2].render_segments(self.visual_style))
        return blank

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"row-table--{name}")
