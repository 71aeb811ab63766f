"""An export holds everything recorded: the chain can be checked from it alone. Nothing in it moves a terminal."""

import csv
import hashlib
import json
import re
import tracemalloc
from codecs import decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kctui.core import audit_export
from kctui.core.audit import FIRST, AuditEvent, AuditLog
from kctui.core.audit_export import COLUMNS, Exported, ExportFormat, entry_record, export_file, export_lines
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError
from kctui.core.lists import AuditList, AuditQuery
from kctui.core.log import open_log
from kctui.core.paths import Home
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType, StepState
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS

EVENT = AuditEvent(AuditType.WARNING, AuditCategory.CLOUD_KEY, "Something happened", {"CloudKey": "payroll-db"})
CELLS = ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "plain", "a=b", "back\\slash\\u001b", "", "＝1",
         "zwölf \N{SNOWMAN}", 'quote " and, comma', "two\nlines", HOSTILE, "\U000e0001tag"]  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝")


@pytest.fixture
def log(engine: Engine) -> Engine:
    """Keyed entries whose messages are each of CELLS."""
    for text in CELLS:
        engine.audit.note(
            replace(EVENT, message=text, objects={"CloudKey": text, text: "x"}, request_ids=("r-1", "r-2"))
        )
    return engine


def exported(store: Store, form: ExportFormat, query: AuditQuery | None = None) -> str:
    pieces: list[str] = []
    export_lines(store, query or AuditQuery(), form, pieces.append)
    return "".join(pieces)


def from_csv(text: str) -> list[dict[str, Any]]:
    """The entries of a CSV export, by the rules in its documentation alone."""
    return [{name: read_cell(name, cell) for name, cell in row.items()} for row in csv.DictReader(text.splitlines())]


def read_cell(name: str, cell: str) -> Any:
    if name == "seq" or name in {"objects", "request_ids"}:
        return json.loads(cell)
    if not cell and name in {"operator", "ssh_client", "mac_group_id", "mac"}:
        return None
    escaped = re.sub(r"\\(\\|u[0-9a-f]{4}|U[0-9a-f]{8})", lambda m: decode(m[0], "unicode_escape"), cell)
    return escaped.removeprefix("'")


def assert_chain(records: list[dict[str, Any]]) -> None:
    """Check the chain without any of kctui's code."""
    previous = FIRST
    for record in records:
        content = {name: value for name, value in record.items() if name not in {"hash", "mac"}}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        assert record["previous_hash"] == previous
        assert record["hash"] == hashlib.sha256(canonical.encode()).hexdigest()
        previous = record["hash"]


def test_the_chain_can_be_checked_from_json_lines_alone(log: Engine) -> None:
    records = [json.loads(line) for line in exported(log.store, ExportFormat.JSONL).splitlines()]
    assert_chain(records)
    assert [record["message"] for record in records[1:]] == CELLS
    assert all(len(record["mac"]) == 64 and record["mac_group_id"] for record in records)


def test_the_chain_can_be_checked_from_csv_alone(log: Engine) -> None:
    text = exported(log.store, ExportFormat.CSV)
    assert text.splitlines()[0] == ",".join(COLUMNS)
    records = from_csv(text)
    assert_chain(records)
    assert records == [json.loads(line) for line in exported(log.store, ExportFormat.JSONL).splitlines()]


def test_the_entry_as_it_is_read_is_the_entry_as_it_was_written(log: Engine) -> None:
    entry = AuditList(log.store, AuditQuery()).page(limit=1).rows[0]
    record = entry_record(entry)
    assert set(record) == set(COLUMNS) == set(type(entry).model_fields)
    assert record["time"] == entry.time.isoformat(timespec="microseconds")


def test_no_cell_is_a_formula_and_no_line_moves_a_terminal(log: Engine) -> None:
    for row in csv.reader(exported(log.store, ExportFormat.CSV).splitlines()):
        assert len(row) == len(COLUMNS)
        assert not [cell for cell in row if cell.startswith(FORMULA) or not cell.isprintable()]


