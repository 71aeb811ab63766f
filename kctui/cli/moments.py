"""Dates and their absence, as tables and details show them."""

from datetime import UTC, datetime

from kctui.core.clock import age

NEVER = "Never"
NOTHING = "-"


def moment(when: datetime | None, absent: str = NOTHING) -> str:
    """`2026-11-23 12:03:15Z`: UTC, and says so."""
    return absent if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def day(when: datetime | None, absent: str = NEVER) -> str:
    """`2026-11-23`, in UTC."""
    return absent if when is None else f"{when.astimezone(UTC):%Y-%m-%d}"


def seen(when: datetime | None) -> str:
    """How old a status is."""
    return NEVER if when is None else age(when)
