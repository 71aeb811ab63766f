"""Work that takes a while and cannot be broken off: watched from outside, and left behind where it is not wanted."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

from kctui.core.observer import Observer

Result = TypeVar("Result")
TICK_SECONDS = 0.5
# What is reported ends so where seconds are counted, and where the observer may cancel.
SECONDS = " (seconds)"


def watched(
    work: Callable[[], Result],
    observer: Observer,
    what: str,
    seconds: int,
    *,
    unwanted: Callable[[Result], None] = lambda _result: None,
) -> Result:
    """Do work in a thread of its own, and report every half second how many of so many seconds are gone.

    The observer may raise CancelledError: the work is not waited for then, and what it gives is `unwanted`.
    """
    future: Future[Result] = Future()

    def body() -> None:
        try:
            result = work()
        except BaseException as error:  # raised again where it is waited for
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=body, name="kctui-work", daemon=True).start()
    try:
        return watch(future, observer, what, seconds)
    except BaseException:
        future.add_done_callback(lambda done: None if done.exception() else unwanted(done.result()))
        raise


def watch(future: "Future[Result]", observer: Observer, what: str, seconds: int) -> Result:
    """Wait for a result, and report every half second how many of so many seconds are gone."""
    begun = time.monotonic()
    while True:
        try:
            return future.result(TICK_SECONDS)
        except FutureTimeoutError:
            # The work's own TimeoutError is the same class.
            if future.done():
                raise
        observer.progress(int(time.monotonic() - begun), seconds, what)
