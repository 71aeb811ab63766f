"""The IAM policies of the service account: the guide's own, and one of what kctui really calls."""

import re
from typing import Any

from kctui.core.aws.permission_list import PERMISSIONS

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
_OWN_USER = "user/${aws:username}"
_LONG_NAMES = "parameter/aws/service/global-infrastructure/*"


def guide_policy() -> Document:
    """The policy of the guide's 2.2, word for word."""
    statement = {"Sid": "VisualEditor0", "Effect": "Allow", "Action": _GUIDE_ACTIONS, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def least_privilege(partition: str = "aws", account: str = "*", *, optional: bool = True) -> Document:
    """A policy of the permissions that kctui uses, each on the narrowest resources that AWS lets it be given for.

    account: the AWS account id, `*` where it is not known: an IAM policy reaches no other account by itself.
    optional: with the permissions that kctui works without, too.
    """
    actions = [permission.action for permission in PERMISSIONS if optional or not permission.optional]
    kms = [action for action in actions if action.startswith("kms:")]
    own = [action for action in actions if _is_own_user(action)]
    read = [action for action in actions if not action.startswith(("kms:", "ssm:")) and action not in own]
    key, alias = (f"arn:{partition}:kms:*:{account}:{kind}/*" for kind in ("key", "alias"))
    user = f"arn:{partition}:iam::{account}:{_OWN_USER}"
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


def of_user(document: Document, arn: str) -> Document:
    """The policy for a user of this ARN: where that has a path, it is a part of the user's resource."""
    path = "/".join(arn.partition(":user/")[2].split("/")[:-1])
    if not path:
        return document
    # What is a wildcard or a variable in a policy may stand in a path (IAM User Guide, Policy variables).
    literal = re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", path)
    own = f"user/{literal}/${{aws:username}}"
    statements = [
        each | {"Resource": [name.replace(_OWN_USER, own) for name in each["Resource"]]}
        if isinstance(each["Resource"], list) else each
        for each in document["Statement"]
    ]  # fmt: skip
    return document | {"Statement": statements}


def _is_own_user(action: str) -> bool:
    """Whether an action is about the user whose access key signs. GetAccessKeyLastUsed names no user to be held to."""
    if action == "iam:GetAccessKeyLastUsed":
        return False
    return action == "iam:GetUser" or (action.startswith("iam:") and "AccessKey" in action)
