"""The real program on a terminal of its own: its controlling terminal is a pty that the test holds."""

import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.program import environment, prepared

_TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
_PATIENCE_SECONDS = 60


class Terminal:
    """A program on a pty. Everything it writes to the terminal is in `shown`."""

    def __init__(self, *arguments: str, home: Path, **more: str) -> None:
        self.shown = ""
        env = environment(home, None, **{"TERM": "xterm", "NO_COLOR": "1"} | more)
        self._master, slave = pty.openpty()
        self._program = subprocess.Popen(
            prepared(_TAKE_TERMINAL, *arguments),
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, pattern: str) -> str:
        """Read until the pattern is shown. The end of the program before that is an error."""
        while not re.search(pattern, self.shown):
            if not self._read():
                raise AssertionError(f"it ended without {pattern!r}: {self.shown!r}")
        return self.shown

    def keys(self, text: str) -> None:
        """Type, as a person would."""
        os.write(self._master, text.encode())

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self._program.send_signal(number)

    def hang_up(self) -> None:
        """Drop the line: the kernel sends SIGHUP, and every later read and write fails."""
        os.close(self._master)
        self._master = -1

    def exit_code(self) -> int:
        """Read on to the end, and give the exit code; the negative number of the signal that killed it."""
        while self._master >= 0 and self._read():
            pass
        return self._program.wait(_PATIENCE_SECONDS)

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the other end is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Self:
        signal.alarm(_PATIENCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.alarm(0)
        self._program.kill()
        self._program.wait()
        if self._master >= 0:
            os.close(self._master)