@pytest.mark.parametrize("form", ExportFormat)
def test_an_entry_is_a_line_and_holds_nothing_hostile(log: Engine, form: ExportFormat) -> None:
    text = exported(log.store, form)
    assert not set(HOSTILE_CHARACTERS) & set(text)
    assert text.count("\n") == len(CELLS) + 1 + (form is ExportFormat.CSV)


def test_json_lines_are_ascii(log: Engine) -> None:
    assert exported(log.store, ExportFormat.JSONL).isascii()


@pytest.mark.parametrize("form", ExportFormat)
def test_an_export_holds_what_the_filter_leaves_in_chain_order(log: Engine, form: ExportFormat) -> None:
    query = AuditQuery(text="a=b", newest_first=True)
    pieces: list[str] = []
    made = export_lines(log.store, query, form, pieces.append)
    assert made == Exported(1, 10, 10, AuditList(log.store, query).page().rows[0].hash)
    everything = [json.loads(line)["seq"] for line in exported(log.store, ExportFormat.JSONL).splitlines()]
    assert everything == list(range(1, len(CELLS) + 2))


@pytest.mark.parametrize("form", ExportFormat)
def test_nothing_left_is_an_empty_export(engine: Engine, form: ExportFormat) -> None:
    nothing = AuditQuery(text="no such text")
    assert export_lines(engine.store, nothing, form, lambda _: None) == Exported(0)
    assert exported(engine.store, form, nothing) == ("" if form is ExportFormat.JSONL else ",".join(COLUMNS) + "\n")


def test_a_file_is_written_page_by_page_and_tells_how_far_it_is(
    log: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PAGE", 7)
    told: list[tuple[int, int]] = []

    class Observer:
        def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
            raise AssertionError(name)

        def progress(self, done: int, total: int, what: str) -> None:
            told.append((done, total))

    made = export_file(log.store, AuditQuery(), ExportFormat.JSONL, tmp_path / "audit.jsonl", observer=Observer())
    assert told == [(7, 18), (14, 18), (18, 18)]
    records = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert_chain(records)
    assert (made.entries, made.first, made.last, made.head) == (18, 1, 18, records[-1]["hash"])


def test_an_export_is_never_held_whole(log: Engine) -> None:
    big = "x" * 100_000
    for _ in range(40):
        log.audit.note(replace(EVENT, message=big))
    sizes: list[int] = []
    tracemalloc.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_export, "PAGE", 2)
        export_lines(log.store, AuditQuery(), ExportFormat.JSONL, lambda piece: sizes.append(len(piece)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sizes) > 40 * len(big) > 2 * peak


def test_an_export_takes_no_file_s_place_unasked(log: Engine, tmp_path: Path) -> None:
    file = tmp_path / "audit.csv"
    file.write_text("mine")
    with pytest.raises(ConflictError):
        export_file(log.store, AuditQuery(), ExportFormat.CSV, file)
    assert file.read_text() == "mine"
    export_file(log.store, AuditQuery(), ExportFormat.CSV, file, replaces=True)
    assert_chain(from_csv(file.read_text()))


def test_an_export_works_read_only_and_locked_and_is_no_entry(log: Engine, home: Home, tmp_path: Path) -> None:
    with Engine.open(home, read_only=True) as engine:
        made = export_file(engine.store, AuditQuery(), ExportFormat.JSONL, tmp_path / "audit.jsonl")
        assert made.entries == AuditList(engine.store, AuditQuery()).count() == len(CELLS) + 1


def test_the_export_is_the_same_on_postgresql(postgres_url: str, home: Home) -> None:
    store = Store(postgres_url)
    store.migrate()
    lines, file = open_log(home)
    try:
        log = AuditLog(store, lines)
        for text in CELLS:
            log.note(replace(EVENT, message=text, objects={"CloudKey": text}))
        assert_chain(from_csv(exported(store, ExportFormat.CSV)))
        assert_chain([json.loads(line) for line in exported(store, ExportFormat.JSONL).splitlines()])
    finally:
        store.close()
        file.close()
