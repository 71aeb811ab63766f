"""The actions on Key Sets: edit, remove, and import what is in AWS; a `do_` method for each name in the registry."""

from typing import TYPE_CHECKING, Any

from kctui.screens import news, reading
from kctui.screens.choice import Choice, ChoiceScreen
from kctui.screens.console import Console
from kctui.screens.state import Tab
from kctui.screens.tab_view import Query
from kctui.screens.widgets.threads import in_thread

if TYPE_CHECKING:
    from kctui.core.lists import KeySetRow


class KeySetActions(Console):
    """What is done to a Key Set."""

    def do_edit_key_set(self) -> None:
        """Edit the Key Set of the row."""
        from kctui.screens.dialogs.edit_key_set import EditKeySetWizard

        row: Any = self.state.row
        self.app.push_screen(EditKeySetWizard(self.opened_engine, row), lambda _: self._key_sets_changed())

    def do_remove_key_set(self) -> None:
        """Remove the Key Set of the row, when its name is typed."""
        from kctui.screens.dialogs.remove_key_set import RemoveKeySetDialog

        row: Any = self.state.row
        self.app.push_screen(RemoveKeySetDialog(self.opened_engine, row), lambda _: self._key_sets_changed())

    def _key_sets_changed(self) -> None:
        self.change(notice="")
        self.reread()

    def do_import_cloud_key(self) -> None:
        """Import into the Key Set of the row or the chosen one; what is not chosen yet is asked for."""
        key_sets = self.state.overview.key_sets
        if self.state.tab is Tab.KEY_SETS and self.state.row is not None:
            # The region that another tab shows is not seen here.
            self._import_into(getattr(self.state.row, "id", None), None)
            return
        key_set = self.state.key_set or (key_sets[0] if len(key_sets) == 1 else None)
        if key_set is not None:
            self._import_into(key_set.id, self.state.region)
            return
        choices = [Choice(each.id, each.name, each.account) for each in key_sets]
        screen = ChoiceScreen(
            "Import CloudKey: into which Key Set", choices, getattr(self.state.row, "key_set_id", None)
        )
        self.app.push_screen(screen, lambda chosen: self._import_into(chosen, self.state.region))

    def _import_into(self, key_set_id: str | None, region: str | None) -> None:
        key_set = self.state.overview.key_set(key_set_id)
        if key_set is None:
            return
        if region is None:
            account = self.state.overview.account(key_set.account_id)
            screen = ChoiceScreen(
                "Import CloudKey: from which region", self.regions(), account.region if account else None
            )
            self.app.push_screen(screen, lambda chosen: self._import_into(key_set_id, chosen) if chosen else None)
            return
        from kctui.screens.dialogs.import_keys import ImportKeysDialog

        dialog = ImportKeysDialog(self.opened_engine, key_set, region, guard=self.console.hangup.guard)
        self.app.push_screen(dialog, lambda done: self._imported(key_set, region, done))

    def _imported(self, key_set: "KeySetRow", region: str, done: bool | None) -> None:
        """Show the CloudKeys of Key Set and region."""
        if not done:
            self.reread()
            return
        engine, view = self.opened_engine, self.view_of(Tab.CLOUD_KEYS)
        view.set_filter("")
        view.query_now = Query("", view.first_sort, view.first_descending, key_set.id, region)
        self.stale.update(Tab)
        self.change(notice="", key_set=key_set, region=region)
        if self.state.tab is not Tab.CLOUD_KEYS:
            self.show_tab(Tab.CLOUD_KEYS)
        self.load(view)
        in_thread(self, "read the overview", lambda: reading.read_overview(engine), news.OverviewRead)
