"""What a probe found of a token: a line a key spec, then what was refused and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from kctui.core.text import safe
from kctui.screens.widgets.columns import GAP, Column, Tone, fit
from kctui.screens.widgets.sections import Section, draw

if TYPE_CHECKING:
    from kctui.core.pkcs11.findings import Conformance

_WHAT = 38
_LEAST = 16


@dataclass(frozen=True)
class SpecFound:
    """What a token does with one key spec. used: the wrapping for AWS, or why there is none."""

    spec: str
    kept_by: str
    used: str
    works: bool


@dataclass(frozen=True)
class NotDone:
    """Something that it does not do, why, and for which key specs."""

    what: str
    why: str
    specs: str


@dataclass(frozen=True)
class Findings:
    """All of it. Every text may be foreign."""

    specs: Sequence[SpecFound] = ()
    refused: Sequence[NotDone] = ()

    @classmethod
    def of(cls, conformance: "Conformance", *, sha1: bool) -> "Findings":
        """What is to be shown of a probe. sha1: whether there is consent to SHA-1."""
        specs = []
        for spec, found in conformance.specs.items():
            works = conformance.why_not(spec, sha1=sha1) is None
            if works:
                used = conformance.choose(spec, sha1=sha1).way.value
            else:
                used = "no consent to SHA-1" if spec in conformance.sha1_only else "none"
            kept_by = "–" if found.keeps_by is None else f"{found.keeps_by:#x}"
            specs.append(SpecFound(spec.value, kept_by, used, works))
        refused = [NotDone(one.what, one.why, ", ".join(one.specs)) for one in conformance.refusals()]
        return cls(specs, refused)

    @property
    def works(self) -> str:
        """How many key specs work."""
        return f"{sum(spec.works for spec in self.specs)} of {len(self.specs)} key specs"


_COLUMNS: Sequence[Column[SpecFound]] = (
    Column("", "Key spec", 17, lambda found: found.spec),
    Column("", "Kept by", 10, lambda found: found.kept_by),
    Column(
        "", "Wrapping for AWS", 40, lambda found: f"{'✓' if found.works else '✕'} {found.used}",
        tone=lambda found: Tone.PLAIN if found.works else Tone.ATTENTION,
    ),
)  # fmt: skip


class FindingsTable(Widget):
    """The table, as tall as it needs; not there before there is anything to show."""

    DEFAULT_CSS = """
    FindingsTable { height: auto; width: 1fr; margin-top: 1; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._findings = Findings()

    def show(self, findings: Findings | None) -> None:
        """Show what was found, or nothing."""
        self._findings = findings or Findings()
        self.display = findings is not None
        self.refresh(layout=True)

    def render(self) -> Content:
        """The lines, for the width there is."""
        return Content("\n").join(self._lines(self.size.width))

    def on_resize(self) -> None:
        """Draw for the new width: a scrollbar has come or gone."""
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as that makes."""
        return len(self._lines(width))

    def _lines(self, width: int) -> list[Content]:
        found = self._findings
        # Without the margin that a page of details has: here it stands below other facts.
        lines = [line[1:] for line in draw(Section("", columns=_COLUMNS, rows=found.specs), width + 1).split("\n")]
        if found.refused:
            lines += [Content(""), Content.styled(f"{fit('Refused', _WHAT)}  Why, and for which key specs", "dim")]
        for one in found.refused:
            lines += _drawn(one, max(_LEAST, width - _WHAT - GAP))
        return lines


def _drawn(one: NotDone, room: int) -> list[Content]:
    head = Content(f"{fit(one.what, _WHAT)}" + " " * GAP)
    told = [*Content(safe(one.why)).wrap(room), *(line.stylize("dim") for line in Content(safe(one.specs)).wrap(room))]
    return [(head if place == 0 else Content(" " * (_WHAT + GAP))) + line for place, line in enumerate(told)]
