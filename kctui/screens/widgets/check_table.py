"""A table of rows that are held, each with a box to check: Space checks the one under the cursor, a all or none.

It draws lines itself, as `row_table` does: what thousands of rows cost is their list alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from rich.style import Style
from textual import on
from textual.binding import Binding, BindingType
from textual.events import Blur, Focus, Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kctui.screens.widgets.columns import Column, RowT, lay_out
from kctui.screens.widgets.row_lines import RowLines, is_thumb


@dataclass
class CheckChanged(Message):
    """The cursor is on another row, or other rows are checked."""

    table: "CheckTable[Any]"


@dataclass
class CheckEntered(Message):
    """The user is done with choosing."""

    table: "CheckTable[Any]"


class CheckTable(Widget, Generic[RowT], can_focus=True):
    """The table. closed: rows that cannot be checked; they are dim."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False),
        Binding("up,k", "move(-1)", "Row before", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "go(0)", "First row", show=False),
        Binding("end,G", "go(-1)", "Last row", show=False),
        Binding("space", "check", "Choose", show=False),
        Binding("a", "check_all", "All or none", show=False),
        Binding("enter", "enter", "Go on", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "check-table--plain",
        "check-table--dim",
        "check-table--good",
        "check-table--attention",
        "check-table--danger",
        "check-table--header",
        "check-table--cursor",
        "check-table--bar",
    }
    DEFAULT_CSS = """
    CheckTable {
        height: 1fr; width: 1fr; background: $background; color: $foreground;
        .check-table--dim { text-style: dim; }
        .check-table--good { color: $success; }
        .check-table--attention { color: $warning; }
        .check-table--danger { color: $error; }
        .check-table--header { text-style: dim; }
        .check-table--cursor { text-style: bold; }
        .check-table--bar { color: $accent; text-style: bold; }
    }
    """

    def __init__(self, columns: Sequence[Column[RowT]], closed: Callable[[RowT], bool]) -> None:
        super().__init__()
        self.rows: Sequence[RowT] = ()
        self.checked: set[int] = set()
        self._cannot = closed
        self._columns = [Column("", "", 3, self._box), *columns]
        self._places: dict[int, int] = {}
        self._cursor = 0
        self._top = 0
        self._shown: list[tuple[Column[RowT], int]] = []

    def show(self, rows: Sequence[RowT]) -> None:
        """Show rows, none of them checked."""
        self.rows = rows
        self.checked.clear()
        # A box is drawn from its row alone.
        self._places = {id(row): place for place, row in enumerate(rows)}
        self._cursor = self._top = 0
        self.refresh()
        self.post_message(CheckChanged(self))

    @property
    def row(self) -> RowT | None:
        """Give the row under the cursor."""
        return self.rows[self._cursor] if self.rows else None

    @property
    def chosen(self) -> list[RowT]:
        """Give the checked rows, in order."""
        return [self.rows[place] for place in sorted(self.checked)]

    @property
    def _lines(self) -> int:
        return max(1, self.size.height - 1)

    def _box(self, row: RowT) -> str:
        if self._cannot(row):
            return " – "
        return "[x]" if self._places[id(row)] in self.checked else "[ ]"

    # What the keys do

    def action_move(self, steps: int) -> None:
        """Move the cursor."""
        self._move(self._cursor + steps)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful, less one line."""
        self._move(self._cursor + direction * max(1, self._lines - 1))

    def action_go(self, place: int) -> None:
        """Go to the first row, or the last."""
        self._move(place % max(1, len(self.rows)))

    def action_check(self) -> None:
        """Check the row, or no longer; go on to the next one."""
        row = self.row
        if row is not None and not self._cannot(row):
            self.checked ^= {self._cursor}
            self._refresh_row(self._cursor)
            self.post_message(CheckChanged(self))
        self.action_move(1)

    def action_check_all(self) -> None:
        """Check every row that can be; where all are, none."""
        every = {place for place, row in enumerate(self.rows) if not self._cannot(row)}
        self.checked = set() if self.checked == every else every
        self.refresh()
        self.post_message(CheckChanged(self))

    def action_enter(self) -> None:
        """Say that the choice is made."""
        self.post_message(CheckEntered(self))

    def _move(self, place: int) -> None:
        old, top = self._cursor, self._top
        self._cursor = max(0, min(place, len(self.rows) - 1))
        self._clamp()
        if self._top != top:
            self.refresh()
        elif self._cursor != old:
            self._refresh_row(old)
            self._refresh_row(self._cursor)
        if self._cursor != old:
            self.post_message(CheckChanged(self))

    def _clamp(self) -> None:
        self._top = max(0, min(self._top, len(self.rows) - self._lines, self._cursor))
        self._top = max(self._top, self._cursor - self._lines + 1)

    # Drawing

    def _refresh_row(self, place: int) -> None:
        self.refresh(Region(0, place - self._top + 1, self.size.width, 1))

    @on(Resize)
    def _lay_out(self) -> None:
        self._shown = lay_out(self._columns, max(1, self.size.width - 2))
        self._clamp()
        self.refresh()

    @on(Focus)
    @on(Blur)
    def _redraw_cursor(self) -> None:
        self._refresh_row(self._cursor)

    def render_line(self, y: int) -> Strip:
        """Draw one line: the header, or a row."""
        width, place = self.size.width, self._top + y - 1
        if not self._shown or place >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        lines = RowLines(self._shown, width, self._style, self.rich_style)
        if y == 0:
            return lines.header("", descending=False)
        row = self.rows[place]
        return lines.row(
            row,
            dim=self._cannot(row),
            cursor=place == self._cursor,
            focus=self.has_focus,
            thumb=is_thumb(y - 1, self._lines, len(self.rows), 0, self._top),
        )

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"check-table--{name}")
