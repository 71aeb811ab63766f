"""`kctui audit`: the audit log."""

from typing import TYPE_CHECKING

import click

from kctui.cli import messages, moments, output, shapes, vault
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.pages import every
from kctui.cli.vault import unlock_options
from kctui.core.words import AuditCategory, AuditType

if TYPE_CHECKING:
    from kctui.core.model import AuditEntry

_COLOURS = {AuditType.WARNING: "33", AuditType.ERROR: "31", AuditType.CRITICAL: "31"}
_CATEGORIES = {category.value.lower().replace(" ", "-"): category for category in AuditCategory}
_TYPES = {weight.value.lower(): weight for weight in AuditType}


@click.group(cls=Group, epilog=examples("kctui audit list --limit 20", "kctui audit verify"))
def audit() -> None:
    """Read and verify the audit log."""


@audit.command(
    "list",
    epilog=examples(
        "kctui audit list",
        "kctui audit list --type critical --by alice --limit 0",
        "kctui audit list --category cloud-key --filter payroll --json",
    ),
)
@click.option("--type", "weight", type=click.Choice(tuple(_TYPES)), help="Only of this weight.")
@click.option("--category", type=click.Choice(tuple(_CATEGORIES)), help="Only about this.")
@click.option("--by", metavar="OPERATOR", help="Only of this operator.")
@click.option("--filter", "text", metavar="TEXT", default="", help="In the message or the operator's name.")
@click.option("--limit", type=click.IntRange(min=0), default=100, show_default=True, help="How many; 0 is all.")
@json_option
@click.pass_obj
def list_(
    line: CommandLine, weight: str | None, category: str | None, by: str | None, text: str, limit: int, as_json: bool
) -> None:
    """List the audit log, newest first."""
    with vault.opened(line) as engine:
        from kctui.core.lists import AuditList, AuditQuery

        query = AuditQuery(
            text=text,
            type=_TYPES[weight] if weight else None,
            category=_CATEGORIES[category] if category else None,
            operator=by,
        )
        found = AuditList(engine.store, query)
        rows = list(every(found, limit or None))
        count = found.count()
    if as_json:
        output.document("audit-entries", [shapes.audit_entry(row) for row in rows])
    elif rows:
        output.table(_columns(), rows)
    else:
        messages.note("No entry fits.")
    if len(rows) < count:
        messages.note(f"{len(rows)} of {count} entries; --limit 0 shows all.")


@audit.command(epilog=examples("kctui audit verify", "kctui audit verify --operator alice --json"))
@unlock_options
@json_option
@click.pass_context
def verify(ctx: click.Context, operator: str | None, passphrase_file: str | None, as_json: bool) -> ExitCode:
    """Check that no entry of the audit log was changed, inserted or taken away.

    With --operator or a passphrase file, entries keyed by the Admin Group's key are checked with it as well.
    Exits with 1 when something is wrong.
    """
    line = ctx.ensure_object(CommandLine)
    how = vault.unlocking(ctx, operator, passphrase_file)
    with vault.opened(line) as engine:
        if how.offered:
            vault.unlock(engine, how)
        check = engine.audit.verify()
    if as_json:
        output.document(
            "audit-check",
            {
                "intact": check.intact,
                "entries": check.entries,
                "keyed": check.keyed,
                "unchecked": check.unchecked,
                "head": check.head,
                "wrong_at": check.wrong_at,
                "reason": check.reason or None,
            },
        )
    else:
        output.details(
            [
                ("Chain", "✓ intact" if check.intact else f"✗ wrong at entry {check.wrong_at}: {check.reason}"),
                ("Entries", str(check.entries)),
                ("Keyed check", f"{check.keyed} checked, {check.unchecked} not checked"),
                ("Head", check.head),
            ]
        )
    if not check.intact:
        messages.warn("The audit log was tampered with, or the database is damaged. Keep a copy of it as it is.")
    elif check.unchecked and not how.offered:
        messages.note("The keyed entries were not checked: that needs --operator NAME or a --passphrase-file.")
    return ExitCode.OK if check.intact else ExitCode.FAILED


def _columns() -> "list[Column[AuditEntry]]":
    return [
        Column("No", lambda entry: str(entry.seq), right=True),
        Column("Time", lambda entry: moments.moment(entry.time)),
        Column("Type", lambda entry: entry.type.value, colour=lambda entry: _COLOURS.get(entry.type)),
        Column("Category", lambda entry: entry.category.value),
        Column("Operator", lambda entry: entry.operator or moments.NOTHING, Cut.END),
        Column("Message", lambda entry: entry.message, Cut.END),
    ]
