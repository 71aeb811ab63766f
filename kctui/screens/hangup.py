"""A dropped line or a terminate: the step under way finishes within a bound, then the process ends, hard if need be.

A hung-up terminal answers every read at once and refuses every write: a console that stays would spin.
"""

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from kctui.core.words import StepState

if TYPE_CHECKING:
    from kctui.core.observer import Observer

STEP_SECONDS = 10.0
_SIGNALS = (signal.SIGHUP, signal.SIGTERM)
_ENDED = "ended"
_BETWEEN_STEPS = "between steps"


class Hangup:
    """Takes SIGHUP and SIGTERM for the length of a run. leave: asks the application to end, from any thread."""

    def __init__(self, leave: Callable[[int], None]) -> None:
        self._leave = leave
        # put() of a SimpleQueue may be called from a signal handler; starting a thread may not.
        self._news: queue.SimpleQueue[str | int] = queue.SimpleQueue()
        self._stopping = False
        self._for_ever = threading.Event()

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals, even where they were ignored (nohup), until the block ends."""
        threading.Thread(target=self._watch, name="hangup", daemon=True).start()
        before: dict[signal.Signals, Any] = {}
        for number in _SIGNALS:
            before[number] = signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._news.put(_ENDED)

    def guard(self, inner: "Observer") -> "Observer":
        """Give an observer that keeps an operation from beginning another step once the end was asked for."""
        return _Guard(inner, self)

    def stay_if_stopping(self) -> None:
        """Wait for the end of the process where it was asked for."""
        if self._stopping:
            self._news.put(_BETWEEN_STEPS)
            self._for_ever.wait()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._news.put(number)

    def _watch(self) -> None:
        news = self._news.get()
        if not isinstance(news, int):
            return
        if news == signal.SIGHUP:
            _let_go_of_terminal()
        self._leave(128 + news)
        while True:
            try:
                following = self._news.get(timeout=STEP_SECONDS)
            except queue.Empty:
                break
            if following == _ENDED:
                return
            if following == _BETWEEN_STEPS:
                break
        os._exit(128 + news)


class _Guard:
    """An observer between an operation and whoever watches it."""

    def __init__(self, inner: "Observer", hangup: Hangup) -> None:
        self._inner = inner
        self._hangup = hangup

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Pass a step on, or stay before it."""
        if state is StepState.INTENDED:
            self._hangup.stay_if_stopping()
        self._inner.step(name, state, detail, request_id)

    def progress(self, done: int, total: int, what: str) -> None:
        """Pass progress on, or stay."""
        self._hangup.stay_if_stopping()
        self._inner.progress(done, total, what)


def _let_go_of_terminal() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
