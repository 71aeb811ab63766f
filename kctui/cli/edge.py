"""The edge: every error ends here, once, as one message and one exit code."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from kctui.cli import messages, output, signals
from kctui.cli.exit_codes import ExitCode, exit_code
from kctui.cli.line import CommandLine
from kctui.core.clock import now, rfc3339
from kctui.core.errors import ErrorKind, KctuiError
from kctui.core.paths import Home


class UsageError(KctuiError):
    """The command line does not say what a command can do."""

    kind = ErrorKind.USAGE


class OutputError(KctuiError):
    """Standard output does not take what was to be written."""


class DefectError(KctuiError):
    """Something that kctui did not foresee."""


def main(argv: Sequence[str]) -> int:
    """Run one command line and give its exit code."""
    _make_streams_sound()
    line = CommandLine()
    as_json = _asks_for_json(argv)
    try:
        with signals.handled():
            from kctui.cli.root import kctui

            code = kctui.main(args=list(argv), prog_name="kctui", standalone_mode=False, obj=line)
            output.flush()
        return int(code or ExitCode.OK)
    except click.exceptions.NoArgsIsHelpError as error:
        messages.block(error.format_message())
        return ExitCode.USAGE
    except click.UsageError as error:
        return _fail(_usage_error(error), as_json)
    except KctuiError as error:
        return _fail(error, as_json)
    except (signals.Interrupted, click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__, EOFError):  # which click takes for a Ctrl-D wherever it comes from
            return _fail(_defect(error.__cause__, line.home), as_json)
        messages.drop_line()
        messages.note("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`) has enough. What is still in the buffer must not be tried again at exit.
        _give_up_stdout()
        return ExitCode.FAILED
    except OSError as error:
        if not _is_stdout(error):
            return _fail(_defect(error, line.home), as_json)
        _give_up_stdout()
        return _fail(
            OutputError(
                f"The output cannot be written: {error.strerror}",
                remedy="What the command did is done: look at it with a list or show command.",
            ),
            as_json,
        )
    except Exception as error:  # the last resort: one line, and the log
        return _fail(_defect(error, line.home), as_json)


def _fail(error: KctuiError, as_json: bool) -> ExitCode:
    messages.error(error, as_json=as_json)
    return exit_code(error)


def _asks_for_json(argv: Sequence[str]) -> bool:
    """Whether --json is among the options; needed before parsing, which may be what fails."""
    options = list(argv)
    return "--json" in (options[: options.index("--")] if "--" in options else options)


def _usage_error(error: click.UsageError) -> UsageError:
    path = error.ctx.command_path if error.ctx else "kctui"
    return UsageError(error.format_message(), remedy=f"See `{path} --help`.")


def _is_stdout(error: OSError) -> bool:
    """Whether the error came from writing stdout: the frame that raised it is in `output`."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename == output.__file__


def _defect(error: Exception, home: Home | None) -> DefectError:
    """One line for the terminal, and the frames for the log: no locals, no message, since both may hold secrets."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    why = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    title = f"kctui failed in a way that it did not foresee: {type(error).__name__}{why} ({where})"
    written = home is not None and home.initialised and _write_log(home, error, frames)
    remedy = "Run `kctui recover --list` to see whether something was left half-way"
    return DefectError(title, remedy=f"{remedy}; the traceback is in {home.log}." if home and written else f"{remedy}.")


def _write_log(home: Home, error: Exception, frames: traceback.StackSummary) -> bool:
    entry = {
        "event": "unforeseen error",
        "level": "error",
        "timestamp": rfc3339(now()),
        "error": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    try:
        home.touch_private(home.log)
        with home.log.open("a") as log:
            log.write(json.dumps(entry) + "\n")
    except OSError:
        return False
    return True


def _make_streams_sound() -> None:
    """A stream that was closed (`2>&-`) becomes /dev/null; what a terminal's encoding lacks becomes `?`."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 -- lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _give_up_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's own flush at exit does not fail."""
    with open(os.devnull, "w") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), sys.stdout.fileno())
