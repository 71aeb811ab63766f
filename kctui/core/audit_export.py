r"""The audit log as a file to keep elsewhere: CSV or JSON Lines, whole enough to check the chain again from it.

JSON Lines: an entry a line, in ASCII alone. Without hash and mac, its sorted, compact JSON is what hash covers.
CSV: the same names. What would be a formula in a spreadsheet, or begins with an apostrophe, has an apostrophe in
front; in texts, what is not printable is written \uXXXX and a backslash twice; objects and request_ids are JSON.
An export reads only, so it is no entry of the log, and read-only mode allows it.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from kctui.core.audit import entry_content
from kctui.core.lists import AuditList, AuditQuery
from kctui.core.model import AuditEntry
from kctui.core.observer import Observer
from kctui.core.store import Store
from kctui.core.whole_file import whole_file

PAGE = 500
COLUMNS = (
    "seq", "time", "type", "category", "operator", "unix_user", "ssh_client", "host", "message", "objects",
    "request_ids", "previous_hash", "mac_group_id", "hash", "mac",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'", "＝", "＋", "－", "＠")  # the wide ones too
_BEYOND_SHORT = 0xFFFF


class ExportFormat(StrEnum):
    """How an export is written; the word is the file's suffix too."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True)
class Exported:
    """What was written: how many entries, the first and last number, and the last one's hash."""

    entries: int
    first: int | None = None
    last: int | None = None
    head: str = ""


def entry_record(entry: AuditEntry) -> dict[str, Any]:
    """Everything recorded in an entry, as JSON can hold it: nothing rounded, nothing left out."""
    return entry_content(entry) | {"hash": entry.hash, "mac": entry.mac}


def export_lines(
    store: Store,
    query: AuditQuery,
    form: ExportFormat,
    write: Callable[[str], object],
    observer: Observer | None = None,
) -> Exported:
    """Write the entries of a query in chain order, page by page. Blocking. IAM: none."""
    listed = AuditList(store, replace(query, newest_first=False))
    total = listed.count() if observer else 0
    made = Exported(0)
    if form is ExportFormat.CSV:
        write(_csv_line(COLUMNS))
    for entries in _pages(listed):
        write("".join(_line(entry, form) for entry in entries))
        first = entries[0].seq if made.first is None else made.first
        made = Exported(made.entries + len(entries), first, entries[-1].seq, entries[-1].hash)
        if observer:
            observer.progress(made.entries, max(total, made.entries), "entries written")
    return made


def export_file(
    store: Store,
    query: AuditQuery,
    form: ExportFormat,
    file: Path,
    *,
    replaces: bool = False,
    observer: Observer | None = None,
) -> Exported:
    """Write them into a file of mode 0600, which is there only once it is whole. Blocking. IAM: none.

    Raises ConflictError where the file is there and may not be replaced, and StoreError.
    """
    with whole_file(file, replace=replaces) as handle:
        return export_lines(store, query, form, handle.write, observer)


def _pages(listed: AuditList) -> Iterator[tuple[AuditEntry, ...]]:
    page = listed.page(limit=PAGE)
    while page.rows:
        yield page.rows
        if page.after is None:
            return
        page = listed.page(after=page.after, limit=PAGE)


def _line(entry: AuditEntry, form: ExportFormat) -> str:
    record = entry_record(entry)
    if form is ExportFormat.JSONL:
        return _json(record) + "\n"
    return _csv_line([_cell(record[name]) for name in COLUMNS])


def _json(value: object) -> str:
    """Compact JSON in ASCII alone: the encoder escapes all but DEL, which can stand in strings only."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def _csv_line(cells: "tuple[str, ...] | list[str]") -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return _json(value)
    text = "".join(_escape(character) for character in value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > _BEYOND_SHORT else f"\\u{code:04x}"
