"""`kctui sync`: bring the Cloud Status up to date."""

from typing import TYPE_CHECKING

import click

from kctui.cli import messages, output, shapes, vault
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.completion import CSP_ACCOUNT
from kctui.cli.exit_codes import ExitCode, exit_code
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options

if TYPE_CHECKING:
    from kctui.core.sync import AccountSync, SyncReport


@click.command(cls=Command, epilog=examples("kctui sync", "kctui sync --account awsbyokkeycontrol --json"))
@click.option("--account", metavar="NAME", type=CSP_ACCOUNT, help="Only of this CSP Account.")
@unlock_options
@json_option
@click.pass_context
def sync(
    ctx: click.Context, account: str | None, operator: str | None, passphrase_file: str | None, as_json: bool
) -> ExitCode:
    """Ask AWS for the present Cloud Status of every CloudKey.

    Exits with 4 when some CSP Accounts could not be asked; when none could, with the reason's own code.
    """
    line = ctx.ensure_object(CommandLine)
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), "Refresh") as engine:
        from kctui.core.sync import sync as sync_accounts

        report = run_operation(
            lambda observer: sync_accounts(engine, account=account, observer=observer), messages.StepLines()
        )
    if as_json:
        output.document("sync-report", _document(report))
    elif report.accounts:
        output.table(_COLUMNS, report.accounts)
    else:
        messages.note("There are no CSP Accounts to ask.")
    return _outcome(report, as_json)


def _document(report: "SyncReport") -> shapes.Json:
    return {
        "at": shapes.moment(report.at),
        "csp_accounts": [
            {
                "name": account.name,
                "cloud_keys": account.keys,
                "changed": account.changed,
                "unmanaged": account.unmanaged,
                "error": account.error.title if account.error else None,
            }
            for account in report.accounts
        ],
    }


def _outcome(report: "SyncReport", as_json: bool) -> ExitCode:
    failed = [account.error for account in report.accounts if account.error]
    for error in failed:
        messages.error(error, as_json=as_json)
    if not failed:
        return ExitCode.OK
    return ExitCode.PARTIAL if len(failed) < len(report.accounts) else exit_code(failed[0])


def _state(account: "AccountSync") -> str:
    return f"✗ {account.error.title}" if account.error else "✓ asked"


_COLUMNS: "tuple[Column[AccountSync], ...]" = (
    Column("CSP Account Name", lambda account: account.name, Cut.END),
    Column("CloudKeys", lambda account: str(account.keys), right=True),
    Column("Changed", lambda account: str(account.changed), right=True),
    Column("Not ours", lambda account: str(account.unmanaged), right=True),
    Column("State", _state, Cut.END),
)
