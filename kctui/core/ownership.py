"""Whether the process that owns an operation still lives. A dead one's operation may be taken over."""

from datetime import datetime, timedelta

from kctui.core.clock import now
from kctui.core.process import process_lives, this_host

HEARTBEAT = timedelta(seconds=10)
SILENCE = timedelta(seconds=90)


def owner_lives(host: str | None, process: str | None, seen_at: datetime | None) -> bool:
    """On this host the process table tells; where that cannot be seen, or on another host, its heartbeat does.

    90 s of silence are nine missed heartbeats, and longer than any single AWS call with its retries.
    """
    if host is None or process is None:
        return False
    lives = process_lives(process) if host == this_host() else None
    if lives is not None:
        return lives
    # A beat from the future is a clock that is wrong, not an owner who lives for ever.
    return seen_at is not None and abs(now() - seen_at) < SILENCE
