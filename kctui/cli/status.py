"""`kctui status`: what is known locally. It unlocks nothing and asks AWS nothing."""

import click

from kctui.cli import messages, moments, output, shapes
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.completion import KEY_SET
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.core.status import StatusReport, StatusRow, read_status
from kctui.core.validation import check_region
from kctui.core.words import CloudStatus


@click.command(
    cls=Command,
    epilog=examples("kctui status", "kctui status --key-set awsbyokkeyset --region us-east-1 --json"),
)
@click.option("--key-set", metavar="NAME", type=KEY_SET, help="Only of this Key Set.")
@click.option("--region", metavar="REGION", help="Only of this region.")
@json_option
@click.pass_obj
def status(line: CommandLine, key_set: str | None, region: str | None, as_json: bool) -> None:
    """Show the last known Cloud Status of the CloudKeys, with its age.

    Needs no passphrase and asks AWS nothing: `kctui sync` brings it up to date.
    """
    report = read_status(line.the_home, key_set=key_set, region=check_region(region) if region else None)
    if as_json:
        output.document("status", [shapes.status(row) for row in report.rows])
    elif report.rows:
        output.table(_COLUMNS, report.rows)
    else:
        messages.note("There are no CloudKeys here.")
    _warn_of_silence(report)


def _status(row: StatusRow) -> str:
    text = output.status_text(row.cloud_status)
    if row.cloud_status is CloudStatus.PENDING_DELETE and row.deletion_date is not None:
        text += f" on {moments.day(row.deletion_date)}"
    return text


def _warn_of_silence(report: StatusReport) -> None:
    silent = {row.account: row.unreachable_since for row in report.rows if row.unreachable_since}
    for account, since in silent.items():
        messages.warn(
            f"CSP Account {account} has not answered since {moments.moment(since)}: what is shown is the last known."
        )


_COLUMNS = (
    Column[StatusRow]("CloudKey Name", lambda row: row.name, Cut.END),
    Column[StatusRow]("Key Set", lambda row: row.key_set, Cut.END),
    Column[StatusRow]("Region", lambda row: row.region),
    Column[StatusRow]("Expires", lambda row: moments.day(row.expires_at)),
    Column[StatusRow]("Cloud Status", _status, colour=lambda row: output.status_colour(row.cloud_status)),
    Column[StatusRow]("Seen", lambda row: moments.seen(row.status_seen_at), right=True),
)
