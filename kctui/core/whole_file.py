"""A file for somebody to take away: private, and there only once it is whole."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from kctui.core.errors import ConflictError, StoreError


def check_free(file: Path, *, replace: bool = False) -> None:
    """Refuse a file that is there: unless it may be replaced, and is a file. Raises ConflictError, StoreError."""
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failed(file, error) from error
    if not stat.S_ISREG(mode):
        raise ConflictError(f"{file} is not a regular file", remedy="Name another one. Nothing was written.")
    if not replace:
        raise _taken(file)


@contextlib.contextmanager
def whole_file(file: Path, *, replace: bool = False) -> Iterator[TextIO]:
    """A text to write into, which becomes `file` (mode 0600) at the end, durably; after a failure nothing is there.

    Raises ConflictError where the file is there, and StoreError where it cannot be written.
    """
    check_free(file, replace=replace)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name[:100]}.", suffix=".part", dir=file.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            if replace:
                temporary.replace(file)
            else:
                _take_name(temporary, file)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise _taken(file) from None
    except OSError as error:
        raise _failed(file, error) from error


def _take_name(temporary: Path, file: Path) -> None:
    """Give the file its name, which nobody may have taken meanwhile: a link refuses where a rename replaces."""
    try:
        os.link(temporary, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        temporary.replace(file)
    else:
        temporary.unlink()


def _taken(file: Path) -> ConflictError:
    return ConflictError(f"There is a file {file} already", remedy="Name another one, or say that it be replaced.")


def _failed(file: Path, error: OSError) -> StoreError:
    return StoreError(
        f"The file {file} cannot be written: {error.strerror}",
        remedy="Name a place that you may write to and that has room. Nothing was written.",
    )
