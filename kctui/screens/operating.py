"""The dialogs of Enable and Disable CloudKey, of recovery, and what a test of a CSP Account shows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from kctui.core.errors import NeedsRecoveryError
from kctui.screens.widgets.columns import Column, Tone
from kctui.screens.widgets.sections import Fact, Section
from kctui.screens.wording import moment, status

if TYPE_CHECKING:
    from datetime import datetime

    from kctui.core.accounts import AccountTest
    from kctui.core.aws.permissions import PermissionCheck
    from kctui.core.engine import Engine
    from kctui.core.lists import CloudKeyRow
    from kctui.core.observer import Observer
    from kctui.core.recovery import OpenOperation
    from kctui.screens.dialogs.operation import OperationDialog
    from kctui.screens.hangup import Hangup

_CONSEQUENCES = {
    "enable": "Applications can use the key again.",
    "disable": "Applications cannot use the key until it is enabled again. Nothing is deleted.",
}
_VERBS = {"enable": "Enable", "disable": "Disable"}


def key_operation(
    engine: "Engine", name: str, title: str, row: "CloudKeyRow", now: "datetime", hangup: "Hangup"
) -> "OperationDialog":
    """Ask for, and run, one of enable and disable. Refused if the row changed since it was read."""
    from kctui.core import operations
    from kctui.screens.dialogs.operation import OperationDialog

    does: Callable[..., None] = {
        "enable": operations.enable,
        "disable": operations.disable,
    }[name]
    facts = [
        ("CloudKey", row.name),
        ("Key Id", row.kms_key_id or "–"),
        ("Key Set", row.key_set),
        ("CSP Account", row.account),
        ("Region", row.region),
        ("Cloud Status", status(row, now)),
        ("What happens", _CONSEQUENCES[name]),
    ]

    def run(observer: "Observer") -> None:
        does(engine, row.id, revision=row.revision, observer=hangup.guard(observer))

    return OperationDialog(title, facts, run, _VERBS[name])


def recovery(engine: "Engine", operations: "list[OpenOperation]", hangup: "Hangup") -> "OperationDialog":
    """Ask for, and run, the recovery of what was left half-way."""
    from kctui.core.recovery import recover
    from kctui.screens.dialogs.operation import OperationDialog

    facts = []
    for operation in operations:
        where = f"running on {operation.owner_host}" if operation.alive else "left half-way"
        step = f"after {operation.last_step}, " if operation.last_step else ""
        told = f"{where}, {step}begun by {operation.operator} at {moment(operation.started_at)}"
        facts.append((operation.kind.value, f"{operation.cloud_key or operation.csp_account}: {told}"))

    def run(observer: "Observer") -> None:
        report = recover(engine, hangup.guard(observer))
        if report.left:
            raise NeedsRecoveryError(
                f"{len(report.left)} of {len(facts)} operations could not be finished or undone",
                detail="\n".join(f"{title}: {reason}" for title, reason in report.left),
                remedy="Remove the reason, then choose Recover again.",
            )

    return OperationDialog("Recover", facts, run, "Recover")


def test_sections(test: "AccountTest") -> list[Section]:
    """What AWS said of a CSP Account's credentials."""
    columns: tuple[Column[PermissionCheck], ...] = (
        Column("permission", "Permission", 28, lambda check: check.permission.action),
        Column("finding", "Found", 12, lambda check: check.finding.value, tone=_finding_tone),
        Column("for", "Needed for", 24, lambda check: check.permission.reason, grow=1, from_width=100),
        Column("how", "How it was found", 20, lambda check: check.how, grow=1),
    )
    return [
        Section(
            "Identity",
            (
                Fact("AWS account", test.caller.account),
                Fact("Identity", test.caller.arn, whole=True),
                Fact("Partition", test.caller.partition),
                Fact("Regions", str(len(test.regions))),
            ),
        ),
        Section("Permissions", columns=columns, rows=test.permissions, words="None were checked."),
        Section("Regions", [Fact(choice.region, choice.long_name or "–") for choice in test.regions]),
    ]


def _finding_tone(check: "PermissionCheck") -> Tone:
    from kctui.core.aws.permissions import Finding

    return {Finding.ALLOWED: Tone.GOOD, Finding.DENIED: Tone.DANGER}.get(check.finding, Tone.DIM)
