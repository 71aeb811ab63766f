"""`kctui aws`: the policy that the service account needs, and its set-up in IAM."""

from typing import TYPE_CHECKING

import click

from kctui.cli import aws_scripts, messages, output, shapes, vault
from kctui.cli.account import find, show_row
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.key import parse_tags
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options
from kctui.core.errors import InvalidInputError

if TYPE_CHECKING:
    from kctui.core.aws.permission_list import Permission
    from kctui.core.aws_setup import Item, Setup

_GUIDE, _LEAST = "guide", "least-privilege"
_GLYPHS = {"THERE": "✓", "MAKE": "+", "DELETE": "-", "DOUBTFUL": "?"}
_RUN, _CLI, _CLOUDFORMATION = "run", "cli", "cloudformation"


@click.group(cls=Group, epilog=examples("kctui aws policy", "kctui aws setup --help"))
def aws() -> None:
    """AWS itself: the service account's policy, user and access key."""


@aws.command(
    epilog=examples(
        "kctui aws policy",
        "kctui aws policy --guide > aws-byok-policy.json",
        "kctui aws policy --account-id 111122223333",
        "kctui aws policy --without-optional",
        "kctui aws policy --reasons",
    )
)
@click.option("--guide", is_flag=True, help="The policy of the integration guide: all of KMS, on everything.")
@click.option("--without-optional", is_flag=True, help="Leave out what kctui works without; --reasons shows which.")
@click.option("--account-id", metavar="ID", default="*", help="Name the AWS account in the resources.")
@click.option(
    "--partition",
    type=click.Choice(("aws", "aws-us-gov", "aws-cn")),
    default="aws",
    show_default=True,
    help="Of the resources.",
)
@click.option("--reasons", is_flag=True, help="List each permission with what it is for, instead.")
@json_option
def policy(guide: bool, without_optional: bool, account_id: str, partition: str, reasons: bool, as_json: bool) -> None:
    """Print the IAM policy of the service account.

    Without options it holds what kctui really calls, each on the narrowest resources that AWS lets it be given for.
    """
    if guide and without_optional:
        raise InvalidInputError(
            "The policy of the guide has no optional part",
            remedy="Leave out --guide or --without-optional.",
            field="without_optional",
        )
    if reasons:
        _show_reasons(as_json, optional=not without_optional)
        return
    document = _document(guide, account_id, partition, optional=not without_optional)
    if as_json:
        output.document("policy", document)
    else:
        output.text(output.to_json(document))


