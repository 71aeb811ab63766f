"""Remove, upload, delete, cancel a deletion, rotate: by keys, against AWS in a box, and what is true afterwards."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import col, select

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.model import AuditEntry, CloudKey, KeySet, KeyVersion
from kctui.core.operations import create_cloud_key, disable, upload
from kctui.core.paths import Home
from kctui.core.words import AuditType, CloudStatus
from kctui.demo.box import Box, FaultKind
from kctui.screens.dialogs.confirm import ConfirmDialog
from kctui.screens.main import MainScreen
from tests.console.conftest import Shell, StartShell
from tests.core.operations import kms_client, make_quick, new_key, with_key_set

NAME = "payroll-db"
EVIL = "\x1b]0;owned\x07[/]\u202e"


@pytest.fixture
def box() -> Iterator[Box]:
    with Box.start() as running:
        yield running


@pytest.fixture
def made(home: Home, engine: Engine, box: Box) -> Home:
    """A home with the CloudKey payroll-db, which is in the box too."""
    with_key_set(engine, box, box.root)
    create_cloud_key(engine, new_key(NAME))
    return home


def the_key(home: Home) -> CloudKey:
    with Engine.open(home) as engine, engine.store.read() as session:
        return session.exec(select(CloudKey)).one()


def versions(home: Home) -> list[KeyVersion]:
    with Engine.open(home) as engine, engine.store.read() as session:
        return list(session.exec(select(KeyVersion).order_by(col(KeyVersion.number))))


def warnings(home: Home) -> list[str]:
    with Engine.open(home) as engine, engine.store.read() as session:
        found = session.exec(select(AuditEntry).where(AuditEntry.type == AuditType.WARNING))
        return [entry.message for entry in found]


def quick(shell: Shell) -> Engine:
    """Let the console's engine wait for a box, not for AWS."""
    engine = shell.app.engine
    assert engine is not None
    make_quick(engine)
    return engine


async def confirm(shell: Shell, *, typed: str = NAME) -> None:
    """Type the name, and press the button."""
    assert isinstance(shell.app.screen, ConfirmDialog)
    await shell.type(typed)
    await shell.press("enter")
    await shell.press("enter")


async def agree(shell: Shell) -> None:
    """Press the button beside Cancel."""
    assert isinstance(shell.app.screen, ConfirmDialog)
    await shell.press("right")
    await shell.press("enter")


