"""`kctui keyset import`: keys that are in AWS become CloudKeys of a Key Set."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kctui.cli import messages, output, shapes, vault
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.completion import KEY_SET
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options
from kctui.core.errors import InvalidInputError
from kctui.core.validation import check_region

if TYPE_CHECKING:
    from kctui.core.adopting import ImportReport, KeyOutcome
    from kctui.core.importable import ImportableKey

_NOTHING = "–"


@click.command(
    "import",
    cls=Command,
    epilog=examples(
        "kctui keyset import awsbyokkeyset --region us-east-1 --list",
        "kctui keyset import awsbyokkeyset --region us-east-1 --alias alias/AWSKMSCloudKey",
        "kctui keyset import awsbyokkeyset --region us-east-1 --all --dry-run",
        "kctui keyset import awsbyokkeyset --region us-east-1 --all --json",
    ),
)
@click.argument("name", type=KEY_SET)
@click.option("--region", metavar="REGION", required=True, help="The region of the keys, such as us-east-1.")
@click.option("--list", "only_list", is_flag=True, help="List the keys that can be imported, and do nothing.")
@click.option("--key-id", "key_ids", metavar="ID", multiple=True, help="Import this KMS key. Repeat for more.")
@click.option(
    "--alias", "aliases", metavar="ALIAS", multiple=True, help="Import the key of this alias. Repeat for more."
)
@click.option("--all", "take_all", is_flag=True, help="Import every key that can be.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported, and do nothing.")
@unlock_options
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    name: str,
    region: str,
    only_list: bool,
    key_ids: tuple[str, ...],
    aliases: tuple[str, ...],
    take_all: bool,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> ExitCode:
    """Import CloudKey: take customer managed keys that are in AWS into a Key Set.

    Their Key Source is AWS, and nothing of them changes there. Each key is imported by itself: exits with 4 when only
    some were, and Ctrl-C keeps those that were.
    """
    line = ctx.ensure_object(CommandLine)
    check_region(region)
    wanted = [*key_ids, *(alias if alias.startswith("alias/") else f"alias/{alias}" for alias in aliases)]
    if only_list + take_all + bool(wanted) != 1:
        raise InvalidInputError(
            "Say which keys", remedy="Use one of --list, --all, or any number of --key-id ID and --alias ALIAS."
        )
    changes = None if only_list or dry_run else "Import CloudKey"
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), changes) as engine:
        if changes is None:
            from kctui.core.importable import importable_keys

            found = run_operation(
                lambda observer: importable_keys(engine, name, region, observer), messages.StepLines(), cancellable=True
            )
            return _show_keys(found, wanted or None, region, as_json)
        from kctui.core.adopting import import_keys

        report = run_operation(
            lambda observer: import_keys(engine, name, region, None if take_all else wanted, observer),
            messages.StepLines(),
            cancellable=True,
        )
    return _show_report(report, name, as_json)


def _show_keys(found: "Sequence[ImportableKey]", wanted: Sequence[str] | None, region: str, as_json: bool) -> ExitCode:
    """The keys that can be imported, or those that are wanted of them; which of these are not there."""
    missing: list[str] = []
    if wanted is not None:
        names = {each for one in found for each in (one.key_id, *one.aliases)}
        missing = [each for each in wanted if each not in names]
        found = [one for one in found if {one.key_id, *one.aliases} & {*wanted}]
    if as_json:
        output.document("importable-keys", [shapes.importable_key(one) for one in found])
    elif found:
        output.table(_KEYS, found)
    elif not missing:
        messages.note(f"Every customer managed key of {region} is managed already, or there is none.")
    for each in missing:
        messages.warn(f"{each}: there is no such key in {region}, or it is managed already")
    return ExitCode.FAILED if missing else ExitCode.OK


def _show_report(report: "ImportReport", name: str, as_json: bool) -> ExitCode:
    if as_json:
        output.document("import-report", shapes.import_report(report))
    elif report.outcomes:
        output.table(_OUTCOMES, report.outcomes)
    done = len(report.imported)
    if report.error is not None:
        messages.error(report.error, as_json=as_json)
    if report.cancelled:
        messages.warn(f"Stopped between two keys: {done:,} of {report.asked:,} are imported, the others as they were.")
        return ExitCode.INTERRUPTED
    if not report.outcomes and report.error is None:
        messages.note("There is no key to import.")
    else:
        messages.note(f"Imported {done:,} of {report.asked:,} {'key' if report.asked == 1 else 'keys'} into {name}.")
    if report.error is None and not report.failed:
        return ExitCode.OK
    return ExitCode.PARTIAL if done else ExitCode.FAILED


def _became(one: "KeyOutcome") -> str:
    return f"{'✓' if one.cloud_key_id else '–' if one.became == 'skipped' else '✗'} {one.became.value}"


_KEYS: "tuple[Column[ImportableKey], ...]" = (
    Column("CloudKey Name", lambda one: one.name, Cut.END),
    Column("Alias", lambda one: one.alias or _NOTHING, Cut.END),
    Column(
        "Cloud Status", lambda one: output.status_text(one.status), colour=lambda one: output.status_colour(one.status)
    ),
    Column("Origin", lambda one: one.key.origin if one.key else _NOTHING),
    Column("Key spec", lambda one: one.key.key_spec if one.key else _NOTHING),
    Column("Key Id", lambda one: one.key_id, Cut.MIDDLE),
    Column("Note", lambda one: f"cannot be imported: {one.reason}" if one.reason else one.told, Cut.END),
)
_OUTCOMES: "tuple[Column[KeyOutcome], ...]" = (
    Column("CloudKey Name", lambda one: one.name, Cut.END),
    Column("Became", _became),
    Column("Key Id", lambda one: one.key_id or _NOTHING, Cut.MIDDLE),
    Column("Note", lambda one: one.told, Cut.END),
)
