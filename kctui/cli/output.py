"""The only module that writes stdout: tables, details, JSON documents and finished text. Data, nothing else.

On a terminal, tables are fitted to its width; elsewhere every value is whole. Every cell is made safe here, and
JSON is pure ASCII, so that no foreign character reaches a terminal raw.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from kctui.cli.cells import cell_width, cut_end, cut_middle, pad
from kctui.core.clock import now, rfc3339
from kctui.core.text import safe
from kctui.core.words import CloudStatus

Row = TypeVar("Row")
SCHEMA_VERSION = 1
_GAP = "  "
_NARROWEST = 8
_COLOURS = {
    CloudStatus.AVAILABLE: "32",
    CloudStatus.DISABLED: "33",
    CloudStatus.NOT_AVAILABLE: "33",
    CloudStatus.PENDING_DELETE: "31",
}


class Cut(Enum):
    """Where a column may be cut when the terminal is too narrow."""

    NEVER = "never"
    END = "end"
    MIDDLE = "middle"


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: its title, the text of a row, and how it gives way. colour: an SGR code, or None."""

    title: str
    text: Callable[[Row], str]
    cut: Cut = Cut.NEVER
    colour: Callable[[Row], str | None] | None = None
    right: bool = False


def document(kind: str, data: object) -> None:
    """Write the JSON envelope: schema_version, kind, generated_at, data."""
    envelope = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "generated_at": rfc3339(now()),
        "data": data,
    }
    text(to_json(envelope))


def table(columns: Sequence[Column[Row]], rows: Iterable[Row]) -> None:
    """Write rows under column titles, aligned."""
    rows = list(rows)
    cells = [[safe(column.text(row)) for column in columns] for row in rows]
    widths = [
        max([cell_width(column.title), *(cell_width(line[i]) for line in cells)]) for i, column in enumerate(columns)
    ]
    if on_terminal():
        widths = fit(widths, columns, shutil.get_terminal_size().columns)
    lines = [_line([column.title for column in columns], columns, widths, None)]
    lines += [_line(line, columns, widths, row) for line, row in zip(cells, rows, strict=True)]
    text("\n".join(lines))


def details(pairs: Sequence[tuple[str, str]]) -> None:
    """Write names and values, one pair a line. A value of several lines is written as such, indented."""
    width = max(cell_width(name) for name, _ in pairs)
    lines = []
    for name, value in pairs:
        first, *more = value.split("\n")
        lines.append(f"{pad(name, width)}{_GAP}{safe(first)}".rstrip())
        lines += [f"{' ' * width}{_GAP}{safe(line)}" for line in more]
    text("\n".join(lines))


def lines(values: Iterable[str]) -> None:
    """Write a value a line."""
    text("\n".join(safe(value) for value in values))


def text(finished: str) -> None:
    """Write finished text and a line feed. Its foreign parts are safe already."""
    print(finished, file=sys.stdout)  # noqa: T201 -- the one place


def piece(finished: str) -> None:
    """Write a piece of a longer output, lines whole. Its foreign parts are safe already."""
    sys.stdout.write(finished)


def flush() -> None:
    """Hand everything to the system, so that a full disk or a reader that left is noticed."""
    sys.stdout.flush()


def to_json(value: object) -> str:
    """JSON in ASCII alone: the encoder escapes all but DEL, which can stand in strings only."""
    return json.dumps(value, ensure_ascii=True, indent=2).replace("\x7f", "\\u007f")


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def coloured(stream_is_terminal: bool) -> bool:
    """Whether colour may be used (https://no-color.org)."""
    return stream_is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def status_text(status: CloudStatus) -> str:
    """A Cloud Status as glyph and word."""
    return f"{status.glyph} {status.value}"


def status_colour(status: CloudStatus) -> str | None:
    """The SGR colour of a Cloud Status; it only underlines what glyph and word say."""
    return _COLOURS.get(status)


def fit(widths: Sequence[int], columns: Sequence[Column[Any]], room: int) -> list[int]:
    """Take from the widest column that may be cut, cell by cell, until the line fits or none gives way."""
    fitted = list(widths)
    excess = sum(fitted) + len(_GAP) * (len(fitted) - 1) - room
    while excess > 0:
        yielding = [i for i, column in enumerate(columns) if column.cut is not Cut.NEVER and fitted[i] > _NARROWEST]
        if not yielding:
            break
        fitted[max(yielding, key=lambda i: fitted[i])] -= 1
        excess -= 1
    return fitted


def _line(cells: Sequence[str], columns: Sequence[Column[Row]], widths: Sequence[int], row: Row | None) -> str:
    parts = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        short = cut_middle(cell, width) if column.cut is Cut.MIDDLE else cut_end(cell, width)
        padded = pad(short, width, right=column.right)
        colour = column.colour(row) if column.colour and row is not None else None
        parts.append(f"\x1b[{colour}m{padded}\x1b[0m" if colour and coloured(on_terminal()) else padded)
    return _GAP.join(parts).rstrip()
