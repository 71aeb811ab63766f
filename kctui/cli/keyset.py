"""`kctui keyset`: Key Sets."""

from typing import TYPE_CHECKING

import click

from kctui.cli import confirm, messages, moments, output, shapes, vault
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.completion import CSP_ACCOUNT, HSM, KEY_SET
from kctui.cli.importing import import_
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.pages import every
from kctui.cli.vault import unlock_options
from kctui.core.errors import InvalidInputError
from kctui.core.validation import parse_rotation, rotation_text
from kctui.core.words import RotationMethod

if TYPE_CHECKING:
    from kctui.core.lists import KeySetRow
    from kctui.core.store import Store


METHODS = {"in-place": RotationMethod.IN_PLACE, "new-key": RotationMethod.NEW_KEY}


@click.group(cls=Group, epilog=examples("kctui keyset list", "kctui keyset create --help"))
def keyset() -> None:
    """Key Sets: the CloudKeys of one CSP Account."""


@keyset.command(
    epilog=examples(
        "kctui keyset create awsbyokkeyset --account awsbyokkeycontrol",
        "kctui keyset create payroll --account prod --rotation-schedule 180d --description 'Payroll keys'",
        "kctui keyset create exports --account prod --rotation-method new-key",
        "kctui keyset create vaulted --account prod --hsm bastion",
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
@click.option(
    "--rotation-method",
    type=click.Choice(list(METHODS)),
    default="in-place",
    show_default=True,
    help="Rotate Now: new material in the same KMS key, or a new KMS key to which the alias moves.",
)
@click.option(
    "--hsm", metavar="NAME", type=HSM, help="Make and keep its key material in this HSM. Default: software. For good."
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
    rotation_method: str,
    hsm: str | None,
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

        create_key_set(engine, NewKeySet(name, account, description, rotation_days, METHODS[rotation_method], hsm))
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
        Column("HSM", lambda row: row.hsm or moments.NOTHING, Cut.END),
        Column("Rotation", lambda row: rotation_text(row.rotation_days)),
        Column("Method", lambda row: row.rotation_method.value),
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


@keyset.command(
    epilog=examples(
        "kctui keyset edit payroll --rotation-schedule 90d",
        "kctui keyset edit payroll --name salaries --description 'Salaries, since 2027'",
        "kctui keyset edit payroll --rotation-method new-key",
    )
)
@click.argument("name", type=KEY_SET)
@click.option("--name", "new_name", metavar="NAME", help="Its new name.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option(
    "--rotation-schedule", metavar="SCHEDULE", help="What new CloudKeys inherit; those there are keep their own."
)
@click.option("--rotation-method", type=click.Choice(list(METHODS)), help="How Rotate Now works on its CloudKeys.")
@unlock_options
@json_option
@click.pass_context
def edit(
    ctx: click.Context,
    name: str,
    new_name: str | None,
    description: str | None,
    rotation_schedule: str | None,
    rotation_method: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Edit a Key Set: what is not named stays as it is. Its CSP Account and its HSM cannot be changed."""
    line = ctx.ensure_object(CommandLine)
    if all(value is None for value in (new_name, description, rotation_schedule, rotation_method)):
        raise InvalidInputError("Say what to change", remedy="See `kctui keyset edit --help`.")
    days = None if rotation_schedule is None else parse_rotation(rotation_schedule)
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), "Editing a Key Set") as engine:
        from kctui.core.key_set_changes import KeySetValues, edit_key_set

        row = find(engine.store, name)
        values = KeySetValues(
            name=row.name if new_name is None else new_name,
            description=row.description if description is None else description,
            rotation_days=row.rotation_days if rotation_schedule is None else days,
            rotation_method=row.rotation_method if rotation_method is None else METHODS[rotation_method],
        )
        changes = edit_key_set(engine, row.id, values, revision=row.revision)
        row = find(engine.store, values.name)
    messages.note(f"Edited the Key Set {name}: {'; '.join(changes)}." if changes else "Nothing was different.")
    _show(row, as_json)


@keyset.command(epilog=examples("kctui keyset remove payroll --confirm payroll", "kctui keyset remove payroll"))
@click.argument("name", type=KEY_SET)
@click.option("--confirm", "confirmation", metavar="NAME", help="The name once more, instead of being asked for it.")
@unlock_options
@json_option
@click.pass_context
def remove(
    ctx: click.Context,
    name: str,
    confirmation: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Remove a Key Set that has no CloudKeys. Nothing changes in AWS."""
    line = ctx.ensure_object(CommandLine)
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), "Removing a Key Set") as engine:
        from kctui.core.key_set_changes import remove_key_set

        row = find(engine.store, name)
        typed = confirm.typed_name(confirmation, row.name, "Remove Key Set")
        remove_key_set(engine, row.id, confirmation=typed, revision=row.revision)
    messages.note(f"Removed the Key Set {row.name}.")
    if as_json:
        output.document("key-set", shapes.key_set(row))


keyset.add_command(import_)


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
            ("HSM", row.hsm or "none: software, this host"),
            ("Rotation Schedule", rotation_text(row.rotation_days)),
            ("Rotation Method", f"{row.rotation_method.value}: {row.rotation_method.told}"),
            ("CloudKeys", str(row.cloud_keys)),
            ("Created", moments.moment(row.created_at)),
        ]
    )
