"""`kctui key edit`: description, access, tags and schedule of a CloudKey, and its key policy beside KMS's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kctui.cli import key_views, messages, output, shapes, vault
from kctui.cli.commands import examples, json_option
from kctui.cli.key import key, parse_tags
from kctui.cli.key_operating import one_key
from kctui.cli.line import CommandLine
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options
from kctui.core.errors import InvalidInputError
from kctui.core.validation import parse_rotation

if TYPE_CHECKING:
    from kctui.core.details import CloudKeyDetails
    from kctui.core.engine import Engine
    from kctui.core.operations import CloudKeyEdit, EditPlan, PolicyState

Decorated = TypeVar("Decorated", bound=Callable[..., object])


@dataclass(frozen=True)
class _Wanted:
    """What the options ask for. None: as it was."""

    description: str | None
    administrators: tuple[str, ...]
    no_administrators: tuple[str, ...]
    users: tuple[str, ...]
    no_users: tuple[str, ...]
    tags: tuple[str, ...]
    no_tags: tuple[str, ...]
    rotation_schedule: str | None

    @property
    def anything(self) -> bool:
        """Whether any is given."""
        return any(value not in {None, ()} for value in vars(self).values())

    def edit(self, details: "CloudKeyDetails") -> "CloudKeyEdit":
        """The edit of what is there. Raises InvalidInputError, also for what is to be taken away and is not there."""
        from kctui.core.operations import KEEP, CloudKeyEdit

        tags = {**details.tags, **parse_tags(self.tags)}
        for name in self.no_tags:
            if name not in details.tags:
                raise InvalidInputError(
                    f"{details.row.name} has no tag {name}",
                    remedy="`kctui key show` lists those that kctui gave it.",
                    field="tags",
                )
            del tags[name]
        schedule = self.rotation_schedule
        return CloudKeyEdit(
            KEEP if self.description is None else self.description,
            _changed(details.administrators, self.administrators, self.no_administrators, "administrator"),
            _changed(details.users, self.users, self.no_users, "user"),
            tags if self.tags or self.no_tags else KEEP,
            KEEP if schedule is None else parse_rotation(schedule),
        )


def _changes_options(function: Decorated) -> Decorated:
    """What can be changed, each by an option."""
    many: dict[str, Any] = {"metavar": "ARN", "multiple": True}
    for option in reversed((
        click.option("--description", metavar="TEXT", help="What it is for."),
        click.option("--administrator", "administrators", help="Let in. Repeat for more.", **many),
        click.option("--remove-administrator", "no_administrators", help="Let in no more.", **many),
        click.option("--user", "users", help="Let in. Repeat for more.", **many),
        click.option("--remove-user", "no_users", help="Let in no more.", **many),
        click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="Add a tag, or give it another value."),
        click.option("--remove-tag", "no_tags", metavar="KEY", multiple=True, help="Take a tag away."),
        click.option("--rotation-schedule", metavar="SCHEDULE", help="never, 30d, 180d, 365d or any number of days."),
    )):  # fmt: skip
        function = option(function)
    return function


@key.command(
    epilog=examples(
        "kctui key edit payroll-db --description 'Aurora, payroll' --rotation-schedule 180d",
        "kctui key edit payroll-db --user arn:aws:iam::111122223333:role/exporter --tag team=bank --dry-run",
        "kctui key edit payroll-db --show-policy",
        "kctui key edit payroll-db --adopt-policy",
    )
)
@one_key
@_changes_options
@click.option("--show-policy", is_flag=True, help="Show the key policy in KMS and how it differs; change nothing.")
@click.option("--adopt-policy", is_flag=True, help="Take the key policy that KMS has for ours, then go on from it.")
@click.option(
    "--overwrite-policy",
    is_flag=True,
    help="Replace the key policy by the AWS console's, whoever changed it. It is shown first.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change and the AWS calls to come, and do nothing.")
@unlock_options
@json_option
@click.pass_context
def edit(
    ctx: click.Context,
    /,
    name: str,
    key_set: str | None,
    region: str | None,
    show_policy: bool,
    adopt_policy: bool,
    overwrite_policy: bool,
    dry_run: bool,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
    **changes: object,
) -> None:
    """Edit a CloudKey: its description, administrators, users, tags and rotation schedule.

    A key policy that was changed elsewhere is never written over silently: adopt it, or overwrite it.
    """
    wanted = _Wanted(**changes)  # type: ignore[arg-type] # click gives what the options say
    _check_options(ctx, wanted, show_policy=show_policy, adopt=adopt_policy, overwrite=overwrite_policy)
    line = ctx.ensure_object(CommandLine)
    how = vault.unlocking(ctx, operator, passphrase_file)
    asks_kms = show_policy or adopt_policy or overwrite_policy
    if dry_run or show_policy:
        with vault.unlocked(line, how) if asks_kms else vault.opened(line) as engine:
            details = _find(engine, name, key_set, region)
            state = _state(engine, details) if asks_kms else None
            plan = None
            if not show_policy:
                adopted, overwritten = (state if adopt_policy else None), (state if overwrite_policy else None)
                plan = _plan(engine, details, wanted, adopted, overwritten)
        if plan is not None:
            _show_plan(details.row.name, plan, state, as_json)
        elif state is not None:
            _show_state(details.row.name, state, as_json)
        return
    with vault.unlocked(line, how, f"Editing the CloudKey {name}") as engine:
        details = _find(engine, name, key_set, region)
        if adopt_policy:
            details = _adopt(engine, details)
        overwrite = _overwritten(engine, details) if overwrite_policy else None
        changed = _edit(engine, details, wanted, overwrite) or adopt_policy
        details = _find(engine, name, key_set, region)
    row = details.row
    messages.note(f"Edited the CloudKey {row.name} in {row.region}." if changed else "There is nothing to change.")
    key_views.show(details, as_json)


def _check_options(ctx: click.Context, wanted: _Wanted, *, show_policy: bool, adopt: bool, overwrite: bool) -> None:
    if show_policy and (wanted.anything or adopt or overwrite):
        raise click.UsageError("--show-policy goes alone: it changes nothing.", ctx)
    if adopt and overwrite:
        raise click.UsageError("--adopt-policy and --overwrite-policy exclude each other.", ctx)
    if not (wanted.anything or show_policy or adopt or overwrite):
        raise click.UsageError("Say what to change: see --help.", ctx)


def _find(engine: "Engine", name: str, key_set: str | None, region: str | None) -> "CloudKeyDetails":
    from kctui.core.details import cloud_key_details
    from kctui.core.lists import find_cloud_key

    return cloud_key_details(engine.store, find_cloud_key(engine.store, name, key_set=key_set, region=region).id)


def _state(engine: "Engine", details: "CloudKeyDetails") -> "PolicyState":
    from kctui.core.operations import policy_state

    return policy_state(engine, details.row.id)


def _adopt(engine: "Engine", details: "CloudKeyDetails") -> "CloudKeyDetails":
    from kctui.core.details import cloud_key_details
    from kctui.core.operations import adopt_policy

    state = adopt_policy(engine, details.row.id, revision=details.row.revision)
    messages.block("\n".join(["Adopted the key policy.", *state.difference.split("\n")]).rstrip())
    return cloud_key_details(engine.store, details.row.id)


def _overwritten(engine: "Engine", details: "CloudKeyDetails") -> str | None:
    """The policy to be replaced, shown; None where it is the console's already, as kctui wrote it."""
    from kctui.core.operations import Standing

    state = _state(engine, details)
    if state.standing is Standing.AS_WRITTEN and state.access is not None:
        return None
    messages.block("\n".join(["Overwriting the key policy:", state.difference or state.text]))
    return state.text


