"""What was called: a bounded list that tests may assert on."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 10_000


@dataclass(frozen=True)
class Call:
    """One request: who asked for what, and how it ended.

    The outcome is "OK", the error's code, or "dropped" where the connection was closed without an answer.
    """

    service: str
    operation: str
    account: str
    region: str
    principal: str
    request_id: str
    outcome: str


class Calls:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=LONGEST)
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Append a call; the oldest falls out when the list is full."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget every call."""
        with self._lock:
            self._calls.clear()

    def operations(self, service: str = "kms") -> list[str]:
        """Return the names of the operations of one service, in the order they were answered."""
        return [call.operation for call in self if call.service == service]

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._calls))

    def __len__(self) -> int:
        with self._lock:
            return len(self._calls)
