"""`kctui recover`: finish or undo what was interrupted."""

from typing import TYPE_CHECKING

import click

from kctui.cli import messages, moments, output, shapes, vault
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options

if TYPE_CHECKING:
    from kctui.core.recovery import OpenOperation, RecoveryReport


@click.command(cls=Command, epilog=examples("kctui recover --list", "kctui recover"))
@click.option("--list", "only_list", is_flag=True, help="Show what is open, and do nothing.")
@unlock_options
@json_option
@click.pass_context
def recover(
    ctx: click.Context, only_list: bool, operator: str | None, passphrase_file: str | None, as_json: bool
) -> ExitCode:
    """Finish or undo every operation that was interrupted.

    What another process still works on is left alone. Exits with 4 when something had to be left.
    """
    line = ctx.ensure_object(CommandLine)
    if only_list:
        _list(line, as_json)
        return ExitCode.OK
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), "Recover") as engine:
        from kctui.core.recovery import recover as recover_operations

        report = run_operation(lambda observer: recover_operations(engine, observer), messages.StepLines())
    if as_json:
        output.document(
            "recovery-report",
            {
                "finished": report.finished,
                "undone": report.undone,
                "left": [{"title": title, "reason": reason} for title, reason in report.left],
            },
        )
    else:
        _show(report)
    return ExitCode.PARTIAL if report.left else ExitCode.OK


def _show(report: "RecoveryReport") -> None:
    outcomes = [("✓ finished", title, "") for title in report.finished]
    outcomes += [("↺ undone", title, "") for title in report.undone]
    outcomes += [("! left", title, reason) for title, reason in report.left]
    if not outcomes:
        messages.note("Nothing was interrupted.")
        return
    columns: list[Column[tuple[str, str, str]]] = [
        Column("Outcome", lambda outcome: outcome[0]),
        Column("Operation", lambda outcome: outcome[1], Cut.END),
        Column("Reason", lambda outcome: outcome[2], Cut.END),
    ]
    output.table(columns, outcomes)


def _list(line: CommandLine, as_json: bool) -> None:
    with vault.opened(line) as engine:
        from kctui.core.recovery import open_operations

        found = open_operations(engine.store)
    if as_json:
        output.document("open-operations", [_document(operation) for operation in found])
        return
    if not found:
        messages.note("Nothing is open.")
        return
    columns: list[Column[OpenOperation]] = [
        Column("Operation", lambda operation: operation.title, Cut.END),
        Column("Operator", lambda operation: operation.operator, Cut.END),
        Column("Begun", lambda operation: moments.moment(operation.started_at)),
        Column("Last step", lambda operation: operation.last_step or moments.NOTHING),
        Column("State", lambda operation: "◐ under way" if operation.alive else "! interrupted"),
    ]
    output.table(columns, found)


def _document(operation: "OpenOperation") -> shapes.Json:
    return {
        "id": operation.id,
        "kind": operation.kind.value,
        "title": operation.title,
        "cloud_key": operation.cloud_key or None,
        "csp_account": operation.csp_account or None,
        "operator": operation.operator,
        "owner_host": operation.owner_host,
        "started_at": shapes.moment(operation.started_at),
        "last_step": operation.last_step,
        "under_way": operation.alive,
    }
