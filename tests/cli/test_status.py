"""The light reading of the last known status."""

import contextlib
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kctui.core.errors import ConfigurationError, StoreUnreachableError
from kctui.core.paths import Home
from kctui.core.settings import Settings, save_settings
from kctui.core.status import known_names, read_status
from kctui.core.words import CloudStatus, KeySource
from tests.cli.conftest import Cli
from tests.cli.program import SEEN


def test_it_reads_what_the_store_wrote(stocked: Path) -> None:
    rows = {row.name: row for row in read_status(Home(stocked)).rows}
    row = rows["payroll-db"]
    assert (row.cloud_status, row.key_source) == (CloudStatus.AVAILABLE, KeySource.KCTUI)
    assert (row.key_set, row.account, row.status_seen_at) == ("payroll", "bank", SEEN)
    assert len(rows) == 3


@pytest.mark.parametrize(("region", "count"), [("eu-central-1", 3), ("us-east-1", 0)])
def test_it_filters(stocked: Path, region: str, count: int) -> None:
    assert len(read_status(Home(stocked), key_set="payroll", region=region).rows) == count


def test_it_writes_nothing(stocked: Path) -> None:
    before = {file.name: file.read_bytes() for file in stocked.iterdir()}
    read_status(Home(stocked))
    assert {file.name: file.read_bytes() for file in stocked.iterdir() if file.name in before} == before


def test_it_sees_what_another_process_committed_meanwhile(stocked: Path) -> None:
    with contextlib.closing(sqlite3.connect(stocked / "kctui.db")) as writer:
        writer.execute("UPDATE cloud_key SET cloud_status = 'DISABLED'")
        assert {row.cloud_status for row in read_status(Home(stocked)).rows} != {CloudStatus.DISABLED}
        writer.commit()
        assert {row.cloud_status for row in read_status(Home(stocked)).rows} == {CloudStatus.DISABLED}


def test_an_account_out_of_reach_is_told(cli: Cli, stocked: Path) -> None:
    with contextlib.closing(sqlite3.connect(stocked / "kctui.db")) as database, database:
        database.execute("UPDATE csp_account SET unreachable_since = '2026-11-20 08:00:00.000000'")
    assert read_status(Home(stocked)).rows[0].unreachable_since == datetime(2026, 11, 20, 8, tzinfo=UTC)
    result = cli("status")
    assert "CSP Account bank has not answered since 2026-11-20 08:00:00Z" in result.err
    assert result.out.count("\n") == 4


@pytest.mark.parametrize("table", ["cloud_key", "key_set", "csp_account", "operator"])
def test_names(stocked: Path, table: str) -> None:
    expected = {"key_set": ["payroll"], "csp_account": ["bank"], "operator": ["alice"]}
    assert known_names(Home(stocked), table)[-1:] == expected.get(table, ["payroll-exports"])


def test_only_names_are_given() -> None:
    with pytest.raises(ValueError, match="audit_entry"):
        known_names(Home(Path("/nowhere")), "audit_entry; DROP TABLE cloud_key")


@pytest.fixture
def on_a_server(tmp_path: Path) -> Home:
    """A home whose database is a server that does not run."""
    home = Home(tmp_path / "home")
    home.create()
    save_settings(home, Settings(database="postgresql+psycopg://kctui@127.0.0.1:1/kctui"))
    return home


def test_a_database_server_that_does_not_answer(on_a_server: Home) -> None:
    with pytest.raises(StoreUnreachableError) as error:
        read_status(on_a_server)
    assert "Connection refused" in error.value.detail


def test_a_database_server_without_its_driver(on_a_server: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError) as error:
        read_status(on_a_server)
    assert error.value.remedy == "pip install 'kctui[postgres]'"
