"""The actions on HSMs, and the watch over the token of the one that is looked at."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from kctui.core.errors import KctuiError
from kctui.screens import news, reading
from kctui.screens.account_actions import AccountActions
from kctui.screens.hsm_wording import HsmSeen
from kctui.screens.widgets.threads import in_thread

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.screens.hsms import HsmsScreen

# How often it is seen whether a look at the token is due, and how long one holds.
TOKEN_LOOK = 5.0
TOKEN_PAUSE = 15.0
_PATIENCE = 15.0


class HsmActions(AccountActions):
    """What is done with HSMs."""

    _hsms_page: "HsmsScreen | None" = None
    _checking = False

    def do_hsms(self) -> None:
        """List them on a page of their own."""
        from kctui.screens.hsms import HsmsScreen

        self._hsms_page = HsmsScreen(
            self.opened_engine, self.state.overview.hsms, self.console.clock, unlocked=self.state.unlocked
        )
        self.app.push_screen(self._hsms_page, lambda _: self._hsms_left())

    def _hsms_left(self) -> None:
        self._hsms_page = None
        self.change(notice="")
        self.reread()

    # The watch

    def watch_token(self, *, now: bool = False) -> None:
        """Look at the token of the HSM that is shown, where that is due; one look at a time, in a thread.

        now: even where the last look still holds.
        """
        engine, hsm = self.engine, self._watched()
        if engine is None or hsm is None or not self.state.unlocked or self._checking:
            return
        held = time.monotonic() - self.checked_at.get(hsm.row.id, float("-inf"))
        if held < TOKEN_PAUSE and not now:
            return
        self._checking = True
        self.checked_at[hsm.row.id] = time.monotonic()
        in_thread(
            self,
            "look at the token",
            lambda: check_token(engine, hsm.row.id),
            news.TokenChecked,
            lambda _error: news.TokenChecked(None),
        )

    def show_tokens(self, checked: news.TokenChecked) -> None:
        """Show how it stands with the tokens."""
        self._checking = False
        if checked.hsms is not None:
            self.change(overview=replace(self.state.overview, hsms=checked.hsms))
            if self._hsms_page is not None:
                self._hsms_page.show_tokens(checked.hsms)

    def _watched(self) -> HsmSeen | None:
        page = self._hsms_page
        return page.hsm if page is not None and page.is_current else self.state.hsm


def check_token(engine: "Engine", hsm_id: str) -> tuple[HsmSeen, ...]:
    """Look at the token of an HSM, and give how it stands with all of them. What is wrong with it is its state.

    While a job is under way it is not looked at: that would only wait, and the job itself tells.
    """
    from kctui.core.model import Hsm

    with engine.store.read() as session:
        hsm = session.get(Hsm, hsm_id)
    if hsm is not None and not engine.tokens.busy:
        with suppress(KctuiError):
            engine.tokens.check(hsm, patience=_PATIENCE)
    return reading.read_hsms(engine)
