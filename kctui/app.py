"""The Textual application: the frame around the main screen, and the end of every error."""

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

# Read by Textual when it is imported: no animations, few frames and a patient Escape suit an SSH line.
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_FPS", "20")
os.environ.setdefault("ESCDELAY", "250")

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from kctui.actions import ACTIONS, reason_against
from kctui.core.clock import now
from kctui.core.errors import KctuiError
from kctui.core.text import safe
from kctui.screens.hangup import Hangup
from kctui.screens.main import MainScreen
from kctui.screens.state import Tab
from kctui.screens.widgets.theme import KCTUI_THEME, plain_terminal
from kctui.screens.widgets.threads import Crashed

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.paths import Home


class KctuiApp(App[None]):
    """The console of one home."""

    TITLE = "kctui"
    CSS_PATH = Path(__file__).parent / "screens" / "kctui.tcss"
    # The palette is opened by the main screen's own action: over a dialog it would act behind it.
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 -- as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 -- as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Quit", show=False, priority=True)]

    def __init__(
        self,
        home: "Home",
        *,
        read_only: bool = False,
        tab: Tab | None = None,
        filter_text: str = "",
        clock: Callable[[], datetime] = now,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        plain = plain_terminal()
        # With ansi_color, NO_COLOR takes colours away; without, it would turn them into shades of grey.
        super().__init__(ansi_color=True if plain else None)
        self.register_theme(KCTUI_THEME)
        self.theme = "ansi-dark" if plain else KCTUI_THEME.name
        self.home = home
        self.read_only = read_only
        self.clock = clock
        self.environment = environment
        self.engine: Engine | None = None
        self.failure: KctuiError | None = None
        self.crash = ""
        self.hangup = Hangup(self._leave)
        self._first_tab = tab
        self._filter_text = filter_text

    def get_default_screen(self) -> Screen[Any]:
        """The main screen."""
        return MainScreen(self, self._first_tab, self._filter_text)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: the actions of the registry and the theme, nothing else."""
        if isinstance(screen, MainScreen):
            for name, action in ACTIONS.items():
                if action.menu or name == "quit" or name.startswith("tab_"):
                    reason = reason_against(name, screen.state)
                    told = f"Not now: {reason}" if reason else action.description
                    yield SystemCommand(action.title, told, screen.runner(name))
        yield SystemCommand("Theme", "Choose other colours.", self.action_change_theme)

    def say(self, words: str, *, warning: bool = False) -> None:
        """Show a toast. The words may be foreign."""
        self.notify(safe(words), severity="warning" if warning else "information", markup=False)

    async def action_quit(self) -> None:
        """Leave; but not while an operation runs: its step is not broken off."""
        if any(worker.name == "dialog" and worker.is_running for worker in self.workers):
            self.say("An operation is under way. kctui can be left when it is done.", warning=True)
            return
        self.exit()

    def fail(self, error: KctuiError) -> None:
        """Leave because of an error that the caller tells of."""
        self.failure = error
        self.exit(return_code=1)

    @on(Crashed)
    def _crashed(self, message: Crashed) -> None:
        raise message.error

    def panic(self, *renderables: Any) -> None:
        """End after a failure of Textual's own threads, without what they would print."""
        self._fatal_error()

    def _fatal_error(self) -> None:
        # Textual's own would print a traceback with local variables.
        error = self._exception or sys.exc_info()[1]
        self._return_code = 1
        if not self.crash:
            frames = traceback.extract_tb(error.__traceback__) if error is not None else traceback.StackSummary()
            where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
            kind = type(error).__name__ if error is not None else "an unknown error"
            self.crash = f"{kind} at {where[-1]}" if where else kind
            if self.engine is not None:
                self.engine.log.error("the console stopped", error=kind, trace=where)
        self._close_messages_no_wait()

    def _leave(self, code: int) -> None:
        # Called from the thread that watches for signals.
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(lambda: self.exit(return_code=code))


def run_console(home: "Home", read_only: bool, tab: str | None, filter_text: str | None) -> int:
    """Run the console until the user leaves it, and give its exit code. Raises KctuiError if it cannot open."""
    app = KctuiApp(home, read_only=read_only, tab=Tab(tab) if tab else None, filter_text=filter_text or "")
    try:
        with app.hangup.handled():
            app.run(mouse=False)
    finally:
        if app.engine is not None:
            app.engine.close()
    if app.failure is not None:
        raise app.failure
    if app.crash:
        log = f"; {home.log} has the trace" if app.engine is not None else ""
        sys.stderr.write(f"kctui: stopped by an error it did not foresee ({app.crash}){log}.\n")
    return app.return_code or 0
