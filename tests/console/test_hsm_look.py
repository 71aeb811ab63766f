"""Pictures of what there is of HSMs, at 80×24 and 120×40: invented rows, no token."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from kctui.app import KctuiApp
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError, RefusedError
from kctui.core.lists import HsmList, HsmRow, KeySetRow
from kctui.core.model import KeySet
from kctui.core.observer import Observer
from kctui.core.paths import Home
from kctui.core.pkcs11.tokens import Tokens
from kctui.core.words import StepState, TokenState
from kctui.screens.dialogs.add_hsm import AddHsmWizard
from kctui.screens.dialogs.create_key_set import CreateKeySetWizard
from kctui.screens.dialogs.hsm_steps import HsmOutcome
from kctui.screens.dialogs.new_pin import NewPinWizard
from kctui.screens.dialogs.remove_hsm import remove_hsm_dialog
from kctui.screens.dialogs.steps import StepLine, StepReported
from kctui.screens.dialogs.test_hsm import TestHsmDialog
from kctui.screens.hsms import HsmsScreen
from kctui.screens.reading import read_hsms
from kctui.screens.widgets.findings import Findings
from tests.console.conftest import SIZES, Shell
from tests.console.dialog_driver import Host, choose, fill, push, settle
from tests.console.hsm_rows import MODULE, NOW, invent_hsms, soft_conformance

pytest_plugins = ["tests.console.dialog_fixtures"]

Compare = Callable[..., bool]
Play = Callable[[Pilot[None]], Awaitable[None]]
Picture = Callable[[Any, Play], bool]
FACTS = [
    ("HSM", "bastion"),
    ("Token", "kctui, serial 2d119833a27265c6, slot 577922502 · SoftHSM v2 · firmware 2.6"),
    ("Library", "SoftHSM Implementation of PKCS11 2.6"),
    ("Key export", "lets no non-extractable key out"),
    ("Probed", "3 h ago"),
    ("Works", "6 of 12 key specs"),
    ("Limits", "SHA-1 only · no HMAC_224, RSA, P-256, P-521"),
]
STEPS = ("Log in and look at the token", "Find the key-encryption key")
REFUSED = RefusedError(
    "The token kctui wraps key material for AWS with SHA-1 only",
    detail="AWS takes RSAES_OAEP_SHA_1. No attack on it is known, but many policies forbid SHA-1.",
    remedy="Where that is acceptable: Back, and Yes at SHA-1. Nothing was kept.",
)


def outcome(title: str) -> HsmOutcome:
    return HsmOutcome("0", title, FACTS, Findings.of(soft_conformance(), sha1=True))


class FixedAddHsm(AddHsmWizard):
    """Add HSM, without a token."""

    def work(self) -> Callable[[Observer], HsmOutcome]:
        return lambda _observer: outcome("HSM bastion is added")


class RefusedAddHsm(AddHsmWizard):
    """Add HSM, whose token needs a consent."""

    def work(self) -> Callable[[Observer], HsmOutcome]:
        def refuse(_observer: Observer) -> HsmOutcome:
            raise REFUSED

        return refuse


class FixedTest(TestHsmDialog):
    """Test HSM, without a token. error: what comes of it, where it fails."""

    error: KctuiError | None = None

    def begin(self, work: Callable[[Observer], object]) -> bool:
        error = self.error

        def run(_observer: Observer) -> HsmOutcome:
            if error is not None:
                raise error
            return outcome("HSM bastion can be used")

        return super().begin(run)


class FailedTest(FixedTest):
    error = RefusedError(
        "The token's PIN is locked", detail="Too many wrong PINs were tried.", remedy="Ask its officer."
    )


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def picture(request: pytest.FixtureRequest, snap_compare: Compare) -> Picture:
    """Compare an application, after some play with it, with its picture at one size."""

    def compare(app: Any, play: Play) -> bool:
        async def run_before(pilot: Pilot[None]) -> None:
            await settle(pilot)
            await play(pilot)
            await settle(pilot)

        return snap_compare(app, terminal_size=request.param, run_before=run_before)

    return compare


@pytest.fixture
def rows(dialog_engine: Engine, fixed_key_set: KeySetRow) -> dict[str, HsmRow]:
    """The invented HSMs; bastion is used by a Key Set."""
    with dialog_engine.store.write() as session:
        hsms = invent_hsms(session)
        session.get_one(KeySet, fixed_key_set.id).hsm_id = hsms["bastion"].id
    return {row.name: row for row in HsmList(dialog_engine.store).page().rows}


async def as_it_is(_pilot: Pilot[None]) -> None:
    """Do nothing."""


def report(pilot: Pilot[None], *steps: tuple[str, StepState]) -> None:
    for name, state in steps:
        pilot.app.screen.post_message(StepReported(StepLine(name, state, "", None, NOW)))


def page(engine: Engine) -> Host:
    return Host(lambda: HsmsScreen(engine, read_hsms(engine), lambda: NOW, unlocked=True))


def test_no_hsms(picture: Picture, dialog_engine: Engine) -> None:
    assert picture(page(dialog_engine), as_it_is)


@pytest.mark.parametrize("row", ["bastion", "cloudhsm-frankfurt", "nss-lab"])
def test_hsms(picture: Picture, dialog_engine: Engine, rows: dict[str, HsmRow], row: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await pilot.press(*["j"] * list(rows).index(row))

    assert picture(page(dialog_engine), play)


@pytest.mark.parametrize("chosen", ["none", "bastion"])
def test_hsm_step(picture: Picture, dialog_engine: Engine, rows: dict[str, HsmRow], chosen: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill(pilot, "name", "payroll")
        await push(pilot, "continue")
        await push(pilot, "continue")
        if chosen == "bastion":
            await pilot.press("down")

    assert picture(Host(lambda: CreateKeySetWizard(dialog_engine)), play)


async def to_step(pilot: Pilot[None], step: str) -> None:
    await fill(pilot, "name", "bastion")
    await fill(pilot, "module", MODULE)
    await fill(pilot, "token_label", "kctui")
    for number in range(["details", "pin", "consent", "end"].index(step)):
        await push(pilot, "continue")
        if number == 0:
            await fill(pilot, "pin", "87654321")


@pytest.mark.parametrize("step", ["details", "pin", "consent"])
def test_add_hsm(picture: Picture, dialog_engine: Engine, step: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_step(pilot, step)

    assert picture(Host(lambda: FixedAddHsm(dialog_engine)), play)


def test_add_hsm_complaint(picture: Picture, dialog_engine: Engine) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_step(pilot, "details")
        await fill(pilot, "module", "/nowhere/lib.so")
        await push(pilot, "continue")

    assert picture(Host(lambda: FixedAddHsm(dialog_engine)), play)


def test_hsm_added(picture: Picture, dialog_engine: Engine) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_step(pilot, "end")
        report(pilot, *((step, StepState.DONE) for step in (STEPS[0], "Probe what it can wrap for AWS")))
        report(pilot, ("Make the key-encryption key", StepState.DONE))

    assert picture(Host(lambda: FixedAddHsm(dialog_engine)), play)


def test_hsm_without_consent(picture: Picture, dialog_engine: Engine) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_step(pilot, "consent")
        await choose(pilot, "sha1", False)
        await push(pilot, "continue")
        report(pilot, *((step, StepState.DONE) for step in (STEPS[0], "Probe what it can wrap for AWS")))

    assert picture(Host(lambda: RefusedAddHsm(dialog_engine)), play)


@pytest.mark.parametrize("scrolled", ["top", "end"])
def test_findings(picture: Picture, dialog_engine: Engine, rows: dict[str, HsmRow], scrolled: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        report(pilot, *((step, StepState.DONE) for step in STEPS))
        await settle(pilot)
        if scrolled == "end":
            pilot.app.screen.query_one(".found").scroll_end(animate=False)

    assert picture(Host(lambda: FixedTest(dialog_engine, rows["bastion"], lambda: NOW)), play)


def test_test_failed(picture: Picture, dialog_engine: Engine, rows: dict[str, HsmRow]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        report(pilot, (STEPS[0], StepState.FAILED))

    assert picture(Host(lambda: FailedTest(dialog_engine, rows["bastion"], lambda: NOW)), play)


def test_new_pin(picture: Picture, dialog_engine: Engine, rows: dict[str, HsmRow]) -> None:
    assert picture(Host(lambda: NewPinWizard(dialog_engine, rows["nss-lab"], lambda: NOW)), as_it_is)


@pytest.mark.parametrize("row", ["bastion", "nss-lab"])
def test_remove(picture: Picture, dialog_engine: Engine, rows: dict[str, HsmRow], row: str) -> None:
    assert picture(Host(lambda: remove_hsm_dialog(dialog_engine, rows[row])), as_it_is)


@pytest.mark.parametrize("state", list(TokenState), ids=lambda state: state.name.lower())
def test_header(
    picture: Picture, seeded: Home, passphrase: str, monkeypatch: pytest.MonkeyPatch, state: TokenState
) -> None:
    with Engine.open(seeded) as engine, engine.store.write() as session:
        session.get_one(KeySet, "b" * 32).hsm_id = invent_hsms(session)["bastion"].id
    monkeypatch.setattr(Tokens, "state", lambda _self, _hsm_id: (state, ""))
    monkeypatch.setattr(Tokens, "check", lambda _self, _hsm, patience: None)
    app = KctuiApp(seeded, read_only=True, clock=lambda: NOW, environment={})

    async def play(pilot: Pilot[None]) -> None:
        shell = Shell(app, pilot)
        await shell.settle()
        await shell.unlock(passphrase)
        await shell.press("1", "j")
        assert app.engine is not None
        app.engine.close()

    assert picture(app, play)
