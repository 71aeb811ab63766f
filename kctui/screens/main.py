"""The main screen: the tabs, and the one place where the console's state changes."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from kctui.actions import ACTIONS, TABS, keymap, reason_against
from kctui.core.text import safe
from kctui.screens import news, reading
from kctui.screens.audit_log import AuditLogView
from kctui.screens.cloud_keys import CloudKeysView
from kctui.screens.csp_accounts import CspAccountsView
from kctui.screens.details import DetailsScreen
from kctui.screens.hsm_actions import TOKEN_LOOK
from kctui.screens.key_sets import KeySetsView
from kctui.screens.looking import Looking
from kctui.screens.state import ConsoleState, Tab
from kctui.screens.tab_view import TabView
from kctui.screens.unlock import UnlockScreen
from kctui.screens.widgets.bars import KeyFooter, NoticeRule, TabLine, TitleBar
from kctui.screens.widgets.details_pane import DetailsPane
from kctui.screens.widgets.row_messages import RowHighlighted, RowsFailed
from kctui.screens.widgets.threads import AskFailed, in_thread

if TYPE_CHECKING:
    from kctui.app import KctuiApp

DETAILS_PAUSE = 0.06
AGES_PAUSE = 15.0


class MainScreen(Looking):
    """Header, tabs, table, details, keys. What the actions do is in `Looking` and `Changing`."""

    # A binding needs a key: an action without one has a name that no keyboard sends, until the keymap gives it one.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_filter", "Clear the filter", show=False),
        *(
            Binding(action.key or f"none-{name}", f"do('{name}')", action.title, id=name, show=False)
            for name, action in ACTIONS.items()
        ),
    ]
    AUTO_FOCUS = None
    DEFAULT_CSS = """
    MainScreen { layout: vertical; overflow: hidden; }
    MainScreen ContentSwitcher { height: 1fr; width: 1fr; }
    MainScreen DetailsPane { display: none; }
    MainScreen.-wide.-tall DetailsPane { display: block; }
    """

    def __init__(self, app: "KctuiApp", tab: Tab | None, filter_text: str) -> None:
        super().__init__(app)
        self._chosen_tab = tab is not None
        self._filter_text = filter_text
        self._details_timer: Timer | None = None
        self.state = ConsoleState(tab=tab or Tab.CLOUD_KEYS, read_only=app.read_only)

    def compose(self) -> ComposeResult:
        """The lines, the tabs, the details."""
        clock = self.console.clock
        yield TitleBar(clock)
        yield TabLine()
        yield NoticeRule()
        with ContentSwitcher(initial=self.state.tab.value):
            for view in (KeySetsView, CloudKeysView, CspAccountsView, AuditLogView):
                yield view(clock)
        yield DetailsPane()
        yield KeyFooter()

    def on_mount(self) -> None:
        """Paint first, then open the home: its libraries take longer than the first picture."""
        self.change()
        self.set_interval(AGES_PAUSE, self._refresh_ages)
        self.set_interval(TOKEN_LOOK, self.watch_token)
        self.call_after_refresh(self._open)

    def _refresh_ages(self) -> None:
        self.view.table.refresh_ages()

    # The state

    def change(self, **changes: Any) -> None:
        """Change the state, and show it everywhere."""
        self.state = replace(self.state, **changes)
        for bar in self.query("TitleBar, TabLine, NoticeRule, KeyFooter"):
            bar.state = self.state  # type: ignore[attr-defined] # each is a Bar
        self.view.show_state(self.state)
        self.watch_token()

    @property
    def view(self) -> TabView:
        """The tab that is shown."""
        return self.view_of(self.state.tab)

    def view_of(self, tab: Tab) -> TabView:
        """One of the tabs."""
        return self.query_one(f"#{tab.value}", TabView)

    # Opening

    def _open(self) -> None:
        home, read_only = self.console.home, self.console.read_only
        in_thread(
            self,
            "open the home",
            lambda: reading.open_home(home, read_only=read_only),
            news.HomeOpened,
            news.HomeClosed,
        )

    @on(news.HomeClosed)
    def _home_refused(self, message: news.HomeClosed) -> None:
        self.console.fail(message.error)

    @on(news.HomeOpened)
    def _home_opened(self, message: news.HomeOpened) -> None:
        home = message.home
        self.console.engine = self.engine = home.engine
        self._take_keys()
        self.operators = home.operators
        if not self._chosen_tab and not home.overview.key_sets:
            tab = Tab.KEY_SETS if home.overview.accounts else Tab.CSP_ACCOUNTS
            self.state = replace(self.state, tab=tab)
            self.query_one(ContentSwitcher).current = tab.value
        self.change(opened=True, overview=home.overview)
        if self._filter_text:
            self.view.set_filter(self._filter_text)
        self.load(self.view)
        self.view.table.focus()
        self.ask_passphrase(self.console.environment.get("KCTUI_PASSPHRASE_FILE"))

    def _take_keys(self) -> None:
        if self.engine is None:
            return
        self.keys, wrong = keymap(self.engine.settings.keys)
        self.app.set_keymap({name: key for name, key in self.keys.items() if key})
        self.query_one(TabLine).keys = self.keys
        self.query_one(KeyFooter).keys = self.keys
        if wrong:
            self.console.say(f"[keys] in config.toml: {'; '.join(wrong)}", warning=True)

    def ask_passphrase(self, file: str | None = None) -> None:
        """Cover everything, and ask for the passphrase."""
        if self.engine is not None:
            chosen = reading.likely_operator(self.operators, self.console.environment)
            self.app.push_screen(UnlockScreen(self.engine, self.operators, chosen, file), self._unlocked)

    def _unlocked(self, opened: bool | None) -> None:
        if self.engine is None:
            return
        if opened:
            keyring = self.engine.keyring
            groups = ", ".join(group.name for group in keyring.groups.values())
            self.change(unlocked=True, operator=keyring.operator, group=groups)
            self.stale.add(Tab.AUDIT)
            self.reread()
            if left := self.state.overview.open_operations:
                words = "operation was" if left == 1 else "operations were"
                self.change(notice=f"{left} {words} left half-way: choose Recover in the Actions menu (a)")
        else:
            self.change(unlocked=False, operator="", group="")
        self.view.table.focus()

    # Lists

    def load(self, view: TabView) -> None:
        """Show a tab's list from its beginning."""
        if self.engine is not None:
            self.stale.discard(view.tab)
            table = view.table
            table.sorted_by, table.descending = view.query_now.sort, view.query_now.descending
            table.show(view.source(self.engine, view.query_now))

    def reread(self) -> None:
        """Read what may have changed: the overview, and the rows around the cursor."""
        engine = self.engine
        if engine is not None:
            self.stale.update(TABS)
            self._reread_view()
            in_thread(self, "read the overview", lambda: reading.read_overview(engine), news.OverviewRead)

    def _reread_view(self) -> None:
        self.stale.discard(self.state.tab)
        self.view.table.read_again()

    @on(news.OverviewRead)
    def _overview_read(self, message: news.OverviewRead) -> None:
        key_set = message.overview.key_set(self.state.key_set.id) if self.state.key_set else None
        self.change(overview=message.overview, key_set=key_set)
        self.view.table.refresh()

    @on(TabView.Asked)
    def _asked(self, message: TabView.Asked) -> None:
        self.load(message.view)
        message.view.show_state(self.state)

    def show_tab(self, tab: Tab) -> None:
        """Show another tab, with the cursor where it was there."""
        self.state = replace(self.state, tab=tab, row=None)
        self.query_one(ContentSwitcher).current = tab.value
        # The focus moves with the tab: left in the old one, it would call it back.
        table = self.view.table
        table.focus()
        self.details = None
        self.change(row=table.row)
        if not table.loaded:
            self.load(self.view)
        elif tab in self.stale:
            self._reread_view()
        self._show_details()

    @on(RowHighlighted)
    def _highlighted(self, message: RowHighlighted) -> None:
        if message.table is self.view.table:
            self.change(row=message.row)
            self._show_details()

    @on(RowsFailed)
    def _list_failed(self, message: RowsFailed) -> None:
        self.change(notice=message.error.title)

    @on(AskFailed)
    def _ask_failed(self, message: AskFailed) -> None:
        self.refresh_observer = None
        self.change(refreshing="", stoppable=False, notice=f"{message.doing}: {message.error.title}")
        self.show_error(message.error)

    # Details

    def _show_details(self) -> None:
        pane, row, view = self.query_one(DetailsPane), self.state.row, self.view
        if self._details_timer is not None:
            self._details_timer.stop()
            self._details_timer = None
        if not pane.display:
            return
        if row is None:
            pane.show(())
        elif view.deep:
            # One picture when all is known, not two: a held arrow key costs bytes.
            self._details_timer = self.set_timer(DETAILS_PAUSE, lambda: self.read_details("pane"))
        else:
            pane.show(view.sections(row, None))

    def on_screen_resume(self) -> None:
        """What was changed on another screen shows here."""
        if self.is_mounted and self.engine is not None:
            self._show_details()

    @on(news.DetailsRead)
    def _details_read(self, message: news.DetailsRead) -> None:
        view = self.view
        if message.tab is not self.state.tab or self.state.row is None:
            return
        if view.row_id(message.row) != view.row_id(self.state.row):
            return
        self.details = message.details
        if message.wanted_for == "json":
            self.show_document(view.document(message.row, message.details))
            return
        sections = view.sections(message.row, message.details)
        if message.wanted_for == "pane":
            self.query_one(DetailsPane).show(sections)
        elif isinstance(self.app.screen, DetailsScreen):
            self.app.screen.show(sections)

    # Answers

    @on(news.RowFound)
    def _row_found(self, message: news.RowFound) -> None:
        self.show_found(message)

    @on(news.LeftOpen)
    def _left_open(self, message: news.LeftOpen) -> None:
        self.show_recovery(message)

    @on(news.EditWanted)
    def _edit_wanted(self, message: news.EditWanted) -> None:
        self.show_edit(message)

    @on(news.AccountTested)
    def _tested(self, message: news.AccountTested) -> None:
        self.show_test(message)

    @on(news.TokenChecked)
    def _token_checked(self, message: news.TokenChecked) -> None:
        self.show_tokens(message)

    @on(news.Locked)
    def _locked(self) -> None:
        self.reread()

    @on(news.Refreshing)
    def _refreshing(self, message: news.Refreshing) -> None:
        if self.state.refreshing:
            self.change(refreshing=message.words)

    @on(news.Refreshed)
    def _refreshed(self, message: news.Refreshed) -> None:
        failed = [account for account in message.report.accounts if account.error is not None]
        notice = ""
        if failed and failed[0].error is not None:
            more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            notice = f"{failed[0].name}: {failed[0].error.title}{more}"
        self.refresh_observer = None
        if message.report.cancelled:
            notice = "Refresh was stopped: what was seen until then is shown"
        self.change(refreshing="", stoppable=False, notice=notice)
        self.reread()

    @on(news.AuditVerified)
    def _verified(self, message: news.AuditVerified) -> None:
        check = message.check
        at = self.console.clock().strftime("%H:%M")
        if check.intact:
            left = f", keyed check of {check.unchecked:,} not made" if check.unchecked else ""
            words = f"chain ✓ {check.entries:,} entries{left}, checked {at}"
        else:
            words = f"chain ✕ entry {check.wrong_at}: {check.reason}"
        self.change(refreshing="", audit_check=words, notice="" if check.intact else f"Audit Log: {words}")
        self.console.say(f"Audit Log: {words}", warning=not check.intact)

    # Actions

    def action_clear_filter(self) -> None:
        """Stop a refresh; else show every row again."""
        if self.state.stoppable:
            self.action_do("stop_refresh")
        elif self.view.filtered:
            self.view.clear_filter()
            self.load(self.view)
            self.change()

    def action_do(self, name: str) -> None:
        """Do an action, or say why it is not possible."""
        reason = reason_against(name, self.state)
        if reason is not None:
            self.console.say(f"{ACTIONS[name].title}: {reason}", warning=True)
            return
        self.call_next(getattr(self, f"do_{name}"))

    def runner(self, name: str) -> Callable[[], None]:
        """What runs an action, for the palette."""
        return lambda: self.action_do(name)

    def title_of_row(self) -> str:
        """What the row is called, on the screens about it."""
        row = self.state.row
        return safe(getattr(row, "name", None) or f"Entry {getattr(row, 'seq', '')}")
