"""The tab Key Sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kctui.screens.hsm_wording import key_material
from kctui.screens.state import ConsoleState, Overview, Tab
from kctui.screens.tab_view import Query, TabView
from kctui.screens.widgets.columns import Column
from kctui.screens.widgets.sections import Fact, Section
from kctui.screens.widgets.window import Source
from kctui.screens.wording import moment, number

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import KeySetRow
    from kctui.core.paging import Cursor


class KeySetsView(TabView):
    """Key Sets."""

    tab = Tab.KEY_SETS
    things: ClassVar[str] = "Key Set"
    first_sort = "Key Set Name"
    sorts = ("Key Set Name", "Description", "Admin Group", "CSP Account")

    def columns(self) -> Sequence[Column["KeySetRow"]]:
        """Say what the table shows."""
        return (
            Column("Key Set Name", "Key Set Name", 24, lambda row: row.name, grow=2, most=48),
            Column("Description", "Description", 16, lambda row: row.description, grow=3, from_width=100),
            Column("Admin Group", "Admin Group", 17, lambda row: row.group, grow=1, most=30, from_width=84),
            Column("CSP Account", "CSP Account", 20, lambda row: row.account, grow=1, most=40),
            Column("", "Key material", 12, lambda row: key_material(row.hsm), grow=1, most=30, from_width=100),
            Column("", "Type", 4, lambda _row: "AWS", from_width=110),
            Column("", "CloudKeys", 9, lambda row: number(row.cloud_keys), right=True),
        )

    def source(self, engine: "Engine", query: Query) -> Source[Any]:
        """Make the list for a query."""
        from kctui.core.lists import KeySetList, KeySetSort

        return KeySetList(engine.store, query.text, KeySetSort(query.sort), descending=query.descending)

    def place(self, engine: "Engine", overview: Overview, row_id: str) -> "Cursor | None":
        """Find a Key Set in the list sorted by name."""
        from kctui.core.paging import Cursor

        key_set = overview.key_set(row_id)
        return Cursor(key_set.name, row_id) if key_set else None

    def total(self, state: ConsoleState) -> int | None:
        """How many Key Sets there are."""
        return len(state.overview.key_sets)

    def sections(self, row: "KeySetRow", details: object) -> Sequence[Section]:
        """Details and Schedule."""
        from kctui.core.validation import rotation_text

        return (
            Section(
                "Details",
                (
                    Fact("Name", row.name),
                    Fact("Description", row.description or "–"),
                    Fact("Admin Group", row.group),
                    Fact("CSP Account", row.account),
                    Fact("Key material", key_material(row.hsm)),
                    Fact("Type", "AWS"),
                    Fact("CloudKeys", number(row.cloud_keys)),
                    Fact("Created", moment(row.created_at)),
                ),
            ),
            Section(
                "Schedule",
                (
                    Fact("Rotation", rotation_text(row.rotation_days)),
                    Fact("", "what its new CloudKeys begin with"),
                    Fact("Rotate Now", row.rotation_method.value),
                    Fact("", row.rotation_method.told),
                ),
            ),
        )
