"""The tab Audit Log: what happened, newest first, down to everything that was recorded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.content import Content

from kctui.core.words import AuditType
from kctui.screens.state import ConsoleState, Overview, Tab
from kctui.screens.tab_view import Query, TabView
from kctui.screens.widgets.columns import Column, Tone
from kctui.screens.widgets.sections import Fact, Section
from kctui.screens.widgets.window import Source
from kctui.screens.wording import moment, plain

if TYPE_CHECKING:
    from kctui.core.engine import Engine
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
        from kctui.core.lists import AuditList, AuditQuery

        return AuditList(engine.store, AuditQuery(query.text, newest_first=query.descending))

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
        return plain(row.model_dump())

    def pickers(self, state: ConsoleState) -> Content:
        """What the last check of the chain found."""
        return Content(f" {state.audit_check}  ") if state.audit_check else Content("")

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
                    Fact("Hash", row.hash, whole=True),
                    Fact("Previous hash", row.previous_hash, whole=True),
                    Fact("Keyed check", row.mac or "none: the vault was locked", whole=True),
                ),
            ),
        )
