"""Edit CSP Account, Rotate Credentials and Remove CSP Account in the console, against AWS in a box."""

import pytest

from kctui.core.accounts import NewAccount, add_account
from kctui.core.engine import Engine
from kctui.core.lists import AuditList, AuditQuery, CspAccountList, CspAccountRow
from kctui.core.model import CspAccount
from kctui.core.secret import Secret
from kctui.demo.box import AccessKey, Box
from kctui.screens.account_actions import removal, typed_name
from kctui.screens.dialogs.edit_account import EditAccountWizard
from kctui.screens.dialogs.rotate_account import RotateAccountDialog
from tests.console.dialog_driver import REGION, Host, complaint, failure, field, fill, has_focus, push, seen, settle
from tests.core.iam import USER, add_user, iam_of

pytest_plugins = ["tests.console.dialog_fixtures"]


@pytest.fixture
def user(dialog_engine: Engine, aws_box: Box) -> AccessKey:
    """The access key of an IAM user, which is that of the CSP Account `bank`."""
    made = add_user(aws_box, aws_box.root, ["kms:*", "iam:*"])
    secret = Secret(made.secret_access_key)
    add_account(dialog_engine, NewAccount("bank", made.access_key_id, secret, REGION, aws_box.endpoint, "payroll"))
    aws_box.calls.clear()
    return made


def account(engine: Engine) -> CspAccountRow:
    [row] = CspAccountList(engine.store).page().rows
    return row


def keys(box: Box) -> set[str]:
    with iam_of(box, box.root) as iam:
        return {key["AccessKeyId"] for key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]}


def changed_elsewhere(engine: Engine) -> None:
    with engine.store.write() as session:
        session.get_one(CspAccount, account(engine).id).revision += 1


def told(engine: Engine) -> list[str]:
    return [entry.message for entry in AuditList(engine.store, AuditQuery()).page().rows]


# Edit


def editor(engine: Engine) -> Host:
    row = account(engine)
    return Host(lambda: EditAccountWizard(engine, row))


async def test_what_there_is_is_filled_in_and_applies_unchanged(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    before = account(dialog_engine)
    app = editor(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        for words in ("bank", "payroll", user.access_key_id, "Kept as it is", aws_box.endpoint):
            assert words in seen(pilot)
        await push(pilot, "continue")
        await push(pilot, "continue")
    assert app.result == before.id
    assert account(dialog_engine) == before
    assert list(aws_box.calls) == []


async def test_name_and_schedule_are_changed_without_the_secret(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    app = editor(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "prod")
        await push(pilot, "continue")
        await pilot.press("enter", "down", "enter")
        await push(pilot, "continue")
    row = account(dialog_engine)
    assert (row.name, row.rotation_days, row.access_key_id) == ("prod", 30, user.access_key_id)
    assert list(aws_box.calls) == []


async def test_another_access_key_needs_its_secret_and_is_tried(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    app = editor(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "access_key_id", aws_box.root.access_key_id)
        await push(pilot, "continue")
        assert "Type the secret access key again" in complaint(pilot, "secret_access_key")
        await fill(pilot, "secret_access_key", aws_box.root.secret_access_key)
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "✓ GetCallerIdentity" in seen(pilot)
        assert "is edited" in seen(pilot)
    assert account(dialog_engine).access_key_id == aws_box.root.access_key_id


async def test_a_row_that_was_changed_meanwhile_is_not_edited(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    app = editor(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        changed_elsewhere(dialog_engine)
        await fill(pilot, "name", "prod")
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "changed meanwhile" in failure(pilot)
    assert account(dialog_engine).name == "bank"


# Rotate Credentials


def rotator(engine: Engine) -> Host:
    from kctui.core.operations.credential_requests import rotation_of

    row = account(engine)
    with engine.store.read() as session:
        confirmation = rotation_of(session.get_one(CspAccount, row.id))
    return Host(lambda: RotateAccountDialog(engine, row, typed_name(engine, confirmation), lambda observer: observer))


async def test_it_warns_waits_for_the_name_and_shows_each_step(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    app = rotator(dialog_engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = " ".join(seen(pilot).split())
        for words in ("stops working", user.access_key_id, "last use", "cannot be brought back"):
            assert words in shown
        assert has_focus(pilot, "typed_name")
        assert not field(pilot, "delete_other").display
        await fill(pilot, "typed_name", "Bank")
        assert app.dialog.button("go").disabled
        await fill(pilot, "typed_name", "bank")
        assert not app.dialog.button("go").disabled
        await push(pilot, "go")
        assert "✓ Switch to the new access key" in seen(pilot)
        assert "bank has a new access key" in seen(pilot)
        assert account(dialog_engine).access_key_id in seen(pilot)
        await push(pilot, "cancel")
    assert app.result is True
    assert keys(aws_box) == {account(dialog_engine).access_key_id}
    assert user.access_key_id not in keys(aws_box)


async def test_the_other_access_key_is_deleted_only_when_its_id_is_typed(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    with iam_of(aws_box, aws_box.root) as iam:
        other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    app = rotator(dialog_engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert other in seen(pilot)
        assert has_focus(pilot, "delete_other")
        await fill(pilot, "typed_name", "bank")
        assert app.dialog.button("go").disabled
        await fill(pilot, "delete_other", other)
        await settle(pilot)
        assert "deleted first, for good" in seen(pilot)
        await fill(pilot, "typed_name", "bank")
        await push(pilot, "go")
        assert "bank has a new access key" in seen(pilot)
    assert keys(aws_box) == {account(dialog_engine).access_key_id}


async def test_escape_and_enter_on_nothing_leave_everything(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    for key in ("escape", "enter"):
        app = rotator(dialog_engine)
        async with app.run_test() as pilot:
            await settle(pilot)
            await pilot.press(key)
        assert app.result is False
    assert keys(aws_box) == {user.access_key_id}


# Remove CSP Account


def remover(engine: Engine) -> Host:
    row = account(engine)
    return Host(lambda: removal(engine, row))


async def test_it_is_removed_once_its_name_is_typed(dialog_engine: Engine, aws_box: Box, user: AccessKey) -> None:
    app = remover(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.dialog.button("go").disabled
        await fill(pilot, "typed_name", "bank")
        await push(pilot, "go")
        assert "is removed" in seen(pilot)
    assert CspAccountList(dialog_engine.store).page().rows == ()
    assert list(aws_box.calls) == []


async def test_a_wrong_name_is_told_of_and_removes_nothing(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    app = remover(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "typed_name", "bang")
        await pilot.press("enter")
        await settle(pilot)
        assert "does not match" in complaint(pilot, "typed_name")
    assert account(dialog_engine).name == "bank"
    assert "Remove CSP Account of bank refused: wrong name typed" in told(dialog_engine)


async def test_a_row_that_was_changed_meanwhile_is_not_removed(
    dialog_engine: Engine, aws_box: Box, user: AccessKey
) -> None:
    app = remover(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        changed_elsewhere(dialog_engine)
        await fill(pilot, "typed_name", "bank")
        await push(pilot, "go")
        assert "changed meanwhile" in failure(pilot)
    assert account(dialog_engine).name == "bank"
