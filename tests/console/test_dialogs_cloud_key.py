"""Create CloudKey: from its name to AVAILABLE, against AWS in a box."""

from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot

from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.lists import CloudKeyList, CloudKeyQuery, CloudKeyRow, KeySetRow
from kctui.core.observer import Observer
from kctui.core.operations import NewCloudKey, create_cloud_key
from kctui.core.words import MADE_SPECS, CloudStatus, KeySpec, KeyUsage, StepState
from kctui.demo.box import Box, FaultKind
from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard
from kctui.screens.dialogs.fields import ChoiceField, LinesField
from tests.console.dialog_driver import (
    ADMINISTRATOR,
    REGION,
    Host,
    choose,
    complaint,
    failure,
    field,
    fill,
    has_focus,
    paste,
    push,
    seen,
    settle,
)

pytest_plugins = ["tests.console.dialog_fixtures"]


def host(engine: Engine, key_set: KeySetRow) -> Host:
    return Host(lambda: CreateCloudKeyWizard(engine, key_set, REGION))


def keys(engine: Engine) -> list[CloudKeyRow]:
    return list(CloudKeyList(engine.store, CloudKeyQuery()).page().rows)


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def to_step(pilot: Pilot[None], number: int, name: str = "payroll-db") -> None:
    """Go on to a step (1 Details, 4 Review) with a name and nothing else."""
    await settle(pilot)
    await fill(pilot, "name", name)
    await settle(pilot)
    for _ in range(number - 1):
        await push(pilot, "continue")


async def test_a_cloud_key_is_created_to_available(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        assert "→ alias/payroll-db, free" in seen(pilot)
        await fill(pilot, "description", "Aurora, payroll")
        await push(pilot, "continue")
        await paste(pilot, f"{ADMINISTRATOR}\r\n{ADMINISTRATOR}\r\n")
        await pilot.press("tab", "tab")
        await paste(pilot, ADMINISTRATOR)
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "kms:CreateKey Origin=EXTERNAL" in seen(pilot)
        assert "every 180 days, as the Key Set" in seen(pilot)
        await push(pilot, "continue")
        assert "✓ CreateKey" in seen(pilot)
        assert "● AVAILABLE" in seen(pilot)
        await pilot.press("enter")
    [row] = keys(dialog_engine)
    assert app.result == row.id
    assert (row.name, row.description, row.rotation_days) == ("payroll-db", "Aurora, payroll", 180)
    assert (row.cloud_status, row.expires_at) == (CloudStatus.AVAILABLE, None)
    details = cloud_key_details(dialog_engine.store, row.id)
    assert (list(details.administrators), list(details.users)) == ([ADMINISTRATOR], [ADMINISTRATOR])


async def test_own_schedule_and_expiration_are_kept(dialog_engine: Engine, key_set: KeySetRow) -> None:
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 3)
        await pilot.press("enter", "end", "enter")
        await settle(pilot)
        await fill(pilot, "rotation_days", "45")
        field(pilot, "expiration").editor.focus()
        await pilot.press("enter", "down", "enter")
        await settle(pilot)
        await fill(pilot, "expires", in_days(30))
        await push(pilot, "continue")
        assert f"{in_days(30)}T23:59:59Z" in seen(pilot)
        await push(pilot, "continue")
    [row] = keys(dialog_engine)
    assert row.rotation_days == 45
    assert row.expires_at is not None
    assert row.expires_at.date().isoformat() == in_days(30)


async def test_a_signing_key_is_chosen_with_the_keyboard_and_created(
    dialog_engine: Engine, key_set: KeySetRow, aws_box: Box
) -> None:
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        assert not field(pilot, "key_usage").display
        await fill(pilot, "description", "Releases")
        await pilot.press("enter")
        assert has_focus(pilot, "key_spec")
        await pilot.press("enter", *"RSA_2048", "enter")
        await settle(pilot)
        assert "Not for services of AWS" in seen(pilot)
        await pilot.press("tab")
        assert has_focus(pilot, "key_usage")
        await pilot.press("enter", "down", "enter")
        await settle(pilot)
        await push(pilot, "continue")
        assert "They can use the key to sign and verify." in seen(pilot)
        await push(pilot, "continue")
        await push(pilot, "continue")
        for told in (
            "RSA_2048 · sign and verify",
            "kms:CreateKey Origin=EXTERNAL, RSA_2048, SIGN_VERIFY, policy, tags",
            "kms:GetParametersForImport RSA_4096, RSA_AES_KEY_WRAP_SHA_256",
        ):
            assert told in seen(pilot)
        await push(pilot, "continue")
        assert "● AVAILABLE" in seen(pilot)
    [row] = keys(dialog_engine)
    assert (row.key_spec, row.key_usage) == (KeySpec.RSA_2048, KeyUsage.SIGN_VERIFY)


async def test_the_usages_follow_the_spec_and_nothing_chosen_is_lost(
    dialog_engine: Engine, fixed_key_set: KeySetRow
) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        for spec in (*MADE_SPECS, *reversed(MADE_SPECS)):
            await choose(pilot, "key_spec", spec)
            usage = field(pilot, "key_usage")
            assert isinstance(usage, ChoiceField)
            assert usage.display is (len(spec.usages) > 1)
            assert usage.value in spec.usages
            assert (usage.value.told in seen(pilot)) is True
        await choose(pilot, "key_spec", KeySpec.RSA_4096)
        await choose(pilot, "key_usage", KeyUsage.SIGN_VERIFY)
        await choose(pilot, "key_spec", KeySpec.ECC_NIST_P384)
        await push(pilot, "continue")
        await push(pilot, "back")
        assert "ECC_NIST_P384" in seen(pilot)
        assert "sign and verify" in seen(pilot)


