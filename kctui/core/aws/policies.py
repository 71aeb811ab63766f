"""Key policies as the AWS console writes them, and read back (AWS KMS Developer Guide, Default key policy).

A policy of the console's shape has its four statements and no other, each found by its Sid. Who is let in can then be
changed in it, and everything else stays as it is; any other policy is custom, and can only be replaced as a whole.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kctui.core.words import KeySpec, KeyUsage

LONGEST_POLICY = 32_768
IAM_DECIDES = "Enable IAM User Permissions"
ADMINISTRATORS = "Allow access for Key Administrators"
USERS = "Allow use of the key"
FOR_SERVICES = "Allow attachment of persistent resources"

_IMPORT = "kms:ImportKeyMaterial"
_ADMINISTRATION = (
    "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
    "kms:Disable*", "kms:Get*", "kms:Delete*", _IMPORT, "kms:TagResource", "kms:UntagResource",
    "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand",
)  # fmt: skip
_USE_SYMMETRIC = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
_USE_RSA = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey", "kms:GetPublicKey")
_USE = {
    KeyUsage.SIGN_VERIFY: ("kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"),
    KeyUsage.GENERATE_VERIFY_MAC: ("kms:DescribeKey", "kms:GenerateMac", "kms:VerifyMac"),
    KeyUsage.KEY_AGREEMENT: ("kms:DescribeKey", "kms:GetPublicKey", "kms:DeriveSharedSecret"),
}
_GRANTS = ("kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant")
_GRANTS_CONDITION = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
# What the console lets one choose: multi-Region keys add two, and deleting may be left out.
_KNOWN_ADMINISTRATION = frozenset(_ADMINISTRATION) | {"kms:ReplicateKey", "kms:UpdatePrimaryRegion"}
_KNOWN_USE = frozenset(_USE_SYMMETRIC + _USE_RSA).union(*_USE.values())
_Statement = dict[str, object]
_UNIQUE_ID = re.compile(r"A(?:IDA|ROA)[A-Z0-9]{12,124}\Z")


@dataclass(frozen=True)
class Access:
    """Whom a policy of the console's shape lets in."""

    administrators: tuple[str, ...]
    users: tuple[str, ...]


@dataclass(frozen=True)
class PolicyKind:
    """What the console's statements depend on. imported: the key material comes from outside AWS."""

    partition: str
    account: str
    spec: KeySpec = KeySpec.SYMMETRIC_DEFAULT
    usage: KeyUsage = KeyUsage.ENCRYPT_DECRYPT
    imported: bool = True


def key_policy(kind: PolicyKind, administrators: Sequence[str], users: Sequence[str]) -> str:
    """The policy of a key: IAM decides, and the named administrators and users are let in."""
    statements = list(_statements(kind, Access(tuple(administrators), tuple(users))).values())
    return json.dumps({"Id": "key-consolepolicy-3", "Version": "2012-10-17", "Statement": statements})


def read_access(policy: str) -> Access | None:
    """Whom a policy of the console's shape lets in; None for a custom policy."""
    statements = _console_statements(policy)
    if statements is None:
        return None
    return Access(_named(statements.get(ADMINISTRATORS)), _named(statements.get(USERS)))


def with_access(policy: str, kind: PolicyKind, access: Access) -> str:
    """The same policy, of the console's shape, that lets others in: the actions of each statement stay as they are.

    Raises ValueError for a custom policy.
    """
    statements = _console_statements(policy)
    if statements is None:
        raise ValueError("a custom policy")
    usual = _statements(kind, access)
    if USERS in statements and FOR_SERVICES not in statements:
        usual.pop(FOR_SERVICES, None)
    usual[IAM_DECIDES] = statements[IAM_DECIDES]
    kept = [statements.get(sid, new) | {"Principal": new["Principal"]} for sid, new in usual.items()]
    return json.dumps({**json.loads(policy), "Statement": kept})


def deleted_principals(policy: str) -> list[str]:
    """The unique ids in a policy: AWS puts them in the place of a user or role that was deleted."""
    return [name for name in principals_of(policy) if is_unique_id(name)]


def is_unique_id(principal: str) -> bool:
    """Whether this is what AWS turns a deleted user (AIDA…) or role (AROA…) into (IAM User Guide, Unique IDs)."""
    return bool(_UNIQUE_ID.match(principal))


