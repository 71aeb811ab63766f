"""How values read in the console: dates, ages, status. Times are UTC."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from kctui.core.clock import age, rfc3339
from kctui.core.words import CloudStatus, KeySource, RotationMethod
from kctui.screens.widgets.columns import Tone

if TYPE_CHECKING:
    from kctui.core.details import CloudKeyDetails
    from kctui.core.lists import CloudKeyRow

SOON = timedelta(days=30)
STATUS_TONES = {
    CloudStatus.AVAILABLE: Tone.GOOD,
    CloudStatus.DISABLED: Tone.ATTENTION,
    CloudStatus.NOT_AVAILABLE: Tone.ATTENTION,
    CloudStatus.PENDING_DELETE: Tone.DANGER,
    CloudStatus.UPDATING: Tone.ATTENTION,
    CloudStatus.DELETED: Tone.DIM,
    CloudStatus.UNKNOWN: Tone.DIM,
}


def moment(at: datetime | None) -> str:
    """A date and a time, or a dash."""
    return "–" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def day(at: datetime | None) -> str:
    """A date, or a dash."""
    return "–" if at is None else at.strftime("%Y-%m-%d")


def date_or_never(at: datetime | None) -> str:
    """A date, or Never."""
    return "Never" if at is None else at.strftime("%Y-%m-%d")


def expiry_tone(at: datetime | None, now: datetime) -> Tone:
    """Past is danger, soon needs attention."""
    if at is None or at > now + SOON:
        return Tone.PLAIN
    return Tone.DANGER if at <= now else Tone.ATTENTION


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, or never."""
    return "never" if at is None else age(at, now)


def ahead(at: datetime, now: datetime) -> str:
    """How far ahead a day is."""
    days = (at - now).days
    if at < now:
        return "overdue"
    return "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"


def rotates(row: "CloudKeyRow", now: datetime) -> str:
    """When a CloudKey rotates next; AWS's own material is not ours to rotate."""
    if row.key_source is KeySource.AWS:
        return "–"
    return "Never" if row.rotates_at is None else ahead(row.rotates_at, now)


def status(row: "CloudKeyRow", now: datetime) -> str:
    """A CloudKey's Cloud Status: a glyph and a word, and what else there is to know of it."""
    words = f"{row.cloud_status.glyph} {row.cloud_status.value}"
    if row.needs_recovery:
        return f"{words}  ! recover"
    if row.busy is not None:
        return f"{words}  … busy"
    if row.cloud_status is CloudStatus.PENDING_DELETE and row.deletion_date is not None:
        return f"{words}  {max(0, (row.deletion_date - now).days)} d"
    return words


def status_tone(row: "CloudKeyRow") -> Tone:
    """The colour beside the words of `status`."""
    return Tone.ATTENTION if row.needs_recovery else STATUS_TONES[row.cloud_status]


def version_words(details: "CloudKeyDetails") -> str:
    """The present version, and how Rotate Now makes the next one: `3 · in place · 22 rotations left`."""
    number = str(details.versions[0].number) if details.versions else "–"
    if details.row.key_source is KeySource.AWS:
        return number
    if details.rotation_method is RotationMethod.NEW_KEY:
        return f"{number} · by a new KMS key"
    if details.rotations_left is None:
        return f"{number} · in place"
    left = "1 rotation" if details.rotations_left == 1 else f"{details.rotations_left} rotations"
    return f"{number} · in place · {left} left"


def number(count: int | None) -> str:
    """A count with separators; an ellipsis while it is not known."""
    return "…" if count is None else f"{count:,}"


def plain(value: object) -> Any:
    """A value as JSON can hold it: dates in RFC 3339, enumerations as their words."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
