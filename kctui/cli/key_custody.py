"""`kctui key …`: what is done to the key material and the KMS key of a CloudKey that is there."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from kctui.cli import messages, panels, vault
from kctui.cli.commands import examples, json_option
from kctui.cli.confirm import typed_name
from kctui.cli.exit_codes import ExitCode
from kctui.cli.key import key
from kctui.cli.key_operating import Which, one_key, operate
from kctui.cli.line import CommandLine
from kctui.cli.vault import unlock_options
from kctui.core.availability import KeyAction
from kctui.core.errors import KctuiError
from kctui.core.validation import parse_expiry
from kctui.core.words import RotationMethod

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import CloudKeyRow
    from kctui.core.observer import Observer

Decorated = TypeVar("Decorated", bound=Callable[..., object])
_METHODS = {"in-place": RotationMethod.IN_PLACE, "new-key": RotationMethod.NEW_KEY}


def _dry_run_option(function: Decorated) -> Decorated:
    return click.option(
        "--dry-run", is_flag=True, help="Show what it would do and the AWS calls to come, and do nothing."
    )(function)


def _confirm_option(function: Decorated) -> Decorated:
    return click.option("--confirm", metavar="NAME", help="The name once more; without it, a terminal is asked.")(
        function
    )


@key.command(
    epilog=examples(
        "kctui key upload payroll-db --key-set awsbyokkeyset --region us-east-1",
        "kctui key upload payroll-db --expires 2027-03-01",
    )
)
@one_key
@click.option(
    "--expires", metavar="DATE", help="The new expiration: never, or a date (UTC) within 365 days. Default: as it was."
)
@unlock_options
@json_option
@click.pass_context
def upload(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    expires: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Upload to Cloud: import our copy of the key material again."""
    from kctui.core.operations import KEEP
    from kctui.core.operations import upload as upload_key

    until = KEEP if expires is None else parse_expiry(expires)
    how = vault.unlocking(ctx, operator, passphrase_file)
    operate(
        ctx,
        (name, key_set, region),
        how,
        lambda engine, key_id, revision, observer: upload_key(
            engine, key_id, revision=revision, expires_at=until, observer=observer
        ),
        "Uploaded {key}.",
        as_json,
    )


