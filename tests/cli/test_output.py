"""Standard output: JSON documents as documented, tables that fit, and nothing that could move a terminal."""

import json
import re
from pathlib import Path

import pytest

from kctui.cli import output
from kctui.cli.cells import cell_width, cut_end, cut_middle, pad
from kctui.cli.output import Column, Cut
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS, REPOSITORY

READING = [
    ("status",),
    ("key", "list"),
    ("key", "list", "--key-set", "payroll", "--region", "eu-central-1", "--sort", "status", "--descending"),
    ("key", "show", "payroll-db"),
    ("keyset", "list"),
    ("keyset", "show", "payroll"),
    ("hsm", "list"),
    ("account", "list"),
    ("account", "show", "bank"),
    ("audit", "list"),
    ("audit", "verify"),
    ("recover", "--list"),
    ("doctor",),
]
_reading = pytest.mark.parametrize("arguments", READING, ids=" ".join)


@_reading
def test_foreign_text_never_reaches_stdout_raw(cli: Cli, stocked: Path, arguments: tuple[str, ...]) -> None:
    for result in (cli(*arguments), cli(*arguments, "--json")):
        assert result.code == 0
        assert not set(HOSTILE_CHARACTERS) & set(result.out + result.err)


def test_json_keeps_foreign_text_faithfully(cli: Cli, stocked: Path) -> None:
    assert cli("keyset", "show", "payroll", "--json").json["data"]["description"] == HOSTILE


def test_an_error_about_a_hostile_name_is_safe(cli: Cli, stocked: Path) -> None:
    for result in (cli("key", "show", HOSTILE), cli("key", "show", HOSTILE, "--json")):
        assert (result.code, result.out) == (2, "")
        assert not set(HOSTILE_CHARACTERS) & set(result.err)


@_reading
def test_every_document_has_the_envelope(cli: Cli, stocked: Path, arguments: tuple[str, ...]) -> None:
    document = cli(*arguments, "--json").json
    assert list(document) == ["schema_version", "kind", "generated_at", "data"]
    assert document["schema_version"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["generated_at"])


def test_documents_are_as_they_were_promised(cli: Cli, stocked: Path) -> None:
    """The golden file: each kind of document with the type of every value."""
    found = {}
    for arguments in READING:
        document = cli(*arguments, "--json").json
        found[document["kind"]] = _outline(document["data"])
    golden = json.loads((Path(__file__).parent / "documents.json").read_text())
    assert found == golden


def _outline(value: object) -> object:
    """The names and types of a document. A date and an enumeration's word stay recognisable."""
    if isinstance(value, dict):
        return {name: _outline(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_outline(value[0])] if value else []
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        return "date"
    return type(value).__name__


def test_status_gives_the_values(cli: Cli, stocked: Path) -> None:
    rows = cli("status", "--json").json["data"]
    assert rows[1] == {
        "name": "payroll-db",
        "key_set": "payroll",
        "csp_account": "bank",
        "region": "eu-central-1",
        "cloud_status": "AVAILABLE",
        "status_seen_at": "2026-11-23T12:03:15Z",
        "expires_at": None,
        "deletion_date": None,
        "key_source": "KCTUI",
        "unreachable_since": None,
    }


def test_a_table_shows_glyph_and_word(cli: Cli, stocked: Path) -> None:
    lines = cli("key", "list", "--filter", "payroll-db").out.splitlines()
    assert lines[0].split("  ")[0] == "CloudKey Name"
    assert "● AVAILABLE" in lines[1]
    assert len(lines) == 2


def test_without_a_terminal_values_are_whole(cli: Cli, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert "payroll-exports" in cli("key", "list").out
    assert "…" not in cli("key", "list").out


_COLUMNS = (
    Column[str]("Id", lambda row: row, Cut.MIDDLE),
    Column[str]("Text", lambda row: row * 2, Cut.END),
    Column[str]("State", lambda row: "AVAILABLE", colour=lambda row: "32"),
)


@pytest.mark.parametrize("room", [45, 60, 80, 200])
def test_on_a_terminal_a_table_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(room))
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(_COLUMNS, ["c6ce2a39-fa61-4766-a8f7-0b7c1d2e3f40", "鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵"])
    lines = capsys.readouterr().out.splitlines()
    assert all(cell_width(line) <= room for line in lines)
    assert all(line.endswith("AVAILABLE") for line in lines[1:])
    assert lines[1].startswith("c6c")


@pytest.mark.parametrize(
    ("no_color", "term", "painted"), [("", "xterm", True), ("1", "xterm", False), ("", "dumb", False)]
)
def test_colour_only_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_color: str, term: str, painted: bool
) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", term)
    output.table(_COLUMNS, ["x"])
    assert ("\x1b[32mAVAILABLE" in capsys.readouterr().out) is painted


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("鍵", 2), ("e\u0301", 1), ("", 0), ("a\u200db", 2)])
def test_width_in_cells(text: str, width: int) -> None:
    assert cell_width(text) == width
    assert cell_width(pad(text, 10)) == 10


@pytest.mark.parametrize("width", range(8))
def test_cutting_never_exceeds_the_width(width: int) -> None:
    for text in ("abcdefghij", "鍵鍵鍵鍵鍵", "a鍵b鍵c鍵d"):
        assert cell_width(cut_end(text, width)) <= width
        assert cell_width(cut_middle(text, width)) <= width


def test_ids_are_cut_in_the_middle() -> None:
    assert cut_middle("c6ce2a39-fa61-4766-a8f7-0b7c1d2e3f40", 11) == "c6ce2…e3f40"


def test_only_one_module_writes_stdout() -> None:
    writers = {
        path.name
        for path in (REPOSITORY / "kctui" / "cli").glob("*.py")
        if re.search(r"\bprint\(|click\.(secho|echo)\(|stdout\.(write|buffer)", path.read_text())
    }
    assert writers == {"output.py"}
