"""The dialog of an operation, messages and documents."""

import threading
from collections.abc import Callable

import pytest

from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.lists import KeySetRow, cloud_key_row
from kctui.core.observer import Observer
from kctui.core.operations import NewCloudKey, create_cloud_key, disable
from kctui.core.words import CloudStatus, StepState
from kctui.demo.box import Box, FaultKind
from kctui.screens.dialogs.json_view import JsonView
from kctui.screens.dialogs.message import MessageDialog
from kctui.screens.dialogs.operation import OperationDialog
from tests.console.dialog_driver import REGION, Host, failure, push, seen, settle

pytest_plugins = ["tests.console.dialog_fixtures"]

FACTS = [("CloudKey", "payroll-db"), ("Cloud Status", "AVAILABLE")]
EVIL = "\x1b]0;owned\x07 [/] \u202e"


def dialog(run: Callable[[Observer], None]) -> Host:
    return Host(lambda: OperationDialog("Disable CloudKey", FACTS, run, "Disable"))


def nothing(_observer: Observer) -> None:
    """Succeed."""


async def test_cancel_is_the_default(dialog_engine: Engine) -> None:
    ran = threading.Event()
    app = dialog(lambda _observer: ran.set())
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await settle(pilot)
    assert app.result is False
    assert not ran.is_set()


async def test_a_cloud_key_is_disabled_with_its_steps(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    key_id = create_cloud_key(dialog_engine, NewCloudKey("payroll-db", key_set.name, REGION))
    app = dialog(lambda observer: disable(dialog_engine, key_id, observer=observer))
    async with app.run_test() as pilot:
        await pilot.press("right", "enter")
        await settle(pilot)
        shown = seen(pilot)
        assert "✓ DisableKey" in shown
        assert "request " in shown
        assert "✓ Disable CloudKey is done" in shown
        await pilot.press("enter")
    assert app.result is True
    assert cloud_key_row(dialog_engine.store, key_id).cloud_status is CloudStatus.DISABLED


async def test_a_refusal_says_what_to_do(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    key_id = create_cloud_key(dialog_engine, NewCloudKey("payroll-db", key_set.name, REGION))
    aws_box.faults.add("DisableKey", FaultKind.ACCESS_DENIED)
    app = dialog(lambda observer: disable(dialog_engine, key_id, observer=observer))
    async with app.run_test() as pilot:
        await push(pilot, "go")
        assert "AWS does not allow kms:DisableKey" in failure(pilot)
        assert "Give the account's credential the permission" in failure(pilot)
        assert "✕ DisableKey" in seen(pilot)
        await pilot.press("escape")
    assert app.result is False


async def test_nothing_leaves_while_it_runs_and_nothing_runs_twice(dialog_engine: Engine) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()
    runs = []

    def run(observer: Observer) -> None:
        runs.append(1)
        observer.step("DisableKey", StepState.INTENDED)
        begun.release()
        assert go_on.wait(30)
        observer.step("DisableKey", StepState.DONE, request_id="7f0c1234-aaaa-bbbb-cccc-1234567890ab")

    app = dialog(run)
    async with app.run_test() as pilot:
        go = app.dialog.button("go")
        go.press()
        go.press()
        await pilot.pause()
        assert begun.acquire(timeout=30)
        await pilot.pause()
        await pilot.press("enter", "escape")
        assert app.open
        assert "DisableKey is under way: wait." in seen(pilot)
        go_on.set()
        await settle(pilot)
        assert "request 7f0c…90ab" in seen(pilot)
        await pilot.press("escape")
    assert app.result is True
    assert len(runs) == 1


async def test_progress_is_shown_until_the_next_step(dialog_engine: Engine) -> None:
    shown, go_on = threading.Event(), threading.Event()

    def run(observer: Observer) -> None:
        observer.progress(1_200, 12_431, "keys asked")
        shown.set()
        assert go_on.wait(30)
        observer.step("done with it", StepState.DONE)

    app = dialog(run)
    async with app.run_test() as pilot:
        app.dialog.button("go").press()
        await pilot.pause()
        assert shown.wait(30)
        await pilot.pause()
        assert "keys asked  1,200 of 12,431" in seen(pilot)
        go_on.set()
        await settle(pilot)
        assert "keys asked" not in seen(pilot)


async def test_foreign_text_is_harmless_everywhere(dialog_engine: Engine) -> None:
    def run(observer: Observer) -> None:
        observer.step(EVIL, StepState.DONE, EVIL, EVIL)
        raise KctuiError(EVIL, detail=EVIL, remedy=EVIL)

    app = Host(lambda: OperationDialog(EVIL, [(EVIL, EVIL)], run, EVIL))
    async with app.run_test() as pilot:
        await push(pilot, "go")
        shown = seen(pilot)
        assert shown.count("[/]") >= 6
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_a_message_closes(key: str) -> None:
    app = Host(lambda: MessageDialog("It is not so", "the detail", "Do this."))
    async with app.run_test() as pilot:
        assert "✕ It is not so\n" in failure(pilot)
        assert "→ Do this." in failure(pilot)
        await pilot.press(key)
    assert app.result is None


async def test_a_document_is_shown_as_it_is_but_harmless() -> None:
    app = Host(lambda: JsonView("payroll-db", {"name": EVIL, "status": CloudStatus.AVAILABLE, "of": [1, None]}))
    async with app.run_test() as pilot:
        shown = seen(pilot)
        assert '"status": "AVAILABLE"' in shown
        assert "\\u001b" in shown
        assert "\u202e" not in shown
        await pilot.press("q")
    assert app.result is None


async def test_a_long_document_scrolls() -> None:
    app = Host(lambda: JsonView("many", list(range(200))))
    async with app.run_test() as pilot:
        await pilot.press("G")
        await pilot.pause()
        assert "199" in seen(pilot)
