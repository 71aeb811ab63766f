"""The tab Audit Log: what happened, newest first, down to everything that was recorded."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from kctui.core.text import safe
from kctui.core.words import AuditType
from kctui.screens.audit_filters import AuditFilters
from kctui.screens.state import ConsoleState, Overview, Tab
from kctui.screens.tab_view import Query, TabView
from kctui.screens.widgets.columns import Column, Tone
from kctui.screens.widgets.sections import Fact, Section
from kctui.screens.widgets.window import Source
from kctui.screens.wording import moment

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import AuditQuery
    from kctui.core.model import AuditEntry
    from kctui.core.paging import Cursor

_TONES = {
    AuditType.INFORMATION: Tone.PLAIN,
    AuditType.WARNING: Tone.ATTENTION,
    AuditType.ERROR: Tone.DANGER,
    AuditType.CRITICAL: Tone.DANGER,
}


class AuditLogView(TabView):
    """The audit log."""

    tab = Tab.AUDIT
    things: ClassVar[str] = "entry"
    first_sort = "Time"
    first_descending = True
    sorts = ("Time",)
    DEFAULT_CSS = """
    AuditLogView .pickers { text-wrap: nowrap; text-overflow: ellipsis; }
    AuditLogView > .chain { height: 1; width: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.filters = AuditFilters()

    def compose(self) -> ComposeResult:
        """The line, the table, and what is known of the chain."""
        yield from super().compose()
        yield Static("", classes="chain", markup=False)

    def columns(self) -> Sequence[Column["AuditEntry"]]:
        """Say what the table shows."""
        return (
            Column("Time", "Time (UTC)", 19, lambda row: row.time.strftime("%Y-%m-%d %H:%M:%S")),
            Column("", "Type", 11, lambda row: row.type.value, tone=lambda row: _TONES[row.type]),
            Column("", "User", 8, lambda row: row.operator or "–", grow=1, most=16),
            Column("", "Message", 30, lambda row: row.message, grow=9),
        )

    def source(self, engine: "Engine", query: Query) -> Source[Any]:
        """Make the list for a query."""
        from kctui.core.lists import AuditList

        return AuditList(engine.store, self.audit_query(query))

    def audit_query(self, query: Query) -> "AuditQuery":
        """Ask for the entries that the text and the other filters leave."""
        return self.filters.query(query.text, self.clock(), newest_first=query.descending)

    def filter_words(self) -> str:
        """All that is asked of entries, short; "" where they are all shown."""
        text = f"text {self.query_now.text}" if self.query_now.text else ""
        return " · ".join(part for part in (self.filters.words(), text) if part)

    @property
    def filtered(self) -> bool:
        """Whether entries are kept back."""
        return bool(self.filters) or super().filtered

    def clear_filter(self) -> None:
        """Keep no entry back."""
        self.filters = AuditFilters()
        super().clear_filter()

    def place(self, engine: "Engine", overview: Overview, row_id: str) -> "Cursor | None":
        """Entries are numbered in the order they are listed in."""
        from kctui.core.paging import Cursor

        return Cursor(int(row_id), int(row_id))

    def row_id(self, row: "AuditEntry") -> object:
        """The entry's number."""
        return row.seq

    def copyable(self, row: "AuditEntry") -> tuple[str, str]:
        """The entry's hash, which names it for good."""
        return row.hash, "hash"

    def document(self, row: "AuditEntry", details: object) -> object:
        """Everything that was recorded."""
        from kctui.core.audit_export import entry_record

        return entry_record(row)

    def pickers(self, state: ConsoleState) -> Content:
        """What is asked of entries, beside the text."""
        return Content(f" {safe(self.filters.words())}") if self.filters else Content("")

    def show_state(self, state: ConsoleState) -> None:
        """Show what the last check of the chain found, too."""
        super().show_state(state)
        told = state.audit_check or "chain not checked yet: Verify Audit Log in the Actions menu (a)"
        style = "$error" if "✕" in state.audit_check else "" if state.audit_check else "dim"
        self.query_one(".chain", Static).update(Content.styled(safe(told), style))

    def _empty_words(self, state: ConsoleState) -> list[Content]:
        if self.filters:
            return [Content("No entry fits the filters. Esc clears them.")]
        return super()._empty_words(state)

    def empty_words(self, state: ConsoleState) -> list[Content]:
        """An audit log is never empty: initialising is its first entry."""
        return [Content("No entries.")]

    def total(self, state: ConsoleState) -> int | None:
        """How many entries there are."""
        return state.overview.audit_entries

    def sections(self, row: "AuditEntry", details: object) -> Sequence[Section]:
        """What happened, and how the entry is chained."""
        return (
            Section(
                "Details",
                (
                    Fact("Message", row.message),
                    Fact("Time", moment(row.time)),
                    Fact("Type", row.type.value, _TONES[row.type]),
                    Fact("Category", row.category.value),
                    *(
                        Fact(name, value, whole=True)
                        for name, value in row.objects.items()
                        if (name, value) != ("Operator", row.operator)
                    ),
                    Fact("Operator", row.operator or "–"),
                    Fact("Unix user", row.unix_user or "–"),
                    Fact("SSH client", row.ssh_client or "–"),
                    Fact("Host", row.host or "–"),
                    *(Fact("AWS request", request, whole=True) for request in row.request_ids),
                ),
            ),
            Section(
                "Chain",
                (
                    Fact("Entry", str(row.seq)),
                    Fact("Time as hashed", row.time.isoformat(timespec="microseconds")),
                    Fact("Hash", row.hash, whole=True),
                    Fact("Previous hash", row.previous_hash, whole=True),
                    Fact("Keyed check", row.mac or "none: the vault was locked", whole=True),
                    *((Fact("Keyed by group", row.mac_group_id, whole=True),) if row.mac_group_id else ()),
                ),
            ),
        )
