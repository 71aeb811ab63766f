"""`kctui key`: CloudKeys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kctui.cli import key_views, messages, output, shapes, vault
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.completion import KEY_SET
from kctui.cli.key_operating import one_key
from kctui.cli.line import CommandLine
from kctui.cli.pages import every
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options
from kctui.core.errors import InvalidInputError
from kctui.core.validation import check_key_usage, check_region, parse_expiry, parse_rotation
from kctui.core.words import MADE_SPECS, KeySpec, KeyUsage

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.operations import NewCloudKey

SORTS = ("name", "description", "source", "expires", "rotates", "status", "seen")


@click.group(cls=Group, epilog=examples("kctui key list --key-set awsbyokkeyset", "kctui key create --help"))
def key() -> None:
    """CloudKeys: create, upload, enable, disable."""


@key.command(
    epilog=examples(
        "kctui key create payroll-db --key-set awsbyokkeyset --region us-east-1",
        "kctui key create payroll-db --key-set awsbyokkeyset --region us-east-1 --dry-run",
        "kctui key create exports --key-set awsbyokkeyset --region eu-central-1 --rotation-schedule 180d \\",
        "    --user arn:aws:iam::111122223333:role/exporter --tag team=bank",
        "kctui key create release-signing --key-set awsbyokkeyset --region us-east-1 --key-spec RSA_3072 \\",
        "    --key-usage SIGN_VERIFY",
        "kctui key create tokens --key-set awsbyokkeyset --region us-east-1 --key-spec HMAC_256",
    )
)
@click.argument("name")
@click.option("--key-set", metavar="NAME", type=KEY_SET, required=True, help="The Key Set it belongs to.")
@click.option("--region", metavar="REGION", required=True, help="The region, such as us-east-1.")
@click.option("--description", metavar="TEXT", default="", help="What it is for.")
@click.option(
    "--administrator", "administrators", metavar="ARN", multiple=True, help="May administer the key. Repeat for more."
)
@click.option("--user", "users", metavar="ARN", multiple=True, help="May use the key. Repeat for more.")
@click.option(
    "--rotation-schedule",
    metavar="SCHEDULE",
    help="never, 30d, 180d, 365d or any number of days. Default: the Key Set's.",
)
@click.option(
    "--expires",
    metavar="DATE",
    default="never",
    show_default=True,
    help="When the key material expires: a date (UTC), within 365 days.",
)
@click.option(
    "--key-spec",
    metavar="SPEC",
    type=click.Choice([spec.value for spec in MADE_SPECS]),
    default=KeySpec.SYMMETRIC_DEFAULT.value,
    show_default=True,
    help=f"What kind of key material: {', '.join(MADE_SPECS)}.",
)
@click.option(
    "--key-usage",
    metavar="USAGE",
    type=click.Choice([usage.value for usage in KeyUsage]),
    help=f"What the key is for, for good: {', '.join(KeyUsage)}. Default: ENCRYPT_DECRYPT for symmetric and RSA keys, "
    "SIGN_VERIFY for ECC, GENERATE_VERIFY_MAC for HMAC.",
)
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag of the KMS key. Repeat for more.")
@click.option("--dry-run", is_flag=True, help="Check, print the AWS calls to come, and do nothing.")
@unlock_options
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    key_set: str,
    region: str,
    description: str,
    administrators: tuple[str, ...],
    users: tuple[str, ...],
    rotation_schedule: str | None,
    expires: str,
    key_spec: str,
    key_usage: str | None,
    tags: tuple[str, ...],
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Create a CloudKey: make key material, keep it in the vault, and import it into a new KMS key."""
    line = ctx.ensure_object(CommandLine)
    expires_at = parse_expiry(expires)
    rotation_days = parse_rotation(rotation_schedule) if rotation_schedule else None
    own_tags = parse_tags(tags)
    usage = check_key_usage(KeySpec(key_spec), KeyUsage(key_usage) if key_usage else None)

    def new_key(engine: "Engine") -> "NewCloudKey":
        from kctui.core.key_sets import find_key_set
        from kctui.core.operations import NewCloudKey

        days = rotation_days
        if rotation_schedule is None:
            with engine.store.read() as session:
                days = find_key_set(session, key_set).rotation_days
        return NewCloudKey(
            name,
            key_set,
            region,
            description,
            administrators,
            users,
            days,
            expires_at,
            KeySpec(key_spec),
            own_tags,
            usage,
        )

    if dry_run:
        with vault.opened(line) as engine:
            from kctui.core.operations import check_new_cloud_key

            calls = check_new_cloud_key(engine, new_key(engine))
        _show_plan(name, calls, as_json)
        return
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), "Creating a CloudKey") as engine:
        from kctui.core.details import cloud_key_details
        from kctui.core.operations import create_cloud_key

        new = new_key(engine)
        made = run_operation(lambda observer: create_cloud_key(engine, new, observer), messages.StepLines())
        details = cloud_key_details(engine.store, made)
    messages.note(f"Created the CloudKey {name} in {region}.")
    key_views.show(details, as_json)


