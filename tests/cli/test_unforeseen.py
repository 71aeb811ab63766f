"""A defect of our own ends in one line; the traceback goes to the log, without values."""

import json
import stat
from pathlib import Path

import pytest

from kctui.cli import messages, output
from kctui.cli.exit_codes import ExitCode
from tests.cli.conftest import Cli

SECRET = "hunter2-hunter2"


class _Broken:
    """A stream that fails in a way that nobody foresaw."""

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        key_material = SECRET
        raise RuntimeError(f"no {key_material} for you")


def test_one_line_and_the_log(cli: Cli, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Broken())
    result = cli("--home", str(stocked), "status")
    assert result.code == ExitCode.FAILED
    assert result.err.count("\n") == 2
    assert "did not foresee: RuntimeError (test_unforeseen.py:" in result.err
    assert f"the traceback is in {stocked}/kctui.log" in result.err
    log = stocked / "kctui.log"
    entry = json.loads(log.read_text().splitlines()[-1])
    assert (entry["error"], entry["level"]) == ("RuntimeError", "error")
    assert any("test_unforeseen.py" in frame and frame.endswith(" write") for frame in entry["frames"])
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert SECRET not in log.read_text() + result.err


def test_without_a_home_there_is_no_log(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Broken())
    result = cli("completion", "bash")
    assert result.code == ExitCode.FAILED
    assert "kctui recover --list" in result.err
    assert not (tmp_path / "home").exists()


def test_what_passes_is_overwritten_by_what_follows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kctui.core.words import StepState

    monkeypatch.setattr(messages, "_on_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    steps = messages.StepLines()
    steps.step("CreateKey", StepState.INTENDED)
    steps.step("CreateKey", StepState.FAILED, "Access\x1b]0;denied", "7f0c1d2e-aaaa-bbbb-cccc-000000000021")
    steps.progress(3, 10, "bank")
    messages.note("done")
    lines = capsys.readouterr().err.split("\r\x1b[K")
    assert lines[0] == "… CreateKey"
    assert lines[1].startswith("✗ CreateKey  ")
    assert "request 7f0c1d…00021" in lines[1]
    assert "\x1b" not in lines[1]
    assert lines[1].endswith("\n… bank  3 of 10")
    assert lines[2] == "done\n"


def test_the_envelope_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    output.document("kind", {"name": "鍵\x7f\x1b\u202e"})
    written = capsys.readouterr().out
    assert written.isascii()
    assert "\x7f" not in written
    assert json.loads(written)["data"] == {"name": "鍵\x7f\x1b\u202e"}