@key.command(epilog=examples("kctui key enable payroll-db --key-set awsbyokkeyset --region us-east-1"))
@one_key
@unlock_options
@json_option
@click.pass_context
def enable(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Enable a CloudKey that was disabled."""
    from kctui.core.operations import enable as enable_key

    operate(
        ctx,
        (name, key_set, region),
        vault.unlocking(ctx, operator, passphrase_file),
        lambda engine, key_id, revision, observer: enable_key(engine, key_id, revision=revision, observer=observer),
        "Enabled {key}.",
        as_json,
    )


@key.command(epilog=examples("kctui key disable payroll-db --key-set awsbyokkeyset --region us-east-1"))
@one_key
@unlock_options
@json_option
@click.pass_context
def disable(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Disable a CloudKey: nobody can use it until it is enabled again."""
    from kctui.core.operations import disable as disable_key

    operate(
        ctx,
        (name, key_set, region),
        vault.unlocking(ctx, operator, passphrase_file),
        lambda engine, key_id, revision, observer: disable_key(engine, key_id, revision=revision, observer=observer),
        "Disabled {key}.",
        as_json,
    )


@key.command(
    "remove-from-cloud",
    epilog=examples(
        "kctui key remove-from-cloud payroll-db --key-set awsbyokkeyset --region us-east-1 --dry-run",
        "kctui key remove-from-cloud payroll-db --key-set awsbyokkeyset --region us-east-1 --confirm payroll-db",
    ),
)
@one_key
@_confirm_option
@_dry_run_option
@unlock_options
@json_option
@click.pass_context
def remove_from_cloud(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    confirm: str | None,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Remove from Cloud: delete the key material in KMS. kctui keeps its copy; `key upload` brings it back."""
    from kctui.core.operations import remove_from_cloud as remove_key

    which, how = (name, key_set, region), vault.unlocking(ctx, operator, passphrase_file)
    if dry_run:
        _show_consequences(ctx, which, how, KeyAction.REMOVE, as_json)
        return
    operate(
        ctx,
        which,
        how,
        lambda engine, key_id, revision, observer: remove_key(engine, key_id, revision=revision, observer=observer),
        "Removed {key} from the cloud.",
        as_json,
        ask=lambda engine, row: _require_name(engine, KeyAction.REMOVE, row, confirm),
    )


@key.command(
    epilog=examples(
        "kctui key delete payroll-db --key-set awsbyokkeyset --region us-east-1 --days 30 --dry-run",
        "kctui key delete payroll-db --key-set awsbyokkeyset --region us-east-1 --days 30 --confirm payroll-db",
    )
)
@one_key
@click.option("--days", type=int, default=30, show_default=True, help="When AWS deletes it: in 7 to 30 days.")
@_confirm_option
@_dry_run_option
@unlock_options
@json_option
@click.pass_context
def delete(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    days: int,
    confirm: str | None,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Delete a CloudKey: AWS deletes the KMS key when the days are over. Until then it can be called off."""
    from kctui.core.operations import delete as delete_key
    from kctui.core.operations.acting import check_days

    check_days(days)
    which, how = (name, key_set, region), vault.unlocking(ctx, operator, passphrase_file)
    if dry_run:
        _show_consequences(ctx, which, how, KeyAction.DELETE, as_json, days=days)
        return
    operate(
        ctx,
        which,
        how,
        lambda engine, key_id, revision, observer: delete_key(
            engine, key_id, days=days, revision=revision, observer=observer
        ),
        "AWS deletes {key} on {deletion}.",
        as_json,
        ask=lambda engine, row: _require_name(engine, KeyAction.DELETE, row, confirm, days=days),
    )


@key.command(
    "cancel-deletion",
    epilog=examples("kctui key cancel-deletion payroll-db --key-set awsbyokkeyset --region us-east-1 --enable"),
)
@one_key
@click.option("--enable", "then_enable", is_flag=True, help="Enable the key as well: it is disabled otherwise.")
@unlock_options
@json_option
@click.pass_context
def cancel_deletion(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    then_enable: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> ExitCode:
    """Cancel the deletion of a CloudKey. The key is disabled then: `key enable` lets it be used again.

    Exits with 4 when the deletion is cancelled and the key could not be enabled.
    """
    from kctui.core import operations

    refusal: KctuiError | None = None

    def cancel(engine: "Engine", key_id: str, revision: int, observer: "Observer") -> None:
        nonlocal refusal
        operations.cancel_deletion(engine, key_id, revision=revision, observer=observer)
        if then_enable:
            try:
                operations.enable(engine, key_id, observer=observer)
            except KctuiError as error:
                refusal = error

    how = vault.unlocking(ctx, operator, passphrase_file)
    operate(ctx, (name, key_set, region), how, cancel, "Cancelled the deletion of {key}.", as_json)
    if refusal is not None:
        messages.warn(f"It is not enabled: {refusal.title}")
        if refusal.remedy:
            messages.note(refusal.remedy)
        return ExitCode.PARTIAL
    if not then_enable:
        messages.note(f"It is not enabled: `kctui key enable {name}`, where its material is there.")
    return ExitCode.OK


@key.command(
    epilog=examples(
        "kctui key rotate payroll-db --key-set awsbyokkeyset --region us-east-1 --dry-run",
        "kctui key rotate payroll-db --key-set awsbyokkeyset --region us-east-1",
        "kctui key rotate payroll-db --key-set awsbyokkeyset --region us-east-1 --method new-key",
    )
)
@one_key
@click.option(
    "--method",
    type=click.Choice(tuple(_METHODS)),
    help="Into the same KMS key, or by a new one to which the alias moves. Default: as the Key Set says.",
)
@_dry_run_option
@unlock_options
@json_option
@click.pass_context
def rotate(
    ctx: click.Context,
    name: str,
    key_set: str | None,
    region: str | None,
    method: str | None,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Rotate Now: new key material. What was encrypted or signed before still decrypts and verifies."""
    from kctui.core.operations import rotate as rotate_key

    way = _METHODS[method] if method else None
    which, how = (name, key_set, region), vault.unlocking(ctx, operator, passphrase_file)
    if dry_run:
        _show_consequences(ctx, which, how, KeyAction.ROTATE, as_json, method=way)
        return
    operate(
        ctx,
        which,
        how,
        lambda engine, key_id, revision, observer: rotate_key(
            engine, key_id, method=way, revision=revision, observer=observer
        ),
        "Rotated {key}.",
        as_json,
    )


def _require_name(
    engine: "Engine", action: KeyAction, row: "CloudKeyRow", confirm: str | None, *, days: int = 30
) -> None:
    """Have the name typed, under the panel where somebody is there to read it."""
    from kctui.core.operations import confirmation

    if confirm is None and sys.stdin.isatty():
        from kctui.core.consequences import consequences

        panel = consequences(engine, action, row.id, days=days)
        messages.block("\n".join([*panels.lines(panel), ""]))
        if panel.refusal is not None:
            raise panel.refusal
    confirmation(engine, action, row).require(engine, typed_name(confirm, row.name, action.value))


def _show_consequences(
    ctx: click.Context,
    which: Which,
    how: vault.Unlocking,
    action: KeyAction,
    as_json: bool,
    *,
    days: int = 30,
    method: RotationMethod | None = None,
) -> None:
    """Print what the action would do. Raises why it cannot be done, where that is so."""
    name, key_set, region = which
    with vault.unlocked(ctx.ensure_object(CommandLine), how) as engine:
        from kctui.core.consequences import consequences
        from kctui.core.lists import find_cloud_key

        row = find_cloud_key(engine.store, name, key_set=key_set, region=region)
        panel = consequences(engine, action, row.id, days=days, method=method)
    panels.show(panel, as_json)
    if panel.refusal is not None:
        raise panel.refusal
