"""Key policies as the AWS console writes them (AWS KMS Developer Guide, Default key policy)."""

import json
from collections.abc import Sequence

_ADMINISTRATION = [
    "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
    "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:ImportKeyMaterial", "kms:TagResource", "kms:UntagResource",
    "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand",
]  # fmt: skip
_USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
_GRANTS = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]


def key_policy(partition: str, account: str, administrators: Sequence[str], users: Sequence[str]) -> str:
    """The policy of a symmetric key: IAM decides, and the named administrators and users are let in."""
    statements: list[dict[str, object]] = [
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    if administrators:
        statements.append(_statement("Allow access for Key Administrators", administrators, _ADMINISTRATION))
    if users:
        statements.append(_statement("Allow use of the key", users, _USE))
        for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        statements.append(
            _statement("Allow attachment of persistent resources", users, _GRANTS) | {"Condition": for_services}
        )
    return json.dumps({"Version": "2012-10-17", "Id": "key-consolepolicy-3", "Statement": statements})


def _statement(sid: str, principals: Sequence[str], actions: list[str]) -> dict[str, object]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": actions,
        "Resource": "*",
    }


def principals_of(policy: str) -> list[str]:
    """Everybody whom a policy names in an Allow: ARNs, account numbers, services, or `*`. Each once, in order.

    "everybody but …" for a NotPrincipal.
    """
    try:
        document = json.loads(policy)
    except ValueError:
        return []
    found: dict[str, None] = {}
    for statement in _listed(document.get("Statement", []) if isinstance(document, dict) else []):
        if isinstance(statement, dict) and statement.get("Effect") == "Allow":
            found.update(dict.fromkeys(_names(statement.get("Principal", {}))))
            if "NotPrincipal" in statement:
                found["everybody but " + ", ".join(_names(statement["NotPrincipal"]))] = None
    return list(found)


def _names(principal: object) -> list[str]:
    groups = principal.values() if isinstance(principal, dict) else [principal]
    return [str(name) for group in groups for name in _listed(group)]


def _listed(value: object) -> list[object]:
    """A policy writes a list of one as that one."""
    return value if isinstance(value, list) else [value]
