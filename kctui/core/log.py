"""The structured log file: the audit's events and debug lines, a JSON object each, without secrets."""

import os
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog

from kctui.core.errors import StoreError
from kctui.core.paths import Home
from kctui.core.secret import Secret

Log = structlog.typing.FilteringBoundLogger
_HIDDEN = "[secret]"


class _LogFile(structlog.WriteLogger):
    """Writes lines where there is room. What matters is in the database too: a full disk here must stop nothing."""

    def msg(self, message: str) -> None:
        """Write one line, if the disk takes it."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def open_log(home: Home) -> tuple[Log, TextIO]:
    """A logger that appends to the home's log file, and the file to close at the end. Raises StoreError."""
    try:
        home.touch_private(home.log)
        handle = os.fdopen(os.open(home.log, os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC), "a", buffering=1)
    except OSError as error:
        raise StoreError(
            f"The log {home.log} cannot be written: {error.strerror}",
            remedy="Check the owner and mode of the home directory, and that it is not mounted read-only or full.",
        ) from error
    logger: Log = structlog.wrap_logger(
        _LogFile(handle),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return logger, handle


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {str(name): _hidden(value) for name, value in event.items()}


def _hidden(value: object) -> object:
    """Redact by type, at any depth: a Secret, and any bytes (key material and sealed values are bytes)."""
    if isinstance(value, Secret | bytes | bytearray | memoryview):
        return _HIDDEN
    if isinstance(value, dict):
        return {str(_hidden(k)): _hidden(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(v) for v in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return f"<{type(value).__name__}>"
