"""The exit codes of every command, and which error leads to which. Contract: scripts rely on them."""

from enum import IntEnum

from kctui.core.errors import ErrorKind, KctuiError


class ExitCode(IntEnum):
    """What a command's exit status says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    PARTIAL = 4
    REFUSED = 5
    INTERRUPTED = 130


_OF_KIND = {
    ErrorKind.FAILED: ExitCode.FAILED,
    ErrorKind.USAGE: ExitCode.USAGE,
    ErrorKind.UNREACHABLE: ExitCode.UNREACHABLE,
    ErrorKind.NEEDS_RECOVERY: ExitCode.PARTIAL,
    ErrorKind.REFUSED: ExitCode.REFUSED,
}


def exit_code(error: KctuiError) -> ExitCode:
    """The exit code for an error."""
    return _OF_KIND[error.kind]
