"""The check of what a credential may do, of all that kctui uses (see `permission_list`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from kctui.core.aws.clients import AwsSession
from kctui.core.aws.credentials import access_key_of
from kctui.core.aws.failures import AwsRefusedError, Refusal, explained
from kctui.core.aws.permission_list import PERMISSIONS, Permission

__all__ = ["LONG_NAME", "PERMISSIONS", "Finding", "Permission", "PermissionCheck", "check_permissions"]
LONG_NAME = "/aws/service/global-infrastructure/regions/{region}/longName"


class Finding(Enum):
    """What is known of one permission."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True)
class PermissionCheck:
    """One permission and what was found. how: by a harmless call, by simulation, or why not."""

    permission: Permission
    finding: Finding
    how: str


_OF_AN_ACCESS_KEY = frozenset({
    "iam:GetUser", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", "iam:CreateAccessKey", "iam:UpdateAccessKey",
    "iam:DeleteAccessKey",
})  # fmt: skip


def check_permissions(
    session: AwsSession, caller_arn: str, own: tuple[AwsSession, str] | None
) -> list[PermissionCheck]:
    """What this credential may do, without changing anything.

    Reading permissions are tried by a harmless call. The others are asked of iam:SimulatePrincipalPolicy where
    the credential may call it; where not, nobody can tell without doing it, and the answer says so. own: the session
    and ARN of the user who has the access key, which a role's session is not; None where there is no access key,
    and what is about access keys is left out.
    """
    about_keys = [permission for permission in PERMISSIONS if permission.action in _OF_AN_ACCESS_KEY]
    rest = [permission for permission in PERMISSIONS if permission not in about_keys]
    return _check(session, caller_arn, rest) + (_check(*own, about_keys) if own else [])


def _check(session: AwsSession, caller_arn: str, wanted: Sequence[Permission]) -> list[PermissionCheck]:
    actions = {permission.action for permission in wanted}
    tries = {action: call for action, call in _harmless(session, caller_arn).items() if action in actions}
    found: dict[str, tuple[Finding, str]] = {action: _try(action, call) for action, call in tries.items()}
    rest = [permission.action for permission in wanted if permission.action not in found]
    if caller_arn.endswith(":root"):
        found.update(dict.fromkeys(rest, (Finding.ALLOWED, "this is the account's root user")))
    else:
        found.update(_simulate(session, caller_arn, rest))
    return [PermissionCheck(permission, *found[permission.action]) for permission in wanted]


def _harmless(session: AwsSession, caller_arn: str) -> dict[str, Callable[[], object]]:
    region = session.credentials.region
    kms = session.kms(region)
    calls: dict[str, Callable[[], object]] = {
        "kms:ListKeys": lambda: kms.client.list_keys(Limit=1),
        "kms:ListAliases": lambda: kms.client.list_aliases(Limit=1),
        "ec2:DescribeRegions": lambda: session.ec2().describe_regions(AllRegions=False),
        "ssm:GetParameter": lambda: session.ssm().get_parameter(Name=LONG_NAME.format(region=region)),
        "iam:ListUsers": lambda: session.iam().list_users(MaxItems=1),
        "iam:ListRoles": lambda: session.iam().list_roles(MaxItems=1),
    }
    key = access_key_of(session.credentials.credential)
    if ":user/" in caller_arn and key is not None:
        key_id = key.access_key_id
        calls["iam:GetUser"] = lambda: session.iam().get_user()
        calls["iam:ListAccessKeys"] = lambda: session.iam().list_access_keys(MaxItems=1)
        calls["iam:GetAccessKeyLastUsed"] = lambda: session.iam().get_access_key_last_used(AccessKeyId=key_id)
    return calls


def _try(action: str, call: Callable[[], object]) -> tuple[Finding, str]:
    try:
        with explained(action):
            call()
    except AwsRefusedError as error:
        if error.refusal is Refusal.ACCESS:
            return Finding.DENIED, "tried"
        return Finding.UNKNOWN, error.title
    return Finding.ALLOWED, "tried"


def _simulate(session: AwsSession, caller_arn: str, actions: Sequence[str]) -> dict[str, tuple[Finding, str]]:
    source = _policy_source(caller_arn)
    try:
        with explained("iam:SimulatePrincipalPolicy"):
            answer = session.iam().simulate_principal_policy(PolicySourceArn=source, ActionNames=list(actions))
    except AwsRefusedError as error:
        if error.refusal is not Refusal.ACCESS:
            return dict.fromkeys(actions, (Finding.UNKNOWN, error.title))
        reason = "not without doing it: the credential may not call iam:SimulatePrincipalPolicy"
        return dict.fromkeys(actions, (Finding.UNKNOWN, reason))
    decisions = {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}
    return {
        action: (
            Finding.ALLOWED if decisions.get(action) == "allowed" else Finding.DENIED,
            "simulated by IAM",
        )
        for action in actions
    }


def _policy_source(caller_arn: str) -> str:
    """The user or role whose policies apply: an assumed-role session has those of its role."""
    head, _, rest = caller_arn.partition(":assumed-role/")
    if not rest:
        return caller_arn
    return head.replace(":sts:", ":iam:") + ":role/" + rest.split("/")[0]
