"""Import Cloud Keys: the list, the choice, the import that can be stopped, and what is shown of it."""

from textual.pilot import Pilot

from kctui.core.engine import Engine
from kctui.core.lists import CloudKeyList, CloudKeyQuery, KeySetRow
from kctui.core.operations import create_cloud_key
from kctui.demo.box import Box, FaultKind
from kctui.screens.dialogs.import_keys import ImportKeysDialog
from kctui.screens.widgets.check_table import CheckTable
from tests.console.dialog_driver import REGION, Host, failure, push, seen, settle
from tests.core.foreign_keys import plant_foreign
from tests.core.operations import new_key

pytest_plugins = ["tests.console.dialog_fixtures"]
HOSTILE = "a\x1b]0;owned\x07b\u202ec[bold]"


def dialog(engine: Engine, key_set: KeySetRow) -> Host:
    return Host(lambda: ImportKeysDialog(engine, key_set, REGION))


def table(pilot: Pilot[None]) -> "CheckTable[object]":
    return pilot.app.screen.query_one(CheckTable)


def names(engine: Engine) -> list[str]:
    return [row.name for row in CloudKeyList(engine.store, CloudKeyQuery()).page(limit=500).rows]


def plant(box: Box, *aliases: str | None, **values: object) -> list[str]:
    return plant_foreign(box, box.root, *aliases, region=REGION, **values)


async def test_one_key_is_imported_with_the_keyboard_alone(
    dialog_engine: Engine, aws_box: Box, key_set: KeySetRow
) -> None:
    plant(aws_box, "one", "two", "three")
    app = dialog(dialog_engine, key_set)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "0 of 3 chosen" in seen(pilot)
        await pilot.press("down", "space")
        assert "1 of 3 chosen" in seen(pilot)
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert "✓ 1 of 1 key imported into awsbyokkeyset" in seen(pilot)
        await push(pilot, "cancel")
    assert (app.result, names(dialog_engine)) == (True, ["three"])


async def test_all_or_none_are_chosen_at_once(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    plant(aws_box, "one", "two")
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("a")
        assert ("2 of 2 chosen" in seen(pilot), seen(pilot).count("[x]")) == (True, 2)
        await pilot.press("a")
        assert ("0 of 2 chosen" in seen(pilot), seen(pilot).count("[x]")) == (True, 0)


async def test_nothing_is_imported_while_nothing_is_chosen(
    dialog_engine: Engine, aws_box: Box, key_set: KeySetRow
) -> None:
    plant(aws_box, "one")
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.dialog.button("import").disabled
        await pilot.press("enter", "enter", "escape")
        await settle(pilot)
    assert (app.result, names(dialog_engine)) == (False, [])


async def test_a_key_that_cannot_be_imported_says_why_and_cannot_be_chosen(
    dialog_engine: Engine, aws_box: Box, key_set: KeySetRow
) -> None:
    plant(aws_box, "one", "two")
    aws_box.faults.add("DescribeKey", FaultKind.ACCESS_DENIED, times=2)
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "Cannot be imported: AWS does not allow kms:DescribeKey" in seen(pilot)
        await pilot.press("space", "a")
        assert ("0 of 2 chosen" in seen(pilot), table(pilot).chosen) == (True, [])


async def test_what_kctui_made_is_said_of_the_row(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    plant(aws_box, "one", tags={"kctui:cloud-key": "payroll-db"})
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "made by kctui as payroll-db; this vault holds no copy" in seen(pilot)


async def test_foreign_words_are_shown_safely(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    plant(aws_box, HOSTILE, description=HOSTILE, tags={"kctui:cloud-key": HOSTILE})
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "[bold]" in seen(pilot)
        for _ in range(2):
            assert not {"\x1b", "\x07", "\u202e"} & set(seen(pilot))
            await pilot.press("a", "enter", "enter")
            await settle(pilot)


async def test_an_empty_list_says_so(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "that is not managed already" in seen(pilot)
        await pilot.press("enter")
        await settle(pilot)
    assert app.result is False


async def test_a_refusal_of_the_list_is_shown(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    aws_box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "AWS does not allow kms:ListKeys" in failure(pilot)


async def test_failures_are_listed_by_name_and_the_rest_is_imported(
    dialog_engine: Engine, aws_box: Box, key_set: KeySetRow
) -> None:
    plant(aws_box, *(f"key-{number}" for number in range(5)))
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        aws_box.faults.add("DescribeKey", FaultKind.ACCESS_DENIED, times=2)
        await pilot.press("a", "enter", "enter")
        await settle(pilot)
        assert "! 3 of 5 keys imported" in seen(pilot)
        assert seen(pilot).count("AWS does not allow kms:DescribeKey") == 2
        await push(pilot, "cancel")
    assert (app.result, len(names(dialog_engine))) == (True, 3)


async def test_an_import_is_stopped_between_two_keys(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    plant(aws_box, *(f"key-{number:03}" for number in range(90)))
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        aws_box.faults.add("DescribeKey", FaultKind.SLOW, seconds=1, times=1, skip=70)
        await pilot.press("a", "enter", "enter", "escape")
        assert "Stopping after the present key" in seen(pilot)
        await settle(pilot)
        assert "Stopped between two keys. The others are as they were." in seen(pilot)
        await push(pilot, "cancel")
    assert len(names(dialog_engine)) < 90


async def test_leaving_while_the_list_is_read_stops_that(
    dialog_engine: Engine, aws_box: Box, key_set: KeySetRow
) -> None:
    plant(aws_box, *(f"key-{number:03}" for number in range(200)))
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await pilot.press("escape")
        await settle(pilot)
    assert app.result is False


async def test_our_own_keys_are_not_in_the_list(dialog_engine: Engine, aws_box: Box, key_set: KeySetRow) -> None:
    create_cloud_key(dialog_engine, new_key("ours", key_set="awsbyokkeyset", region=REGION))
    plant(aws_box, "theirs")
    app = dialog(dialog_engine, key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert ("alias/theirs" in seen(pilot), "alias/ours" in seen(pilot)) == (True, False)
