"""The actions that reach AWS, against AWS in a box: what they do, and what the screen says afterwards."""

from collections.abc import Iterator

import pytest
from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.model import CloudKey, Operation
from kctui.core.operations import create_cloud_key
from kctui.core.paths import Home
from kctui.core.words import CloudStatus, OperationState
from kctui.demo.box import Box
from kctui.screens.details import DetailsScreen
from kctui.screens.dialogs.create_account import CreateAccountWizard
from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard
from kctui.screens.dialogs.create_key_set import CreateKeySetWizard
from kctui.screens.dialogs.operation import OperationDialog
from kctui.screens.main import MainScreen
from kctui.screens.state import Tab
from tests.console.conftest import Shell, StartShell
from tests.core.operations import kms_client, make_quick, new_key, with_key_set


@pytest.fixture
def box() -> Iterator[Box]:
    with Box.start() as running:
        yield running


@pytest.fixture
def made(home: Home, engine: Engine, box: Box) -> Home:
    """A home with the CloudKey payroll-db, which is in the box too."""
    with_key_set(engine, box, box.root)
    create_cloud_key(engine, new_key())
    return home


def status_of(home: Home) -> CloudStatus:
    with Engine.open(home) as engine, engine.store.read() as session:
        return CloudStatus(session.exec(select(CloudKey.cloud_status)).one())


def quick(shell: Shell) -> None:
    """Let the console's engine wait for a box, not for AWS."""
    assert shell.app.engine is not None
    make_quick(shell.app.engine)


async def confirm(shell: Shell) -> None:
    """Go from Cancel to the verb, press it, and close what follows."""
    assert isinstance(shell.app.screen, OperationDialog)
    await shell.press("right", "enter")
    await shell.press("enter")


async def test_disable_asks_first(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, passphrase=passphrase) as shell:
        await shell.press("D", "enter")
        assert (isinstance(shell.app.screen, MainScreen), status_of(made)) == (True, CloudStatus.AVAILABLE)


async def test_disable_disables(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("D")
        await confirm(shell)
        assert ("○ DISABLED" in shell.text, status_of(made)) == (True, CloudStatus.DISABLED)


async def test_after_disable_the_key_can_be_enabled(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("D")
        await confirm(shell)
        await shell.press("e")
        await confirm(shell)
        assert "● AVAILABLE" in shell.text


async def test_upload_brings_the_material_back(start: StartShell, made: Home, box: Box, passphrase: str) -> None:
    kms = kms_client(box, box.root)
    kms.delete_imported_key_material(KeyId=kms.list_keys()["Keys"][0]["KeyId"])
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("r")
        await shell.press("u")
        await confirm(shell)
        assert "● AVAILABLE" in shell.text


async def test_refresh_shows_what_was_changed_elsewhere(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    kms = kms_client(box, box.root)
    kms.disable_key(KeyId=kms.list_keys()["Keys"][0]["KeyId"])
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("r")
        assert "○ DISABLED" in shell.text


async def test_a_refresh_without_aws_says_so_in_one_line(
    start: StartShell, made: Home, box: Box, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        box.close()
        await shell.press("r")
        assert shell.text.splitlines()[2].startswith("── ! bank: ")


async def test_a_test_of_an_account_shows_its_permissions(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, tab=Tab.CSP_ACCOUNTS, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("T")
        await shell.press("right")
        assert (isinstance(shell.app.screen, DetailsScreen), "kms:CreateKey" in shell.text) == (True, True)


async def test_what_was_left_half_way_is_told_and_recovered(start: StartShell, made: Home, passphrase: str) -> None:
    _leave_open(made)
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        told = "1 operation was left half-way" in shell.text
        shell.main.action_do("recover")
        await shell.settle()
        await confirm(shell)
        assert (told, shell.main.state.overview.open_operations) == (True, 0)


async def test_create_opens_the_wizard_of_the_next_step(start: StartShell, home: Home, passphrase: str) -> None:
    async with start(home, passphrase=passphrase) as shell:
        await shell.press("2", "c")
        assert isinstance(shell.app.screen, CreateAccountWizard)


async def test_create_opens_the_wizard_of_the_tab(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, tab=Tab.KEY_SETS, passphrase=passphrase) as shell:
        await shell.press("c")
        assert isinstance(shell.app.screen, CreateKeySetWizard)


async def test_create_cloud_key_asks_for_the_region_first(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, passphrase=passphrase) as shell:
        await shell.press("c")
        assert "Create CloudKey: in which region" in shell.text


async def test_create_cloud_key_opens_in_the_region_of_the_account(
    start: StartShell, made: Home, passphrase: str
) -> None:
    async with start(made, passphrase=passphrase) as shell:
        await shell.press("c", "enter")
        assert isinstance(shell.app.screen, CreateCloudKeyWizard)


async def test_a_new_row_has_the_cursor(start: StartShell, made: Home, passphrase: str) -> None:
    async with start(made, passphrase=passphrase) as shell:
        quick(shell)
        assert shell.app.engine is not None
        key_id = create_cloud_key(shell.app.engine, new_key("zebra"))
        await shell.press("c", "enter")
        shell.app.screen.dismiss(key_id)
        await shell.settle()
        assert shell.main.title_of_row() == "zebra"


def _leave_open(home: Home) -> None:
    """Leave the creation as a process would that was killed before its last word."""
    with Engine.open(home) as engine, engine.store.write() as session:
        operation = session.exec(select(Operation)).one()
        operation.state, operation.ended_at = OperationState.OPEN, None
        operation.subject = operation.cloud_key_id
        operation.owner_process = "1/0"
