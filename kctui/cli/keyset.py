"""`kctui keyset`: Key Sets."""

from typing import TYPE_CHECKING

import click

from kctui.cli import messages, moments, output, shapes, vault
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.completion import CSP_ACCOUNT, KEY_SET
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.pages import every
from kctui.cli.vault import unlock_options
from kctui.core.validation import parse_rotation, rotation_text

if TYPE_CHECKING:
    from kctui.core.lists import KeySetRow
    from kctui.core.store import Store


@click.group(cls=Group, epilog=examples("kctui keyset list", "kctui keyset create --help"))
def keyset() -> None:
    """Key Sets: the CloudKeys of one CSP Account."""


@keyset.command(
    epilog=examples(
        "kctui keyset create awsbyokkeyset --account awsbyokkeycontrol",
        "kctui keyset create payroll --account prod --rotation-schedule 180d --description 'Payroll keys'",
    )
)
@click.argument("name")
@click.option("--account", metavar="NAME", type=CSP_ACCOUNT, required=True, help="The CSP Account of its CloudKeys.")
@click.option("--description", metavar="TEXT", default="", help="What it is for.")
@click.option(
    "--rotation-schedule",
    metavar="SCHEDULE",
    default="never",
    show_default=True,
    help="What new CloudKeys inherit: never, 30d, 180d, 365d or any number of days.",
)
@unlock_options
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    account: str,
    description: str,
    rotation_schedule: str,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Create a Key Set for a CSP Account."""
    line = ctx.ensure_object(CommandLine)
    rotation_days = parse_rotation(rotation_schedule)
    how = vault.unlocking(ctx, operator, passphrase_file)
    with vault.unlocked(line, how, "Creating a Key Set") as engine:
        from kctui.core.key_sets import NewKeySet, create_key_set

        create_key_set(engine, NewKeySet(name, account, description, rotation_days))
        row = find(engine.store, name)
    messages.note(f"Created the Key Set {row.name} for {row.account}.")
    _show(row, as_json)


@keyset.command("list", epilog=examples("kctui keyset list", "kctui keyset list --filter payroll --json"))
@click.option("--filter", "text", metavar="TEXT", default="", help="In the name or description.")
@json_option
@click.pass_obj
def list_(line: CommandLine, text: str, as_json: bool) -> None:
    """List the Key Sets."""
    with vault.opened(line) as engine:
        from kctui.core.lists import KeySetList

        rows = list(every(KeySetList(engine.store, text)))
    if as_json:
        output.document("key-sets", [shapes.key_set(row) for row in rows])
        return
    if not rows:
        messages.note("There are no Key Sets here." if not text else "No Key Set fits the filter.")
        return
    columns: list[Column[KeySetRow]] = [
        Column("Key Set Name", lambda row: row.name, Cut.END),
        Column("Description", lambda row: row.description, Cut.END),
        Column("Admin Group", lambda row: row.group, Cut.END),
        Column("CSP Account", lambda row: row.account, Cut.END),
        Column("Rotation", lambda row: rotation_text(row.rotation_days)),
        Column("CloudKeys", lambda row: str(row.cloud_keys), right=True),
    ]
    output.table(columns, rows)


@keyset.command(epilog=examples("kctui keyset show awsbyokkeyset", "kctui keyset show awsbyokkeyset --json"))
@click.argument("name", type=KEY_SET)
@json_option
@click.pass_obj
def show(line: CommandLine, name: str, as_json: bool) -> None:
    """Show one Key Set."""
    with vault.opened(line) as engine:
        row = find(engine.store, name)
    _show(row, as_json)


def find(store: "Store", name: str) -> "KeySetRow":
    """The row of a Key Set. Raises NotFoundError."""
    from kctui.core.key_sets import find_key_set
    from kctui.core.lists import KeySetList

    with store.read() as session:
        found = find_key_set(session, name).id
    return next(row for row in every(KeySetList(store, name)) if row.id == found)


def _show(row: "KeySetRow", as_json: bool) -> None:
    if as_json:
        output.document("key-set", shapes.key_set(row))
        return
    output.details(
        [
            ("Name", row.name),
            ("Description", row.description or moments.NOTHING),
            ("Type", "AWS"),
            ("Admin Group", row.group),
            ("CSP Account", row.account),
            ("Rotation Schedule", rotation_text(row.rotation_days)),
            ("CloudKeys", str(row.cloud_keys)),
            ("Created", moments.moment(row.created_at)),
        ]
    )
