"""Key policies (AWS KMS Developer Guide, "Key policies in AWS KMS")."""

import json

from kctui.demo.box.errors import AwsError
from kctui.demo.box.policy import PolicyError, Statement, parse_policy
from kctui.demo.box.values import Answer

from .call import KmsCall
from .paging import page
from .registry import operation
from .state import Store

LONGEST = 32_768
_ARN_PARTS = 6


def default_policy(store: Store) -> str:
    """Return the policy of a key that was created without one ("Default key policy")."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{store.partition}:iam::{store.account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}, indent=2)


def check_policy(call: KmsCall, key_arn: str, policy: str) -> None:
    """Refuse a key policy that is malformed, too long, names strangers, or locks the caller out."""
    if len(policy.encode()) > LONGEST:
        raise AwsError("LimitExceededException", f"A key policy can have at most {LONGEST} bytes.")
    try:
        statements = parse_policy(policy)
    except PolicyError as error:
        raise AwsError("MalformedPolicyDocumentException", str(error)) from None
    for statement in statements:
        _check_statement(call, statement)
    if call.params.flag("BypassPolicyLockoutSafetyCheck"):
        return
    if not call.authorizer.may_put_policy(call.principal, call.store, key_arn, policy):
        raise AwsError(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )


def _check_statement(call: KmsCall, statement: Statement) -> None:
    named = statement.principals if statement.not_principals is None else statement.not_principals
    if not named:
        raise AwsError("MalformedPolicyDocumentException", "Policy statement must contain principals.")
    if not statement.resources and not statement.not_resources:
        raise AwsError("MalformedPolicyDocumentException", "Policy statement must contain resources.")
    if not all(_known(call, principal) for principal in named):
        raise AwsError(
            "MalformedPolicyDocumentException",
            "Policy contains a statement with one or more invalid principals.",
        )


def _known(call: KmsCall, principal: str) -> bool:
    """Tell whether a principal exists: AWS refuses a key policy that names one who does not."""
    if principal == "*" or principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return True
    accounts = call.directory.accounts
    if principal.isdigit():
        return principal in accounts
    parts = principal.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[0] != "arn" or parts[4] not in accounts:
        return False
    _, partition, service, _, account, resource = parts
    if service == "sts":
        # A session need not be running to be named.
        return resource.startswith(("assumed-role/", "federated-user/"))
    return service == "iam" and (resource == "root" or call.directory.exists(account, partition, principal))


@operation("PutKeyPolicy", key="KeyId")
def put_key_policy(call: KmsCall) -> None:
    """PutKeyPolicy: the only policy of a key is "default"."""
    _check_name(call)
    policy = call.params.text("Policy")
    check_policy(call, call.key.arn, policy)
    call.key.policy = policy


def _check_name(call: KmsCall) -> str:
    name = call.params.text_or("PolicyName", "default")
    if name != "default":
        raise AwsError("NotFoundException", f"No such policy exists: {name}")
    return name


@operation("GetKeyPolicy", key="KeyId")
def get_key_policy(call: KmsCall) -> Answer:
    """GetKeyPolicy answers the document as it was put."""
    return {"PolicyName": _check_name(call), "Policy": call.key.policy}


@operation("ListKeyPolicies", key="KeyId")
def list_key_policies(call: KmsCall) -> Answer:
    """ListKeyPolicies: a key has one policy, called "default"."""
    found, answer = page(call, [("default", "default")], default=100, longest=1000)
    return answer | {"PolicyNames": found}
