"""A box alone, until it is interrupted."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from .box import Box


def serve(port: int, announce: Callable[[Box], None]) -> None:
    """Run a box on a port of 127.0.0.1 (0: a free one), announce it, and end at SIGINT or SIGTERM.

    Signals reach the main thread only, so that is where this has to be called.
    """
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        interrupted.set()

    previous = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Box.start(port=port) as box:
            announce(box)
            interrupted.wait()
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
