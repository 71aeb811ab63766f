"""`kctui account`: CSP Accounts."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from kctui.cli import messages, moments, output, shapes, vault
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.completion import CSP_ACCOUNT
from kctui.cli.credentials import CredentialOptions, credential_details, credential_options, opened_credential
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.pages import every
from kctui.cli.vault import unlock_options
from kctui.core.validation import parse_rotation, rotation_text

if TYPE_CHECKING:
    from kctui.core.accounts import AccountTest
    from kctui.core.aws.permissions import PermissionCheck
    from kctui.core.lists import CspAccountRow
    from kctui.core.store import Store


@click.group(cls=Group, epilog=examples("kctui account list", "kctui account add --help"))
def account() -> None:
    """CSP Accounts: credentials for AWS accounts."""


@account.command(
    epilog=examples(
        "kctui account add awsbyokkeycontrol --access-key-id AKIAIOSFODNN7EXAMPLE \\",
        "    --secret-access-key-file ~/secret --region us-east-1 --rotation-schedule 90d",
        "pass show aws/byok | kctui account add byok --access-key-id AKIAIOSFODNN7EXAMPLE \\",
        "    --secret-access-key-file - --region eu-central-1 --passphrase-file ~/.kctui-passphrase",
        "kctui account add prod --profile byok --region eu-central-1",
        "kctui account add prod --instance-role --role-arn arn:aws:iam::111122223333:role/kctui \\",
        "    --external-id 7c1f --region eu-central-1",
    )
)
@click.argument("name")
@credential_options
@click.option("--region", metavar="REGION", required=True, help="The region of the account, such as us-east-1.")
@click.option("--endpoint-url", metavar="URL", help="A VPC or FIPS endpoint, or an emulator.")
@click.option("--description", metavar="TEXT", default="", help="What it is for.")
@click.option(
    "--rotation-schedule",
    metavar="SCHEDULE",
    default="never",
    show_default=True,
    help="When the access key is due to be rotated: never, 90d or any number of days. Nothing is rotated now.",
)
@click.option("--group", metavar="NAME", help="The Admin Group that may use it; needed where you are in several.")
@unlock_options
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    name: str,
    region: str,
    endpoint_url: str | None,
    description: str,
    rotation_schedule: str,
    group: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Add a CSP Account. It is kept only if AWS knows the credentials.

    The secret access key comes from a file, from standard input, or is asked for on the terminal.
    """
    line = ctx.ensure_object(CommandLine)
    line.require_writable("Adding a CSP Account")
    line.the_home.require()
    rotation_days = parse_rotation(rotation_schedule)
    with (
        opened_credential(CredentialOptions(**given)) as credential,
        vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file)) as engine,
    ):
        from kctui.core.accounts import NewAccount, add_account

        new = NewAccount.of(name, credential, region, endpoint_url, description, group, rotation_days)
        add_account(engine, new, messages.StepLines())
        row = find(engine.store, name)
    messages.note(f"Added the CSP Account {row.name} for AWS account {row.aws_account_id}.")
    show_row(row, as_json)


@account.command("list", epilog=examples("kctui account list", "kctui account list --filter prod --json"))
@click.option("--filter", "text", metavar="TEXT", default="", help="In the name, description or AWS account id.")
@json_option
@click.pass_obj
def list_(line: CommandLine, text: str, as_json: bool) -> None:
    """List the CSP Accounts."""
    with vault.opened(line) as engine:
        from kctui.core.lists import CspAccountList

        rows = list(every(CspAccountList(engine.store, text)))
    if as_json:
        output.document("csp-accounts", [shapes.csp_account(row) for row in rows])
        return
    if not rows:
        messages.note("There are no CSP Accounts here." if not text else "No CSP Account fits the filter.")
        return
    columns: list[Column[CspAccountRow]] = [
        Column("CSP Account Name", lambda row: row.name, Cut.END),
        Column("Description", lambda row: row.description, Cut.END),
        Column("AWS account", lambda row: row.aws_account_id),
        Column("Region", lambda row: row.region),
        Column("Admin Group", lambda row: row.group, Cut.END),
        Column("Key Sets", lambda row: str(row.key_sets), right=True),
        Column("Reached", _reach),
    ]
    output.table(columns, rows)


