"""`kctui init`: make a home."""

import click

from kctui.cli import messages, output, secrets, vault
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.line import CommandLine
from kctui.cli.vault import unlock_options
from kctui.core.secret import Secret

_FIRST_GROUP = "Cloud Admin Group"


@click.command(
    cls=Command,
    epilog=examples(
        "kctui init",
        "kctui --home /srv/kctui init --operator alice --unix-group cloudadmins",
        "kctui init --passphrase-file /run/credentials/kctui/passphrase",
    ),
)
@unlock_options
@click.option("--group", metavar="NAME", default=_FIRST_GROUP, show_default=True, help="The first Admin Group.")
@click.option("--database", metavar="URL", help="postgresql+psycopg://USER@HOST/DATABASE instead of SQLite.")
@click.option("--unix-group", metavar="NAME", help="Share the home with this Unix group.")
@json_option
@click.pass_obj
def init(
    line: CommandLine,
    operator: str | None,
    passphrase_file: str | None,
    group: str,
    database: str | None,
    unix_group: str | None,
    as_json: bool,
) -> None:
    """Make a home with its first operator and Admin Group.

    The passphrase opens everything that the operator may open. Nobody can recover it.
    """
    line.require_writable("Initialising a home")
    from kctui.core.engine import Engine

    home = line.the_home
    name = operator or vault.unix_user()
    if home.initialised:
        passphrase = None
    elif passphrase_file is not None:
        passphrase = secrets.read_passphrase(passphrase_file)
    else:
        passphrase = secrets.ask_new_passphrase(name)
    # A home that is there already is refused by the engine, before it looks at a passphrase.
    with (
        passphrase or Secret("") as secret,
        Engine.initialise(
            home, operator=name, passphrase=secret, group=group, database=database, unix_group=unix_group
        ),
    ):
        pass
    if as_json:
        output.document("home", {"home": str(home.root), "operator": name, "admin_group": group, "database": database})
    messages.note(f"The home {home.root} is ready. Operator {name}, Admin Group {group}.")
    messages.note("Next: kctui account add NAME --access-key-id ID --secret-access-key-file FILE --region REGION")
