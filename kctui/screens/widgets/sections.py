"""The pages of the details: facts, or a small table; drawn for the width there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from kctui.core.text import safe, shorten
from kctui.screens.widgets.columns import GAP, Column, Tone, fit, lay_out

LABEL = 16
TWO_COLUMNS = 100
STYLES = {
    Tone.PLAIN: "",
    Tone.DIM: "dim",
    Tone.GOOD: "$success",
    Tone.ATTENTION: "$warning",
    Tone.DANGER: "$error",
}


@dataclass(frozen=True)
class Fact:
    """A label and its value, which may be foreign. whole: shortened in the middle, never at the end."""

    label: str
    value: str
    tone: Tone = Tone.PLAIN
    whole: bool = False


@dataclass(frozen=True)
class Section:
    """One page: facts, then a table. words: what is said where there is neither."""

    title: str
    facts: Sequence[Fact] = ()
    columns: Sequence[Column[Any]] = ()
    rows: Sequence[Any] = ()
    words: str = ""


def draw(section: Section, width: int, height: int | None = None) -> Content:
    """Draw a page. height: of the pane, where what does not fit is counted; None: as long as it is."""
    lines: list[Content] = []
    if section.facts:
        lines += _facts(section.facts, width, height)
    if section.columns and section.rows:
        if lines:
            lines.append(Content(""))
        lines += _table(section, width)
    if not lines:
        lines = [Content.styled(f" {safe(section.words)}", "dim")]
    if height is not None and len(lines) > height:
        hidden = len(lines) - height + 1
        lines = [*lines[: height - 1], Content.styled(f" and {hidden} lines more: Enter shows all", "dim")]
    return Content("\n").join(lines)


def _facts(facts: Sequence[Fact], width: int, height: int | None) -> list[Content]:
    if height is None or width < TWO_COLUMNS:
        return [line for fact in facts for line in _wrapped(fact, width)]
    half = width // 2
    left, right = facts[: (len(facts) + 1) // 2], facts[(len(facts) + 1) // 2 :]
    lines = []
    for i, fact in enumerate(left):
        line = _one_line(fact, half)
        if i < len(right):
            line += _one_line(right[i], width - half - 1)
        lines.append(line)
    return lines


def _label(fact: Fact) -> Content:
    return Content.styled(f" {fit(fact.label, LABEL)} ", "dim")


def _one_line(fact: Fact, width: int) -> Content:
    room = width - LABEL - GAP
    value = safe(fact.value)
    if fact.whole:
        value = shorten(value, room - GAP)
    return _label(fact) + Content.styled(fit(value, room - GAP) + " " * GAP, STYLES[fact.tone])


def _wrapped(fact: Fact, width: int) -> list[Content]:
    room = max(10, width - LABEL - GAP - 1)
    value = Content.styled(safe(fact.value) or " ", STYLES[fact.tone])
    lines = value.wrap(room) if " " in fact.value and not fact.whole else value.fold(room)
    first, *others = lines
    return [_label(fact) + first, *(Content(" " * (LABEL + GAP)) + line for line in others)]


def _table(section: Section, width: int) -> list[Content]:
    shown = lay_out(section.columns, width - 2)
    gap = " " * GAP
    head = gap.join(fit(column.title, cells, right=column.right) for column, cells in shown)
    lines = [Content.styled(f" {head}", "dim")]
    for row in section.rows:
        cells = [
            Content.styled(fit(column.text(row), cells, right=column.right), STYLES[column.tone(row)])
            for column, cells in shown
        ]
        lines.append(Content(" ") + Content(gap).join(cells))
    return lines
