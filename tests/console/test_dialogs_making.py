"""Making key material takes a while: it is shown in seconds, and can be stopped until it is made, and no longer."""

import threading
from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.lists import CloudKeyList, CloudKeyQuery, KeySetRow
from kctui.core.material import software
from kctui.core.observer import Observer
from kctui.core.secret import Secret
from kctui.core.waiting import SECONDS
from kctui.core.words import KeySpec, StepState
from kctui.demo.box import Box
from kctui.screens.dialogs.base import DialogButton
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel
from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard
from tests.console.dialog_driver import REGION, Host, choose, failure, fill, push, seen, settle

pytest_plugins = ["tests.console.dialog_fixtures"]
MAKING = f"Making RSA_4096 key material{SECONDS}"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Key material that is made only once the event is set."""
    go_on, generate = threading.Event(), software.generate

    def slowly(spec: KeySpec) -> Secret:
        assert go_on.wait(60)
        return generate(KeySpec.RSA_2048) if spec is KeySpec.RSA_4096 else generate(spec)

    monkeypatch.setattr(software, "generate", slowly)
    yield go_on
    go_on.set()


async def until(pilot: Pilot[None], words: str) -> None:
    """Wait until the screen says it."""
    for _ in range(400):
        if words in seen(pilot):
            return
        await pilot.pause(0.02)
    raise AssertionError(seen(pilot))


@pytest.mark.parametrize("how", ["escape", "button"])
async def test_making_is_stopped_and_leaves_nothing(
    dialog_engine: Engine, key_set: KeySetRow, slow: threading.Event, how: str
) -> None:
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, key_set, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "partner-files")
        await choose(pilot, "key_spec", KeySpec.RSA_4096)
        for _ in range(3):
            await push(pilot, "continue")
        pilot.app.screen.query_one("#continue", DialogButton).press()
        await until(pilot, "… Making RSA_4096 key material… 0 s")
        assert "Esc: stop making it" in seen(pilot)
        assert "(seconds)" not in seen(pilot)
        if how == "escape":
            await pilot.press("escape")
        else:
            pilot.app.screen.query_one("#cancel", DialogButton).press()
        await until(pilot, "✕ Making RSA_4096 key material was stopped")
        assert "Nothing was kept" in failure(pilot)
        assert not pilot.app.screen.query_one("#back", DialogButton).disabled
        slow.set()
        await settle(pilot)
    assert not CloudKeyList(dialog_engine.store, CloudKeyQuery()).page().rows


async def test_what_is_not_stopped_goes_on_to_the_end(
    dialog_engine: Engine, key_set: KeySetRow, aws_box: Box, slow: threading.Event
) -> None:
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, key_set, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll-db")
        for _ in range(3):
            await push(pilot, "continue")
        pilot.app.screen.query_one("#continue", DialogButton).press()
        await until(pilot, "… Making SYMMETRIC_DEFAULT key material… 0 s")
        slow.set()
        await settle(pilot)
        assert "● AVAILABLE" in seen(pilot)
        assert "Making" not in seen(pilot)


async def test_a_step_after_it_is_not_broken_off(dialog_engine: Engine) -> None:
    made, go_on = threading.Event(), threading.Event()

    def run(observer: Observer) -> Done:
        while not made.wait(0.01):
            observer.progress(3, 120, MAKING)
        observer.step("ImportKeyMaterial 2", StepState.INTENDED)
        assert go_on.wait(30)
        observer.progress(1, 2, "of something else")
        observer.step("ImportKeyMaterial 2", StepState.DONE)
        return Done("payroll-db is rotated")

    app = Host(lambda: ConfirmDialog("Rotate Now", REGION, "Rotate", Panel("It is rotated.", (), run)))
    async with app.run_test() as pilot:
        await settle(pilot)
        pilot.app.screen.query_one("#go", DialogButton).press()
        await until(pilot, "… Making RSA_4096 key material… 3 s")
        assert not pilot.app.screen.query_one("#cancel", DialogButton).disabled
        made.set()
        await until(pilot, "ImportKeyMaterial 2")
        assert pilot.app.screen.query_one("#cancel", DialogButton).disabled
        await pilot.press("escape")
        assert "is under way: wait" in seen(pilot)
        go_on.set()
        await settle(pilot)
        assert "✓ payroll-db is rotated" in seen(pilot)


async def test_rotate_is_stopped_while_it_makes_key_material(dialog_engine: Engine) -> None:
    ended: list[KctuiError] = []

    def run(observer: Observer) -> Done:
        try:
            for _ in range(3000):
                observer.progress(3, 120, MAKING)
                threading.Event().wait(0.01)
        except KctuiError as error:
            ended.append(error)
            raise
        raise AssertionError("it was not stopped")

    app = Host(lambda: ConfirmDialog("Rotate Now", REGION, "Rotate", Panel("It is rotated.", (), run)))
    async with app.run_test() as pilot:
        await settle(pilot)
        pilot.app.screen.query_one("#go", DialogButton).press()
        await until(pilot, "… Making RSA_4096 key material… 3 s")
        await pilot.press("escape")
        await settle(pilot)
        assert "was stopped" in failure(pilot)
        await pilot.press("enter")
        await settle(pilot)
    assert app.result is False
    assert len(ended) == 1
