"""What the doctor finds, and that it finds nothing where nothing is wrong."""

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kctui.cli.exit_codes import ExitCode
from kctui.core import doctor
from kctui.core.clock import now
from tests.cli.conftest import Cli


def _findings(cli: Cli, code: ExitCode) -> dict[str, Any]:
    result = cli("doctor", "--json")
    assert result.code == code, result.out
    return {finding["subject"]: finding for finding in result.json["data"]}


def test_a_sound_home(cli: Cli, home: Path) -> None:
    findings = _findings(cli, ExitCode.OK)
    assert list(findings) == ["process", "home", "file modes", "disk", "database", "journal", "clock", "audit log"]
    assert {finding["verdict"] for finding in findings.values()} == {"OK"}


def test_accounts_are_not_examined_while_locked(cli: Cli, stocked: Path) -> None:
    finding = _findings(cli, ExitCode.OK)["CSP Accounts"]
    assert (finding["verdict"], finding["detail"]) == ("WARNING", "1 not examined: the vault is locked")


@pytest.mark.parametrize("name", ["config.toml", "kctui.db", "."])
def test_files_open_to_others(cli: Cli, home: Path, name: str) -> None:
    (home / name).chmod(0o705)
    finding = _findings(cli, ExitCode.FAILED)["file modes"]
    wanted = "0700" if name == "." else "0600"
    assert finding["verdict"] == "PROBLEM"
    assert finding["remedy"] == f"chmod {wanted} {(home / name).resolve()}"


def test_a_changed_audit_log(cli: Cli, stocked: Path) -> None:
    with contextlib.closing(sqlite3.connect(stocked / "kctui.db")) as database, database:
        database.execute("UPDATE audit_entry SET message = 'nothing happened' WHERE seq = 1")
    assert _findings(cli, ExitCode.FAILED)["audit log"]["detail"] == "wrong at entry 1: its content was changed"
    verified = cli("audit", "verify", "--json")
    assert (verified.code, verified.json["data"]["wrong_at"]) == (ExitCode.FAILED, 1)


def test_a_clock_that_stands_before_the_log(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "now", lambda: now() - timedelta(days=400))
    finding = _findings(cli, ExitCode.FAILED)["clock"]
    assert "Set the clock" in finding["remedy"]


@pytest.mark.parametrize(
    ("limit", "verdict", "code"), [("_LITTLE_DISK", "WARNING", 0), ("_HARDLY_ANY_DISK", "PROBLEM", 1)]
)
def test_a_disk_that_is_nearly_full(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch, limit: str, verdict: str, code: int
) -> None:
    monkeypatch.setattr(doctor, "_LITTLE_DISK", 1 << 62)
    monkeypatch.setattr(doctor, limit, 1 << 62)
    assert _findings(cli, ExitCode(code))["disk"]["verdict"] == verdict


def test_a_newer_schema(cli: Cli, home: Path) -> None:
    with contextlib.closing(sqlite3.connect(home / "kctui.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "schema 9999" in _findings(cli, ExitCode.FAILED)["database"]["detail"]


def test_a_broken_configuration(cli: Cli, home: Path) -> None:
    (home / "config.toml").write_text("format = 9\n")
    assert "format 9" in _findings(cli, ExitCode.FAILED)["configuration"]["detail"]
