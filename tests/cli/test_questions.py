"""What is asked on a terminal, and what is never asked without one."""

import re
from pathlib import Path

import pytest

from kctui.cli import vault
from kctui.cli.exit_codes import ExitCode
from kctui.core.errors import InvalidInputError
from tests.cli.program import PASSPHRASE
from tests.cli.terminal import Terminal


def test_the_passphrase_is_asked_for_and_not_shown(stocked: Path) -> None:
    with Terminal("audit", "verify", "--operator", "alice", home=stocked) as terminal:
        terminal.wait_for("Passphrase of alice: ")
        terminal.keys(PASSPHRASE + "\n")
        assert terminal.exit_code() == ExitCode.OK
    assert "0 not checked" in terminal.shown
    assert PASSPHRASE not in terminal.shown


def test_a_new_passphrase_is_asked_for_twice(tmp_path: Path) -> None:
    with Terminal("init", "--operator", "bob", home=tmp_path / "home") as terminal:
        terminal.wait_for("New passphrase for bob: ")
        terminal.keys(PASSPHRASE + "\n")
        terminal.wait_for("The same again: ")
        terminal.keys(PASSPHRASE + "\n")
        assert terminal.exit_code() == ExitCode.OK
    assert "is ready. Operator bob" in terminal.shown


def test_two_different_passphrases_make_no_home(tmp_path: Path) -> None:
    with Terminal("init", home=tmp_path / "home") as terminal:
        terminal.wait_for("New passphrase")
        terminal.keys(PASSPHRASE + "\n")
        terminal.wait_for("The same again: ")
        terminal.keys("something else altogether\n")
        assert terminal.exit_code() == ExitCode.USAGE
    assert "The two passphrases differ" in terminal.shown
    assert not (tmp_path / "home").exists()


def test_the_end_of_input_at_a_question_changes_nothing(tmp_path: Path) -> None:
    with Terminal("init", home=tmp_path / "home") as terminal:
        terminal.wait_for("New passphrase")
        terminal.keys("\x04")
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert not (tmp_path / "home").exists()


def test_status_asks_for_nothing(stocked: Path) -> None:
    with Terminal("status", home=stocked, COLUMNS="80", LINES="24") as terminal:
        assert terminal.exit_code() == ExitCode.OK
    assert "assphrase" not in terminal.shown
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("CloudKey Name")


@pytest.mark.parametrize(
    ("named", "enrolled", "user", "chosen"),
    [
        ("carol", ["alice", "bob"], "bob", "carol"),
        (None, ["alice", "bob"], "bob", "bob"),
        (None, ["alice"], "root", "alice"),
    ],
)
def test_who_unlocks(
    monkeypatch: pytest.MonkeyPatch, named: str | None, enrolled: list[str], user: str, chosen: str
) -> None:
    monkeypatch.setattr(vault, "unix_user", lambda: user)
    assert vault.choose_operator(named, enrolled) == chosen


def test_of_several_operators_one_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "unix_user", lambda: "root")
    with pytest.raises(InvalidInputError) as refused:
        vault.choose_operator(None, ["alice", "bob"])
    assert "$KCTUI_OPERATOR" in refused.value.remedy
