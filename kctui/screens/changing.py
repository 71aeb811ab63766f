"""The actions that change something, or ask AWS: a `do_` method for each name in the registry."""

from typing import Any

from kctui.actions import ACTIONS, TABS, creates
from kctui.core.errors import CancelledError
from kctui.core.words import RotationMethod
from kctui.screens import news, operating
from kctui.screens.choice import Choice, ChoiceScreen
from kctui.screens.console import Console
from kctui.screens.custody import Custody
from kctui.screens.details import DetailsScreen
from kctui.screens.hsm_actions import HsmActions
from kctui.screens.state import Tab
from kctui.screens.tab_view import Query
from kctui.screens.widgets.threads import in_thread
from kctui.screens.wording import number


class RefreshObserver:
    """The observer of a refresh: it only posts messages, so any thread may call it. It can be told to stop."""

    def __init__(self, screen: "Console") -> None:
        self._screen = screen
        self.stop = False

    def step(self, name: str, state: object, detail: str = "", request_id: str | None = None) -> None:
        """Tell which account is asked."""
        self._screen.post_message(news.Refreshing(f"{name} {detail}".strip()))

    def progress(self, done: int, total: int, what: str) -> None:
        """Tell how far it is."""
        if self.stop:
            raise CancelledError("Refresh was stopped")
        self._screen.post_message(news.Refreshing(f"{what} {number(done)} of {number(total)}"))


