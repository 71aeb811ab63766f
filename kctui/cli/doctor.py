"""`kctui doctor`: examine everything that kctui stands on."""

import contextlib
from typing import TYPE_CHECKING

import click

from kctui.cli import messages, output, vault
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.vault import unlock_options
from kctui.core.errors import KctuiError

if TYPE_CHECKING:
    from kctui.core.doctor import Finding
    from kctui.core.engine import Engine

_GLYPHS = {"OK": "✓", "WARNING": "!", "PROBLEM": "✗"}
_COLOURS = {"OK": "32", "WARNING": "33", "PROBLEM": "31"}


@click.command(
    cls=Command,
    epilog=examples(
        "kctui doctor", "kctui doctor --operator alice", "kctui doctor --passphrase-file ~/.kctui-passphrase --json"
    ),
)
@unlock_options
@json_option
@click.pass_context
def doctor(ctx: click.Context, operator: str | None, passphrase_file: str | None, as_json: bool) -> ExitCode:
    """Examine home, file modes, database, journal, audit log, clock, disk and this process.

    With --operator or a passphrase file, each CSP Account is asked too, and its permissions are checked.
    Exits with 1 when there is a problem.
    """
    line = ctx.ensure_object(CommandLine)
    how = vault.unlocking(ctx, operator, passphrase_file)
    with contextlib.ExitStack() as stack:
        engine = _open_if_sound(line, stack)
        if engine is not None and how.offered:
            vault.unlock(engine, how)
        from kctui.core.doctor import Verdict, examine

        findings = examine(line.the_home, engine)
    if as_json:
        output.document(
            "findings",
            [
                {
                    "subject": finding.subject,
                    "verdict": finding.verdict.name,
                    "detail": finding.detail,
                    "remedy": finding.remedy or None,
                }
                for finding in findings
            ],
        )
    else:
        columns: list[Column[Finding]] = [
            Column("Verdict", _verdict, colour=lambda finding: _COLOURS[finding.verdict.name]),
            Column("Subject", lambda finding: finding.subject, Cut.END),
            Column("Found", lambda finding: finding.detail, Cut.END),
        ]
        output.table(columns, findings)
    for finding in findings:
        if finding.remedy:
            messages.warn(f"{finding.subject}: {finding.remedy}")
    problem = any(finding.verdict is Verdict.PROBLEM for finding in findings)
    return ExitCode.FAILED if problem else ExitCode.OK


def _open_if_sound(line: CommandLine, stack: contextlib.ExitStack) -> "Engine | None":
    """The engine, or None where the home cannot be opened: the examination says why."""
    try:
        return stack.enter_context(vault.opened(line))
    except KctuiError:
        return None


def _verdict(finding: "Finding") -> str:
    return f"{_GLYPHS[finding.verdict.name]} {finding.verdict.name}"
