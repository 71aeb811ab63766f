"""Pictures of the dialog that confirms what hurts, in each of its states, at 80×24 and 120×40."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from threading import Event

import pytest
from textual.pilot import Pilot

from kctui.core.consequences import Line, Mark
from kctui.core.errors import KctuiError, RefusedError
from kctui.core.observer import Observer
from kctui.core.words import StepState
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Offer, Panel, TypedName
from kctui.screens.dialogs.steps import StepLine, StepReported
from tests.console.dialog_driver import SIZES, Host, fill, push, settle

Compare = Callable[..., bool]
Play = Callable[[Pilot[None]], Awaitable[None]]
Picture = Callable[[Host, Play], bool]
KEY_ID = "c6ce2a39-fa61-4766-a8f7-0b7c1d2e3f40"
REQUEST = "7f0c1234-aaaa-bbbb-cccc-1234567890ab"
AT = datetime(2026, 11, 23, 12, 3, 14, tzinfo=UTC)
WORDS = (
    "Removing the key from the cloud removes the key material from the KMS. Applications will no longer be able to "
    "use it. kctui keeps its copy, which can be uploaded again at any time."
)
FACTS = (
    ("CloudKey", "payroll-db"),
    ("KeyId", KEY_ID),
    ("Key Set", "awsbyokkeyset"),
    ("CSP Account", "awsbyokkeycontrol · 111122223333"),
)
LINES = (
    Line(Mark.GOOD, "our copy", "opened and matches, just now (version 3, and 2, 1 before it)"),
    Line(Mark.ATTENTION, "last use", "Decrypt, 14 min ago (as AWS reports it, up to 1 h late)"),
    Line(Mark.ATTENTION, "aliases", "alias/payroll-db, alias/payroll"),
    Line(Mark.ATTENTION, "grants", "2: rds.amazonaws.com, arn:aws:iam::111122223333:role/reporting"),
    Line(Mark.ATTENTION, "watch", "RDS and Aurora: 7 days until a database cannot be recovered"),
    Line(Mark.ATTENTION, "access", "role/payroll, and whoever the account's IAM policies let in"),
    Line(Mark.UNDO, "undo", "Upload to Cloud, at any time"),
)
REFUSAL = KctuiError(
    "AWS does not allow kms:DeleteImportedKeyMaterial",
    detail=f"User: arn:aws:iam::111122223333:user/AWSBYOKKeycontrolUser is not authorized (request {REQUEST})",
    remedy="Give the account's credential the permission kms:DeleteImportedKeyMaterial.",
)
WRONG = RefusedError("Remove from Cloud of payroll-db is refused: the name does not match")
STEPS = (
    ("Prove our copy 1", StepState.DONE, "version 1 opens and matches", None),
    ("DeleteImportedKeyMaterial 1", StepState.DONE, "", REQUEST),
    ("Confirm", StepState.DONE, "KMS says PendingImport", REQUEST),
)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def picture(request: pytest.FixtureRequest, snap_compare: Compare) -> Picture:
    """Compare a dialog, after some play with it, with its picture at one size."""

    def compare(app: Host, play: Play) -> bool:
        async def run_before(pilot: Pilot[None]) -> None:
            await pilot.pause()
            await play(pilot)
            await pilot.pause()

        return snap_compare(app, terminal_size=request.param, run_before=run_before)

    return compare


def refuse(_typed: str) -> None:
    raise WRONG


def report(pilot: Pilot[None], *steps: tuple[str, StepState, str, str | None]) -> None:
    for name, state, detail, request_id in steps:
        pilot.app.screen.post_message(StepReported(StepLine(name, state, detail, request_id, AT)))


def removal(
    run: Callable[[Observer], Done] = lambda _observer: Done("payroll-db is removed from the cloud"),
    refusal: KctuiError | None = None,
    status: str = "◌ NOT AVAILABLE",
) -> Host:
    lines = LINES if refusal is None else (Line(Mark.BAD, "our copy", "version 1: it does not open"), *LINES[1:])
    panel = Panel(WORDS, FACTS, run, lines, refusal, lambda: (("Cloud Status", status),))
    name = TypedName("CloudKey", "payroll-db", refuse)
    return Host(lambda: ConfirmDialog("Remove from Cloud", "us-east-1", "Remove", lambda: panel, name=name))


async def as_it_is(pilot: Pilot[None]) -> None:
    await settle(pilot)


async def typed(pilot: Pilot[None], name: str = "payroll-db") -> None:
    await settle(pilot)
    await fill(pilot, "typed_name", name)


def test_asked(picture: Picture) -> None:
    assert picture(removal(), as_it_is)


def test_looking(picture: Picture) -> None:
    def look() -> Panel:
        app.gate.wait(60)
        return Panel(WORDS, FACTS, lambda _observer: Done(""), LINES)

    name = TypedName("CloudKey", "payroll-db", refuse)

    async def nothing(pilot: Pilot[None]) -> None:
        await pilot.pause()

    app = Host(lambda: ConfirmDialog("Remove from Cloud", "us-east-1", "Remove", look, name=name))
    assert picture(app, nothing)


def test_wrong_name(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await typed(pilot, "payroll-d")
        await pilot.press("enter")
        await settle(pilot)

    assert picture(removal(), play)


def test_right_name(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await typed(pilot)
        await pilot.press("enter")

    assert picture(removal(), play)


def test_refused(picture: Picture) -> None:
    refusal = RefusedError(
        "The key material of payroll-db, version 1, does not open", remedy="Restore the vault from a backup."
    )
    assert picture(removal(refusal=refusal), as_it_is)


def test_running(picture: Picture) -> None:
    begun = Event()

    def run(_observer: Observer) -> Done:
        begun.set()
        app.gate.wait(60)
        return Done("")

    app = removal(run)

    async def play(pilot: Pilot[None]) -> None:
        await typed(pilot)
        # Not by its button, which stays lit for a moment.
        app.dialog.press("go")
        assert await asyncio.to_thread(begun.wait, 30)
        report(pilot, *STEPS[:2], ("Confirm", StepState.INTENDED, "", None))

    assert picture(app, play)


def test_done(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await typed(pilot)
        await push(pilot, "go")
        report(pilot, *STEPS)

    assert picture(removal(), play)


def test_failed(picture: Picture) -> None:
    def run(_observer: Observer) -> Done:
        raise REFUSAL

    async def play(pilot: Pilot[None]) -> None:
        await typed(pilot)
        await push(pilot, "go")
        report(pilot, STEPS[0], ("DeleteImportedKeyMaterial 1", StepState.FAILED, REFUSAL.title, REQUEST))

    assert picture(removal(run, status="● AVAILABLE"), play)


def test_offered(picture: Picture) -> None:
    def run(_observer: Observer) -> Done:
        offer = Offer("The key is DISABLED now. Enable it?", "Enable", lambda _observer: Done("payroll-db is enabled"))
        return Done("The deletion of payroll-db is cancelled", offer)

    panel = Panel("The deletion of the key is called off.", FACTS, run, now=lambda: (("Cloud Status", "○ DISABLED"),))

    async def play(pilot: Pilot[None]) -> None:
        await push(pilot, "go")
        report(pilot, ("CancelKeyDeletion", StepState.DONE, "", REQUEST), STEPS[2])

    assert picture(Host(lambda: ConfirmDialog("Cancel Deletion", "us-east-1", "Cancel Delete", panel)), play)
