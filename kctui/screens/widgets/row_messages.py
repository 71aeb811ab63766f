"""What a table of rows says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

from kctui.core.errors import KctuiError
from kctui.screens.widgets.window import Load

if TYPE_CHECKING:
    from kctui.core.paging import Page
    from kctui.screens.widgets.row_table import RowTable


@dataclass
class RowsLoaded(Message):
    """Pages have arrived."""

    generation: int
    load: Load
    pages: "list[Page[Any]]"


@dataclass
class RowsCounted(Message):
    """The number of rows has arrived. For the table itself; `Changed` follows."""

    generation: int
    count: int


@dataclass
class RowsFailed(Message):
    """The list could not be read."""

    error: KctuiError


@dataclass
class RowHighlighted(Message):
    """The cursor is on another row, or on the same row read anew; None where there is none."""

    table: "RowTable[Any]"
    row: Any

    @property
    def control(self) -> "RowTable[Any]":
        """Give the table, for `@on` selectors."""
        return self.table


@dataclass
class RowsChanged(Message):
    """Rows or their number changed."""

    table: "RowTable[Any]"
