"""Where secrets come from: a file, standard input, or a question on the terminal. Never a flag."""

import contextlib
import getpass
import os
import stat
import sys
import termios
import warnings
from pathlib import Path

from kctui.cli import messages
from kctui.cli.signals import Interrupted
from kctui.core.errors import ConfigurationError, InvalidInputError, LockedError
from kctui.core.secret import Secret

_LONGEST = 4096


def read_passphrase(file: str) -> Secret:
    """The passphrase in `file`, without the line feed at its end. Raises ConfigurationError."""
    return _read(file, "passphrase", "Name the right one with --passphrase-file or $KCTUI_PASSPHRASE_FILE.")


def read_secret_access_key(file: str) -> Secret:
    """The secret access key in `file`, or on standard input for `-`. Raises ConfigurationError."""
    remedy = "Put the secret access key alone into a file of mode 600, or give it on standard input: -."
    if file != "-":
        return _read(file, "secret access key", remedy)
    return _one_line(sys.stdin.buffer.read(_LONGEST + 1), "standard input", "secret access key", remedy)


def read_pin(file: str | None, descriptor: int | None) -> Secret:
    """The PIN in `file`, on standard input for `-`, or on an open descriptor. Raises ConfigurationError."""
    remedy = "Put the PIN alone into a file of mode 600, or give it on standard input (-) or on a descriptor."
    if descriptor is not None:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as handle:
                content = handle.read(_LONGEST + 1)
        except OSError as error:
            raise ConfigurationError(
                f"Descriptor {descriptor} cannot be read: {error.strerror}", remedy=remedy
            ) from None
        return _one_line(content, f"descriptor {descriptor}", "PIN", remedy)
    if file is None or file == "-":
        return _one_line(sys.stdin.buffer.read(_LONGEST + 1), "standard input", "PIN", remedy)
    return _read(file, "PIN", remedy)


def ask_pin(token: str) -> Secret:
    """Ask for the PIN of a token. Raises InvalidInputError where there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "The PIN is missing",
            remedy="Name a file that holds it with --pin-file FILE, - for standard input, or --pin-fd N.",
            field="pin",
        )
    return _ask(f"PIN of {token} (tried once): ")


def ask_passphrase(question: str) -> Secret:
    """Ask for a passphrase. Raises LockedError where there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise LockedError(
            "The vault is locked, and there is no terminal to ask for a passphrase",
            remedy="Name a file that holds it: --passphrase-file FILE or $KCTUI_PASSPHRASE_FILE.",
        )
    return _ask(question)


def ask_new_passphrase(operator: str) -> Secret:
    """Ask for a new passphrase twice. Raises InvalidInputError where the two differ."""
    first = ask_passphrase(f"New passphrase for {operator}: ")
    with ask_passphrase("The same again: ") as second:
        if first == second:
            return first
    first.wipe()
    raise InvalidInputError("The two passphrases differ", remedy="Nothing was changed. Try again.", field="passphrase")


def ask_secret_access_key() -> Secret:
    """Ask for a secret access key. Raises InvalidInputError where there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "The secret access key is missing",
            remedy="Name a file that holds it with --secret-access-key-file FILE, or - for standard input.",
            field="secret_access_key",
        )
    return _ask("Secret access key: ")


def _ask(question: str) -> Secret:
    with warnings.catch_warnings():
        # Without a terminal to switch the echo off on, getpass would warn and then show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return Secret(getpass.getpass(question))
        except getpass.GetPassWarning:
            # getpass takes a terminal that vanished while it asked for one that cannot switch its echo off.
            if not _terminal_is_there():
                raise Interrupted("the end of input") from None
            raise LockedError(
                "The terminal cannot hide what is typed",
                remedy="Name a file: --passphrase-file FILE or $KCTUI_PASSPHRASE_FILE.",
            ) from None
        except (EOFError, OSError, termios.error):  # Ctrl-D, or a line that dropped
            raise Interrupted("the end of input") from None


def _terminal_is_there() -> bool:
    try:
        termios.tcgetattr(sys.stdin.fileno())
    except (OSError, ValueError, termios.error):
        return False
    return True


def _read(file: str, what: str, remedy: str) -> Secret:
    path = Path(file).expanduser()
    try:
        with path.open("rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            content = handle.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"The {what} file {path} cannot be read: {error.strerror}", remedy=remedy) from None
    if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        messages.warn(f"The {what} file {path} is open to others: chmod 600 {path}")
    return _one_line(content, str(path), what, remedy)


def _one_line(content: bytes, where: str, what: str, remedy: str) -> Secret:
    line = content.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise ConfigurationError(f"There is no {what} in {where}: it is empty", remedy=remedy)
    if len(content) > _LONGEST or b"\n" in line:
        raise ConfigurationError(f"There is more than a {what} in {where}", remedy=remedy)
    with contextlib.suppress(UnicodeDecodeError):
        line.decode()
        return Secret(line)
    # Raised out here: the codec's error, even as a context, would carry the secret.
    raise ConfigurationError(f"The {what} in {where} is not UTF-8 text", remedy=remedy)
