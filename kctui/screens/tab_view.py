"""What the four tabs have in common: a line with pickers, filter and count, and the table below it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from kctui.actions import reason_against
from kctui.core.text import safe
from kctui.screens.state import ConsoleState, Overview, Tab
from kctui.screens.widgets.columns import Column
from kctui.screens.widgets.row_messages import RowsChanged
from kctui.screens.widgets.row_table import RowTable
from kctui.screens.widgets.sections import Section
from kctui.screens.widgets.window import Source
from kctui.screens.wording import number, plain

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.paging import Cursor

TYPING_PAUSE = 0.15


class FilterInput(Input):
    """The filter of a table: it filters while one types; Enter and Down go to the table, Esc clears."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", show=False),
        Binding("down", "leave", "To the table", show=False),
    ]

    class Left(Message):
        """The user is done with the filter."""

    def action_clear(self) -> None:
        """Forget the filter."""
        self.value = ""
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Go to the table."""
        self.post_message(self.Left())


@dataclass(frozen=True)
class Query:
    """What a tab asks its list for."""

    text: str = ""
    sort: str = ""
    descending: bool = False
    key_set_id: str | None = None
    region: str | None = None


class TabView(Vertical):
    """One tab. Subclasses say what is listed, in which columns, and what is known of a row."""

    tab: ClassVar[Tab]
    things: ClassVar[str]
    first_sort: ClassVar[str] = ""
    first_descending: ClassVar[bool] = False
    sorts: ClassVar[Sequence[str]] = ()
    # Whether the details are more than the row.
    deep: ClassVar[bool] = False
    DEFAULT_CSS = """
    TabView { height: 1fr; width: 1fr; }
    TabView > .list-line { height: 1; width: 1fr; }
    TabView .pickers { width: auto; height: 1; max-width: 60%; }
    TabView .slash { width: 3; height: 1; text-style: dim; }
    TabView FilterInput, TabView FilterInput:focus { width: 1fr; max-width: 32; border: none; padding: 0; }
    TabView .space { width: 1fr; height: 1; }
    TabView .count { width: auto; height: 1; text-align: right; padding-right: 1; }
    """

    @dataclass
    class Asked(Message):
        """The filter was changed: the tab shows another list."""

        view: "TabView"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(id=self.tab.value)
        self.clock = clock
        self.query_now = Query(sort=self.first_sort, descending=self.first_descending)
        self.state = ConsoleState()
        self._timer: Timer | None = None

    # What subclasses say

    def columns(self) -> Sequence[Column[Any]]:
        """Say what the table shows."""
        raise NotImplementedError

    def source(self, engine: "Engine", query: Query) -> Source[Any]:
        """Make the list for a query. It is read in threads."""
        raise NotImplementedError

    def place(self, engine: "Engine", overview: Overview, row_id: str) -> "Cursor | None":
        """Find where a row stands in the list sorted by `first_sort`. Blocking; None where it is not known."""
        raise NotImplementedError

    def read_details(self, engine: "Engine", row: Any) -> Any:
        """Read what is known of a row beyond the row. Blocking."""
        return row

    def sections(self, row: Any, details: Any) -> Sequence[Section]:
        """Say what is known, page by page. details: None until `read_details` has answered."""
        raise NotImplementedError

    def document(self, row: Any, details: Any) -> object:
        """Everything that is known of a row, as JSON can hold it."""
        return plain(details if details is not None else row)

    def copyable(self, row: Any) -> tuple[str, str]:
        """Give the row's id, and what it is called."""
        return str(row.id), "id"

    def pickers(self, state: ConsoleState) -> Content:
        """Say what the pickers show; nothing where there are none."""
        return Content("")

    def dim_row(self, row: Any) -> bool:
        """Whether what is known of a row may be outdated because AWS is out of reach."""
        return False

    def row_id(self, row: Any) -> object:
        """Tell rows apart."""
        return row.id

    # What is the same everywhere

    def compose(self) -> ComposeResult:
        """The line and the table."""
        with Horizontal(classes="list-line"):
            yield Static("", classes="pickers", markup=False)
            yield Static(" / ", classes="slash", markup=False)
            yield FilterInput(placeholder="filter", select_on_focus=False, compact=True)
            yield Static("", classes="space", markup=False)
            yield Static("", classes="count", markup=False)
        table = RowTable(self.columns(), self.row_id, dim_row=self.dim_row)
        table.sorted_by, table.descending = self.query_now.sort, self.query_now.descending
        yield table

    @property
    def table(self) -> RowTable[Any]:
        """Give the table."""
        return self.query_one(RowTable)

    def focus_filter(self) -> None:
        """Let the user type into the filter."""
        self.query_one(FilterInput).focus()

    def set_filter(self, text: str) -> None:
        """Filter by a text that was not typed."""
        field = self.query_one(FilterInput)
        with field.prevent(Input.Changed):
            field.value = text
        self.query_now = Query(text, *self._rest())

    def _rest(self) -> tuple[str, bool, str | None, str | None]:
        query = self.query_now
        return query.sort, query.descending, query.key_set_id, query.region

    @property
    def filtered(self) -> bool:
        """Whether rows are kept back that Esc brings back."""
        return bool(self.query_now.text)

    def clear_filter(self) -> None:
        """Keep no row back."""
        self.set_filter("")

    def show_state(self, state: ConsoleState) -> None:
        """Show the pickers, the count and the empty table's words for this state."""
        self.state = state
        pickers = self.pickers(state)
        line = self.query_one(".pickers", Static)
        line.update(pickers)
        line.display = bool(pickers)
        self.table.empty = self._empty_words(state)
        self._show_count()

    def _empty_words(self, state: ConsoleState) -> list[Content]:
        if self.query_now.text:
            told = safe(self.query_now.text)
            return [Content(f"No {self.things} has “{told}” in it. Esc clears the filter.")]
        return self.empty_words(state)

    def empty_words(self, state: ConsoleState) -> list[Content]:
        """Say what to do next where there is nothing yet: the three steps, with the next one lit."""
        overview = state.overview
        steps = (
            ("Add CSP Account", "the credentials for an AWS account", bool(overview.accounts)),
            ("Create Key Set", "a set for the CloudKeys of that account", bool(overview.key_sets)),
            ("Create CloudKey", "key material made here and brought to AWS KMS", bool(overview.cloud_keys)),
        )
        following = next((i for i, step in enumerate(steps) if not step[2]), len(steps))
        words = "Three steps bring the first key to the cloud." if not overview.cloud_keys else "Nothing here yet."
        lines = [Content(words), Content("")]
        for i, (title, told, done) in enumerate(steps):
            mark = "✓" if done else str(i + 1)
            text = f" {mark}  {title:<20} {told}"
            if i == following:
                lines.append(Content.styled(f"{text}", "bold $accent"))
                reason = reason_against("create", state)
                begin = f"not now: {reason}" if reason else "press c to begin"
                lines.append(Content.styled(f"    {begin}", "$accent"))
            else:
                lines.append(Content.styled(text, "dim"))
        return lines

    def _show_count(self) -> None:
        count, total = self.table.count, self.total(self.state)
        narrowed = self.filtered or self.query_now.key_set_id or self.query_now.region
        words = f"{number(count)} of {number(total)}" if narrowed and total is not None else number(count)
        self.query_one(".count", Static).update(Content(words))

    def total(self, state: ConsoleState) -> int | None:
        """How many rows there are without a filter, where that is known."""
        return None

    @on(RowsChanged)
    def _rows_changed(self) -> None:
        self._show_count()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(TYPING_PAUSE, self._apply_filter)

    @on(Input.Submitted)
    @on(FilterInput.Left)
    def _typed_out(self, event: Message) -> None:
        event.stop()
        self._apply_filter()
        self.table.focus()

    def _apply_filter(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self.query_one(FilterInput).value.strip()
        if text != self.query_now.text:
            self.query_now = Query(text, *self._rest())
            self.post_message(self.Asked(self))
