"""`kctui audit`: the audit log."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

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
    from kctui.core.lists import AuditQuery
    from kctui.core.model import AuditEntry

Decorated = TypeVar("Decorated", bound=Callable[..., object])
_COLOURS = {AuditType.WARNING: "33", AuditType.ERROR: "31", AuditType.CRITICAL: "31"}
_CATEGORIES = {category.value.lower().replace(" ", "-"): category for category in AuditCategory}
_TYPES = {weight.value.lower(): weight for weight in AuditType}
_STDOUT = "-"


class _Filters(TypedDict):
    """What the options of `_filters` say."""

    weight: str | None
    category: str | None
    by: str | None
    thing: str
    since: str
    until: str
    text: str


def _filters(function: Decorated) -> Decorated:
    """The options that say which entries."""
    for option in (
        click.option("--filter", "text", metavar="TEXT", default="", help="In the message or the operator's name."),
        click.option("--until", metavar="TIME", default="", help="Not later than this, itself included."),
        click.option(
            "--since", metavar="TIME", default="", help="Not earlier: 2026-11-23, 2026-11-23T12:03:15Z, 12h, 7d (ago)."
        ),
        click.option(
            "--object", "thing", metavar="[KIND=]NAME", default="", help="Only about this, such as CloudKey=payroll-db."
        ),
        click.option("--by", metavar="OPERATOR", help="Only of this operator."),
        click.option("--category", type=click.Choice(tuple(_CATEGORIES)), help="Only about this."),
        click.option("--type", "weight", type=click.Choice(tuple(_TYPES)), help="Only of this weight."),
    ):
        function = option(function)
    return function


def _query(filters: _Filters) -> "AuditQuery":
    from kctui.core.lists import AuditObject, AuditQuery
    from kctui.core.periods import check_period, parse_since, parse_until

    since, until = parse_since(filters["since"]), parse_until(filters["until"])
    check_period(since, until)
    return AuditQuery(
        text=filters["text"],
        type=_TYPES[filters["weight"]] if filters["weight"] else None,
        category=_CATEGORIES[filters["category"]] if filters["category"] else None,
        operator=filters["by"],
        object=AuditObject.parse(filters["thing"]),
        since=since,
        until=until,
    )


@click.group(
    cls=Group, epilog=examples("kctui audit list --limit 20", "kctui audit export --since 30d", "kctui audit verify")
)
def audit() -> None:
    """Read, export and verify the audit log."""


@audit.command(
    "list",
    epilog=examples(
        "kctui audit list",
        "kctui audit list --type critical --by alice --limit 0",
        "kctui audit list --object CloudKey=payroll-db --since 7d --json",
    ),
)
@_filters
@click.option("--limit", type=click.IntRange(min=0), default=100, show_default=True, help="How many; 0 is all.")
@json_option
@click.pass_obj
def list_(line: CommandLine, limit: int, as_json: bool, **filters: Unpack[_Filters]) -> None:
    """List the audit log, newest first."""
    with vault.opened(line) as engine:
        from kctui.core.lists import AuditList

        found = AuditList(engine.store, _query(filters))
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


@audit.command(
    epilog=examples(
        "kctui audit export > audit.jsonl",
        "kctui audit export --output audit.jsonl --replace",
        "kctui audit export --format csv --object payroll-db --since 2026-11-01 --until 2026-11-30",
    )
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("csv", "jsonl")),
    help="CSV, or an entry a line as JSON; as FILE's suffix says, else jsonl.",
)
@click.option(
    "--output", "to", metavar="FILE", default=_STDOUT, show_default=True, help="A new file of mode 0600; - is stdout."
)
@click.option("--replace", "replaces", is_flag=True, help="Replace FILE where there is one.")
@_filters
@json_option
@click.pass_obj
def export(
    line: CommandLine, form: str | None, to: str, replaces: bool, as_json: bool, **filters: Unpack[_Filters]
) -> None:
    """Write the audit log, oldest first, with everything recorded.

    The hashes are in it, so that the chain can be checked again from the export. A file is there once it is whole.
    """
    if to == _STDOUT and (as_json or replaces):
        raise click.UsageError("--json and --replace need --output FILE: on stdout is the export itself.")
    with vault.opened(line) as engine:
        from kctui.core.audit_export import ExportFormat, export_file, export_lines

        query = _query(filters)
        written = ExportFormat(form or ("csv" if to.lower().endswith(".csv") else "jsonl"))
        if to == _STDOUT:
            export_lines(engine.store, query, written, output.piece)
            return
        file = Path(to).expanduser().absolute()
        steps = messages.StepLines()
        made = export_file(engine.store, query, written, file, replaces=replaces, observer=steps)
    if as_json:
        output.document("audit-export", shapes.audit_export(str(file), written.value, made))
    else:
        messages.note(f"{made.entries} {'entry' if made.entries == 1 else 'entries'} written to {file}.")


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
