"""Time: UTC everywhere, whole in the database, RFC 3339 in text."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC, to the microsecond."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-11-23T12:03:15Z`: seconds, UTC (RFC 3339)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(since: datetime, at: datetime | None = None) -> str:
    """How long ago, in one short word pair: `8 s`, `14 min`, `3 h`, `6 d`."""
    seconds = max(0, int(((at or now()) - since).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