@account.command(epilog=examples("kctui account show awsbyokkeycontrol", "kctui account show awsbyokkeycontrol --json"))
@click.argument("name", type=CSP_ACCOUNT)
@json_option
@click.pass_obj
def show(line: CommandLine, name: str, as_json: bool) -> None:
    """Show one CSP Account. Its secret access key is never shown."""
    with vault.opened(line) as engine:
        row = find(engine.store, name)
    show_row(row, as_json)


@account.command(
    epilog=examples("kctui account test awsbyokkeycontrol", "kctui account test awsbyokkeycontrol --json"),
)
@click.argument("name", type=CSP_ACCOUNT)
@unlock_options
@json_option
@click.pass_context
def test(ctx: click.Context, name: str, operator: str | None, passphrase_file: str | None, as_json: bool) -> ExitCode:
    """Ask AWS who the credentials belong to and what they may do. Changes nothing.

    Exits with 1 when a permission that kctui cannot do without is denied.
    """
    line = ctx.ensure_object(CommandLine)
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file)) as engine:
        from kctui.core.accounts import test_account

        found = test_account(engine, name, messages.StepLines())
    if as_json:
        output.document("csp-account-test", shapes.account_test(name, found))
    else:
        _show_test(found)
    missing = _missing(found.permissions)
    if missing:
        messages.warn(f"Denied, and needed: {', '.join(missing)}. Add them to the IAM user's policy.")
    return ExitCode.FAILED if missing else ExitCode.OK


def find(store: "Store", name: str) -> "CspAccountRow":
    """The row of a CSP Account. Raises NotFoundError."""
    from kctui.core.accounts import find_account
    from kctui.core.lists import CspAccountList

    with store.read() as session:
        found = find_account(session, name).id
    return next(row for row in every(CspAccountList(store, name)) if row.id == found)


def show_row(row: "CspAccountRow", as_json: bool) -> None:
    """Print one CSP Account."""
    if as_json:
        output.document("csp-account", shapes.csp_account(row))
        return
    output.details(
        [
            ("Name", row.name),
            ("Description", row.description or moments.NOTHING),
            ("Admin Group", row.group),
            ("AWS account", row.aws_account_id),
            ("Caller", row.caller_arn),
            *credential_details(row),
            ("Region", row.region),
            ("Endpoint", row.endpoint_url or "AWS's own"),
            ("Partition", row.partition),
            ("Rotation Schedule", rotation_text(row.rotation_days)),
            ("Rotation due", moments.moment(row.rotates_at) if row.rotates_at else moments.NOTHING),
            (
                "Last rotated",
                moments.moment(row.credential_rotated_at) if row.credential_rotated_at else "never by kctui",
            ),
            ("Key Sets", str(row.key_sets)),
            ("Reached", _reach(row)),
            ("Created", moments.moment(row.created_at)),
        ]
    )


def _reach(row: "CspAccountRow") -> str:
    if row.unreachable_since is not None:
        return f"✗ not since {moments.moment(row.unreachable_since)}: {row.unreachable_reason or 'no answer'}"
    return f"✓ {moments.moment(row.reached_at)}" if row.reached_at else "never"


def _show_test(found: "AccountTest") -> None:
    output.details(
        [
            ("AWS account", found.caller.account),
            ("Caller", found.caller.arn),
            ("Partition", found.caller.partition),
            ("Regions", str(len(found.regions))),
        ]
    )
    columns: list[Column[PermissionCheck]] = [
        Column("Permission", lambda check: check.permission.action),
        Column("Finding", lambda check: f"{_GLYPHS[check.finding.name]} {check.finding.value}"),
        Column("Needed", lambda check: "no" if check.permission.optional else "yes"),
        Column("For", lambda check: check.permission.reason, Cut.END),
        Column("How", lambda check: check.how, Cut.END),
    ]
    output.text("")
    output.table(columns, found.permissions)


_GLYPHS = {"ALLOWED": "✓", "DENIED": "✗", "UNKNOWN": "?"}


def _missing(checks: Iterable["PermissionCheck"]) -> list[str]:
    from kctui.core.aws.permissions import Finding

    return [
        check.permission.action for check in checks if check.finding is Finding.DENIED and not check.permission.optional
    ]