def listed(value: object) -> list[object]:
    """A policy writes a list of one as that one."""
    return value if isinstance(value, list) else [value]


def _statements(kind: PolicyKind, access: Access) -> dict[str, _Statement]:
    """The console's statements, by Sid, in the console's order."""
    root = f"arn:{kind.partition}:iam::{kind.account}:root"
    found = [_statement(IAM_DECIDES, [root], "kms:*")]
    if access.administrators:
        actions = [action for action in _ADMINISTRATION if kind.imported or action != _IMPORT]
        found.append(_statement(ADMINISTRATORS, access.administrators, actions))
    if access.users:
        symmetric = kind.spec is KeySpec.SYMMETRIC_DEFAULT
        use = _USE.get(kind.usage, _USE_SYMMETRIC if symmetric else _USE_RSA)
        found.append(_statement(USERS, access.users, list(use)))
        # Services of AWS do not use HMAC keys: the console leaves their statement out.
        if kind.usage is not KeyUsage.GENERATE_VERIFY_MAC:
            found.append(_statement(FOR_SERVICES, access.users, list(_GRANTS)) | {"Condition": _GRANTS_CONDITION})
    return {str(statement["Sid"]): statement for statement in found}


def _statement(sid: str, principals: Sequence[str], actions: str | list[str]) -> _Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else list(principals)},
        "Action": actions,
        "Resource": "*",
    }


def principals_of(policy: str) -> list[str]:
    """Everybody whom a policy names in an Allow: ARNs, account numbers, services, or `*`. Each once, in order.

    "everybody but …" for a NotPrincipal.
    """
    found: dict[str, None] = {}
    for statement in listed((_read(policy) or {}).get("Statement", [])):
        if isinstance(statement, dict) and statement.get("Effect") == "Allow":
            found.update(dict.fromkeys(_names(statement.get("Principal", {}))))
            if "NotPrincipal" in statement:
                found["everybody but " + ", ".join(_names(statement["NotPrincipal"]))] = None
    return list(found)


def _names(principal: object) -> list[str]:
    groups = principal.values() if isinstance(principal, dict) else [principal]
    return [str(name) for group in groups for name in listed(group)]


def _read(policy: str) -> dict[str, object] | None:
    """The document, None where it is none. Whoever may write a key policy decides what stands in it."""
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _console_statements(policy: str) -> dict[str, _Statement] | None:
    """The statements of a policy of the console's shape, by Sid; None for any other."""
    document = _read(policy)
    if document is None or not set(document) <= {"Id", "Version", "Statement"}:
        return None
    found: dict[str, _Statement] = {}
    for statement in listed(document.get("Statement")):
        if not isinstance(statement, dict):
            return None
        sid = statement.get("Sid")
        if not isinstance(sid, str) or sid in found or not _as_the_console(sid, statement):
            return None
        found[sid] = statement
    users_of_services = set(_named(found.get(FOR_SERVICES))) or set(_named(found.get(USERS)))
    if IAM_DECIDES not in found or users_of_services != set(_named(found.get(USERS))):
        return None
    return found


def _as_the_console(sid: str, statement: _Statement) -> bool:
    """Whether a statement is one that the console writes under this Sid, whoever its principals are."""
    usual = {"Sid", "Effect", "Principal", "Action", "Resource"} | ({"Condition"} if sid == FOR_SERVICES else set())
    principal = statement.get("Principal")
    if (
        set(statement) != usual
        or statement["Effect"] != "Allow"
        or listed(statement["Resource"]) != ["*"]
        or not isinstance(principal, dict)
        or set(principal) != {"AWS"}
        or not all(isinstance(name, str) and name != "*" for name in listed(principal["AWS"]))
    ):
        return False
    actions = {str(action) for action in listed(statement["Action"])}
    if sid == FOR_SERVICES:
        return actions == set(_GRANTS) and statement["Condition"] == _GRANTS_CONDITION
    allowed = {IAM_DECIDES: frozenset({"kms:*"}), ADMINISTRATORS: _KNOWN_ADMINISTRATION, USERS: _KNOWN_USE}
    return bool(actions) and actions <= allowed.get(sid, frozenset())


def _named(statement: _Statement | None) -> tuple[str, ...]:
    principal = statement["Principal"] if statement else None
    names = listed(principal["AWS"]) if isinstance(principal, dict) else []
    return tuple(dict.fromkeys(str(name) for name in names))
