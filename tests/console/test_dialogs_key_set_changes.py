"""Edit Key Set and Remove Key Set: what is filled in, what is refused, and that nothing goes by itself."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.key_set_changes import KeySetValues, edit_key_set
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import AuditList, AuditQuery, KeySetList, KeySetRow
from kctui.core.model import KeySet
from kctui.core.words import AuditType, RotationMethod
from kctui.screens.dialogs.edit_key_set import EditKeySetWizard
from kctui.screens.dialogs.remove_key_set import RemoveKeySetDialog
from tests.console.dialog_driver import Host, complaint, failure, field, fill, has_focus, push, seen, settle
from tests.core.rows import add_cloud_key

pytest_plugins = ["tests.console.dialog_fixtures"]


def key_sets(engine: Engine) -> dict[str, KeySetRow]:
    return {row.name: row for row in KeySetList(engine.store).page().rows}


def changed_elsewhere(engine: Engine, row: KeySetRow) -> None:
    values = KeySetValues(row.name, "changed elsewhere", row.rotation_days, row.rotation_method)
    edit_key_set(engine, row.id, values, revision=row.revision)


# Edit


def editor(engine: Engine, row: KeySetRow) -> Host:
    return Host(lambda: EditKeySetWizard(engine, row))


async def test_what_there_is_is_filled_in_and_applies_unchanged(
    dialog_engine: Engine, fixed_key_set: KeySetRow
) -> None:
    app = editor(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "for the pictures" in seen(pilot)
        await push(pilot, "continue")
        assert "Every 180 days" in seen(pilot)
        await push(pilot, "continue")
    assert app.result == fixed_key_set.id
    assert key_sets(dialog_engine)["awsbyokkeyset"] == fixed_key_set


async def test_everything_is_edited_with_the_keyboard_alone(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = editor(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("end", "ctrl+u", *"salaries", "enter", "end", "ctrl+u", *"new", "enter")
        await pilot.press("enter", "home", "enter", "tab", "enter", "down", "enter", "tab", "enter")
        await settle(pilot)
    row = key_sets(dialog_engine)["salaries"]
    assert (row.id, row.description, row.rotation_days) == (fixed_key_set.id, "new", None)
    assert row.rotation_method is RotationMethod.NEW_KEY


async def test_a_schedule_of_other_days_is_filled_in(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    create_key_set(dialog_engine, NewKeySet("ninety", "research", rotation_days=90))
    app = editor(dialog_engine, key_sets(dialog_engine)["ninety"])
    async with app.run_test() as pilot:
        await settle(pilot)
        await push(pilot, "continue")
        assert field(pilot, "rotation_days").display
        await fill(pilot, "rotation_days", "91")
        await push(pilot, "continue")
    assert key_sets(dialog_engine)["ninety"].rotation_days == 91


async def test_a_taken_name_is_complained_of_at_the_name(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    create_key_set(dialog_engine, NewKeySet("other", "research"))
    app = editor(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "other")
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "already" in complaint(pilot, "name")
        assert app.open


async def test_an_edit_of_what_was_changed_meanwhile_is_refused(
    dialog_engine: Engine, fixed_key_set: KeySetRow
) -> None:
    app = editor(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "description", "mine")
        await push(pilot, "continue")
        changed_elsewhere(dialog_engine, fixed_key_set)
        await push(pilot, "continue")
        assert "was changed meanwhile" in failure(pilot)
    assert key_sets(dialog_engine)["awsbyokkeyset"].description == "changed elsewhere"


# Remove


def remover(engine: Engine, row: KeySetRow) -> Host:
    return Host(lambda: RemoveKeySetDialog(engine, row))


async def test_a_key_set_is_removed_when_its_name_is_typed(dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    app = remover(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert has_focus(pilot, "confirmation")
        assert app.dialog.button("remove").disabled
        await pilot.press(*"awsbyokkeyset", "tab", "tab", "enter")
        await settle(pilot)
    assert (app.result, key_sets(dialog_engine)) == (True, {})


@pytest.mark.parametrize("typed", ["awsbyokkeyse", "AWSBYOKKEYSET", "awsbyokkeyset ", " awsbyokkeyset"])
async def test_the_button_is_dead_until_the_name_is_exact(
    dialog_engine: Engine, fixed_key_set: KeySetRow, typed: str
) -> None:
    app = remover(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "confirmation", typed)
        assert app.dialog.button("remove").disabled
        await pilot.press("enter", "tab", "tab", "enter")
        await settle(pilot)
    assert "awsbyokkeyset" in key_sets(dialog_engine)


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_enter_and_escape_on_the_empty_field_leave(
    dialog_engine: Engine, fixed_key_set: KeySetRow, key: str
) -> None:
    app = remover(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
    assert (app.result, len(key_sets(dialog_engine))) == (False, 1)


async def test_enter_after_the_name_goes_to_the_button_and_does_not_press_it(
    dialog_engine: Engine, fixed_key_set: KeySetRow
) -> None:
    app = remover(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(*"awsbyokkeyset", "enter")
        await settle(pilot)
        assert (app.open, app.focused) == (True, app.dialog.button("remove"))
    assert len(key_sets(dialog_engine)) == 1


async def test_enter_after_another_name_is_told_once_and_is_in_the_log(
    dialog_engine: Engine, fixed_key_set: KeySetRow
) -> None:
    app = remover(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "confirmation", "payroll")
        for _ in range(2):
            await pilot.press("enter")
            await settle(pilot)
        assert complaint(pilot, "confirmation") == "The name does not match"
        await pilot.press("x")
        assert not complaint(pilot, "confirmation")
    entries = AuditList(dialog_engine.store, AuditQuery()).page(limit=50).rows
    refusals = [entry for entry in entries if entry.type is AuditType.WARNING]
    assert [entry.message for entry in refusals] == ["Remove Key Set of awsbyokkeyset refused: wrong name typed"]


def _give_it_a_key(engine: Engine, row: KeySetRow) -> None:
    with engine.store.write() as session:
        add_cloud_key(session, session.exec(select(KeySet).where(KeySet.id == row.id)).one(), "one")


@pytest.mark.parametrize(
    ("meanwhile", "words"), [(changed_elsewhere, "was changed meanwhile"), (_give_it_a_key, "it has CloudKeys")]
)
async def test_what_happened_meanwhile_is_told_and_nothing_is_removed(
    dialog_engine: Engine, fixed_key_set: KeySetRow, meanwhile: Callable[[Engine, KeySetRow], None], words: str
) -> None:
    app = remover(dialog_engine, fixed_key_set)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "confirmation", "awsbyokkeyset")
        meanwhile(dialog_engine, fixed_key_set)
        await push(pilot, "remove")
        assert words in failure(pilot)
        await push(pilot, "cancel")
    assert (app.result, len(key_sets(dialog_engine))) == (False, 1)