@pytest.mark.parametrize("name", ["", "pay roll", "aws/payroll", "alias/payroll", "x" * 251])
async def test_a_bad_name_is_pointed_out(dialog_engine: Engine, fixed_key_set: KeySetRow, name: str) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 2, name)
        assert complaint(pilot, "name")
        assert has_focus(pilot, "name")


async def test_a_complaint_goes_away_with_the_first_change(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 2, "pay roll")
        assert complaint(pilot, "name")
        await pilot.press("x")
        await settle(pilot)
        assert not complaint(pilot, "name")


async def test_a_taken_name_says_where_while_it_is_typed(dialog_engine: Engine, key_set: KeySetRow) -> None:
    create_cloud_key(dialog_engine, NewCloudKey("payroll-db", key_set.name, REGION))
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        assert "taken in us-east-1, Key Set" in seen(pilot)
        await push(pilot, "continue")
        assert complaint(pilot, "name")
        await fill(pilot, "name", "payroll-db2")
        await settle(pilot)
        assert "→ alias/payroll-db2, free" in seen(pilot)


async def test_a_name_taken_meanwhile_leads_back_to_it(dialog_engine: Engine, key_set: KeySetRow) -> None:
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        create_cloud_key(dialog_engine, NewCloudKey("payroll-db", key_set.name, REGION))
        await push(pilot, "continue")
        assert "already" in complaint(pilot, "name")
        assert has_focus(pilot, "name")
    assert len(keys(dialog_engine)) == 1


@pytest.mark.parametrize("key", ["administrators", "users"])
async def test_a_line_that_is_no_arn_is_named(dialog_engine: Engine, fixed_key_set: KeySetRow, key: str) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        field(pilot, key).editor.focus()
        await paste(pilot, f"{ADMINISTRATOR}\n\nalice")
        await push(pilot, "continue")
        assert complaint(pilot, key).startswith("Line 3: 'alice'")
        assert has_focus(pilot, key)


async def test_what_is_pasted_loses_its_control_characters(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 1, "a\x1b]52;c;x\x07")
        assert "\x1b" not in seen(pilot)
        await fill(pilot, "name", "payroll-db")
        await push(pilot, "continue")
        await paste(pilot, "\x1b[2J\x9b1m\n")
        lines = field(pilot, "administrators")
        assert isinstance(lines, LinesField)
        assert not {"\x1b", "\x9b"} & set(lines.area.text)


@pytest.mark.parametrize("date", ["", "never", "tomorrow", "2020-01-01", in_days(400)])
async def test_a_bad_expiration_is_pointed_out(dialog_engine: Engine, fixed_key_set: KeySetRow, date: str) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 3)
        field(pilot, "expiration").editor.focus()
        await pilot.press("enter", "down", "enter")
        await settle(pilot)
        await fill(pilot, "expires", date)
        await push(pilot, "continue")
        assert complaint(pilot, "expires")
        assert has_focus(pilot, "expires")


async def test_going_back_from_the_review_loses_nothing(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        await paste(pilot, ADMINISTRATOR)
        await push(pilot, "continue")
        await push(pilot, "continue")
        for _ in range(3):
            await push(pilot, "back")
        await fill(pilot, "name", "payroll-exports")
        await settle(pilot)
        for _ in range(3):
            await push(pilot, "continue")
        assert ADMINISTRATOR in seen(pilot)
        assert "kms:CreateAlias alias/payroll-exports" in seen(pilot)


async def test_enter_never_applies_by_itself(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = host(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        await pilot.press("enter", "enter", "enter")
        await settle(pilot)
        assert "Tab Enter: Apply" in seen(pilot)
    assert keys(dialog_engine) == []


async def test_a_refusal_of_aws_is_shown_and_corrected(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    aws_box.faults.add("CreateKey", FaultKind.ACCESS_DENIED)
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        await push(pilot, "continue")
        assert "AWS does not allow kms:CreateKey" in failure(pilot)
        assert "✕ CreateKey" in seen(pilot)
        await push(pilot, "back")
        assert not failure(pilot)
        await push(pilot, "continue")
        assert "● AVAILABLE" in seen(pilot)
    assert [row.name for row in keys(dialog_engine)] == ["payroll-db"]


async def test_what_stopped_half_way_can_only_be_left(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    aws_box.faults.add("ImportKeyMaterial", FaultKind.LOST_REPLY, times=20)
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        await push(pilot, "continue")
        assert "recover" in failure(pilot)
        assert app.dialog.button("continue").disabled
        assert app.dialog.button("back").disabled
        assert not app.dialog.button("cancel").disabled


async def test_two_presses_create_one_key(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    app = host(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        apply = app.dialog.button("continue")
        apply.press()
        apply.press()
        await settle(pilot)
        assert app.open
    assert aws_box.calls.operations().count("CreateKey") == 1


async def test_the_guard_stands_between_operation_and_dialog(
    dialog_engine: Engine, key_set: KeySetRow, aws_box: Box
) -> None:
    announced: list[str] = []

    class Guard:
        def __init__(self, inner: Observer) -> None:
            self.inner = inner

        def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
            if state is StepState.INTENDED:
                announced.append(name)
            self.inner.step(name, state, detail, request_id)

        def progress(self, done: int, total: int, what: str) -> None:
            self.inner.progress(done, total, what)

    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, key_set, REGION, guard=Guard))
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        await push(pilot, "continue")
        assert "✓ CreateKey" in seen(pilot)
    assert "CreateKey" in announced
