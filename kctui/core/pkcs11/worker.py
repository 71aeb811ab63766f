"""The one thread that makes all PKCS#11 calls of this process.

python-pkcs11 lets go of Python's lock during a call, and not every module survives two calls at once. The thread is a
daemon: a device that never answers must not keep kctui from ending.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from kctui.core.observer import Observer
from kctui.core.pkcs11.errors import HsmBusyError, HsmUnreachableError
from kctui.core.waiting import watch
from kctui.core.words import StepState

Result = TypeVar("Result")
PATIENCE = 60.0


class _Worker:
    """The thread and its queue. It is started with the first call."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self.thread: threading.Thread | None = None

    def submit(self, job: Callable[[], Result]) -> "Future[Result]":
        """Queue a job."""
        with self._lock:
            self._unfinished += 1
            if self.thread is None:
                self.thread = threading.Thread(target=self._work, name="kctui-pkcs11", daemon=True)
                self.thread.start()
        future: Future[Result] = Future()
        self._jobs.put((future, job))
        return future

    @property
    def busy(self) -> bool:
        """Whether a job is under way or waits."""
        return self._unfinished > 0

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            if future.set_running_or_notify_cancel():
                try:
                    result = job()
                except BaseException as error:  # raised again where it is waited for
                    self._finished()
                    future.set_exception(error)
                else:
                    self._finished()
                    future.set_result(result)
                    del result
            else:
                self._finished()
            del future, job

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1


_worker = _Worker()


def busy() -> bool:
    """Whether a job is under way, or left behind there, so that another one would wait."""
    return _worker.busy


def in_thread(job: Callable[[], Result], *, patience: float = PATIENCE) -> Result:
    """Run a job in the PKCS#11 thread and give its result, or raise what it raised.

    patience: seconds; raises HsmUnreachableError once they are over. The job may still be going on then: its effects
    are session objects, which it destroys itself.
    """
    if threading.current_thread() is _worker.thread:
        return job()
    return wait_for(_worker.submit(job), patience=patience, withdraw=True)


def queued(job: Callable[[], Result]) -> "Future[Result]":
    """Queue a job that will be done, whoever waits for it."""
    return _worker.submit(job)


def wait_for(future: "Future[Result]", *, patience: float, withdraw: bool = False) -> Result:
    """Wait for a job. withdraw: one that was not begun by then is not done. Raises HsmUnreachableError."""
    try:
        return future.result(patience)
    except FutureTimeoutError:
        # A job's own TimeoutError is the same class.
        if future.done():
            raise
        raise _no_answer(patience, begun=not (withdraw and future.cancel())) from None


def in_thread_watched(job: Callable[[], Result], observer: Observer, what: str, *, patience: float) -> Result:
    """As `in_thread`, with progress every half second: seconds gone, of patience.

    The observer may raise CancelledError: the job is not waited for any longer. A module cannot be made to stop, so
    it goes on in the thread until it is done, and its result is dropped; a job must hold nothing outside itself.
    """
    future = _worker.submit(job)

    class Patient:
        """The observer, as long as there is patience."""

        def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
            observer.step(name, state, detail, request_id)

        def progress(self, done: int, total: int, what: str) -> None:
            if done > total:
                raise _no_answer(patience, begun=not future.cancel())
            observer.progress(done, total, what)

    try:
        return watch(future, Patient(), what, int(patience))
    except BaseException:
        future.cancel()
        raise


def _no_answer(patience: float, *, begun: bool) -> HsmUnreachableError:
    if not begun:
        return HsmBusyError(
            f"The HSM was busy for {patience:.0f} s with another job",
            detail="All PKCS#11 calls of a kctui go one after the other; a large RSA key may take minutes.",
            remedy="Try again when it is done. A call that hangs holds up those behind it: restart kctui then.",
        )
    return HsmUnreachableError(
        f"The HSM did not answer within {patience:.0f} s",
        remedy="Look at the device and the way to it. A call that hangs holds up those behind it: restart kctui then.",
    )
