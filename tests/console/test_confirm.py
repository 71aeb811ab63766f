"""The rules of the dialog that confirms what hurts: focus, the dead button, leaving, wrong names, the end."""

import threading
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from kctui.core.consequences import Line, Mark
from kctui.core.errors import KctuiError, RefusedError, StoreError
from kctui.core.observer import Observer
from kctui.core.words import StepState
from kctui.screens.dialogs.confirm import LOOKING, ConfirmDialog, Done, Offer, Panel, TypedName
from tests.console.dialog_driver import Host, complaint, failure, fill, has_focus, push, seen, settle

EVIL = "\x1b]0;owned\x07 [/] \u202e"
FACTS = (("CloudKey", "payroll-db"), ("CSP Account", "bank · 111122223333"))
LINES = (Line(Mark.GOOD, "our copy", "opened and matches"), Line(Mark.UNDO, "undo", "Upload to Cloud"))


def nothing(_observer: Observer) -> Done:
    return Done("payroll-db is removed")


class Asked:
    """A dialog, the wrong names that were told of, and how often the work ran."""

    def __init__(
        self,
        run: Callable[[Observer], Done] = nothing,
        *,
        refusal: KctuiError | None = None,
        look: Callable[[], Panel] | None = None,
        name: str | None = "payroll-db",
        lines: tuple[Line, ...] = LINES,
    ) -> None:
        self.wrong: list[str] = []
        self.runs = 0
        self._run = run
        panel = Panel("What will happen.", FACTS, self._work, lines, refusal, lambda: [("Cloud Status", "as it is")])
        typed = TypedName("CloudKey", name, self._refuse) if name else None
        self.host = Host(lambda: ConfirmDialog("Remove from Cloud", "us-east-1", "Remove", look or panel, name=typed))

    def _work(self, observer: Observer) -> Done:
        self.runs += 1
        return self._run(observer)

    def _refuse(self, typed: str) -> None:
        self.wrong.append(typed)
        raise RefusedError("the name does not match")


def dead(pilot: Pilot[None]) -> bool:
    return bool(pilot.app.screen.query_one("#go").disabled)


async def test_the_focus_is_on_the_name_and_the_button_is_dead() -> None:
    asked = Asked()
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        assert (has_focus(pilot, "typed_name"), dead(pilot)) == (True, True)


async def test_without_a_name_the_focus_is_on_cancel() -> None:
    asked = Asked(name=None)
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        await pilot.press("enter")
    assert (asked.host.result, asked.runs) == (False, 0)


async def test_account_region_dependants_and_undo_stand_above_the_field() -> None:
    async with Asked().host.run_test() as pilot:
        await settle(pilot)
        shown = seen(pilot)
        field = shown.index("Type CloudKey Name")
        for words in ("us-east-1", "111122223333", "✓ our copy", "↺ undo"):
            assert 0 <= shown.index(words) < field


@pytest.mark.parametrize("keys", [("escape",), ("enter",)])
async def test_escape_and_enter_on_an_empty_field_leave(keys: tuple[str, ...]) -> None:
    asked = Asked()
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)
    assert (asked.host.result, asked.runs, asked.wrong) == (False, 0, [])


@pytest.mark.parametrize("typed", ["payroll-d", "payroll-dbx", "Payroll-db", "payroll-db ", " payroll-db"])
async def test_only_the_exact_name_wakes_the_button(typed: str) -> None:
    asked = Asked()
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "typed_name", typed)
        assert dead(pilot)
        await fill(pilot, "typed_name", "payroll-db")
        assert not dead(pilot)
        await pilot.press("x")
        assert dead(pilot)


async def test_enter_on_a_wrong_name_says_so_tells_of_it_once_and_runs_nothing() -> None:
    asked = Asked()
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "typed_name", "payroll-d")
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert complaint(pilot, "typed_name") == "The name does not match"
        assert (asked.wrong, asked.runs, asked.host.open) == (["payroll-d"], 0, True)
        await pilot.press("b")
        assert complaint(pilot, "typed_name") == ""


async def test_enter_on_the_exact_name_goes_to_the_button_and_runs_only_from_there() -> None:
    asked = Asked()
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "typed_name", "payroll-db")
        await pilot.press("enter")
        await settle(pilot)
        assert (asked.runs, asked.host.dialog.button("go").has_focus) == (0, True)
        await pilot.press("enter")
        await settle(pilot)
        assert "✓ payroll-db is removed" in seen(pilot)
        await pilot.press("enter")
    assert (asked.runs, asked.host.result, asked.wrong) == (1, True, [])


async def test_until_it_has_looked_the_exact_name_wakes_nothing() -> None:
    go_on = threading.Event()

    def look() -> Panel:
        assert go_on.wait(30)
        return Panel("What will happen.", FACTS, nothing, LINES)

    asked = Asked(look=look)
    async with asked.host.run_test() as pilot:
        await pilot.pause()
        await fill(pilot, "typed_name", "payroll-db")
        await pilot.press("enter")
        assert (LOOKING in seen(pilot), dead(pilot)) == (True, True)
        assert "Wait: the key is still looked at." in seen(pilot)
        go_on.set()
        await settle(pilot)
        assert (LOOKING in seen(pilot), dead(pilot)) == (False, False)