class Changing(HsmActions):
    """What creates, operates, recovers, refreshes, tests and verifies."""

    refresh_observer: RefreshObserver | None = None

    # Creating

    def do_create(self) -> None:
        """Create what the tab shows, or what must come first."""
        getattr(self, f"do_{creates(self.state)}")()

    def do_create_account(self) -> None:
        """Create a CSP Account."""
        from kctui.screens.dialogs.create_account import CreateAccountWizard

        self.app.push_screen(CreateAccountWizard(self.opened_engine), lambda made: self._made(Tab.CSP_ACCOUNTS, made))

    def do_create_key_set(self) -> None:
        """Create a Key Set."""
        from kctui.screens.dialogs.create_key_set import CreateKeySetWizard

        self.app.push_screen(CreateKeySetWizard(self.opened_engine), lambda made: self._made(Tab.KEY_SETS, made))

    def do_create_cloud_key(self) -> None:
        """Create a CloudKey in the chosen Key Set and region; what is not chosen yet is asked for."""
        key_sets = self.state.overview.key_sets
        key_set = self.state.key_set or (key_sets[0] if len(key_sets) == 1 else None)
        if key_set is not None:
            self._create_in(key_set.id, self.state.region)
            return
        choices = [Choice(each.id, each.name, each.account) for each in key_sets]
        screen = ChoiceScreen("Create CloudKey: in which Key Set", choices, self._row_key_set_id())
        self.app.push_screen(screen, lambda chosen: self._create_in(chosen, self.state.region))

    def _row_key_set_id(self) -> str | None:
        row = self.state.row
        return getattr(row, "key_set_id", None) or (getattr(row, "id", None) if row else None)

    def _create_in(self, key_set_id: str | None, region: str | None) -> None:
        key_set = self.state.overview.key_set(key_set_id)
        if key_set is None:
            return
        if region is None:
            account = self.state.overview.account(key_set.account_id)
            screen = ChoiceScreen(
                "Create CloudKey: in which region", self.regions(), account.region if account else None
            )
            self.app.push_screen(screen, lambda chosen: self._create_in(key_set_id, chosen) if chosen else None)
            return
        from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard

        wizard = CreateCloudKeyWizard(self.opened_engine, key_set, region, guard=self.console.hangup.guard)
        self.app.push_screen(wizard, lambda made: self._made(Tab.CLOUD_KEYS, made))

    def _made(self, tab: Tab, row_id: str | None) -> None:
        if row_id is None:
            self.reread()
            return
        engine, view = self.opened_engine, self.view_of(tab)

        def find() -> news.RowFound:
            from kctui.screens.reading import read_overview

            overview = read_overview(engine)
            return news.RowFound(tab, row_id, view.place(engine, overview, row_id), overview)

        in_thread(self, "find the new row", find, lambda found: found)

    def show_found(self, found: news.RowFound) -> None:
        """Show a new row; with the account made, the next step is a Key Set, and then a CloudKey."""
        view = self.view_of(found.tab)
        self.stale.update(TABS)
        view.set_filter("")
        view.query_now = Query("", view.first_sort, view.first_descending)
        self.change(overview=found.overview, notice="", key_set=None, region=None)
        if self.state.tab is not found.tab:
            self.show_tab(found.tab)
        self.stale.discard(found.tab)
        table = view.table
        table.sorted_by, table.descending = view.first_sort, view.first_descending
        table.show(view.source(self.opened_engine, view.query_now), found.place, found.row_id)

    # Operations

    def do_remove(self) -> None:
        """Delete the material in the cloud."""
        self.app.push_screen(self._custody().removal(), self._operated)

    def do_upload(self) -> None:
        """Import our copy again."""
        self.app.push_screen(self._custody().uploading(), self._operated)

    def do_change_expiration(self) -> None:
        """Import our copy again, with another expiration."""
        self.app.push_screen(self._custody().expiration(), self._operated)

    def do_delete(self) -> None:
        """Let AWS delete the key on a day to come."""
        self.app.push_screen(self._custody().deletion(), self._operated)

    def do_cancel_deletion(self) -> None:
        """Call that off."""
        self.app.push_screen(self._custody().cancellation(), self._operated)

    def do_rotate(self) -> None:
        """Give the key new key material, the Key Set's way or the other."""
        key_set = self.state.overview.key_set(getattr(self.state.row, "key_set_id", None))
        usual = key_set.rotation_method if key_set else RotationMethod.IN_PLACE
        self.app.push_screen(self._custody().rotation(usual), self._operated)

    def _custody(self) -> Custody:
        row: Any = self.state.row
        return Custody(self.opened_engine, row, self.console.clock, self.console.hangup)

    def do_enable(self) -> None:
        """Enable the key."""
        self._operate("enable")

    def do_disable(self) -> None:
        """Disable the key."""
        self._operate("disable")

    def do_edit_cloud_key(self) -> None:
        """Edit the key, whose details are read first."""
        engine, row = self.opened_engine, self.state.row

        def read() -> news.EditWanted:
            from kctui.core.details import cloud_key_details

            return news.EditWanted(cloud_key_details(engine.store, str(getattr(row, "id", ""))))

        in_thread(self, "read the CloudKey", read, lambda wanted: wanted)

    def show_edit(self, wanted: news.EditWanted) -> None:
        """Show the wizard."""
        from kctui.screens.dialogs.edit_cloud_key import EditCloudKeyWizard

        if self.is_current:
            wizard = EditCloudKeyWizard(self.opened_engine, wanted.details, guard=self.console.hangup.guard)
            self.app.push_screen(wizard, self._edited)

    def _edited(self, _row_id: str | None) -> None:
        # A failed edit has changed something too: its steps, and the audit log.
        self.change(notice="")
        self.reread()

    def _operate(self, name: str) -> None:
        row: Any = self.state.row
        dialog = operating.key_operation(
            self.opened_engine, name, ACTIONS[name].title, row, self.console.clock(), self.console.hangup
        )
        self.app.push_screen(dialog, self._operated)

    def _operated(self, _done: bool | None) -> None:
        # A failed operation has changed something too: its steps, the status, the audit log.
        self.change(notice="")
        self.reread()

    def do_recover(self) -> None:
        """Finish or undo what was left half-way."""
        engine = self.opened_engine

        def read() -> news.LeftOpen:
            from kctui.core.recovery import open_operations

            return news.LeftOpen(open_operations(engine.store))

        in_thread(self, "read the journal", read, lambda left: left)

    def show_recovery(self, left: news.LeftOpen) -> None:
        """Show what was left, and ask."""
        if self.is_current and left.operations:
            dialog = operating.recovery(self.opened_engine, left.operations, self.console.hangup)
            self.app.push_screen(dialog, self._operated)

    def do_refresh(self) -> None:
        """Ask AWS for every status."""
        engine, observer = self.opened_engine, RefreshObserver(self)
        self.refresh_observer = observer
        self.change(refreshing="asking AWS", stoppable=True, notice="")
        self.watch_token(now=True)

        def refresh() -> news.Refreshed:
            from kctui.core.sync import sync

            return news.Refreshed(sync(engine, observer=observer))

        in_thread(self, "Refresh", refresh, lambda done: done)

    def do_stop_refresh(self) -> None:
        """Ask no further key; what was seen stays."""
        if self.refresh_observer is not None:
            self.refresh_observer.stop = True
            self.change(refreshing="stopping", stoppable=False)

    def do_test_account(self) -> None:
        """Ask AWS who the credentials are."""
        engine, name = self.opened_engine, self.title_of_row()
        self.change(refreshing=f"testing {name}", notice="")

        def test() -> news.AccountTested:
            from kctui.core.accounts import test_account

            return news.AccountTested(name, test_account(engine, name))

        in_thread(self, "Test CSP Account", test, lambda done: done)

    def show_test(self, message: news.AccountTested) -> None:
        """Show what AWS said."""
        self.change(refreshing="")
        self.reread()
        if self.is_current:
            sections = operating.test_sections(message.test)
            screen = DetailsScreen(f"Test of {message.name}", "CSP Account", sections, "Identity")
            self.app.push_screen(screen)

    def do_verify_audit(self) -> None:
        """Check the chain."""
        engine = self.opened_engine
        self.change(refreshing="the chain of the Audit Log")
        in_thread(self, "Verify Audit Log", engine.audit.verify, news.AuditVerified)
