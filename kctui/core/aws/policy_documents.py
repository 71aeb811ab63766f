"""The IAM policies of the service account: the guide's own, and one of what kctui really calls."""

from typing import Any

from kctui.core.aws.permissions import PERMISSIONS

Document = dict[str, Any]
GUIDE_POLICY_NAME = "aws-byok-policy"
GUIDE_USER_NAME = "AWSBYOKKeycontrolUser"
# IAM Reference, IAM and AWS STS quotas: characters of a managed policy, without white space.
LONGEST_POLICY = 6144

_GUIDE_ACTIONS = [
    "iam:DeleteAccessKey", "kms:*", "ec2:DescribeRegions", "iam:UpdateAccessKey", "iam:ListUsers", "iam:GetUser",
    "ssm:GetParameter", "iam:CreateAccessKey", "iam:ListAccessKeys",
]  # fmt: skip
# These have no resource, or one that does not exist yet: a key is tagged as it is made (AWS KMS API Reference).
_KMS_ANYWHERE = {"kms:CreateKey", "kms:TagResource", "kms:ListKeys", "kms:ListAliases"}
_KMS_ALIASES = {"kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"}
_LONG_NAMES = "parameter/aws/service/global-infrastructure/*"


def guide_policy() -> Document:
    """The policy of the guide's 2.2, word for word."""
    statement = {"Sid": "VisualEditor0", "Effect": "Allow", "Action": _GUIDE_ACTIONS, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def least_privilege(partition: str = "aws", account: str = "*") -> Document:
    """A policy of the permissions that kctui uses, each on the narrowest resources that AWS lets it be given for.

    account: the AWS account id, `*` where it is not known: an IAM policy reaches no other account by itself.
    """
    actions = [permission.action for permission in PERMISSIONS]
    kms = [action for action in actions if action.startswith("kms:")]
    own = [action for action in actions if _is_own_user(action)]
    read = [action for action in actions if not action.startswith(("kms:", "ssm:")) and action not in own]
    key, alias = (f"arn:{partition}:kms:*:{account}:{kind}/*" for kind in ("key", "alias"))
    user = f"arn:{partition}:iam::{account}:user/${{aws:username}}"
    statements = (
        ("Keys", [action for action in kms if action not in _KMS_ANYWHERE | _KMS_ALIASES], [key]),
        ("Aliases", [action for action in kms if action in _KMS_ALIASES], [alias, key]),
        ("NewKeysAndLists", [action for action in kms if action in _KMS_ANYWHERE], ["*"]),
        ("OwnAccessKeys", own, [user]),
        ("RegionNames", [a for a in actions if a.startswith("ssm:")], [f"arn:{partition}:ssm:*:*:{_LONG_NAMES}"]),
        ("Read", read, ["*"]),
    )
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": sid, "Effect": "Allow", "Action": named, "Resource": resources}
            for sid, named, resources in statements
            if named
        ],
    }


def _is_own_user(action: str) -> bool:
    """Whether an action is about the user whose access key signs. GetAccessKeyLastUsed names no user to be held to."""
    if action == "iam:GetAccessKeyLastUsed":
        return False
    return action == "iam:GetUser" or (action.startswith("iam:") and "AccessKey" in action)
