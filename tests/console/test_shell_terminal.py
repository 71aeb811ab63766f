"""The console on a real terminal: what bytes it sends, how it ends, what it leaves behind."""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import select as rows

from kctui.core.engine import Engine
from kctui.core.model import CloudKey
from kctui.core.paths import Home, write_private

REPOSITORY = Path(__file__).parents[2]
LONG = 60.0
CONSOLE = f"""
import fcntl
import sys
import termios

# The terminal becomes the controlling one, as after a login: a dropped line is a SIGHUP.
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.path.insert(0, {str(REPOSITORY)!r})

from kctui.app import run_console
from kctui.core.paths import find_home
sys.exit(run_console(find_home(), False, None, None))
"""
SECRET = "hunter2-of-the-vault"
CRASHING = f"""
import sys

sys.path.insert(0, {str(REPOSITORY)!r})
import kctui.app

class Crashing(kctui.app.KctuiApp):
    def key_f9(self):
        secret = "".join(["hunter2", "-of-the-vault"])
        raise ValueError(secret)
kctui.app.KctuiApp = Crashing
{CONSOLE}
"""
IGNORING = f"""
import signal

signal.signal(signal.SIGHUP, signal.SIG_IGN)
{CONSOLE}
"""
assert SECRET not in CRASHING


class Terminal:
    """A child on a terminal of its own, and every byte it has sent."""

    def __init__(self, program: Path, environment: dict[str, str]) -> None:
        self.sent = b""
        self._seen = 0
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 110, 0, 0))
        self.child = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=REPOSITORY,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)

    def read_until(self, wanted: bytes) -> None:
        """Read until the child has sent something since the last keys."""
        self._read(lambda: wanted in self.sent[self._seen :])
        assert wanted in self.sent[self._seen :], self.sent[-2000:]

    def read_to_end(self) -> int:
        """Read until the child has ended, and give its exit status."""
        self._read(lambda: False)
        return self.child.wait(LONG)

    def _read(self, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONG
        while not enough() and time.monotonic() < deadline:
            if not select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.sent += data

    def press(self, keys: bytes) -> None:
        """Type."""
        self._seen = len(self.sent)
        os.write(self.master, keys)

    def hang_up(self) -> None:
        """Drop the line."""
        os.close(self.master)
        self.master = -1


OpenTerminal = Callable[..., "contextlib.AbstractContextManager[Terminal]"]


@pytest.fixture
def terminal(seeded: Home, passphrase: str, tmp_path: Path) -> OpenTerminal:
    """The console in a terminal, unlocking itself from a file."""
    file = seeded.root / "passphrase"
    write_private(seeded, file, passphrase + "\n")

    @contextlib.contextmanager
    def run(program: str = CONSOLE, **environment: str) -> Iterator[Terminal]:
        script = tmp_path / "console.py"
        script.write_text(program)
        child = Terminal(
            script,
            {
                "PATH": os.environ["PATH"],
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
                "KCTUI_HOME": str(seeded.root),
                "KCTUI_PASSPHRASE_FILE": str(file),
                **environment,
            },
        )
        try:
            yield child
        finally:
            child.child.kill()
            child.child.wait()
            if child.master >= 0:
                os.close(child.master)

    return run


def rename(home: Home, name: str, description: str) -> None:
    """Give a CloudKey a name that nobody checked."""
    with Engine.open(home) as engine, engine.store.write() as session:
        key = session.exec(rows(CloudKey).where(CloudKey.name == "old-ledger")).one()
        key.name, key.description = name, description


def test_foreign_text_sends_no_escape_sequence(seeded: Home, terminal: OpenTerminal) -> None:
    rename(seeded, "aaa\x1b]0;owned\x07", "bbb\x9b31m\u202eccc")
    with terminal() as console:
        console.read_until(b"]0;owned")
        console.press(b"\r")
        console.read_until(b"Esc back")
        console.press(b"\x1b")
        console.read_until(b"reports")
        console.press(b"q")
        console.read_to_end()
        found = [bad for bad in ("\x1b]0;owned", "\x9b31m", "\u202e") if bad.encode() in console.sent]
        assert found == []


def test_a_dropped_line_ends_the_console(terminal: OpenTerminal) -> None:
    with terminal() as console:
        console.read_until(b"payroll-db")
        console.hang_up()
        assert console.child.wait(LONG) == 128 + signal.SIGHUP


def test_a_dropped_line_ends_it_where_hang_ups_were_ignored(terminal: OpenTerminal) -> None:
    with terminal(IGNORING) as console:
        console.read_until(b"payroll-db")
        console.hang_up()
        assert console.child.wait(LONG) == 128 + signal.SIGHUP


def test_a_terminate_leaves_the_terminal_as_it_was(terminal: OpenTerminal) -> None:
    with terminal() as console:
        console.read_until(b"payroll-db")
        console.child.send_signal(signal.SIGTERM)
        status = console.read_to_end()
        assert (status, b"\x1b[?1049l" in console.sent) == (128 + signal.SIGTERM, True)


def test_quitting_is_a_success(terminal: OpenTerminal) -> None:
    with terminal() as console:
        console.read_until(b"payroll-db")
        console.press(b"q")
        assert console.read_to_end() == 0


def test_a_crash_is_one_line_and_exit_status_1(terminal: OpenTerminal) -> None:
    with terminal(CRASHING) as console:
        console.read_until(b"payroll-db")
        console.press(b"\x1b[20~")
        status = console.read_to_end()
        after = console.sent.rpartition(b"\x1b[?1049l")[2].decode()
        told = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", after).strip()
        assert (
            status,
            told.startswith("kctui: stopped by an error it did not foresee (ValueError at"),
            "\n" in told,
        ) == (1, True, False)


def test_a_crash_tells_no_secret(seeded: Home, terminal: OpenTerminal) -> None:
    with terminal(CRASHING) as console:
        console.read_until(b"payroll-db")
        console.press(b"\x1b[20~")
        console.read_to_end()
        assert SECRET not in console.sent.decode(errors="replace") + seeded.log.read_text()


def test_a_crash_leaves_its_trace_in_the_log(seeded: Home, terminal: OpenTerminal) -> None:
    with terminal(CRASHING) as console:
        console.read_until(b"payroll-db")
        console.press(b"\x1b[20~")
        console.read_to_end()
        assert '"event": "the console stopped"' in seeded.log.read_text()


def test_no_color_sends_no_colour(terminal: OpenTerminal) -> None:
    with terminal(NO_COLOR="1") as console:
        console.read_until(b"payroll-db")
        console.press(b"q")
        console.read_to_end()
        styles = re.findall(rb"\x1b\[([0-9;]*)m", console.sent)
        colours = {s for s in styles if re.search(rb"(^|;)(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;|$)", s)}
        assert colours == set()


def test_the_mouse_is_left_to_the_terminal(terminal: OpenTerminal) -> None:
    with terminal() as console:
        console.read_until(b"payroll-db")
        assert b"\x1b[?1000h" not in console.sent


def test_the_first_picture_needs_no_database_library() -> None:
    heavy = ("sqlmodel", "sqlalchemy", "boto3", "structlog")
    program = f"import sys, kctui.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
