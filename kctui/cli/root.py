"""The command `kctui` itself: its options, its commands by name, and the console where there is no command."""

import sys

import click

import kctui as package
from kctui.cli import messages, output
from kctui.cli.commands import Later, LazyGroup, examples
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.core.paths import find_home

COMMANDS = {
    "demo": Later("demo", "demo", "Try kctui with a throw-away home and AWS in a box."),
    "init": Later("init", "init", "Make a home with its first operator and Admin Group."),
    "account": Later("account_group", "account", "CSP Accounts: credentials for AWS accounts."),
    "keyset": Later("keyset", "keyset", "Key Sets: the CloudKeys of one CSP Account."),
    "key": Later("key_group", "key", "CloudKeys: create, upload, remove, rotate, delete."),
    "hsm": Later("hsm", "hsm", "HSMs: tokens that make and keep key material, through PKCS#11."),
    "sync": Later("sync", "sync", "Ask AWS for the present Cloud Status of every CloudKey."),
    "status": Later("status", "status", "Show the last known Cloud Status; asks for no passphrase."),
    "audit": Later("audit", "audit", "Read, export and verify the audit log."),
    "aws": Later("aws", "aws", "AWS itself: the policy, the user and the access key of the service account."),
    "recover": Later("recover", "recover", "Finish or undo what was interrupted."),
    "doctor": Later("doctor", "doctor", "Examine the home, the vault and the way to AWS."),
    "completion": Later("completion", "completion", "Print the completion script for a shell."),
}
TABS = ("key-sets", "cloud-keys", "csp-accounts", "audit")


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        output.text(f"kctui {package.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    later=COMMANDS,
    invoke_without_command=True,
    context_settings={"max_content_width": 100},
    epilog=examples(
        "kctui                                  the console",
        "kctui --read-only --tab cloud-keys --filter payroll",
        "kctui --home /srv/kctui status --json",
    ),
)
@click.option("--home", metavar="DIR", help="The kctui home. Default: $KCTUI_HOME, /var/lib/kctui, XDG data.")
@click.option("--read-only", is_flag=True, help="Look, and change nothing.")
@click.option("--tab", type=click.Choice(TABS), help="Open the console at this tab.")
@click.option("--filter", "filter_", metavar="TEXT", help="Open the console with this filter.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print the version."
)
@click.pass_context
def kctui(ctx: click.Context, home: str | None, read_only: bool, tab: str | None, filter_: str | None) -> int | None:
    """Bring your own keys to AWS KMS. Without a command, on a terminal: the console."""
    line = ctx.ensure_object(CommandLine)
    line.home = find_home(home)
    line.read_only = read_only
    if ctx.invoked_subcommand is not None:
        if tab or filter_ is not None:
            raise click.UsageError("--tab and --filter open the console; they do not go with a command.", ctx)
        return None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        messages.block(ctx.get_help())
        return ExitCode.USAGE
    from kctui.app import run_console

    return run_console(line.home, read_only, tab, filter_)
