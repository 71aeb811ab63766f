"""`kctui audit list` and `export`: the same filters, and a file that is private and whole."""

import csv
import json
import re
import stat
from pathlib import Path

import pytest

from kctui.core.audit import AuditEvent
from kctui.core.audit_export import COLUMNS
from kctui.core.engine import Engine
from kctui.core.paths import Home
from kctui.core.words import AuditCategory, AuditType
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS

MESSAGES = {1: "Initialised", 2: "Created payroll-db", 3: f"=refused {HOSTILE}"}


@pytest.fixture
def logged(home: Path) -> Path:
    """A home with three entries in its log, the last one hostile."""
    with Engine.open(Home(home)) as engine:
        for weight, number, name in (
            (AuditType.INFORMATION, 2, "payroll-db"),
            (AuditType.WARNING, 3, HOSTILE),
        ):
            engine.audit.note(
                AuditEvent(
                    weight,
                    AuditCategory.CLOUD_KEY,
                    MESSAGES[number],
                    {"CloudKey": name, "Key Set": "payroll"},
                    ("7f0c4d1e-0000-4000-8000-000000000021",),
                    operator="bob" if number == 2 else HOSTILE,
                )
            )
    return home


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ((), [1, 2, 3]),
        (("--type", "warning"), [3]),
        (("--category", "cloud-key"), [2, 3]),
        (("--by", "bob"), [2]),
        (("--filter", "created"), [2]),
        (("--object", "payroll-db"), [2]),
        (("--object", "CloudKey=payroll-db"), [2]),
        (("--object", "key-set=payroll"), [2, 3]),
        (("--object", "key-set=payroll-db"), []),
        (("--object", f"={HOSTILE}"), [3]),
        (("--since", "1h"), [1, 2, 3]),
        (("--until", "1h"), []),
        (("--since", "2020-01-01", "--until", "2020-12-31T23:59:59Z"), []),
        (("--since", "2020-01-01", "--type", "warning", "--object", "key-set=payroll"), [3]),
    ],
)
def test_list_and_export_have_the_same_filters(
    cli: Cli, logged: Path, options: tuple[str, ...], left: list[int]
) -> None:
    assert [entry["seq"] for entry in cli("audit", "list", "--json", *options).json["data"]] == left[::-1]
    exported = cli("audit", "export", *options)
    assert (exported.code, exported.err) == (0, "")
    assert [json.loads(line)["seq"] for line in exported.out.splitlines()] == left


def test_an_exported_entry_is_as_it_was_promised(cli: Cli, logged: Path) -> None:
    entry = json.loads(cli("audit", "export", "--by", "bob").out)
    assert list(entry) == [name for name in COLUMNS if name not in {"hash", "mac"}] + ["hash", "mac"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", entry["time"])
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry[name]) for name in ("previous_hash", "hash"))
    assert {name: entry[name] for name in ("seq", "type", "category", "operator", "message", "objects")} == {
        "seq": 2,
        "type": "INFORMATION",
        "category": "CLOUD KEY",
        "operator": "bob",
        "message": "Created payroll-db",
        "objects": {"CloudKey": "payroll-db", "Key Set": "payroll"},
    }
    assert (entry["mac"], entry["mac_group_id"]) == (None, None)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_hostile_entries_move_no_terminal_and_no_spreadsheet(cli: Cli, logged: Path, form: str) -> None:
    written = cli("audit", "export", "--format", form).out
    assert not set(HOSTILE_CHARACTERS) & set(written)
    assert len(written.splitlines()) == 3 + (form == "csv")
    if form == "csv":
        last = list(csv.DictReader(written.splitlines()))[-1]
        assert last["message"].startswith("'=refused a\\u001b]0;owned\\u0007b")


def test_a_file_has_its_suffix_s_form_and_is_private(cli: Cli, logged: Path, tmp_path: Path) -> None:
    for name, first in (("audit.csv", ",".join(COLUMNS)), ("audit.jsonl", cli("audit", "export").out.splitlines()[0])):
        file = tmp_path / name
        result = cli("audit", "export", "--output", str(file))
        assert (result.code, result.out, result.err) == (0, "", f"3 entries written to {file}.\n")
        assert file.read_text().splitlines()[0] == first
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_document_says_what_was_written(cli: Cli, logged: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    document = cli("audit", "export", "--output", str(file), "--format", "jsonl", "--json").json
    head = json.loads(file.read_text().splitlines()[-1])["hash"]
    assert (document["kind"], document["data"]) == (
        "audit-export",
        {"file": str(file), "format": "jsonl", "entries": 3, "first": 1, "last": 3, "head": head},
    )
    assert head == cli("audit", "verify", "--json").json["data"]["head"]


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(cli: Cli, logged: Path, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text("mine")
    refused = cli("audit", "export", "--output", str(file))
    assert (refused.code, refused.out, file.read_text()) == (5, "", "mine")
    assert "already" in refused.err
    assert cli("audit", "export", "--output", str(file), "--replace").code == 0
    assert len(file.read_text().splitlines()) == 3


def test_an_export_works_read_only(cli: Cli, logged: Path, tmp_path: Path) -> None:
    assert cli("--read-only", "audit", "export", "--output", str(tmp_path / "audit.csv")).code == 0
    assert len(cli("audit", "export").out.splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "is not a time"),
        (("--until", HOSTILE), "is not a time"),
        (("--since", "1h", "--until", "2h"), "ends before it begins"),
        (("--type", "fatal"), "is not one of"),
    ],
)
@pytest.mark.parametrize("command", ["list", "export"])
def test_what_is_no_filter_is_refused(
    cli: Cli, logged: Path, command: str, options: tuple[str, ...], said: str
) -> None:
    result = cli("audit", command, *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert not set(HOSTILE_CHARACTERS) & set(result.err)


@pytest.mark.parametrize("option", ["--json", "--replace"])
def test_what_only_a_file_can_have_is_refused_on_stdout(cli: Cli, logged: Path, option: str) -> None:
    result = cli("audit", "export", option)
    assert (result.code, result.out) == (2, "")
    assert "--output" in result.err


def test_a_place_that_cannot_be_written_is_said(cli: Cli, logged: Path, tmp_path: Path) -> None:
    result = cli("audit", "export", "--output", str(tmp_path / "missing" / "audit.csv"))
    assert (result.code, result.out) == (1, "")
    assert "cannot be written" in result.err
