"""A dropped line, a terminate, a Ctrl-C: what is in the middle of a step finishes it; all else stops at once.

SIGHUP comes when an SSH session drops, SIGTERM from service managers. Between steps an operation can be left:
its journal says where it was, and `kctui recover` goes on from there.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn, TypeVar

from kctui.cli import messages
from kctui.cli.exit_codes import ExitCode
from kctui.core.errors import CancelledError
from kctui.core.observer import Observer
from kctui.core.waiting import SECONDS
from kctui.core.words import StepState

Result = TypeVar("Result")
STEP_SECONDS = 60.0
RECOVER = "`kctui recover` finishes or undoes what was begun."
_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """A signal, or the end of input at a question, asked this command to end.

    Not a KeyboardInterrupt: click would answer that with a line to a terminal that may be gone.
    """


class _Signals:
    """Where a signal goes: to the running operation, else up the stack of the main thread."""

    def __init__(self) -> None:
        self.operation: _Running | None = None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        if self.operation is None:
            raise Interrupted(signal.Signals(number).name)
        self.operation.asked_to_stop(number)


_signals = _Signals()


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Take the three signals for the length of a command. One that is ignored (nohup) stays ignored."""
    before: dict[signal.Signals, Any] = {}
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _signals.receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Running:
    """One operation in its thread, and the observer that keeps it from beginning another step.

    cancellable: it is cancelled there, and comes to its own end.
    """

    def __init__(self, inner: Observer, *, cancellable: bool = False) -> None:
        self._inner = inner
        self._cancellable = cancellable
        # put() of a SimpleQueue may be called from a signal handler; an Event's set() may not.
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.stopping = False
        self.hurry = False
        self._forever = threading.Event()

    def asked_to_stop(self, number: int) -> None:
        """From the signal handler: take note only. A second Ctrl-C does not wait for the step."""
        self.hurry = self.stopping and number == signal.SIGINT
        self.stopping = True
        self.news.put("signal")

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Pass a step on; before the next one begins, stay here where a stop was asked for."""
        if state is StepState.INTENDED:
            self._stay_if_stopping()
        self._inner.step(name, state, detail, request_id)

    def progress(self, done: int, total: int, what: str) -> None:
        """Pass progress on, or stay. Where seconds are counted nothing has been done yet, and nothing is kept."""
        if self.stopping and what.endswith(SECONDS):
            raise CancelledError(f"{what.removesuffix(SECONDS)} was stopped", remedy="Nothing was kept.")
        self._stay_if_stopping()
        self._inner.progress(done, total, what)

    def _stay_if_stopping(self) -> None:
        if self.stopping and self._cancellable:
            raise CancelledError("Interrupted", remedy="What was done before stays done.")
        if self.stopping:
            self.news.put("between steps")
            self._forever.wait()


def run_operation(
    work: Callable[[Observer], Result], observer: Observer, *, cancellable: bool = False, afterwards: str = RECOVER
) -> Result:
    """Run `work` in a thread, so that a signal lets its step finish. Then this process ends, with 130.

    cancellable: `work` ends by itself instead, when its observer raises CancelledError between two steps.
    afterwards: what is to be done about what a signal stopped.
    """
    running = _Running(observer, cancellable=cancellable)
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(work(running))
        except BaseException as error:  # raised again in the main thread
            failure.append(error)
        finally:
            running.news.put("ended")

    _signals.operation = running
    try:
        threading.Thread(target=body, name="operation", daemon=True).start()
        _wait(running, afterwards)
    finally:
        _signals.operation = None
    if failure and running.stopping and isinstance(failure[0], CancelledError):
        raise Interrupted(failure[0].title) from failure[0]
    if failure:
        raise failure[0]
    return outcome[0]


def _wait(running: _Running, afterwards: str) -> None:
    """Return when the operation ended; end the process when it stands between two steps, or takes too long."""
    deadline: float | None = None
    while True:
        try:
            news = running.news.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            _leave(f"The step did not finish within {STEP_SECONDS:.0f} s.", afterwards)
        if news == "ended":
            return
        if news == "between steps":
            _leave("Stopped between two steps.", afterwards)
        if running.hurry:
            _leave("Stopped in the middle of a step.", afterwards)
        if deadline is None:
            deadline = time.monotonic() + STEP_SECONDS
            messages.warn("Interrupted: the step under way is being finished first (Ctrl-C again: do not wait).")


def _leave(why: str, afterwards: str) -> NoReturn:
    """End hard: the thread of the operation cannot be stopped otherwise, and nothing may run beside it."""
    messages.warn(f"{why} {afterwards}")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(ExitCode.INTERRUPTED)
