"""Every IAM permission that kctui uses and why, and the check of what a credential may do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from kctui.core.aws.clients import AwsSession
from kctui.core.aws.failures import AwsRefusedError, Refusal, explained

LONG_NAME = "/aws/service/global-infrastructure/regions/{region}/longName"


class Finding(Enum):
    """What is known of one permission."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True)
class Permission:
    """An IAM action and what it is for. optional: kctui works without it, and says what is missing."""

    action: str
    reason: str
    optional: bool = False


@dataclass(frozen=True)
class PermissionCheck:
    """One permission and what was found. how: by a harmless call, by simulation, or why not."""

    permission: Permission
    finding: Finding
    how: str


PERMISSIONS = (
    Permission("kms:CreateKey", "Create CloudKey"),
    Permission("kms:TagResource", "tag a key at birth, so that it can be found again; Edit CloudKey"),
    Permission("kms:CreateAlias", "name a CloudKey"),
    Permission("kms:UpdateAlias", "Rotate Now by a new KMS key"),
    Permission("kms:DeleteAlias", "undo a creation that failed"),
    Permission("kms:GetParametersForImport", "Create CloudKey, Upload to Cloud, Rotate Now"),
    Permission("kms:ImportKeyMaterial", "Create CloudKey, Upload to Cloud, Rotate Now"),
    Permission("kms:DeleteImportedKeyMaterial", "Remove from Cloud"),
    Permission("kms:RotateKeyOnDemand", "Rotate Now in place"),
    Permission("kms:ListKeyRotations", "Rotate Now in place, and the state of each version"),
    Permission("kms:EnableKey", "Enable CloudKey"),
    Permission("kms:DisableKey", "Disable CloudKey"),
    Permission("kms:ScheduleKeyDeletion", "Delete CloudKey, and undo a creation that failed"),
    Permission("kms:CancelKeyDeletion", "Cancel Deletion"),
    Permission("kms:UpdateKeyDescription", "Edit CloudKey: the description"),
    Permission("kms:UntagResource", "Edit CloudKey: tags"),
    Permission("kms:PutKeyPolicy", "Edit CloudKey: administrators and users"),
    Permission("kms:GetKeyPolicy", "Edit CloudKey, the policy of a new KMS key, and what would break"),
    Permission("kms:GetKeyLastUsage", "what would break: when a key was last used", optional=True),
    Permission("kms:ListGrants", "what would break: who was given the use of a key", optional=True),
    Permission("kms:DescribeKey", "Cloud Status"),
    Permission("kms:ListResourceTags", "find a key again whose creation was interrupted; Edit CloudKey"),
    Permission("kms:ListKeys", "Cloud Status, and finding keys again"),
    Permission("kms:ListAliases", "Cloud Status, and free names"),
    Permission("ec2:DescribeRegions", "the list of regions"),
    Permission("ssm:GetParameter", "the long names of regions", optional=True),
    Permission("iam:GetUser", "whose access key this is", optional=True),
    Permission("iam:ListUsers", "choose administrators and users of a key", optional=True),
    Permission("iam:ListRoles", "choose administrators and users of a key", optional=True),
    Permission("iam:ListAccessKeys", "see the access keys of the account's own user", optional=True),
)


def check_permissions(session: AwsSession, caller_arn: str) -> list[PermissionCheck]:
    """What this credential may do, without changing anything.

    Reading permissions are tried by a harmless call. The others are asked of iam:SimulatePrincipalPolicy where
    the credential may call it; where not, nobody can tell without doing it, and the answer says so.
    """
    region = session.credentials.region
    kms = session.kms(region)
    tries: dict[str, Callable[[], object]] = {
        "kms:ListKeys": lambda: kms.client.list_keys(Limit=1),
        "kms:ListAliases": lambda: kms.client.list_aliases(Limit=1),
        "ec2:DescribeRegions": lambda: session.ec2().describe_regions(AllRegions=False),
        "ssm:GetParameter": lambda: session.ssm().get_parameter(Name=LONG_NAME.format(region=region)),
        "iam:ListUsers": lambda: session.iam().list_users(MaxItems=1),
        "iam:ListRoles": lambda: session.iam().list_roles(MaxItems=1),
    }
    if ":user/" in caller_arn:
        tries["iam:GetUser"] = lambda: session.iam().get_user()
        tries["iam:ListAccessKeys"] = lambda: session.iam().list_access_keys(MaxItems=1)
    found: dict[str, tuple[Finding, str]] = {action: _try(action, call) for action, call in tries.items()}
    rest = [p.action for p in PERMISSIONS if p.action not in found]
    if caller_arn.endswith(":root"):
        found.update(dict.fromkeys(rest, (Finding.ALLOWED, "this is the account's root user")))
    else:
        found.update(_simulate(session, caller_arn, rest))
    return [PermissionCheck(permission, *found[permission.action]) for permission in PERMISSIONS]


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
