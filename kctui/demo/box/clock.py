"""The clock that the box's rules follow, and that a test or a demonstration may move."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus an offset: material, tokens and deletions expire by it.

    Signatures do not: the signer reads its own clock, so their age is judged by real time.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the box's present, aware and in UTC."""
        with self._lock:
            return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the present by so many seconds; a negative number moves it back."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Make the present be this moment, from which time goes on."""
        if moment.tzinfo is None:
            raise ValueError("the clock is set by an aware datetime")
        with self._lock:
            self._offset = moment.astimezone(UTC) - datetime.now(UTC)

    def reset(self) -> None:
        """Return to real time."""
        with self._lock:
            self._offset = timedelta()