def _edit(engine: "Engine", details: "CloudKeyDetails", wanted: _Wanted, overwrite: str | None) -> bool:
    from kctui.core.operations import edit_cloud_key

    change, row = wanted.edit(details), details.row
    return run_operation(
        lambda observer: edit_cloud_key(
            engine, row.id, change, overwrite=overwrite, revision=row.revision, observer=observer
        ),
        messages.StepLines(),
    )


def _plan(
    engine: "Engine",
    details: "CloudKeyDetails",
    wanted: _Wanted,
    adopted: "PolicyState | None",
    overwritten: "PolicyState | None",
) -> "EditPlan":
    from kctui.core.operations import plan_edit

    if adopted is not None:
        access = adopted.access
        details = replace(
            details,
            administrators=access.administrators if access else (),
            users=access.users if access else (),
        )
    overwrite = overwritten.text if overwritten else None
    return plan_edit(engine, details.row.id, wanted.edit(details), overwrite=overwrite, adopted=adopted)


def _changed(present: Sequence[str], more: Sequence[str], fewer: Sequence[str], what: str) -> tuple[str, ...]:
    for arn in fewer:
        if arn not in present:
            raise InvalidInputError(
                f"{arn} is no {what} of this key", remedy="`kctui key show` lists them.", field=f"{what}s"
            )
    return tuple(arn for arn in dict.fromkeys([*present, *more]) if arn not in fewer)


def _show_state(name: str, state: "PolicyState", as_json: bool) -> None:
    from kctui.core.aws.policy_difference import pretty

    if as_json:
        output.document("key-policy", {"name": name} | shapes.policy_state(state))
        return
    access = state.access
    output.details(
        [
            ("Key policy", state.standing.value),
            ("Administrators", "\n".join(access.administrators) or "–" if access else "a custom policy: see below"),
            ("Users", "\n".join(access.users) or "–" if access else "a custom policy: see below"),
            *([("Deleted", "\n".join(state.deleted))] if state.deleted else []),
        ]
    )
    if state.difference:
        output.lines(["", *state.difference.split("\n")])
    output.lines(["", *pretty(state.text).split("\n")])


def _show_plan(name: str, plan: "EditPlan", state: "PolicyState | None", as_json: bool) -> None:
    if as_json:
        output.document("cloud-key-edit-plan", {"name": name} | shapes.edit_plan(plan, state))
        return
    messages.note("Nothing was done. What would change:" if plan.changes else "There is nothing to change.")
    if state is not None:
        output.lines([f"key policy in KMS: {state.standing.value}", *state.difference.split("\n")])
    for change in plan.changes:
        output.lines([change.what, *(f"  - {text}" for text in change.gone), *(f"  + {text}" for text in change.new)])
    if plan.policy:
        output.lines(["key policy", *(f"  {text}" for text in plan.policy.split("\n"))])
    if plan.calls:
        output.lines(["AWS calls to come:", *(f"  {number} {call}" for number, call in enumerate(plan.calls, 1))])
