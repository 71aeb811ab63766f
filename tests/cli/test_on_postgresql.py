"""The command line on a PostgreSQL that several hosts share."""

from pathlib import Path

from kctui.cli.exit_codes import ExitCode
from kctui.core.store import SCHEMA_HEAD
from tests.cli.conftest import Cli
from tests.cli.program import stock
from tests.postgres import PostgresServer


def test_the_same_words_as_on_sqlite(
    cli: Cli, postgres_server: PostgresServer, tmp_path: Path, unlocking: None
) -> None:
    name = postgres_server.create_database()
    url = postgres_server.address(name).replace("postgresql://", "postgresql+psycopg://")
    made = cli("init", "--operator", "alice", "--database", url, "--json")
    assert made.code == ExitCode.OK, made.err
    assert made.json["data"]["database"] == url
    stock(tmp_path / "home")
    rows = cli("status", "--key-set", "payroll", "--region", "eu-central-1", "--json").json["data"]
    assert [(row["cloud_status"], row["status_seen_at"]) for row in rows if row["name"] == "payroll-db"] == [
        ("AVAILABLE", "2026-11-23T12:03:15Z")
    ]
    assert {row["name"] for row in cli("key", "list", "--json").json["data"]} == {row["name"] for row in rows}
    assert cli("audit", "verify", "--operator", "alice").code == ExitCode.OK
    findings = {finding["subject"]: finding for finding in cli("--read-only", "doctor", "--json").json["data"]}
    assert findings["database"]["detail"] == f"PostgreSQL, sound, schema {SCHEMA_HEAD}"
    assert not (tmp_path / "home" / "kctui.db").exists()


def test_a_server_that_is_gone(cli: Cli, postgres_server: PostgresServer, tmp_path: Path, unlocking: None) -> None:
    name = postgres_server.create_database()
    url = postgres_server.address(name).replace("postgresql://", "postgresql+psycopg://")
    assert cli("init", "--operator", "alice", "--database", url).code == ExitCode.OK
    # Port 1 of this machine: nothing listens there.
    config = tmp_path / "home" / "config.toml"
    config.write_text(config.read_text().replace(f":{postgres_server.port}/", ":1/"))
    for arguments in (("status",), ("key", "list")):
        result = cli(*arguments, "--json")
        assert (result.code, result.out) == (ExitCode.UNREACHABLE, "")
        assert "does not answer" in result.error["title"]
    assert cli("doctor", "--json").code == ExitCode.FAILED