@key.command(
    "list",
    epilog=examples(
        "kctui key list",
        "kctui key list --key-set awsbyokkeyset --region us-east-1 --sort expires",
        "kctui key list --filter payroll --json",
    ),
)
@click.option("--key-set", metavar="NAME", type=KEY_SET, help="Only of this Key Set.")
@click.option("--region", metavar="REGION", help="Only of this region.")
@click.option("--filter", "text", metavar="TEXT", default="", help="In the name, description or key id.")
@click.option("--sort", type=click.Choice(SORTS), default="name", show_default=True, help="The order.")
@click.option("--descending", is_flag=True, help="The other way round.")
@json_option
@click.pass_obj
def list_(
    line: CommandLine, key_set: str | None, region: str | None, text: str, sort: str, descending: bool, as_json: bool
) -> None:
    """List the CloudKeys."""
    if region:
        check_region(region)
    with vault.opened(line) as engine:
        from kctui.core.key_sets import find_key_set
        from kctui.core.lists import CloudKeyList, CloudKeyQuery, CloudKeySort

        key_set_id = None
        if key_set is not None:
            with engine.store.read() as session:
                key_set_id = find_key_set(session, key_set).id
        query = CloudKeyQuery(key_set_id, region, text, CloudKeySort[sort.upper()], descending)
        rows = list(every(CloudKeyList(engine.store, query)))
    if as_json:
        output.document("cloud-keys", [shapes.cloud_key(row) for row in rows])
    elif rows:
        key_views.table(rows)
    else:
        filtered = bool(key_set or region or text)
        messages.note("No CloudKey fits." if filtered else "There are no CloudKeys here.")


@key.command(epilog=examples("kctui key show payroll-db", "kctui key show payroll-db --key-set awsbyokkeyset --json"))
@one_key
@json_option
@click.pass_obj
def show(line: CommandLine, name: str, key_set: str | None, region: str | None, as_json: bool) -> None:
    """Show one CloudKey: its versions, its access, and what was done to it."""
    with vault.opened(line) as engine:
        from kctui.core.details import cloud_key_details
        from kctui.core.lists import find_cloud_key

        found = find_cloud_key(engine.store, name, key_set=key_set, region=region)
        details = cloud_key_details(engine.store, found.id)
    key_views.show(details, as_json)


def parse_tags(tags: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE pairs. Raises InvalidInputError."""
    found: dict[str, str] = {}
    for tag in tags:
        name, equals, value = tag.partition("=")
        if not equals or not name or name in found:
            raise InvalidInputError(
                f"{tag!r} is not a tag", remedy="Write --tag KEY=VALUE, each key once.", field="tags"
            )
        found[name] = value
    return found


def _show_plan(name: str, calls: Sequence[str], as_json: bool) -> None:
    if as_json:
        output.document("cloud-key-plan", {"name": name, "calls": list(calls)})
        return
    messages.note("Nothing was done. The AWS calls to come:")
    output.lines(calls)