async def test_remove_takes_the_material_out_of_the_cloud_and_upload_brings_it_back(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    kms, key_id = kms_client(box, box.root), the_key(made).kms_key_id or ""
    secret = kms.encrypt(KeyId=key_id, Plaintext=b"salary")["CiphertextBlob"]
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("x")
        assert key_id in shell.text
        await confirm(shell)
        assert "Cloud Status  ◌ NOT AVAILABLE" in shell.text
        await shell.press("enter")
        assert ("◌ NOT AVAILABLE" in shell.text, isinstance(shell.app.screen, MainScreen)) == (True, True)
        assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingImport"
        await shell.press("u")
        await agree(shell)
        await shell.press("enter")
        assert the_key(made).cloud_status is CloudStatus.AVAILABLE
        assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"salary"


async def test_a_wrong_name_is_in_the_audit_log_and_removes_nothing(
    start: StartShell, made: Home, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("x")
        await shell.type("payroll-d")
        await shell.press("enter")
        assert "The name does not match" in shell.text
        await shell.press("escape")
        assert (the_key(made).cloud_status, warnings(made)) == (
            CloudStatus.AVAILABLE,
            ["Remove from Cloud of payroll-db refused: wrong name typed"],
        )


async def test_a_key_that_changed_since_it_was_looked_at_is_left_alone(
    start: StartShell, made: Home, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        engine = quick(shell)
        await shell.press("x")
        disable(engine, the_key(made).id)
        await confirm(shell)
        assert "✕ " in shell.text
        assert "changed" in shell.text
        assert "Cloud Status  ○ DISABLED" in shell.text
        assert the_key(made).cloud_status is CloudStatus.DISABLED


async def test_a_permission_lost_in_the_middle_is_named_and_the_key_is_as_it_was(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.ACCESS_DENIED)
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("x")
        await confirm(shell)
        assert "AWS does not allow kms:DeleteImportedKeyMaterial" in shell.text
        assert "Cloud Status  ● AVAILABLE" in shell.text
        await shell.press("enter")
        assert the_key(made).cloud_status is CloudStatus.AVAILABLE


async def test_a_permission_to_look_that_is_missing_is_said_and_hinders_nothing(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    box.faults.add("ListGrants", FaultKind.ACCESS_DENIED)
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("x")
        assert "cannot be told: AWS does not allow kms:ListGrants" in shell.text
        await confirm(shell)
        assert "Cloud Status  ◌ NOT AVAILABLE" in shell.text


async def test_aws_out_of_reach_is_said_before_a_name_is_typed(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        box.close()
        await shell.press("x")
        assert ("✕ " in shell.text, "Type CloudKey Name" in shell.text) == (True, False)


async def test_foreign_words_in_the_panel_are_harmless(start: StartShell, made: Home, passphrase: str) -> None:
    with Engine.open(made) as engine, engine.store.write() as session:
        session.exec(select(KeySet)).one().name = EVIL
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        for key in ("x", "u", "t", "X"):
            await shell.press(key)
            assert not {"\x1b", "\x07", "\u202e"} & set(shell.text)
            assert "owned�[/]�" in shell.text
            await shell.press("escape")


async def test_delete_says_the_day_that_is_chosen_and_schedules_it(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("X")
        assert "in 30 days, AWS" in shell.text
        await shell.press("shift+tab", "enter", "end", "enter")
        assert "in 7 days, AWS" in shell.text
        await shell.press("tab")
        await confirm(shell)
        assert "✕ PENDING DELETE" in shell.text
        key = the_key(made)
        described = kms_client(box, box.root).describe_key(KeyId=key.kms_key_id or "")["KeyMetadata"]
        assert (described["KeyState"], described["DeletionDate"]) == ("PendingDeletion", key.deletion_date)


async def deleted(shell: Shell) -> None:
    """Delete the key."""
    await shell.press("X")
    await confirm(shell)
    await shell.press("enter")


@pytest.mark.parametrize(("chosen", "status"), [((), CloudStatus.DISABLED), (("right",), CloudStatus.AVAILABLE)])
async def test_a_cancelled_deletion_leaves_the_key_disabled_and_offers_to_enable_it(
    start: StartShell, made: Home, passphrase: str, chosen: tuple[str, ...], status: CloudStatus
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await deleted(shell)
        await shell.press("z")
        await agree(shell)
        assert "The key is DISABLED now. Enable it?" in shell.text
        await shell.press(*chosen)
        await shell.press("enter")
        assert the_key(made).cloud_status is status


async def test_rotate_in_place_keeps_the_key_id_and_counts_the_rotations(
    start: StartShell, made: Home, passphrase: str
) -> None:
    before = the_key(made).kms_key_id
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("t")
        assert "25 of 25 left before this one" in shell.text
        await agree(shell)
        assert "2 · in place · 24 rotations left" in shell.text
        assert (the_key(made).kms_key_id, len(versions(made))) == (before, 2)


async def test_rotate_by_a_new_key_this_time_lists_the_earlier_key_under_versions(
    start: StartShell, made: Home, passphrase: str
) -> None:
    before = the_key(made).kms_key_id or ""
    async with start(made, size=(80, 24), passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("t")
        await shell.press("shift+tab", "enter", "down", "enter")
        assert "kctui makes a new KMS key" in shell.text
        await shell.press("tab")
        await agree(shell)
        assert "✓ payroll-db is rotated" in shell.text
        await shell.press("enter")
        await shell.press("enter")
        await shell.press("]", "]", "]")
        assert f"Earlier KMS key  {before} · ● AVAILABLE" in shell.text
        assert the_key(made).kms_key_id != before


async def test_rotate_asks_for_no_name_and_cancel_is_the_default(
    start: StartShell, made: Home, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("t")
        await shell.press("enter")
        assert (isinstance(shell.app.screen, MainScreen), len(versions(made))) == (True, 1)


async def removed(shell: Shell) -> None:
    """Remove the key from the cloud."""
    await shell.press("x")
    await confirm(shell)
    await shell.press("enter")


async def test_upload_takes_a_new_expiration(start: StartShell, made: Home, passphrase: str) -> None:
    wanted = now().date() + timedelta(days=30)
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await removed(shell)
        await shell.press("u")
        await choose_a_date(shell, wanted.isoformat())
        await shell.press("enter")
        expires = the_key(made).expires_at
        assert expires is not None
        assert (expires.date(), the_key(made).cloud_status) == (wanted, CloudStatus.AVAILABLE)


async def test_upload_points_out_a_date_that_aws_would_not_take(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await removed(shell)
        await shell.press("u")
        await choose_a_date(shell, "1999-01-01")
        assert "cannot expire on 1999-01-01" in shell.text
        assert the_key(made).cloud_status is CloudStatus.NOT_AVAILABLE


async def test_upload_keeps_the_expiration_to_the_second_where_it_is_left_alone(
    start: StartShell, made: Home, passphrase: str
) -> None:
    former = (now() + timedelta(days=100)).replace(microsecond=0)
    async with start(made, passphrase=passphrase) as shell:
        engine = quick(shell)
        upload(engine, the_key(made).id, expires_at=former)
        await shell.press("r")
        await removed(shell)
        await shell.press("u")
        assert former.date().isoformat() in shell.text
        await agree(shell)
        assert the_key(made).expires_at == former


async def choose_a_date(shell: Shell, day: str) -> None:
    """Choose an expiration, type its day, and press the button."""
    await shell.press("shift+tab", "enter", "down", "enter")
    await shell.press("tab")
    await shell.type(day)
    await shell.press("enter")
    await agree(shell)


async def test_the_expiration_of_an_available_key_is_changed_and_not_to_what_it_is(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        shell.main.action_do("change_expiration")
        await shell.settle()
        await shell.press("right")
        await shell.press("enter")
        assert "The expiration is that already" in shell.text
        day = (now() + timedelta(days=90)).date().isoformat()
        for key in ("enter", "down", "enter", "tab"):
            await shell.press(key)
        await shell.type(day)
        await shell.press("enter")
        await agree(shell)
        assert "The expiration of payroll-db is changed" in shell.text
        assert f"{day} 23:59:59 UTC" in shell.text
    expires = the_key(made).expires_at
    assert expires is not None
    assert expires.date().isoformat() == day