async def test_what_cannot_be_looked_at_cannot_be_done() -> None:
    def look() -> Panel:
        raise KctuiError("AWS does not answer", remedy="Try later.")

    async with Asked(look=look).host.run_test() as pilot:
        await settle(pilot)
        assert ("✕ AWS does not answer" in seen(pilot), dead(pilot)) == (True, True)
        assert "Type CloudKey Name" not in seen(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert not pilot.app.screen.query("#go")


async def test_a_refusal_shows_why_and_asks_for_no_name() -> None:
    asked = Asked(refusal=RefusedError("Our copy does not open", remedy="Restore it."))
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        shown = seen(pilot)
        assert "✕ Our copy does not open" in shown
        assert "↺ undo" in shown
        assert "Type CloudKey Name" not in shown
        await push(pilot, "go")
        assert (asked.runs, dead(pilot)) == (0, True)


async def test_a_failure_shows_what_is_true_now() -> None:
    def run(observer: Observer) -> Done:
        observer.step("DeleteImportedKeyMaterial", StepState.INTENDED)
        raise RefusedError("AWS does not allow kms:DeleteImportedKeyMaterial", remedy="Give it the permission.")

    asked = Asked(run)
    async with asked.host.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "typed_name", "payroll-db")
        await push(pilot, "go")
        assert "✕ AWS does not allow kms:DeleteImportedKeyMaterial" in failure(pilot)
        assert "✕ DeleteImportedKeyMaterial" in seen(pilot)
        assert "Cloud Status  as it is" in seen(pilot)
        await pilot.press("enter")
    assert asked.host.result is False


async def test_a_store_that_fails_twice_leaves_the_first_failure() -> None:
    def now() -> list[tuple[str, str]]:
        raise StoreError("the disk is full")

    def run(_observer: Observer) -> Done:
        raise StoreError("the database cannot be written")

    panel = Panel("What will happen.", FACTS, run, now=now)
    async with Host(lambda: ConfirmDialog("Upload to Cloud", "us-east-1", "Upload", panel)).run_test() as pilot:
        await push(pilot, "go")
        assert failure(pilot) == "✕ the database cannot be written"


async def test_nothing_leaves_while_it_runs_and_nothing_runs_twice() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def run(observer: Observer) -> Done:
        observer.step("RotateKeyOnDemand", StepState.INTENDED)
        begun.set()
        assert go_on.wait(30)
        return Done("payroll-db is rotated")

    asked = Asked(run, name=None)
    async with asked.host.run_test() as pilot:
        go = asked.host.dialog.button("go")
        go.press()
        go.press()
        await pilot.pause()
        assert begun.wait(30)
        await pilot.press("enter", "escape")
        assert asked.host.open
        assert "RotateKeyOnDemand is under way: wait." in seen(pilot)
        go_on.set()
        await settle(pilot)
        await pilot.press("escape")
    assert (asked.runs, asked.host.result) == (1, True)


@pytest.mark.parametrize(("keys", "enabled"), [(("enter",), 0), (("right", "enter"), 1)])
async def test_what_is_offered_next_is_only_done_when_it_is_chosen(keys: tuple[str, ...], enabled: int) -> None:
    ran = []

    def enable(_observer: Observer) -> Done:
        ran.append(1)
        return Done("payroll-db is enabled")

    asked = Asked(lambda _observer: Done("cancelled", Offer("Enable it?", "Enable", enable)), name=None)
    async with asked.host.run_test() as pilot:
        await push(pilot, "go")
        assert "Enable it?" in seen(pilot)
        await pilot.press(*keys)
        await settle(pilot)
        if enabled:
            assert "✓ payroll-db is enabled" in seen(pilot)
            assert "Enable it?" not in seen(pilot)
            await pilot.press("enter")
    assert (len(ran), asked.host.result) == (enabled, True)


async def test_a_long_panel_scrolls_while_the_focus_stays_on_the_name() -> None:
    lines = tuple(Line(Mark.ATTENTION, "grants", f"grant {number}") for number in range(40))
    async with Asked(lines=lines).host.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "PgUp PgDn: read it all" in seen(pilot)
        for _ in range(6):
            await pilot.press("pagedown")
        await pilot.pause()
        assert ("grant 39" in seen(pilot), has_focus(pilot, "typed_name")) == (True, True)


async def test_foreign_text_is_harmless_everywhere() -> None:
    def run(observer: Observer) -> Done:
        observer.step(EVIL, StepState.DONE, EVIL, EVIL)
        return Done(EVIL, Offer(EVIL, EVIL, nothing))

    panel = Panel(EVIL, [("CloudKey", EVIL)], run, [Line(Mark.BAD, EVIL, EVIL)], now=lambda: [(EVIL, EVIL)])
    async with Host(lambda: ConfirmDialog(EVIL, EVIL, EVIL, panel)).run_test() as pilot:
        await settle(pilot)
        before = seen(pilot)
        await push(pilot, "go")
        after = seen(pilot)
    assert (before.count("[/]") >= 4, after.count("[/]") >= 4) == (True, True)
    assert not {"\x1b", "\x07", "\u202e"} & set(before + after)
