"""The actions that look: a `do_` method for each name in the registry."""

from typing import TYPE_CHECKING, Any

from textual.command import CommandPalette

from kctui.actions import TABS
from kctui.screens import news
from kctui.screens.actions_menu import actions_menu
from kctui.screens.audit_log import AuditLogView
from kctui.screens.changing import Changing
from kctui.screens.choice import Choice, ChoiceScreen
from kctui.screens.details import DetailsScreen
from kctui.screens.help import HelpScreen
from kctui.screens.state import Tab
from kctui.screens.tab_view import Query
from kctui.screens.widgets.details_pane import DetailsPane
from kctui.screens.widgets.threads import in_thread

if TYPE_CHECKING:
    from kctui.screens.dialogs.audit_filter import ChosenFilter

_ALL = "*"


class Looking(Changing):
    """What shows, finds, copies, sorts, and goes from place to place."""

    def do_describe(self) -> None:
        """Show everything known of the row."""
        row, view = self.state.row, self.view
        page = self.query_one(DetailsPane).page or "Details"
        # What was read of another row, or before this one changed, tells nothing of it.
        details = self.details if view.deep and getattr(self.details, "row", None) == row else None
        sections = view.sections(row, details)
        self.app.push_screen(DetailsScreen(self.title_of_row(), view.tab.words, sections, page))
        if view.deep and details is None:
            self.read_details("screen")

    def do_view_json(self) -> None:
        """Show the row as JSON."""
        self.read_details("json")

    def show_document(self, document: object) -> None:
        """Show a document."""
        from kctui.screens.dialogs.json_view import JsonView

        if self.is_current:
            self.app.push_screen(JsonView(self.title_of_row(), document))

    def do_copy_id(self) -> None:
        """Send the id to the terminal."""
        self._copy(*self.view.copyable(self.state.row))

    def do_copy_arn(self) -> None:
        """Send the ARN to the terminal."""
        row: Any = self.state.row
        self._copy(row.key_arn if self.state.tab is Tab.CLOUD_KEYS else row.caller_arn, "ARN")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.console.say(f"{what} sent to terminal: {text}")

    def do_filter(self) -> None:
        """Type into the filter."""
        self.view.focus_filter()

    def do_filter_by(self) -> None:
        """Choose which entries of the audit log are shown."""
        from kctui.screens.dialogs.audit_filter import AuditFilterDialog

        view = self._audit_log
        dialog = AuditFilterDialog(view.filters, view.query_now.text, self.console.clock())
        self.app.push_screen(dialog, self._filter_by)

    def _filter_by(self, chosen: "ChosenFilter | None") -> None:
        view = self._audit_log
        if chosen is not None:
            view.filters = chosen.filters
            view.set_filter(chosen.text)
            self.load(view)
            self.change()

    def do_export_audit(self) -> None:
        """Write the entries that are shown, and all of their like, to a file."""
        from kctui.screens.dialogs.audit_export import AuditExportDialog

        view = self._audit_log
        words = view.filter_words()
        self.app.push_screen(
            AuditExportDialog(self.opened_engine, view.audit_query(view.query_now), words, self.console.clock())
        )

    @property
    def _audit_log(self) -> AuditLogView:
        view = self.view_of(Tab.AUDIT)
        if not isinstance(view, AuditLogView):
            raise TypeError("the tab Audit Log is an AuditLogView")
        return view

    def do_sort(self) -> None:
        """Choose the column to sort by."""
        view = self.view
        query = view.query_now
        choices = [
            Choice(name, name, ("descending" if query.descending else "ascending") if name == query.sort else "")
            for name in view.sorts
        ]
        self.app.push_screen(ChoiceScreen("Sort by", choices, query.sort), self._sort_by)

    def _sort_by(self, column: str | None) -> None:
        if column is not None:
            view = self.view
            query = view.query_now
            descending = column == query.sort and not query.descending
            view.query_now = Query(query.text, column, descending, query.key_set_id, query.region)
            self.load(view)

    def do_key_set(self) -> None:
        """Choose the Key Set whose CloudKeys are shown."""
        key_sets = self.state.overview.key_sets
        choices = [Choice(_ALL, "All Key Sets")]
        choices += [Choice(each.id, each.name, f"{each.account}, {each.cloud_keys:,} CloudKeys") for each in key_sets]
        current = self.state.key_set.id if self.state.key_set else _ALL
        self.app.push_screen(ChoiceScreen("Key Set", choices, current), self._choose_key_set)

    def _choose_key_set(self, chosen: str | None) -> None:
        if chosen is not None:
            self.change(key_set=self.state.overview.key_set(chosen))
            self._pick()

    def do_region(self) -> None:
        """Choose the region whose CloudKeys are shown."""
        choices = [Choice(_ALL, "All regions"), *self.regions()]
        screen = ChoiceScreen("Region", choices, self.state.region or _ALL)
        self.app.push_screen(screen, self._choose_region)

    def _choose_region(self, chosen: str | None) -> None:
        if chosen is not None:
            self.change(region=None if chosen == _ALL else chosen)
            self._pick()

    def _pick(self) -> None:
        view, state = self.view_of(Tab.CLOUD_KEYS), self.state
        query = view.query_now
        key_set_id = state.key_set.id if state.key_set else None
        view.query_now = Query(query.text, query.sort, query.descending, key_set_id, state.region)
        self.load(view)
        self.change()

    def do_details_next(self) -> None:
        """Turn the details' page."""
        self.query_one(DetailsPane).turn(1)

    def do_details_previous(self) -> None:
        """Turn it back."""
        self.query_one(DetailsPane).turn(-1)

    def do_tab_1(self) -> None:
        """Show the first tab."""
        self.show_tab(TABS[0])

    def do_tab_2(self) -> None:
        """Show the second tab."""
        self.show_tab(TABS[1])

    def do_tab_3(self) -> None:
        """Show the third tab."""
        self.show_tab(TABS[2])

    def do_tab_4(self) -> None:
        """Show the fourth tab."""
        self.show_tab(TABS[3])

    def do_menu(self) -> None:
        """Show the Actions menu."""
        self.app.push_screen(actions_menu(self.state, self.keys), self._chosen)

    def _chosen(self, name: str | None) -> None:
        if name is not None:
            self.action_do(name)

    def do_palette(self) -> None:
        """Show the command palette."""
        self.app.push_screen(CommandPalette())

    def do_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(HelpScreen(self.keys))

    def do_lock(self) -> None:
        """Forget the keys, or ask for the passphrase."""
        engine = self.opened_engine
        if engine.unlocked:
            # Unlocked again, what was seen of the tokens before tells nothing.
            self.checked_at.clear()
            in_thread(self, "lock", engine.lock, lambda _: news.Locked())
            self.change(unlocked=False, operator="", group="")
        self.ask_passphrase()

    async def do_quit(self) -> None:
        """Leave."""
        await self.console.action_quit()
