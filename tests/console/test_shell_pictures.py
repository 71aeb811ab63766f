"""Pictures of the screens, at the smallest size and at a usual one. Everything else is asserted in words."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from kctui.app import KctuiApp
from kctui.core.paths import Home
from tests.console.conftest import NOW, SIZES, Shell

Compare = Callable[..., bool]


def console(home: Home, **parameters: Any) -> KctuiApp:
    """The console, read-only: unlocking leaves no entry with the present time in the audit log."""
    return KctuiApp(home, read_only=True, clock=lambda: NOW, environment={}, **parameters)


def going(passphrase: str, *keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Unlock, and press the keys."""

    async def go(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, KctuiApp)
        shell = Shell(app, pilot)
        await shell.settle()
        if passphrase:
            await shell.unlock(passphrase)
        await shell.press(*keys)
        # The file of the log is closed here: the comparison keeps the application.
        assert app.engine is not None
        app.engine.close()

    return go


SCREENS = {
    "key-sets": ("1",),
    "cloud-keys": ("2", "j"),
    "csp-accounts": ("3",),
    "audit-log": ("4",),
    "details": ("2", "j", "enter"),
    "actions": ("2", "j", "a"),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(snap_compare: Compare, seeded: Home, passphrase: str, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(console(seeded), terminal_size=size, run_before=going(passphrase, *SCREENS[screen]))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_unlock(snap_compare: Compare, seeded: Home, size: tuple[int, int]) -> None:
    assert snap_compare(console(seeded), terminal_size=size, run_before=going(""))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_empty(snap_compare: Compare, home: Home, passphrase: str, size: tuple[int, int]) -> None:
    assert snap_compare(console(home), terminal_size=size, run_before=going(passphrase))
