"""`kctui account …`: what changes a CSP Account that is there."""

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from kctui.cli import messages, output, vault
from kctui.cli.account import account, find, show_row
from kctui.cli.commands import examples, json_option
from kctui.cli.completion import CSP_ACCOUNT
from kctui.cli.confirm import typed_name
from kctui.cli.credentials import CredentialOptions, credential_options
from kctui.cli.line import CommandLine
from kctui.cli.vault import unlock_options
from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.validation import parse_rotation

if TYPE_CHECKING:
    from kctui.core.account_changes import AccountEdit
    from kctui.core.engine import Engine
    from kctui.core.model import CspAccount


@account.command(
    epilog=examples(
        "kctui account edit awsbyokkeycontrol --description 'Payroll, production'",
        "kctui account edit awsbyokkeycontrol --rotation-schedule 90d",
        "kctui account edit awsbyokkeycontrol --endpoint-url https://vpce-0a1b.kms.us-east-1.vpce.amazonaws.com",
        "kctui account edit awsbyokkeycontrol --access-key-id AKIAIOSFODNN7EXAMPLE \\",
        "    --secret-access-key-file ~/secret",
    )
)
@click.argument("name", type=CSP_ACCOUNT)
@click.option("--name", "new_name", metavar="NEW", help="Another name.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option("--region", metavar="REGION", help="The region of the account, such as us-east-1.")
@click.option("--endpoint-url", metavar="URL", help="A VPC or FIPS endpoint, or an emulator; '' for AWS's own.")
@click.option("--rotation-schedule", metavar="SCHEDULE", help="When the access key is due: never, or 90d.")
@credential_options
@unlock_options
@json_option
@click.pass_context
def edit(
    ctx: click.Context,
    /,
    name: str,
    new_name: str | None,
    description: str | None,
    region: str | None,
    endpoint_url: str | None,
    rotation_schedule: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Edit a CSP Account. What is not named stays as it is; a credential is replaced whole.

    A new credential, region or endpoint is kept only if AWS knows it there, for the same AWS account.
    """
    line, how = ctx.ensure_object(CommandLine), vault.unlocking(ctx, operator, passphrase_file)
    wanted: dict[str, Any] = {"name": new_name, "description": description, "region": region}
    wanted = {field: value for field, value in wanted.items() if value is not None}
    if endpoint_url is not None:
        wanted["endpoint_url"] = endpoint_url or None
    if rotation_schedule is not None:
        wanted["rotation_days"] = parse_rotation(rotation_schedule)
    credential = CredentialOptions(**given)
    if not wanted and not credential.given:
        raise InvalidInputError("There is nothing to change", remedy="Name what is to be: see --help.")
    with vault.unlocked(line, how, "Editing a CSP Account") as engine:
        from kctui.core.account_changes import account_named, as_it_is, edit_account

        row = account_named(engine, name)
        change = dataclasses.replace(as_it_is(row), **wanted)
        if credential.given:
            change = _with_credential(change, credential, scheduled=rotation_schedule is not None)
        edit_account(engine, row.id, change, revision=row.revision, observer=messages.StepLines())
        shown = find(engine.store, change.name)
    messages.note(f"Edited the CSP Account {shown.name}.")
    show_row(shown, as_json)


def _with_credential(change: "AccountEdit", options: CredentialOptions, *, scheduled: bool) -> "AccountEdit":
    """The edit with another credential; a schedule that nobody asked for goes with the access key."""
    from kctui.core.aws.credentials import access_key_of

    credential = options.credential()
    keep = scheduled or access_key_of(credential) is not None
    days = change.rotation_days if keep else None
    return dataclasses.replace(change, credential=credential, rotation_days=days)


@account.command(
    epilog=examples(
        "kctui account remove awsbyokkeycontrol --dry-run",
        "kctui account remove awsbyokkeycontrol --confirm awsbyokkeycontrol",
    )
)
@click.argument("name", type=CSP_ACCOUNT)
@click.option("--confirm", metavar="NAME", help="The name once more; without it, a terminal is asked.")
@click.option("--dry-run", is_flag=True, help="Say whether it can be removed, and do nothing.")
@unlock_options
@json_option
@click.pass_context
def remove(
    ctx: click.Context,
    name: str,
    confirm: str | None,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Remove a CSP Account that no Key Set uses, with its sealed credential. AWS is not asked, and keeps the key."""
    line, how = ctx.ensure_object(CommandLine), vault.unlocking(ctx, operator, passphrase_file)
    with vault.unlocked(line, how, None if dry_run else "Removing a CSP Account") as engine:
        from kctui.core.account_changes import REMOVE, account_named, remove_account

        row = account_named(engine, name)
        refusal = _why_not_removable(engine, row)
        if dry_run:
            _show_removal(row, refusal, as_json)
        if refusal is not None and (dry_run or confirm is None):
            raise refusal
        if not dry_run:
            remove_account(engine, row.id, typed_name(confirm, row.name, REMOVE), revision=row.revision)
            messages.note(f"Removed the CSP Account {row.name}.")
            if as_json:
                output.document("csp-account-removed", {"name": row.name, "aws_account_id": row.aws_account_id})


def _why_not_removable(engine: "Engine", row: "CspAccount") -> KctuiError | None:
    from kctui.core.account_changes import check_removable

    try:
        with engine.store.read() as session:
            check_removable(session, row)
    except KctuiError as error:
        return error
    return None


def _show_removal(row: "CspAccount", refusal: KctuiError | None, as_json: bool) -> None:
    if as_json:
        data = {"name": row.name, "aws_account_id": row.aws_account_id}
        output.document("csp-account-removal", data | {"refusal": refusal.title if refusal else None})
        return
    output.lines(
        [
            f"The CSP Account {row.name} of AWS account {row.aws_account_id} is removed with its sealed credential.",
            "In AWS nothing changes: an access key stays active there until it is deactivated.",
        ]
    )
