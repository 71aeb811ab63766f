"""The only module that writes stderr: errors, warnings, and the steps of an operation as they happen.

A terminal that went away is no reason to stop in the middle of a step: what cannot be written is dropped, and
what happened is in the journal and in the audit log.
"""

import contextlib
import json
import os
import sys
import threading
from pathlib import Path

from kctui.cli.exit_codes import exit_code
from kctui.cli.output import SCHEMA_VERSION, coloured
from kctui.core.clock import now
from kctui.core.errors import KctuiError
from kctui.core.text import safe, safe_lines, shorten
from kctui.core.waiting import SECONDS
from kctui.core.words import StepState

_REQUEST_ID_WIDTH = 12
_CLEAR_LINE = "\r\x1b[K"
_lock = threading.Lock()


class _State:
    """Whether the last thing on the terminal is to be overwritten by the next."""

    passing = False


_state = _State()


def error(problem: KctuiError, *, as_json: bool) -> None:
    """Say what went wrong and what to do; as a JSON object where --json was asked for."""
    if as_json:
        report = {
            "title": problem.title,
            "detail": problem.detail,
            "remedy": problem.remedy,
            "exit_code": int(exit_code(problem)),
        }
        text = json.dumps({"schema_version": SCHEMA_VERSION, "error": report}, ensure_ascii=True)
        _write(text.replace("\x7f", "\\u007f"))
        return
    lines = [f"{_paint('✗', '31')} {safe(problem.title)}"]
    if problem.detail:
        lines += [f"  {line}" for line in safe_lines(problem.detail).split("\n")]
    if problem.remedy:
        lines += [f"  → {line}" for line in safe_lines(problem.remedy).split("\n")]
    _write("\n".join(lines))


def warn(text: str) -> None:
    """Something to look at."""
    _write(f"{_paint('!', '33')} {safe(text)}")


def note(text: str) -> None:
    """Something to know: what was done, how much is shown."""
    _write(safe(text))


def ask(question: str) -> None:
    """A question, which the answer follows on its line."""
    _write(safe(question), end="")


def block(text: str) -> None:
    """Finished text of several lines, such as a help page that nobody asked for."""
    _write(safe_lines(text))


def drop_line() -> None:
    """Start a new line on a terminal, after the `^C` that it echoed."""
    if _on_terminal():
        _write("")


class StepLines:
    """An observer that writes a line a step: ✓ name, time, AWS's request id shortened."""

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Show a step. One that is only announced shows on a terminal, until its outcome overwrites it."""
        if state is StepState.INTENDED:
            _passing(f"… {safe(name)}")
            return
        glyph = _paint("✓", "32") if state is StepState.DONE else _paint("✗", "31")
        parts = [safe(name), f"{now():%H:%M:%SZ}"]
        if request_id:
            parts.append(f"request {safe(shorten(request_id, _REQUEST_ID_WIDTH))}")
        if detail:
            parts.append(safe(detail))
        _write(f"{glyph} " + "  ".join(parts))

    def progress(self, done: int, total: int, what: str) -> None:
        """Show how far a long piece of work is, on a terminal only."""
        if what.endswith(SECONDS):
            _passing(f"… {safe(what.removesuffix(SECONDS))}… {done} s")
        elif what and done < total:
            _passing(f"… {safe(what)}  {done} of {total}")


def _passing(text: str) -> None:
    """Show text on a terminal until the next line takes its place. Elsewhere it would only be noise."""
    if _on_terminal() and os.environ.get("TERM", "dumb") != "dumb":
        _write(text, passing=True)


def _write(text: str, *, passing: bool = False, end: str = "\n") -> None:
    with _lock:
        before = _CLEAR_LINE if _state.passing else ""
        _state.passing = passing
        try:
            sys.stderr.write(before + text + ("" if passing else end))
            sys.stderr.flush()
        except (OSError, ValueError):  # the line is gone, or stderr was closed: nobody is left to be told
            _go_quiet()


def _go_quiet() -> None:
    """Point stderr at nothing, so that what is still in its buffer does not fail again at exit."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), sys.stderr.fileno())


def _on_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except ValueError:
        return False


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if coloured(_on_terminal()) else text
