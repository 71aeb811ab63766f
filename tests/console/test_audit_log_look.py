"""Pictures of the tab Audit Log with filters, of Filter by and of Export, at 80×24 and 120×40."""

import pytest
from textual.pilot import Pilot
from textual.widgets import Select

from kctui.app import KctuiApp
from kctui.core.paths import Home
from kctui.screens.state import Tab
from tests.console.conftest import NOW, SIZES, Shell
from tests.console.dialog_driver import field, fill, push
from tests.console.test_shell_pictures import Compare

pytest_plugins = ["tests.console.audit_entries"]


async def _choose(pilot: Pilot[None], key: str, value: str) -> None:
    select = field(pilot, key).editor
    assert isinstance(select, Select)
    select.value = value
    await pilot.pause()


async def _filter(pilot: Pilot[None]) -> None:
    await pilot.press("F")
    await _choose(pilot, "category", "CLOUD KEY")
    await fill(pilot, "object", "CloudKey=payroll-db")
    await fill(pilot, "since", "7d")


async def _nothing(_pilot: Pilot[None]) -> None:
    """As it is."""


async def _filtered(pilot: Pilot[None]) -> None:
    await _filter(pilot)
    await push(pilot, "apply")


async def _wrong_time(pilot: Pilot[None]) -> None:
    await _filter(pilot)
    await fill(pilot, "since", "yesterday")
    await push(pilot, "apply")


async def _verified(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, KctuiApp)
    Shell(app, pilot).main.action_do("verify_audit")
    await Shell(app, pilot).settle()
    app.clear_notifications()


async def _export(pilot: Pilot[None]) -> None:
    await _filtered(pilot)
    await pilot.press("w")


async def _replace(pilot: Pilot[None]) -> None:
    await pilot.press("w")
    await fill(pilot, "file", "/proc/version")
    await push(pilot, "go")


async def _failed(pilot: Pilot[None]) -> None:
    await pilot.press("w")
    await fill(pilot, "file", "/dev/null/audit.jsonl")
    await push(pilot, "go")


PLAYS = {
    "tab": _nothing,
    "filtered": _filtered,
    "verified": _verified,
    "filter": _filter,
    "filter-wrong": _wrong_time,
    "export": _export,
    "export-replace": _replace,
    "export-failed": _failed,
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("play", PLAYS)
def test_the_audit_log_looks(snap_compare: Compare, logged: Home, play: str, size: tuple[int, int]) -> None:
    async def run_before(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, KctuiApp)
        shell = Shell(app, pilot)
        await shell.settle()
        await shell.press("escape")
        await PLAYS[play](pilot)
        await shell.settle()
        assert app.engine is not None
        app.engine.close()

    app = KctuiApp(logged, read_only=True, tab=Tab.AUDIT, clock=lambda: NOW, environment={})
    assert snap_compare(app, terminal_size=size, run_before=run_before)
