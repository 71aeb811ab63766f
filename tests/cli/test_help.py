"""Every command is there, explains itself, and its examples are command lines that it takes."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

import kctui
from kctui.cli.root import COMMANDS
from kctui.cli.root import kctui as root
from tests.cli.conftest import Cli

EXPECTED = {
    "demo", "init", "sync", "status", "recover", "doctor", "completion",
    "account add", "account list", "account show", "account test", "account edit", "account rotate-credentials",
    "account remove", "keyset create", "keyset list", "keyset show", "keyset edit", "keyset remove", "keyset import",
    "key create", "key list", "key show", "key edit", "key upload", "key enable", "key disable",
    "hsm add", "hsm list", "hsm test", "hsm remove",
    "key remove-from-cloud", "key delete", "key cancel-deletion", "key rotate",
    "audit list", "audit export", "audit verify", "aws policy", "aws setup",
}  # fmt: skip


def _walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from _walk(found, (*path, name))


ALL = list(_walk(root, ()))
_named = pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "kctui" for path, _ in ALL])


def _examples(command: click.Command) -> list[str]:
    epilog = (command.epilog or "").replace("\\\n", " ")
    return [line.strip() for line in epilog.splitlines() if re.match(r"\s+\S*.*\bkctui\b", line)]


def test_the_commands_are_the_documented_ones() -> None:
    assert {" ".join(path) for path, command in ALL if not isinstance(command, click.Group)} == EXPECTED


@_named
def test_help_shows_an_example(cli: Cli, path: tuple[str, ...], command: click.Command) -> None:
    result = cli(*path, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"Usage: {' '.join(('kctui', *path))}" in result.out
    assert "Examples:\n    kctui" in result.out


@_named
def test_every_example_is_a_command_line_that_parses(path: tuple[str, ...], command: click.Command) -> None:
    found = _examples(command)
    assert found
    for example in found:
        words = shlex.split(example.partition("   ")[0] if not path else example)
        words = words[words.index("kctui") + 1 :]
        for redirection in (">", "|"):
            words = words[: words.index(redirection)] if redirection in words else words
        _parse(root, words, click.Context(root, info_name="kctui"))


def _parse(command: click.Command, words: list[str], parent: click.Context | None) -> None:
    if words == ["--help"]:
        return
    with command.make_context(command.name, list(words), parent=parent) as ctx:
        if isinstance(command, click.Group) and ctx._protected_args:
            _name, inner, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
            assert inner is not None
            _parse(inner, rest, ctx)


@_named
def test_every_option_explains_itself(path: tuple[str, ...], command: click.Command) -> None:
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not (p.help or "").strip()]
    assert silent == []


@_named
def test_no_option_takes_a_secret(path: tuple[str, ...], command: click.Command) -> None:
    taken = {
        option
        for p in command.params
        for option in p.opts
        if not (isinstance(p, click.Option) and p.is_flag) and re.search("passphrase|secret|password|pin", option)
    }
    assert taken <= {"--passphrase-file", "--secret-access-key-file", "--pin-file", "--pin-fd"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_in_the_list_is_true_to_the_command(name: str) -> None:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert COMMANDS[name].summary.endswith(".")
    assert command.help


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"kctui {kctui.__version__}\n"


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o nosort -F"), ("zsh", "#compdef kctui"), ("fish", "complete --no-files")]
)
def test_completion_prints_a_script(cli: Cli, shell: str, mark: str) -> None:
    result = cli("completion", shell)
    assert result.code == 0
    assert mark in result.out
    assert "_KCTUI_COMPLETE" in result.out


def test_an_unknown_shell_is_refused(cli: Cli) -> None:
    result = cli("completion", "powershell")
    assert (result.code, result.out) == (2, "")
    assert "'bash', 'zsh', 'fish'" in result.err


def test_a_group_alone_shows_its_help_on_stderr(cli: Cli) -> None:
    result = cli("key")
    assert (result.code, result.out) == (2, "")
    assert "Usage: kctui key" in result.err


def test_no_command_and_no_terminal_shows_help_on_stderr(cli: Cli) -> None:
    result = cli()
    assert (result.code, result.out) == (2, "")
    assert "Usage: kctui" in result.err


@pytest.mark.parametrize("option", [("--tab", "audit"), ("--filter", "x")])
def test_the_options_of_the_console_do_not_go_with_a_command(cli: Cli, option: tuple[str, str]) -> None:
    result = cli(*option, "status")
    assert (result.code, result.out) == (2, "")
    assert "open the console" in result.err
