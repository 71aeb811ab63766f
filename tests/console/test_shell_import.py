"""Import CloudKey, Edit and Remove Key Set from the main screen: what is asked first, and what is shown then."""

from collections.abc import Iterator

import pytest

from kctui.actions import reason_against
from kctui.core.engine import Engine
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.paths import Home
from kctui.demo.box import Box
from kctui.screens.dialogs.edit_key_set import EditKeySetWizard
from kctui.screens.dialogs.import_keys import ImportKeysDialog
from kctui.screens.dialogs.remove_key_set import RemoveKeySetDialog
from kctui.screens.state import Tab
from tests.console.conftest import Shell, StartShell
from tests.core.foreign_keys import plant_foreign
from tests.core.operations import REGION, make_quick, with_key_set


@pytest.fixture
def box() -> Iterator[Box]:
    with Box.start() as running:
        yield running


@pytest.fixture
def there(home: Home, engine: Engine, box: Box) -> Home:
    """A home with the Key Sets payroll and spare, and two keys in the box that others made."""
    with_key_set(engine, box, box.root)
    create_key_set(engine, NewKeySet("spare", "bank"))
    plant_foreign(box, box.root, "AWSKMSCloudKey", "made-by-hand")
    return home


def quick(shell: Shell) -> None:
    assert shell.app.engine is not None
    make_quick(shell.app.engine)


async def act(shell: Shell, name: str) -> None:
    shell.main.action_do(name)
    await shell.settle()


async def test_import_into_the_row_s_key_set_asks_for_the_region_and_shows_the_keys(
    start: StartShell, there: Home, passphrase: str
) -> None:
    async with start(there, tab=Tab.KEY_SETS, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("i")
        assert "Import CloudKey: from which region" in shell.text
        await shell.press("enter")
        assert isinstance(shell.app.screen, ImportKeysDialog)
        await shell.press("a", "enter", "enter")
        assert "✓ 2 of 2 keys imported into payroll" in shell.text
        await shell.press("enter")
        state = shell.main.state
        assert shell.main.is_current
        assert (state.tab, state.region, state.key_set.name if state.key_set else "") == (
            Tab.CLOUD_KEYS, REGION, "payroll",
        )  # fmt: skip
        assert ("AWSKMSCloudKey" in shell.text, "2 of 2" in shell.text) == (True, True)
        assert state.overview.cloud_keys == 2


async def test_import_in_the_tab_cloud_keys_asks_for_what_is_not_chosen(
    start: StartShell, there: Home, passphrase: str
) -> None:
    async with start(there, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("i")
        assert "Import CloudKey: into which Key Set" in shell.text
        await shell.press("down", "enter", "enter")
        assert isinstance(shell.app.screen, ImportKeysDialog)
        assert f"spare · {REGION}" in shell.text


async def test_leaving_the_import_changes_nothing(start: StartShell, there: Home, passphrase: str) -> None:
    async with start(there, tab=Tab.KEY_SETS, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("i", "enter")
        await shell.press("escape")
        assert (shell.main.state.tab, shell.main.state.overview.cloud_keys) == (Tab.KEY_SETS, 0)


async def test_a_key_set_is_edited_and_removed_from_the_menu(start: StartShell, there: Home, passphrase: str) -> None:
    async with start(there, tab=Tab.KEY_SETS, passphrase=passphrase) as shell:
        quick(shell)
        await shell.press("down")
        await act(shell, "edit_key_set")
        assert isinstance(shell.app.screen, EditKeySetWizard)
        await shell.type("2")
        await shell.press("enter", "enter", "tab", "tab", "enter")
        assert "spare2" in shell.text
        await act(shell, "remove_key_set")
        assert isinstance(shell.app.screen, RemoveKeySetDialog)
        await shell.type("spare2")
        await shell.press("tab", "tab", "enter")
        assert [each.name for each in shell.main.state.overview.key_sets] == ["payroll"]


async def test_a_key_set_with_cloud_keys_cannot_be_removed(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, tab=Tab.KEY_SETS, passphrase=passphrase) as shell:
        assert reason_against("remove_key_set", shell.main.state) == "it has 1 CloudKey"
        await shell.press("2")
        assert reason_against("remove_key_set", shell.main.state) == "choose a Key Set first"


async def test_the_details_say_how_a_key_set_rotates(start: StartShell, seeded: Home) -> None:
    async with start(seeded, tab=Tab.KEY_SETS) as shell:
        await shell.press("escape", "right")
        assert ("IN PLACE" in shell.text, "new material, same KMS key and key id" in shell.text) == (True, True)
