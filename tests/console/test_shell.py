"""The shell: opening, unlocking, going about, and what each state allows."""

import pytest
from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.model import CspAccount
from kctui.core.paths import Home, write_private
from kctui.core.secret import Secret
from kctui.screens.choice import ChoiceScreen
from kctui.screens.details import DetailsScreen
from kctui.screens.help import HelpScreen
from kctui.screens.main import MainScreen
from kctui.screens.state import Tab
from kctui.screens.tab_view import FilterInput
from kctui.screens.unlock import UnlockScreen
from kctui.screens.widgets.secret_input import SecretInput
from tests.console.conftest import KEY_ID, NOW, StartShell


async def test_the_unlock_screen_covers_the_table(start: StartShell, seeded: Home) -> None:
    async with start(seeded) as shell:
        assert "payroll" not in shell.text


async def test_the_passphrase_opens_the_vault(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        assert shell.main.state.unlocked


async def test_the_passphrase_is_never_shown(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded) as shell:
        await shell.type(passphrase)
        assert passphrase not in shell.text


async def test_a_wrong_passphrase_is_told(start: StartShell, seeded: Home) -> None:
    async with start(seeded) as shell:
        await shell.unlock("not it at all")
        assert "✕ The passphrase does not open alice's key" in shell.text


async def test_a_wrong_passphrase_empties_the_field(start: StartShell, seeded: Home) -> None:
    async with start(seeded) as shell:
        await shell.unlock("not it at all")
        assert shell.app.screen.query_one(SecretInput).value == ""


async def test_a_right_passphrase_after_a_wrong_one(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded) as shell:
        await shell.unlock("not it at all")
        await shell.unlock(passphrase)
        assert isinstance(shell.app.screen, MainScreen)


async def test_escape_views_names_without_unlocking(start: StartShell, seeded: Home) -> None:
    async with start(seeded) as shell:
        await shell.press("escape")
        assert ("payroll-db" in shell.text, "locked" in shell.text, shell.main.state.unlocked) == (True, True, False)


async def test_what_needs_the_vault_is_refused_while_locked(start: StartShell, seeded: Home) -> None:
    async with start(seeded) as shell:
        await shell.press("escape", "r")
        assert "Refresh: the vault is locked: unlock it first" in shell.text


async def test_locking_covers_the_table_again(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("L")
        engine = shell.app.engine
        assert engine is not None
        assert (isinstance(shell.app.screen, UnlockScreen), engine.unlocked) == (True, False)


async def test_a_passphrase_file_unlocks_at_once(start: StartShell, seeded: Home, passphrase: str) -> None:
    file = seeded.root / "passphrase"
    write_private(seeded, file, passphrase + "\n")
    environment = {"KCTUI_PASSPHRASE_FILE": str(file)}
    async with start(seeded, environment=environment) as shell:
        assert shell.main.state.unlocked


async def test_a_missing_passphrase_file_is_told(start: StartShell, seeded: Home) -> None:
    async with start(seeded, environment={"KCTUI_PASSPHRASE_FILE": "/nowhere"}) as shell:
        assert "✕ The passphrase file /nowhere cannot be read" in shell.text


async def test_a_home_that_is_none_ends_the_console(start: StartShell, home: Home) -> None:
    home.config.unlink()
    async with start(home) as shell:
        assert shell.app.failure is not None
        assert shell.app.failure.title.startswith("There is no kctui home")


@pytest.mark.parametrize(
    ("key", "words"),
    [("1", "Key Set Name"), ("2", "CloudKey Name"), ("3", "CSP Account Name"), ("4", "Time (UTC)")],
)
async def test_the_digits_show_the_tabs(start: StartShell, seeded: Home, passphrase: str, key: str, words: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press(key)
        assert words in shell.text


async def test_the_focus_moves_with_the_tab(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("1")
        assert shell.app.focused is shell.main.view_of(Tab.KEY_SETS).table


async def test_the_filter_narrows_the_list(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("slash", *"payroll", "enter")
        assert ("3 of 5" in shell.text, "reports" in shell.text) == (True, False)


async def test_escape_clears_the_filter(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("slash", *"payroll", "escape")
        assert (shell.main.view.query_one(FilterInput).value, "reports" in shell.text) == ("", True)


async def test_escape_in_the_table_clears_the_filter(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("slash", *"payroll", "enter", "escape")
        assert "reports" in shell.text


async def test_letters_in_the_filter_are_no_actions(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("slash", "q", "1", "a")
        assert shell.main.view.query_one(FilterInput).value == "q1a"


async def test_a_filter_that_finds_nothing_says_how_to_clear_it(
    start: StartShell, seeded: Home, passphrase: str
) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("slash", *"zzz", "enter")
        assert "No CloudKey has “zzz” in it" in shell.text


async def test_the_deep_link_opens_tab_and_filter(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, tab=Tab.KEY_SETS, filter_text="arch", passphrase=passphrase) as shell:
        assert ("archive" in shell.text, "awsbyokkeyset" in shell.text) == (True, False)


async def test_sorting_by_another_column_moves_the_mark(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("s", "j", "enter")
        assert "Description ▲" in shell.text


async def test_sorting_by_the_same_column_reverses(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("s", "enter")
        assert (shell.main.title_of_row(), "CloudKey Name ▼" in shell.text) == ("reports", True)


async def test_choosing_a_key_set_shows_its_cloud_keys(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("K", "j", "enter")
        assert ("archive (AWS) ▾" in shell.text, "1 of 5" in shell.text) == (True, True)


async def test_choosing_a_region_shows_its_cloud_keys(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("R", "j", "j", "enter")
        assert ("Europe (Ireland) eu-west-1 ▾" in shell.text, "0 of 5" in shell.text) == (True, True)


@pytest.mark.parametrize("key", ["enter", "d"])
async def test_describing_shows_a_row_whole(start: StartShell, seeded: Home, passphrase: str, key: str) -> None:
    async with start(seeded, (80, 24), passphrase=passphrase) as shell:
        await shell.press("j", key)
        assert (isinstance(shell.app.screen, DetailsScreen), KEY_ID in shell.text) == (True, True)


async def test_escape_goes_back_from_the_details(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("enter", "escape")
        assert isinstance(shell.app.screen, MainScreen)


@pytest.mark.parametrize(
    ("turns", "words"),
    [(1, "KeyAdministrators"), (2, "every 365 days"), (3, "CURRENT"), (4, "ImportKeyMaterial")],
)
async def test_the_pages_of_a_cloud_key(
    start: StartShell, seeded: Home, passphrase: str, turns: int, words: str
) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("j", *["right"] * turns)
        assert words in shell.text


async def test_an_audit_entry_opens_to_everything_recorded(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("4", "G", "enter")
        told = [words in shell.text for words in ("10.1.4.7", "bastion", "Cloud Admin Group", "SYSTEM")]
        assert told == [True] * 4


async def test_a_small_screen_has_no_pane(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, (80, 24), passphrase=passphrase) as shell:
        assert "Key Source" not in shell.text


async def test_the_footer_has_the_keys_that_work_on_the_row(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("slash", *"exports", "enter")
        footer = shell.text.splitlines()[-1]
        assert ("u Upload" in footer, "Disable" in footer) == (True, False)


async def test_the_menu_says_why_not(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("j", "a")
        assert "Upload to Cloud: the material is already there" in shell.text


async def test_the_menu_does_what_is_chosen(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("a")
        screen = shell.app.screen
        assert isinstance(screen, ChoiceScreen)
        screen.dismiss("help")
        await shell.settle()
        assert isinstance(shell.app.screen, HelpScreen)


async def test_read_only_refuses_what_changes(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, read_only=True, passphrase=passphrase) as shell:
        await shell.press("c")
        assert ("Create: kctui runs read-only" in shell.text, "READ-ONLY" in shell.text) == (True, True)


async def test_copying_sends_the_key_id_to_the_terminal(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("j", "y")
        assert (shell.app.clipboard, "sent to terminal" in shell.text) == (KEY_ID, True)


async def test_copying_the_arn(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("j", "Y")
        assert shell.app.clipboard == f"arn:aws:kms:us-east-1:111122223333:key/{KEY_ID}"


async def test_the_palette_has_our_actions_and_no_screenshot(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        titles = {command.title for command in shell.app.get_system_commands(shell.main)}
        assert ("Upload to Cloud" in titles, "Screenshot" in titles, "Theme" in titles) == (True, False, True)


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_the_palette_opens(start: StartShell, seeded: Home, passphrase: str, key: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press(key)
        assert "Search for commands" in shell.text


async def test_the_palette_does_not_open_over_the_lock(start: StartShell, seeded: Home) -> None:
    async with start(seeded) as shell:
        await shell.press("ctrl+p")
        assert isinstance(shell.app.screen, UnlockScreen)


async def test_a_key_from_the_configuration(start: StartShell, seeded: Home, passphrase: str) -> None:
    write_private(seeded, seeded.config, 'format = 1\n\n[keys]\nhelp = "f5"\n')
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("f5")
        assert isinstance(shell.app.screen, HelpScreen)


async def test_an_unknown_action_in_the_configuration_is_told(start: StartShell, seeded: Home, passphrase: str) -> None:
    write_private(seeded, seeded.config, 'format = 1\n\n[keys]\nfly = "f5"\n')
    async with start(seeded, passphrase=passphrase) as shell:
        assert "there is no action fly" in shell.text


async def test_a_key_that_is_taken_is_told(start: StartShell, seeded: Home, passphrase: str) -> None:
    write_private(seeded, seeded.config, 'format = 1\n\n[keys]\nhelp = "q"\n')
    async with start(seeded, passphrase=passphrase) as shell:
        assert "q is the key of help and of quit" in shell.text


async def test_an_empty_home_lights_the_first_step(start: StartShell, home: Home, passphrase: str) -> None:
    async with start(home, passphrase=passphrase) as shell:
        assert ("1  Add CSP Account" in shell.text, shell.main.state.tab) == (True, Tab.CSP_ACCOUNTS)


async def test_with_an_account_the_second_step_is_lit(start: StartShell, account_home: Home, passphrase: str) -> None:
    async with start(account_home, passphrase=passphrase) as shell:
        assert ("✓  Add CSP Account" in shell.text, shell.main.state.tab) == (True, Tab.KEY_SETS)


async def test_an_aws_out_of_reach_is_told_since_when_and_why(start: StartShell, seeded: Home, passphrase: str) -> None:
    _cut_off(seeded)
    async with start(seeded, passphrase=passphrase) as shell:
        assert "! AWS does not answer for awsbyokkeycontrol since 2026-11-23 12:03 UTC: no route" in shell.text


async def test_an_aws_out_of_reach_refuses_what_asks_it(start: StartShell, seeded: Home, passphrase: str) -> None:
    _cut_off(seeded)
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.press("j", "D")
        assert "Disable CloudKey: AWS does not answer for awsbyokkeycontrol" in shell.text


async def test_the_audit_log_verifies(start: StartShell, home: Home, passphrase: str) -> None:
    async with start(home, tab=Tab.AUDIT, passphrase=passphrase) as shell:
        shell.main.action_do("verify_audit")
        await shell.settle()
        assert "chain ✓ 2 entries, checked 12:03" in shell.text


async def test_verifying_while_locked_says_what_was_not_checked(start: StartShell, home: Home) -> None:
    async with start(home, tab=Tab.AUDIT) as shell:
        shell.main.action_do("verify_audit")
        await shell.settle()
        assert "chain ✓ 1 entries, keyed check of 1 not made, checked 12:03" in shell.text


async def test_a_changed_entry_is_found(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, tab=Tab.AUDIT, passphrase=passphrase) as shell:
        shell.main.action_do("verify_audit")
        await shell.settle()
        assert "chain ✕ entry 1: its content was changed" in shell.text


async def test_quitting_closes_the_vault(start: StartShell, seeded: Home, passphrase: str) -> None:
    async with start(seeded, passphrase=passphrase) as shell:
        await shell.pilot.press("q")
        await shell.pilot.pause()
        assert shell.app._exit


async def test_another_operator_has_to_be_chosen(start: StartShell, seeded: Home, passphrase: str) -> None:
    from kctui.core import keyring

    with Engine.open(seeded) as engine, engine.store.write() as session:
        keyring.enrol(session, "bob", Secret("another long passphrase"))
    async with start(seeded) as shell:
        shell.app.screen.query_one(SecretInput).focus()
        await shell.unlock(passphrase)
        assert "Choose the operator first" in shell.text


def _cut_off(home: Home) -> None:
    with Engine.open(home) as engine, engine.store.write() as session:
        account = session.exec(select(CspAccount)).one()
        account.unreachable_since, account.unreachable_reason = NOW, "no route"
