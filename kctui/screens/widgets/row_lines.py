"""How the lines of a table are drawn: styles, never markup, and every cell made safe."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from kctui.screens.widgets.columns import GAP, Column, RowT, Tone, fit

BAR = "▌"
THUMB = "▐"


class RowLines(Generic[RowT]):
    """Draws for one layout. style: gives the style of a component's name; plain: the table's own."""

    def __init__(
        self,
        columns: Sequence[tuple[Column[RowT], int]],
        width: int,
        style: Callable[[str], Style],
        plain: Style,
    ) -> None:
        self._columns = columns
        self._width = width
        self._style = style
        self._plain = plain

    def header(self, sorted_by: str, *, descending: bool) -> Strip:
        """Draw the titles; the one that is sorted by says in which direction."""
        style = self._style("header")
        cells = [Segment(" ", style)]
        for column, width in self._columns:
            title = column.title
            if column.name and column.name == sorted_by:
                title += " ▼" if descending else " ▲"
            cells.append(Segment(fit(title, width, right=column.right) + " " * GAP, style))
        return Strip(cells).adjust_cell_length(self._width, self._plain)

    def row(self, row: RowT, *, dim: bool, cursor: bool, focus: bool, thumb: bool) -> Strip:
        """Draw a row; the cursor is a bar at its left, and bold."""
        base = self._style("cursor" if cursor else "dim" if dim else "plain")
        cells = [Segment(BAR if cursor else " ", self._style("bar" if focus else "dim"))]
        for column, width in self._columns:
            tone = column.tone(row)
            style = base if tone is Tone.PLAIN else base + self._style(tone.value)
            cells.append(Segment(fit(column.text(row), width, right=column.right), style))
            cells.append(Segment(" " * GAP, base))
        strip = Strip(cells).adjust_cell_length(self._width - 1, self._plain)
        return Strip([*strip, Segment(THUMB if thumb else " ", self._style("dim"))], self._width)

    def words(self, segments: Iterable[Segment]) -> Strip:
        """Draw a line of an empty table."""
        return Strip([Segment("  ", self._plain), *segments]).adjust_cell_length(self._width, self._plain)


def is_thumb(line: int, lines: int, count: int | None, offset: int | None, top: int) -> bool:
    """Whether a line shows, at the right edge, where in the whole list the screen is."""
    if offset is None or count is None or count <= lines:
        return False
    size = max(1, lines * lines // count)
    at = (lines - size) * (offset + top) // max(1, count - lines)
    return at <= line < at + size
