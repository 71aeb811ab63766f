"""`kctui keyset edit` and `remove`: what is not named stays, and nothing is removed without its name."""

from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS
from tests.cli.terminal import Terminal


def names(cli: Cli) -> list[str]:
    return [row["name"] for row in cli("keyset", "list", "--json").json["data"]]


def newest_entry(cli: Cli) -> tuple[str, str]:
    entry = cli("audit", "list", "--limit", "1", "--json").json["data"][0]
    return entry["type"], entry["message"]


@pytest.fixture
def spare(cli: Cli, stocked: Path, unlocking: None) -> Path:
    """A home with the Key Set spare, which has no CloudKeys."""
    made = cli("keyset", "create", "spare", "--account", "bank", "--rotation-method", "new-key", "--json")
    assert made.code == ExitCode.OK, made.err
    assert made.json["data"]["rotation_method"] == "NEW KEY"
    return stocked


def test_the_rotation_method_is_shown_with_what_it_does(cli: Cli, spare: Path) -> None:
    assert "NEW KEY: new KMS key, the alias moves to it" in cli("keyset", "show", "spare").out
    lines = cli("keyset", "list").out.splitlines()
    assert [("IN PLACE" in line, "NEW KEY" in line) for line in lines[1:]] == [(True, False), (False, True)]


def test_what_is_not_named_stays_as_it_is(cli: Cli, spare: Path) -> None:
    before = cli("keyset", "show", "spare", "--json").json["data"]
    edited = cli("keyset", "edit", "spare", "--rotation-schedule", "90d", "--json")
    assert edited.code == ExitCode.OK, edited.err
    assert edited.json["data"] == before | {"rotation_days": 90, "revision": before["revision"] + 1}
    assert newest_entry(cli) == (
        "INFORMATION", "Edited Key Set spare: rotation schedule Never → every 90 days",
    )  # fmt: skip


def test_everything_can_be_edited_at_once(cli: Cli, spare: Path) -> None:
    edited = cli(
        "keyset", "edit", "spare", "--name", "other", "--description", "new", "--rotation-method", "in-place",
        "--rotation-schedule", "30d", "--json",
    ).json["data"]  # fmt: skip
    assert (edited["name"], edited["description"], edited["rotation_method"], edited["rotation_days"]) == (
        "other", "new", "IN PLACE", 30,
    )  # fmt: skip
    assert names(cli) == ["other", "payroll"]


def test_an_edit_without_a_difference_says_so(cli: Cli, spare: Path) -> None:
    result = cli("keyset", "edit", "spare", "--name", "spare")
    assert (result.code, "Nothing was different." in result.err) == (ExitCode.OK, True)


def test_a_name_that_is_taken_is_refused(cli: Cli, spare: Path) -> None:
    assert cli("keyset", "edit", "spare", "--name", "payroll").code == ExitCode.REFUSED
    assert names(cli) == ["payroll", "spare"]


def test_a_hostile_description_is_refused_and_shown_safely(cli: Cli, spare: Path) -> None:
    result = cli("keyset", "edit", "spare", "--description", HOSTILE)
    assert result.code == ExitCode.USAGE
    assert not set(HOSTILE_CHARACTERS) & set(result.out + result.err)


def test_a_key_set_is_removed_when_it_is_confirmed(cli: Cli, spare: Path) -> None:
    result = cli("keyset", "remove", "spare", "--confirm", "spare")
    assert (result.code, names(cli)) == (ExitCode.OK, ["payroll"])
    assert newest_entry(cli) == ("INFORMATION", "Removed Key Set spare")


@pytest.mark.parametrize("typed", ["", "Spare", "spare ", "payroll"])
def test_a_wrong_name_is_refused_and_in_the_log(cli: Cli, spare: Path, typed: str) -> None:
    result = cli("keyset", "remove", "spare", "--confirm", typed)
    assert (result.code, names(cli)) == (ExitCode.REFUSED, ["payroll", "spare"])
    assert newest_entry(cli) == ("WARNING", "Remove Key Set of spare refused: wrong name typed")


def test_without_a_terminal_the_refusal_names_the_option(cli: Cli, spare: Path) -> None:
    result = cli("keyset", "remove", "spare", "--json")
    assert (result.code, names(cli)) == (ExitCode.REFUSED, ["payroll", "spare"])
    assert "--confirm spare" in result.error["remedy"]


def test_a_key_set_with_cloud_keys_is_kept(cli: Cli, spare: Path) -> None:
    result = cli("keyset", "remove", "payroll", "--confirm", "payroll")
    assert (result.code, "3 CloudKeys" in result.err, names(cli)) == (ExitCode.REFUSED, True, ["payroll", "spare"])


@pytest.mark.parametrize(("typed", "code"), [("spare\n", ExitCode.OK), ("spar\n", ExitCode.REFUSED), ("\x04", 130)])
def test_on_a_terminal_the_name_is_asked_for(
    cli: Cli, spare: Path, passphrase_file: Path, typed: str, code: int
) -> None:
    with Terminal("keyset", "remove", "spare", home=spare, KCTUI_PASSPHRASE_FILE=str(passphrase_file)) as terminal:
        terminal.wait_for("Remove Key Set: type the name spare to go on: ")
        terminal.keys(typed)
        assert terminal.exit_code() == code
    assert ("spare" in names(cli)) is (code != ExitCode.OK)
