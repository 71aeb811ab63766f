"""A dropped line, a terminate, a Ctrl-C: the step under way is finished, then the program ends with 130."""

import signal
from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import REGION
from tests.cli.terminal import Terminal


def _creating(home: Path, passphrase_file: Path, name: str) -> Terminal:
    arguments = ("key", "create", name, "--key-set", "payroll", "--region", REGION)
    return Terminal(*arguments, home=home, KCTUI_PASSPHRASE_FILE=str(passphrase_file))


def _recovers(cli: Cli, name: str) -> None:
    """What was begun is in the journal, and recovery brings it to AVAILABLE."""
    listed = cli("recover", "--list", "--json").json["data"]
    assert [(operation["cloud_key"], operation["under_way"]) for operation in listed] == [(name, False)]
    assert cli("doctor", "--json").code == ExitCode.FAILED
    report = cli("recover", "--json")
    assert (report.code, report.json["data"]["finished"]) == (ExitCode.OK, [f"Create CloudKey {name} ({REGION})"])
    shown = cli("key", "show", name, "--json").json["data"]
    assert (shown["cloud_status"], shown["needs_recovery"]) == ("AVAILABLE", False)
    assert cli("recover", "--list", "--json").json["data"] == []


def test_a_dropped_line_finishes_the_step_and_recovery_the_rest(
    cli: Cli, connected: Path, box: Box, passphrase_file: Path, unlocking: None
) -> None:
    box.calls.clear()
    box.faults.add("CreateAlias", FaultKind.SLOW, seconds=1)
    with _creating(connected, passphrase_file, "dropped") as terminal:
        terminal.wait_for("… CreateAlias")
        terminal.hang_up()
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert box.calls.operations()[-1] == "CreateAlias"
    _recovers(cli, "dropped")
    assert box.calls.operations().count("CreateKey") == 1


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_a_signal_finishes_the_step(
    cli: Cli, connected: Path, box: Box, passphrase_file: Path, unlocking: None, how: str
) -> None:
    name = f"signalled-{how}"
    box.calls.clear()
    box.faults.add("CreateAlias", FaultKind.SLOW, seconds=1)
    with _creating(connected, passphrase_file, name) as terminal:
        terminal.wait_for("… CreateAlias")
        if how == "SIGTERM":
            terminal.send(signal.SIGTERM)
        else:
            terminal.keys("\x03")
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert "the step under way is being finished first" in terminal.shown
    assert "✓ CreateAlias" in terminal.shown
    assert "… ImportKeyMaterial" not in terminal.shown
    assert "`kctui recover` finishes or undoes" in terminal.shown
    _recovers(cli, name)
    assert box.calls.operations().count("CreateKey") == 1


def test_a_second_interrupt_does_not_wait(
    cli: Cli, connected: Path, box: Box, passphrase_file: Path, unlocking: None
) -> None:
    box.faults.add("CreateAlias", FaultKind.SLOW, seconds=50)
    with _creating(connected, passphrase_file, "impatient") as terminal:
        terminal.wait_for("… CreateAlias")
        terminal.keys("\x03")
        terminal.wait_for("do not wait")
        terminal.keys("\x03")
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert "Stopped in the middle of a step" in terminal.shown
    assert "✓ CreateAlias" not in terminal.shown


def test_a_signal_in_the_last_step_changes_nothing(
    cli: Cli, connected: Path, box: Box, passphrase_file: Path, unlocking: None
) -> None:
    created = cli("key", "create", "last-step", "--key-set", "payroll", "--region", REGION)
    assert created.code == ExitCode.OK, created.err
    box.faults.add("DescribeKey", FaultKind.SLOW, seconds=1)
    with Terminal(
        "key", "disable", "last-step", home=connected, KCTUI_PASSPHRASE_FILE=str(passphrase_file)
    ) as terminal:
        terminal.wait_for("… Confirm")
        terminal.send(signal.SIGHUP)
        assert terminal.exit_code() == ExitCode.OK
    assert cli("key", "show", "last-step", "--json").json["data"]["cloud_status"] == "DISABLED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_a_question_ends_at_once(stocked: Path, number: signal.Signals) -> None:
    with Terminal("sync", home=stocked) as terminal:
        terminal.wait_for("Passphrase of alice: ")
        terminal.send(number)
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert "Interrupted." in terminal.shown


def test_a_line_dropped_at_a_question_ends_at_once(stocked: Path) -> None:
    with Terminal("sync", home=stocked) as terminal:
        terminal.wait_for("Passphrase of alice: ")
        terminal.hang_up()
        assert terminal.exit_code() == ExitCode.INTERRUPTED
