"""`kctui account rotate-credentials`: a new access key in place of the one that a CSP Account has."""

import sys
from typing import TYPE_CHECKING

import click

from kctui.cli import messages, output, vault
from kctui.cli.account import account, find, show_row
from kctui.cli.commands import examples, json_option
from kctui.cli.completion import CSP_ACCOUNT
from kctui.cli.confirm import typed_name
from kctui.cli.line import CommandLine
from kctui.cli.shapes import Json
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options

if TYPE_CHECKING:
    from kctui.core.credential_outlook import RotationOutlook

ROTATE = "Rotate Credentials"


@account.command(
    "rotate-credentials",
    epilog=examples(
        "kctui account rotate-credentials awsbyokkeycontrol --dry-run",
        "kctui account rotate-credentials awsbyokkeycontrol --confirm awsbyokkeycontrol",
        "kctui account rotate-credentials awsbyokkeycontrol --confirm awsbyokkeycontrol \\",
        "    --delete-other AKIAI44QH8DHBEXAMPLE",
    ),
)
@click.argument("name", type=CSP_ACCOUNT)
@click.option("--confirm", metavar="NAME", help="The name once more; without it, a terminal is asked.")
@click.option(
    "--delete-other",
    metavar="KEYID",
    help="Delete this other access key of the IAM user first: IAM allows two. It cannot be brought back.",
)
@click.option("--dry-run", is_flag=True, help="Show what it would do and the AWS calls to come, and do nothing.")
@unlock_options
@json_option
@click.pass_context
def rotate_credentials(
    ctx: click.Context,
    name: str,
    confirm: str | None,
    delete_other: str | None,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Rotate the access key of a CSP Account: create, verify, switch, deactivate, delete.

    Whatever else uses the old access key stops working. Nobody is shown the new one.
    """
    line, how = ctx.ensure_object(CommandLine), vault.unlocking(ctx, operator, passphrase_file)
    with vault.unlocked(line, how, None if dry_run else "Rotating credentials") as engine:
        from kctui.core.account_changes import account_named
        from kctui.core.operations import credential_requests

        row = account_named(engine, name)
        if dry_run or (confirm is None and sys.stdin.isatty()):
            from kctui.core.credential_outlook import rotation_outlook

            panel = rotation_outlook(engine, row, delete_other)
            if dry_run:
                _show(panel, as_json)
            else:
                messages.block("\n".join([*_lines(panel), ""]))
            if panel.refusal is not None:
                raise panel.refusal
        if dry_run:
            return
        typed = typed_name(confirm, row.name, ROTATE)
        run_operation(
            lambda observer: credential_requests.rotate_credentials(
                engine, row.id, typed, revision=row.revision, delete_other=delete_other, observer=observer
            ),
            messages.StepLines(),
        )
        shown = find(engine.store, name)
    messages.note(f"Rotated the credentials of {shown.name}: it uses {shown.access_key_id} now.")
    show_row(shown, as_json)


def _lines(panel: "RotationOutlook") -> list[str]:
    """The panel as text; its foreign words are made safe by whoever writes it."""
    wide = max(len(line.label) for line in panel.lines)
    return [
        panel.words,
        "",
        f"CSP Account  {panel.account}",
        f"Access key   {panel.access_key_id}",
        f"IAM user     {panel.user_arn}",
        "",
        *(f"{line.mark.value} {line.label:<{wide}}  {line.text}" for line in panel.lines),
    ]


def _show(panel: "RotationOutlook", as_json: bool) -> None:
    if as_json:
        output.document("credential-rotation", _document(panel))
        return
    output.lines([*_lines(panel), "", "AWS calls to come:"])
    output.lines(f"  {number} {call}" for number, call in enumerate(panel.calls, 1))


def _document(panel: "RotationOutlook") -> Json:
    return {
        "csp_account": panel.account,
        "access_key_id": panel.access_key_id,
        "user_arn": panel.user_arn,
        "revision": panel.revision,
        "words": panel.words,
        "lines": [{"mark": line.mark.name, "label": line.label, "text": line.text} for line in panel.lines],
        "calls": list(panel.calls),
        "in_the_way": panel.in_the_way,
        "refusal": panel.refusal.title if panel.refusal else None,
    }
