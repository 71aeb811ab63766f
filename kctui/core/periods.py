"""From when to when: a date, a moment or an age, as people write them."""

import re
from datetime import UTC, date, datetime, time, timedelta

from kctui.core.clock import now as present
from kctui.core.errors import InvalidInputError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d{1,6})?)?( ?UTC|Z|[+-]\d{2}:\d{2})?\Z",
    re.ASCII | re.IGNORECASE,
)
_AGE = re.compile(r"(\d{1,5}) ?(min|h|d|w)\Z", re.ASCII | re.IGNORECASE)
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_since(text: str, now: datetime | None = None) -> datetime | None:
    """The first moment of a period: of a day, a moment (UTC where it names no zone) or an age such as 7d.

    None where nothing is written. Raises InvalidInputError.
    """
    return _parse(text, "since", now, include=False)


def parse_until(text: str, now: datetime | None = None) -> datetime | None:
    """The first moment after a period, read as `parse_since`: a day, a minute or a second that is named is in it."""
    return _parse(text, "until", now, include=True)


def check_period(since: datetime | None, until: datetime | None) -> None:
    """Refuse a period that ends before it begins. Raises InvalidInputError."""
    if since is not None and until is not None and since >= until:
        raise InvalidInputError(
            "The time range ends before it begins", remedy="Give an end after its beginning.", field="until"
        )


def _parse(text: str, field: str, now: datetime | None, *, include: bool) -> datetime | None:
    text = text.strip()
    if not text:
        return None
    try:
        if age := _AGE.match(text):
            return (now or present()) - int(age[1]) * _UNITS[age[2].lower()]
        if _DAY.match(text):
            day = datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
            return day + timedelta(days=1) if include else day
        if moment := _MOMENT.match(text):
            return _moment(text) + (_named(moment) if include else timedelta())
    except (ValueError, OverflowError):
        pass  # such as the 30th of February, or a moment that no calendar has
    raise InvalidInputError(
        f"{text!r} is not a time",
        remedy="Use a date such as 2026-11-23, a moment such as 2026-11-23T12:03:15Z, or an age: 30min, 12h, 7d, 2w.",
        field=field,
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(re.sub(r"( ?UTC|Z)\Z", "+00:00", text, flags=re.IGNORECASE))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _named(moment: re.Match[str]) -> timedelta:
    """How long what the text names lasts: lists show seconds, and what they show as the last is to be in it."""
    if moment["fraction"]:
        return timedelta(microseconds=1)
    return timedelta(seconds=1) if moment["seconds"] else timedelta(minutes=1)
