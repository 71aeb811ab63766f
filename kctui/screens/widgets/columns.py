"""Columns of a table: what a cell says, how wide it is, and from which width on it is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

from kctui.core.text import safe

RowT = TypeVar("RowT")
GAP = 2


class Tone(StrEnum):
    """How a cell stands out; the words say the same, so no tone is needed to understand it."""

    PLAIN = "plain"
    DIM = "dim"
    GOOD = "good"
    ATTENTION = "attention"
    DANGER = "danger"


def _plain(_row: object) -> Tone:
    return Tone.PLAIN


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column. name: stable, what sorting knows it by; "" cannot be sorted by.

    width: the least; grow: its share of what is left over, up to `most`. from_width: the narrowest table that
    shows it. ages: the text changes with time alone.
    """

    name: str
    title: str
    width: int
    text: Callable[[RowT], str]
    grow: int = 0
    most: int = 1000
    from_width: int = 0
    right: bool = False
    tone: Callable[[RowT], Tone] = _plain
    ages: bool = False


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Make foreign text safe and exactly `width` cells wide; what is cut is marked."""
    text = safe(text)
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"[:width]
    space = " " * (width - length)
    return space + text if right else text + space


def lay_out(columns: Sequence[Column[RowT]], width: int) -> list[tuple[Column[RowT], int]]:
    """Choose the columns that a table of this width shows, and how wide each is."""
    shown = [column for column in columns if column.from_width <= width]
    while len(shown) > 1 and _needed(shown) > width:
        shown.remove(max(shown[1:], key=lambda column: column.from_width))
    spare = width - _needed(shown)
    widths = {column.name or column.title: column.width for column in shown}
    growing = [column for column in shown if column.grow]
    while spare > 0 and growing:
        shares = sum(column.grow for column in growing)
        given = 0
        for column in growing:
            name = column.name or column.title
            part = min(max(1, spare * column.grow // shares), column.most - widths[name], spare - given)
            widths[name] += part
            given += part
        spare -= given
        growing = [column for column in growing if widths[column.name or column.title] < column.most]
    return [(column, widths[column.name or column.title]) for column in shown]


def _needed(columns: Sequence[Column[RowT]]) -> int:
    return sum(column.width for column in columns) + GAP * max(0, len(columns) - 1)
