"""Labelled texts: `! last use    Decrypt, 14 min ago`; what is long goes on under itself, never under its label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from kctui.core.text import safe
from kctui.screens.widgets.columns import fit

if TYPE_CHECKING:
    from kctui.core.consequences import Line

LABEL = 14
_LEAST = 10
_MARKS = {"✓": "$success", "!": "$warning", "✕": "bold $error", "↺": "$accent"}


@dataclass(frozen=True)
class Labelled:
    """One of them. mark: one character before the label, or "" for none. Label and text may be foreign."""

    label: str
    text: str
    mark: str = ""

    @classmethod
    def of(cls, line: "Line") -> "Labelled":
        """A line of what an action would do."""
        return cls(line.label, line.text, line.mark.value)


class LabelledTexts(Widget):
    """Several of them, as tall as they need; not there while there is none."""

    DEFAULT_CSS = """
    LabelledTexts { height: auto; width: 1fr; display: none; }
    """

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._shown: Sequence[Labelled] = ()

    def show(self, texts: Sequence[Labelled]) -> None:
        """Show others."""
        self._shown = texts
        self.display = bool(texts)
        self.refresh(layout=True)

    def render(self) -> Content:
        """The lines, for the width there is."""
        return Content("\n").join(self._lines(self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as that makes."""
        return len(self._lines(width))

    def _lines(self, width: int) -> list[Content]:
        return [line for text in self._shown for line in _drawn(text, max(_LEAST, width - LABEL))]


def _drawn(shown: Labelled, room: int) -> list[Content]:
    mark = Content.styled(f"{shown.mark} ", _MARKS[shown.mark]) if shown.mark else Content()
    head = mark + Content.styled(fit(shown.label, LABEL - 1 - mark.cell_length) + " ", "dim")
    first, *others = Content(safe(shown.text) or " ").wrap(room)
    return [head + first, *(Content(" " * LABEL) + line for line in others)]
