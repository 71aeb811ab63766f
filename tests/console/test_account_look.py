"""Pictures of Edit CSP Account, Rotate Credentials and Remove CSP Account, at 80×24 and 120×40."""

import dataclasses
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from kctui.core.consequences import Line, Mark
from kctui.core.credential_outlook import WORDS
from kctui.core.engine import Engine
from kctui.core.errors import RefusedError
from kctui.core.lists import CspAccountList, CspAccountRow, KeySetRow
from kctui.core.words import CredentialKind
from kctui.screens.account_actions import removal
from kctui.screens.dialogs.confirm import Done, Panel, TypedName
from kctui.screens.dialogs.create_account import CreateAccountWizard
from kctui.screens.dialogs.edit_account import EditAccountWizard
from kctui.screens.dialogs.fields import ChoiceField
from kctui.screens.dialogs.rotate_account import TYPE_ITS_ID, OtherKeySeen, RotateAccountDialog
from tests.console.dialog_driver import SIZES, Host, field, fill, push, settle

pytest_plugins = ["tests.console.dialog_fixtures"]

Play = Callable[[Pilot[None]], Awaitable[None]]
Picture = Callable[[Host, Play], bool]
OTHER = "AKIAI44QH8DHBEXAMPLE"
LINES = (
    Line(Mark.ATTENTION, "old key", "AKIAIOSFODNN7EXAMPLE, made 94 d ago"),
    Line(Mark.ATTENTION, "last use", "14 min ago for kms in us-east-1"),
    Line(Mark.ATTENTION, "note", "AWS tells of one use only, and kctui's own count too"),
    Line(Mark.GOOD, "order", "deleted only once the new one has worked without it"),
    Line(Mark.UNDO, "undo", "until the switch; a deleted access key cannot be brought back"),
)
IN_THE_WAY = (
    Line(Mark.BAD, "other key", f"{OTHER}, inactive, 400 d old, never used"),
    Line(Mark.BAD, "in the way", "IAM allows two access keys: it must go first"),
)
FULL = RefusedError("AWSBYOKKeycontrolUser has 2 access keys, and IAM allows 2", remedy=TYPE_ITS_ID)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def picture(request: pytest.FixtureRequest, snap_compare: Callable[..., bool]) -> Picture:
    """Compare a dialog, after some play with it, with its picture at one size."""

    def compare(app: Host, play: Play) -> bool:
        async def run_before(pilot: Pilot[None]) -> None:
            await settle(pilot)
            await play(pilot)
            await settle(pilot)

        return snap_compare(app, terminal_size=request.param, run_before=run_before)

    return compare


async def as_it_is(_pilot: Pilot[None]) -> None:
    """Do nothing."""


@pytest.fixture
def row(dialog_engine: Engine, fixed_key_set: KeySetRow) -> CspAccountRow:
    found = next(row for row in CspAccountList(dialog_engine.store).page().rows if row.name == "awsbyokkeycontrol")
    return dataclasses.replace(found, description="Payroll, production", rotation_days=90)


class FixedRotation(RotateAccountDialog):
    """Rotate Credentials, without AWS."""

    full = False

    def looking(self) -> Callable[[], Panel]:
        facts = (
            ("CSP Account", "awsbyokkeycontrol"),
            ("Access key", "AKIAIOSFODNN7EXAMPLE"),
            ("IAM user", "arn:aws:iam::111122223333:user/AWSBYOKKeycontrolUser"),
        )

        def look() -> Panel:
            self.post_message(OtherKeySeen(OTHER if self.full else None))
            lines = (*LINES[:3], *IN_THE_WAY, *LINES[3:]) if self.full else LINES
            return Panel(WORDS, facts, lambda _: Done("done"), lines, FULL if self.full else None)

        return look


class FullRotation(FixedRotation):
    """Both places are taken."""

    full = True


def rotation(kind: type[FixedRotation], engine: Engine, row: CspAccountRow) -> Host:
    name = TypedName("Account", row.name, lambda _typed: None)
    return Host(lambda: kind(engine, row, name, lambda observer: observer))


def test_edit(picture: Picture, dialog_engine: Engine, row: CspAccountRow) -> None:
    assert picture(Host(lambda: EditAccountWizard(dialog_engine, row)), as_it_is)


def test_edit_of_a_role(picture: Picture, dialog_engine: Engine, row: CspAccountRow) -> None:
    role = dataclasses.replace(
        row, access_key_id="", profile="byok", credential_kind=CredentialKind.ASSUME_ROLE,
        role_arn="arn:aws:iam::111122223333:role/kctui", external_id="7c1f",
    )  # fmt: skip
    assert picture(Host(lambda: EditAccountWizard(dialog_engine, role)), as_it_is)


def test_schedule(picture: Picture, dialog_engine: Engine, row: CspAccountRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await push(pilot, "continue")

    assert picture(Host(lambda: EditAccountWizard(dialog_engine, row)), play)


def test_no_schedule(picture: Picture, dialog_engine: Engine) -> None:
    async def play(pilot: Pilot[None]) -> None:
        kind = field(pilot, "credential")
        assert isinstance(kind, ChoiceField)
        kind.select.value = CredentialKind.INSTANCE_ROLE
        await fill(pilot, "name", "prod")
        await fill(pilot, "region", "us-east-1")
        await push(pilot, "continue")

    assert picture(Host(lambda: CreateAccountWizard(dialog_engine)), play)


def test_rotation(picture: Picture, dialog_engine: Engine, row: CspAccountRow) -> None:
    assert picture(rotation(FixedRotation, dialog_engine, row), as_it_is)


def test_rotation_with_both_places_taken(picture: Picture, dialog_engine: Engine, row: CspAccountRow) -> None:
    assert picture(rotation(FullRotation, dialog_engine, row), as_it_is)


def test_removal(picture: Picture, dialog_engine: Engine, row: CspAccountRow) -> None:
    assert picture(Host(lambda: removal(dialog_engine, row)), as_it_is)
