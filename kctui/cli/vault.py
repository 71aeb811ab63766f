"""Opening the home for a command, and unlocking it where the command needs the vault."""

import contextlib
import os
import pwd
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from kctui.cli import secrets
from kctui.cli.line import CommandLine
from kctui.core.errors import InvalidInputError
from kctui.core.secret import Secret

if TYPE_CHECKING:
    from kctui.core.engine import Engine

Decorated = TypeVar("Decorated", bound=Callable[..., object])


@dataclass(frozen=True)
class Unlocking:
    """Who unlocks, and with which file. explicit: the command line itself asks for it, not the environment alone."""

    operator: str | None
    passphrase_file: str | None
    explicit: bool

    @property
    def offered(self) -> bool:
        """Whether a command that can do without the vault should open it all the same."""
        return self.explicit or self.passphrase_file is not None


def unlock_options(function: Decorated) -> Decorated:
    """--operator and --passphrase-file, for every command that needs or can use the vault."""
    file_help = "Read the passphrase from FILE instead of asking."
    for option in (
        click.option(
            "--passphrase-file", metavar="FILE", envvar="KCTUI_PASSPHRASE_FILE", show_envvar=True, help=file_help
        ),
        click.option(
            "--operator", metavar="NAME", envvar="KCTUI_OPERATOR", show_envvar=True, help="Who unlocks the vault."
        ),
    ):
        function = option(function)
    return function


def unlocking(ctx: click.Context, operator: str | None, passphrase_file: str | None) -> Unlocking:
    """What the two options say."""
    source = ctx.get_parameter_source("operator")
    return Unlocking(operator, passphrase_file, explicit=source is click.core.ParameterSource.COMMANDLINE)


@contextlib.contextmanager
def opened(line: CommandLine) -> Iterator["Engine"]:
    """The engine of the home, locked."""
    from kctui.core.engine import Engine

    with Engine.open(line.the_home, read_only=line.read_only) as engine:
        yield engine


@contextlib.contextmanager
def unlocked(line: CommandLine, how: Unlocking, what: str | None = None) -> Iterator["Engine"]:
    """The engine of the home, unlocked. what: the change to come, refused at once in read-only mode."""
    if what is not None:
        line.require_writable(what)
    with opened(line) as engine:
        unlock(engine, how)
        yield engine


def unlock(engine: "Engine", how: Unlocking) -> None:
    """Unlock with the passphrase file, or with the passphrase that is asked for."""
    operator = choose_operator(how.operator, engine.operators())
    with passphrase_of(how, f"Passphrase of {operator}: ") as passphrase:
        engine.unlock(operator, passphrase)


def passphrase_of(how: Unlocking, question: str) -> Secret:
    """The passphrase from the file, else from the terminal."""
    if how.passphrase_file is not None:
        return secrets.read_passphrase(how.passphrase_file)
    return secrets.ask_passphrase(question)


def choose_operator(named: str | None, enrolled: list[str]) -> str:
    """The operator that was named, else the one of the Unix user's name, else the only one."""
    if named is not None:
        return named
    user = unix_user()
    if user in enrolled:
        return user
    if len(enrolled) == 1:
        return enrolled[0]
    raise InvalidInputError(
        "Say which operator you are",
        detail=f"Enrolled: {', '.join(enrolled)}.",
        remedy="Name one with --operator NAME or $KCTUI_OPERATOR.",
        field="operator",
    )


def unix_user() -> str:
    """The name of the Unix user who runs this."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
