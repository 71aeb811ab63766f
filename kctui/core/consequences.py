"""What an action on a CloudKey would do, before it is done: the panel above every confirmation, and --dry-run."""

from dataclasses import dataclass
from enum import StrEnum

from kctui.core.availability import KeyAction
from kctui.core.errors import KctuiError
from kctui.core.lists import CloudKeyRow


class Mark(StrEnum):
    """What a line of the panel means, as the glyph before it."""

    GOOD = "✓"
    ATTENTION = "!"
    UNDO = "↺"
    BAD = "✕"


@dataclass(frozen=True)
class Line:
    """One line: `! depends  alias/payroll · 2 grants`. Its text may hold foreign words."""

    mark: Mark
    label: str
    text: str


@dataclass(frozen=True)
class Consequences:
    """What an action would do. row: as it was looked at; the action is refused when it has changed since.

    words: what will happen, in sentences. calls: the AWS calls to come, in order. refusal: why it cannot be done,
    None where it can.
    """

    action: KeyAction
    row: CloudKeyRow
    words: str
    lines: tuple[Line, ...]
    calls: tuple[str, ...]
    refusal: KctuiError | None = None
