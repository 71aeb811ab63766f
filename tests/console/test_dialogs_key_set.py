"""Create Key Set: its four steps, and a CSP Account added on the way."""

import pytest
from textual.pilot import Pilot

from kctui.core.engine import Engine
from kctui.core.lists import KeySetList, KeySetRow
from kctui.core.words import RotationMethod
from kctui.demo.box import Box
from kctui.screens.dialogs.create_key_set import CreateKeySetWizard
from tests.console.dialog_driver import REGION, Host, complaint, field, fill, has_focus, push, seen, settle

pytest_plugins = ["tests.console.dialog_fixtures"]


def key_sets(engine: Engine) -> dict[str, KeySetRow]:
    return {row.name: row for row in KeySetList(engine.store).page().rows}


async def to_schedule(pilot: Pilot[None], name: str = "payroll") -> None:
    await settle(pilot)
    await fill(pilot, "name", name)
    for _ in ("CSP Account", "HSM", "Schedule"):
        await push(pilot, "continue")


async def test_a_key_set_is_created_with_the_keyboard_alone(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(*"payroll", "enter", *"bank", "enter")
        await pilot.press("down", "enter")
        await pilot.press("enter")
        await pilot.press("enter", "down", "down", "enter")
        await pilot.press("tab", "enter", "down", "enter")
        assert RotationMethod.NEW_KEY.told in seen(pilot)
        await pilot.press("tab", "enter")
        await settle(pilot)
    row = key_sets(dialog_engine)["payroll"]
    assert app.result == row.id
    assert (row.description, row.account, row.rotation_days) == ("bank", "research", 180)
    assert row.rotation_method is RotationMethod.NEW_KEY


async def test_going_back_loses_nothing(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await to_schedule(pilot)
        await pilot.press("enter", "end", "enter")
        await fill(pilot, "rotation_days", "90")
        for _ in range(3):
            await push(pilot, "back")
        await fill(pilot, "description", "all of it")
        for _ in range(3):
            await push(pilot, "continue")
        await push(pilot, "continue")
    row = key_sets(dialog_engine)["payroll"]
    assert (row.description, row.rotation_days) == ("all of it", 90)


async def test_a_bad_name_stays_on_details(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "a/b")
        await push(pilot, "continue")
        assert complaint(pilot, "name")
        assert has_focus(pilot, "name")


@pytest.mark.parametrize("days", ["", "0", "3651", "never", "monthly"])
async def test_days_must_be_a_number_of_days(dialog_engine: Engine, fixed_key_set: KeySetRow, days: str) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await to_schedule(pilot)
        await pilot.press("enter", "end", "enter")
        await fill(pilot, "rotation_days", days)
        await push(pilot, "continue")
        assert complaint(pilot, "rotation_days")
        assert app.open


async def test_a_taken_name_leads_back_to_it(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await to_schedule(pilot, fixed_key_set.name)
        await push(pilot, "continue")
        assert "already" in complaint(pilot, "name")
        assert has_focus(pilot, "name")
        await fill(pilot, "name", "another")
        for _ in range(4):
            await push(pilot, "continue")
    assert set(key_sets(dialog_engine)) == {fixed_key_set.name, "another"}


async def test_the_hsm_step_says_that_software_makes_the_material(
    dialog_engine: Engine, fixed_key_set: KeySetRow
) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll")
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "made in software, on this host" in seen(pilot)


async def test_without_an_account_one_is_added_on_the_way_and_chosen(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll")
        await push(pilot, "continue")
        assert "There is no CSP Account yet" in seen(pilot)
        await push(pilot, "continue")
        assert "There is no CSP Account to choose" in complaint(pilot, "account")
        await push(pilot, "add-account")
        assert app.dialog.dialog_title == "Add CSP Account"
        await fill(pilot, "name", "bank")
        await fill(pilot, "access_key_id", aws_box.root.access_key_id)
        await fill(pilot, "secret_access_key", aws_box.root.secret_access_key)
        await fill(pilot, "region", REGION)
        await fill(pilot, "endpoint_url", aws_box.endpoint)
        await push(pilot, "continue")
        await push(pilot, "continue")
        await pilot.press("enter")
        await settle(pilot)
        assert app.dialog.dialog_title == "Create Key Set"
        assert not complaint(pilot, "account")
        for _ in range(3):
            await push(pilot, "continue")
    assert key_sets(dialog_engine)["payroll"].account == "bank"


async def test_escape_asks_only_when_something_was_typed(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll")
        await pilot.press("escape")
        assert "would be lost" in seen(pilot)
        await pilot.press("escape")
        assert app.open
        assert field(pilot, "name").changed
        await fill(pilot, "name", "")
        await pilot.press("escape")
        await settle(pilot)
        assert app.result is None
