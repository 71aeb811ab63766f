"""Click, as this program uses it: help goes through `output`, and a command's file is imported when it is used."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import click

from kctui.cli import output

Decorated = TypeVar("Decorated", bound=Callable[..., object])


def _show_help(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        output.text(ctx.get_help())
        ctx.exit()


class Command(click.Command):
    """A command whose --help is written as other output is."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The --help option."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


class Group(click.Group):
    """A group of commands, such as `kctui account`. They are listed in the order in which they are needed."""

    command_class = Command

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The --help option."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their definition."""
        return list(self.commands)


@dataclass(frozen=True)
class Later:
    """A command that is not imported yet: its module in kctui.cli, the name in it, and its line in --help."""

    module: str
    name: str
    summary: str


class LazyGroup(Group):
    """A group that knows its commands by name and summary, and imports the one that is used."""

    def __init__(self, *args: Any, later: dict[str, Later], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.later = later

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, imported or not."""
        return list(self.later)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self.later:
            return None
        place = self.later[cmd_name]
        command = getattr(import_module(f"kctui.cli.{place.module}"), place.name)
        if not isinstance(command, click.Command):
            raise TypeError(f"kctui.cli.{place.module}.{place.name} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in self.later.items()])


def examples(*lines: str) -> str:
    """An epilog with examples, each on its line as it is."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def json_option(function: Decorated) -> Decorated:
    """--json, for every command that prints data."""
    return click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead of text.")(function)
