"""What the parts of the main screen have in common: the state, and what each asks of the others."""

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from kctui.actions import ACTIONS
from kctui.core.errors import KctuiError
from kctui.screens import news
from kctui.screens.choice import Choice
from kctui.screens.state import ConsoleState, Tab
from kctui.screens.tab_view import TabView
from kctui.screens.widgets.row_messages import RowsFailed
from kctui.screens.widgets.threads import in_thread

if TYPE_CHECKING:
    from kctui.app import KctuiApp
    from kctui.core.engine import Engine


class Console(Screen[None]):
    """What every part of the main screen stands on. The main screen itself, `MainScreen`, owns the state."""

    def __init__(self, app: "KctuiApp") -> None:
        super().__init__()
        self.console = app
        self.engine: Engine | None = None
        self.state = ConsoleState()
        self.keys = {name: action.key for name, action in ACTIONS.items()}
        self.operators: tuple[str, ...] = ()
        self.stale: set[Tab] = set()
        self.details: Any = None
        self.checked_at: dict[str, float] = {}

    # What the main screen does for the actions

    def change(self, **changes: Any) -> None:
        """Change the state, and show it everywhere."""
        raise NotImplementedError

    @property
    def view(self) -> TabView:
        """The tab that is shown."""
        raise NotImplementedError

    def view_of(self, tab: Tab) -> TabView:
        """One of the tabs."""
        raise NotImplementedError

    def load(self, view: TabView) -> None:
        """Show a tab's list from its beginning."""
        raise NotImplementedError

    def reread(self) -> None:
        """Read what may have changed."""
        raise NotImplementedError

    def show_tab(self, tab: Tab) -> None:
        """Show another tab."""
        raise NotImplementedError

    def ask_passphrase(self, file: str | None = None) -> None:
        """Cover everything, and ask for the passphrase."""
        raise NotImplementedError

    def action_do(self, name: str) -> None:
        """Do an action, or say why it is not possible."""
        raise NotImplementedError

    def title_of_row(self) -> str:
        """What the row is called."""
        raise NotImplementedError

    @property
    def opened_engine(self) -> "Engine":
        """The engine; only asked for where an action's availability has made sure of it."""
        if self.engine is None:
            raise RuntimeError("the home is not open")
        return self.engine

    def read_details(self, wanted_for: str) -> None:
        """Read the details of the row under the cursor."""
        view, row, engine = self.view, self.state.row, self.engine
        if row is not None and engine is not None:
            in_thread(
                self,
                "read the details",
                lambda: view.read_details(engine, row),
                lambda details: news.DetailsRead(view.tab, row, details, wanted_for),
                RowsFailed,
            )

    def show_error(self, error: KctuiError) -> None:
        """Show an error with its details and its remedy."""
        from kctui.screens.dialogs.message import MessageDialog

        if self.is_current:
            self.app.push_screen(MessageDialog.of(error))

    def regions(self) -> list[Choice]:
        """The regions to choose from: those that have CloudKeys first."""
        overview = self.state.overview
        used = overview.regions_in_use
        others = sorted(({*overview.region_names} | {a.region for a in overview.accounts}) - {*used})
        beside = dict.fromkeys(used, "has CloudKeys")
        return [
            Choice(region, f"{overview.region_names.get(region, '')} {region}".strip(), beside.get(region, ""))
            for region in [*used, *others]
        ]