@aws.command(
    epilog=examples(
        "kctui aws setup awsbyokkeycontrol --profile admin --region us-east-1 --dry-run",
        "kctui aws setup awsbyokkeycontrol --profile admin --region us-east-1",
        "kctui aws setup awsbyokkeycontrol --region us-east-1 --output cli",
        "kctui aws setup awsbyokkeycontrol --region us-east-1 --output cloudformation",
    )
)
@click.argument("name")
@click.option("--profile", metavar="NAME", help="The administrator's AWS profile (~/.aws); used here only, never kept.")
@click.option("--region", metavar="REGION", required=True, help="The region of the CSP Account, such as us-east-1.")
@click.option("--endpoint-url", metavar="URL", help="For an emulator: where AWS answers.")
@click.option(
    "--policy", "which", type=click.Choice((_LEAST, _GUIDE)), default=_LEAST, show_default=True, help="Which policy."
)
@click.option("--policy-name", metavar="NAME", default="aws-byok-policy", show_default=True, help="The policy's name.")
@click.option(
    "--user-name", metavar="NAME", default="AWSBYOKKeycontrolUser", show_default=True, help="The IAM user's name."
)
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag of policy and user. Repeat for more.")
@click.option("--description", metavar="TEXT", default="", help="Of the CSP Account.")
@click.option("--group", metavar="NAME", help="The Admin Group it belongs to; needed if you are in several.")
@click.option("--update-policy", is_flag=True, help="Replace a policy of that name that says something else.")
@click.option("--delete-unused", metavar="ID", help="Delete this access key of the user first; only if never used.")
@click.option("--dry-run", is_flag=True, help="Show what is there, what would be made, and the AWS calls to come.")
@click.option(
    "--output",
    "form",
    type=click.Choice((_RUN, _CLI, _CLOUDFORMATION)),
    default=_RUN,
    show_default=True,
    help="Do it; or print AWS CLI commands or a CloudFormation template for who may do it.",
)
@unlock_options
@json_option
@click.pass_context
def setup(
    ctx: click.Context,
    name: str,
    profile: str | None,
    region: str,
    endpoint_url: str | None,
    which: str,
    policy_name: str,
    user_name: str,
    tags: tuple[str, ...],
    description: str,
    group: str | None,
    update_policy: bool,
    delete_unused: str | None,
    dry_run: bool,
    form: str,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Make the policy, the IAM user and its access key, and add the CSP Account, in one go.

    What is there already is left as it is: it can be run again at any point. The secret access key is never shown.
    """
    from kctui.core.aws_setup import Setup, check_setup
    from kctui.core.validation import check_region

    check_region(region)
    own_tags = parse_tags(tags)
    document = _document(which == _GUIDE, "*", _partition(region))
    wanted = check_setup(
        Setup(
            name, region, document, endpoint_url, policy_name, user_name, description, group, own_tags, update_policy,
            delete_unused,
        )
    )  # fmt: skip
    if form != _RUN:
        _print_for_others(wanted, form)
        return
    if profile is None:
        raise InvalidInputError(
            "Say with whose credentials AWS is set up",
            remedy="Name an administrator's profile with --profile, or print it for one: --output cli.",
            field="profile",
        )
    line, how = ctx.ensure_object(CommandLine), vault.unlocking(ctx, operator, passphrase_file)
    with vault.unlocked(line, how, None if dry_run else "Setting up AWS") as engine:
        from kctui.core.accounts import asking
        from kctui.core.aws.credentials import Profile
        from kctui.core.aws.iam_setup import RUN_AGAIN
        from kctui.core.aws_setup import look, plan, set_up

        with asking(engine, Profile(profile), region, endpoint_url) as admin:
            if dry_run:
                _show_plan(plan(wanted, look(engine, admin, wanted)), as_json)
                return
            account = run_operation(
                lambda observer: set_up(engine, admin, wanted, observer), messages.StepLines(), afterwards=RUN_AGAIN
            )
        row = find(engine.store, account.name)
    messages.note(f"AWS is set up: the CSP Account {account.name} signs in as {row.caller_arn}.")
    show_row(row, as_json)


def _document(guide: bool, account_id: str, partition: str, *, optional: bool = True) -> shapes.Json:
    from kctui.core.aws.policy_documents import guide_policy, least_privilege

    if account_id != "*" and not (account_id.isdecimal() and len(account_id) == 12):  # noqa: PLR2004
        raise InvalidInputError(
            f"{account_id!r} is no AWS account id", remedy="It has twelve digits.", field="account_id"
        )
    return guide_policy() if guide else least_privilege(partition, account_id, optional=optional)


def _partition(region: str) -> str:
    """The partition that a region belongs to, by its name (AWS General Reference, ARNs)."""
    by_beginning = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((name for beginning, name in by_beginning.items() if region.startswith(beginning)), "aws")


def _show_reasons(as_json: bool, *, optional: bool) -> None:
    from kctui.core.aws.permission_list import PERMISSIONS

    listed = [permission for permission in PERMISSIONS if optional or not permission.optional]
    if as_json:
        output.document(
            "permissions",
            [{"action": p.action, "reason": p.reason, "optional": p.optional} for p in listed],
        )
        return
    columns: list[Column[Permission]] = [
        Column("Permission", lambda permission: permission.action),
        Column("Needed", lambda permission: "no" if permission.optional else "yes"),
        Column("For", lambda permission: permission.reason, Cut.END),
    ]
    output.table(columns, listed)


def _print_for_others(wanted: "Setup", form: str) -> None:
    if form == _CLOUDFORMATION:
        names = (wanted.policy_name, wanted.user_name, wanted.tags)
        output.text(output.to_json(aws_scripts.cloudformation(wanted.document, *names)))
    else:
        output.lines(aws_scripts.commands(wanted).split("\n"))


def _show_plan(items: "list[Item]", as_json: bool) -> None:
    if as_json:
        output.document(
            "aws-setup-plan",
            [{"what": item.what, "there": item.there, "calls": [] if item.there else list(item.calls)}
             for item in items],
        )  # fmt: skip
        return
    columns: list[Column[Item]] = [
        Column("What", lambda item: item.what, Cut.END),
        Column("State", lambda item: f"{_GLYPHS[item.state.name]} {item.state.value}"),
        Column("AWS calls to come", lambda item: "" if item.there else ", ".join(item.calls), Cut.END),
    ]
    output.table(columns, items)
