"""Pictures of every dialog and step, at 80×24 and 120×40, with words that are always the same."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from textual.pilot import Pilot

from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.lists import KeySetRow
from kctui.core.observer import Observer
from kctui.core.words import KeySpec, StepState
from kctui.screens.dialogs.create_account import CreateAccountWizard
from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard
from kctui.screens.dialogs.create_key_set import CreateKeySetWizard
from kctui.screens.dialogs.json_view import JsonView
from kctui.screens.dialogs.message import MessageDialog
from kctui.screens.dialogs.operation import OperationDialog
from kctui.screens.dialogs.steps import StepLine, StepReported
from kctui.screens.dialogs.wizard import Outcome
from tests.console.dialog_driver import ADMINISTRATOR, REGION, SIZES, Host, choose, field, fill, paste, push, settle

pytest_plugins = ["tests.console.dialog_fixtures"]

Compare = Callable[..., bool]
Play = Callable[[Pilot[None]], Awaitable[None]]
ARN = "arn:aws:iam::111122223333:user/AWSBYOKKeycontrolUser"
KEY_ID = "c6ce2a39-fa61-4766-a8f7-0b7c1d2e3f40"
REQUEST = "7f0c1234-aaaa-bbbb-cccc-1234567890ab"
AT = datetime(2026, 11, 23, 12, 3, 14, tzinfo=UTC)
ACCOUNT = Outcome(
    "0",
    "CSP Account awsbyokkeycontrol is added",
    [
        ("CSP Account", "awsbyokkeycontrol"),
        ("AWS account", "111122223333"),
        ("Credential of", ARN),
        ("Partition", "aws"),
        ("Region", "US East (N. Virginia) us-east-1"),
        ("Regions known", "4: eu-central-1, us-east-1, us-east-2, us-west-1"),
    ],
)
CLOUD_KEY = Outcome(
    "0",
    "CloudKey payroll-db is created",
    [
        ("CloudKey", "payroll-db"),
        ("KeyId", KEY_ID),
        ("Alias", "alias/payroll-db"),
        ("Key Set", "awsbyokkeyset"),
        ("Region", REGION),
        ("Cloud Status", "● AVAILABLE"),
    ],
)
REFUSAL = KctuiError(
    "AWS does not allow kms:CreateKey",
    detail=f"User: {ARN} is not authorized to perform: kms:CreateKey (request {REQUEST})",
    remedy="Give the account's credential the permission kms:CreateKey, and look at the key's policy.",
)


class FixedAccountWizard(CreateAccountWizard):
    """Add CSP Account, without AWS."""

    def work(self) -> Callable[[Observer], Outcome]:
        return lambda _observer: ACCOUNT


class FixedCloudKeyWizard(CreateCloudKeyWizard):
    """Create CloudKey, without AWS."""

    def work(self) -> Callable[[Observer], Outcome]:
        return lambda _observer: CLOUD_KEY


class RefusedCloudKeyWizard(CreateCloudKeyWizard):
    """Create CloudKey, which AWS refuses."""

    def work(self) -> Callable[[Observer], Outcome]:
        def refuse(_observer: Observer) -> Outcome:
            raise REFUSAL

        return refuse


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def picture(request: pytest.FixtureRequest, snap_compare: Compare) -> Callable[[Host, Play], bool]:
    """Compare a dialog, after some play with it, with its picture at one size."""

    def compare(app: Host, play: Play) -> bool:
        async def run_before(pilot: Pilot[None]) -> None:
            await settle(pilot)
            await play(pilot)
            await settle(pilot)

        return snap_compare(app, terminal_size=request.param, run_before=run_before)

    return compare


Picture = Callable[[Host, Play], bool]


def report(pilot: Pilot[None], *steps: tuple[str, StepState, str, str | None]) -> None:
    """Let steps appear, all at the same time of day."""
    for name, state, detail, request_id in steps:
        pilot.app.screen.post_message(StepReported(StepLine(name, state, detail, request_id, AT)))


async def as_it_is(_pilot: Pilot[None]) -> None:
    """Do nothing."""


# Add CSP Account


async def fill_account(pilot: Pilot[None]) -> None:
    await fill(pilot, "name", "awsbyokkeycontrol")
    await fill(pilot, "access_key_id", "AKIAIOSFODNN7EXAMPLE")
    await fill(pilot, "secret_access_key", "x" * 40)


def test_account_details(picture: Picture, dialog_engine: Engine) -> None:
    assert picture(Host(lambda: CreateAccountWizard(dialog_engine)), as_it_is)


def test_account_complaint(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill_account(pilot)
        await fill(pilot, "endpoint_url", "http://kms.example.com")
        await push(pilot, "continue")

    assert picture(Host(lambda: CreateAccountWizard(dialog_engine)), play)


def test_account_added(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill_account(pilot)
        await push(pilot, "continue")
        await push(pilot, "continue")
        report(
            pilot,
            ("GetCallerIdentity", StepState.DONE, ARN, None),
            ("DescribeRegions", StepState.DONE, "4 regions", None),
            ("GetParameter", StepState.DONE, "4 long names", None),
        )

    assert picture(Host(lambda: FixedAccountWizard(dialog_engine)), play)


# Create Key Set


@pytest.mark.parametrize("step", ["details", "account", "hsm", "schedule"])
def test_key_set(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow, step: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill(pilot, "name", "awsbyokkeyset")
        await fill(pilot, "description", "Key Set for the aws byok")
        for _ in range(["details", "account", "hsm", "schedule"].index(step)):
            await push(pilot, "continue")
        if step == "schedule":
            await pilot.press("enter", "end", "enter")

    assert picture(Host(lambda: CreateKeySetWizard(dialog_engine)), play)


def test_key_set_without_an_account(picture: Picture, dialog_engine: Engine) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill(pilot, "name", "awsbyokkeyset")
        await push(pilot, "continue")

    assert picture(Host(lambda: CreateKeySetWizard(dialog_engine)), play)


# Create CloudKey

CLOUD_KEY_STEPS = ["details", "access", "schedule", "review"]


async def to_cloud_key_step(pilot: Pilot[None], step: str) -> None:
    await fill(pilot, "name", "payroll-db")
    await fill(pilot, "description", "Aurora, payroll")
    await settle(pilot)
    for number in range(CLOUD_KEY_STEPS.index(step)):
        await push(pilot, "continue")
        if number == 0:
            await paste(pilot, f"{ADMINISTRATOR}\n{ARN}")


@pytest.mark.parametrize("step", CLOUD_KEY_STEPS)
def test_cloud_key(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow, step: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, step)

    assert picture(Host(lambda: CreateCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


@pytest.mark.parametrize("spec", [KeySpec.RSA_3072, KeySpec.HMAC_256])
def test_cloud_key_of_another_kind(
    picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow, spec: KeySpec
) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, "details")
        await choose(pilot, "key_spec", spec)

    assert picture(Host(lambda: CreateCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


def test_cloud_key_choosing_its_spec(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, "details")
        field(pilot, "key_spec").editor.focus()
        await pilot.press("enter")

    assert picture(Host(lambda: CreateCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


def test_cloud_key_choosing_a_date(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, "schedule")
        field(pilot, "expiration").editor.focus()
        await pilot.press("enter", "down", "enter", "tab", "tab")
        await push(pilot, "continue")

    assert picture(Host(lambda: CreateCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


def test_cloud_key_created(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, "review")
        await push(pilot, "continue")
        report(
            pilot,
            ("Prove our copy 1", StepState.DONE, "", None),
            ("CreateKey", StepState.DONE, KEY_ID, REQUEST),
            ("CreateAlias", StepState.DONE, "alias/payroll-db", REQUEST),
            ("ImportKeyMaterial 1", StepState.DONE, "", REQUEST),
            ("Confirm", StepState.DONE, "AVAILABLE", REQUEST),
        )

    assert picture(Host(lambda: FixedCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


def test_cloud_key_refused(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, "review")
        await push(pilot, "continue")
        report(
            pilot,
            ("Prove our copy 1", StepState.DONE, "", None),
            ("CreateKey", StepState.FAILED, "AWS does not allow kms:CreateKey", REQUEST),
        )

    assert picture(Host(lambda: RefusedCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


def test_discard(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await to_cloud_key_step(pilot, "details")
        await pilot.press("escape")

    assert picture(Host(lambda: CreateCloudKeyWizard(dialog_engine, fixed_key_set, REGION)), play)


# Operations, messages, documents

FACTS = [("CloudKey", "payroll-db"), ("KeyId", KEY_ID), ("Region", REGION), ("Cloud Status", "◌ NOT AVAILABLE")]


def upload(error: KctuiError | None = None) -> Host:
    def run(_observer: Observer) -> None:
        if error:
            raise error

    return Host(lambda: OperationDialog("Upload to Cloud", FACTS, run, "Upload"))


def test_operation_asked(picture: Picture) -> None:
    assert picture(upload(), as_it_is)


def test_operation_done(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await push(pilot, "go")
        report(
            pilot,
            ("Prove our copy 1", StepState.DONE, "", None),
            ("ImportKeyMaterial 1", StepState.DONE, "", REQUEST),
            ("Confirm", StepState.DONE, "AVAILABLE", REQUEST),
        )

    assert picture(upload(), play)


def test_operation_failed(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await push(pilot, "go")
        report(
            pilot,
            ("Prove our copy 1", StepState.DONE, "", None),
            ("ImportKeyMaterial 1", StepState.FAILED, REFUSAL.title, REQUEST),
        )

    assert picture(upload(REFUSAL), play)


def test_message(picture: Picture) -> None:
    message = MessageDialog(REFUSAL.title, REFUSAL.detail, REFUSAL.remedy)
    assert picture(Host(lambda: message), as_it_is)


def test_document(picture: Picture) -> None:
    document: dict[str, Any] = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": ADMINISTRATOR}}],
    }
    assert picture(Host(lambda: JsonView("Key policy of payroll-db", document)), as_it_is)
