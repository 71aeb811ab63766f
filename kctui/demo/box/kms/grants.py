"""Grants (AWS KMS Developer Guide, "Grants in AWS KMS")."""

import base64
import secrets

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer, Member

from .call import KmsCall
from .paging import page
from .registry import USABLE, operation
from .specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT, SIGN_VERIFY
from .state import Grant, Key

PER_KEY = 50_000
_ALWAYS = {"CreateGrant", "RetireGrant", "DescribeKey"}
_BY_USAGE = {
    ENCRYPT_DECRYPT: {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"},
    SIGN_VERIFY: {"Sign", "Verify"},
    GENERATE_VERIFY_MAC: {"GenerateMac", "VerifyMac"},
    KEY_AGREEMENT: {"DeriveSharedSecret"},
}
_DATA_KEYS = {
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
}


def _check_operations(key: Key, operations: list[str]) -> None:
    """Refuse grant operations that the key cannot do ("Grant operations")."""
    possible = _ALWAYS | _BY_USAGE[key.usage]
    possible |= {"GetPublicKey"} if key.spec.asymmetric else set()
    possible |= _DATA_KEYS if key.rotatable else set()
    if not operations or not set(operations) <= possible:
        raise AwsError("ValidationException", f"Grant operations are not valid for the key spec {key.spec.name}.")


@operation("CreateGrant", key="KeyId", allowed=USABLE)
def create_grant(call: KmsCall) -> Answer:
    """CreateGrant: a grant of the same name and content is not made twice."""
    key, params = call.key, call.params
    grantee, service = params.maybe_text("GranteePrincipal"), params.maybe_text("GranteeServicePrincipal")
    if (grantee is None) == (service is None):
        raise AwsError("ValidationException", "Specify either GranteePrincipal or GranteeServicePrincipal.")
    for principal in (grantee, params.maybe_text("RetiringPrincipal")):
        if principal is not None and not principal.startswith("arn:"):
            raise AwsError("InvalidArnException", f"{principal} is not the ARN of a principal.")
    _check_operations(key, params.texts("Operations"))
    constraints = params.record("Constraints")
    retiring, retiring_service = (
        params.maybe_text("RetiringPrincipal"),
        params.maybe_text("RetiringServicePrincipal"),
    )
    grant = Grant(
        grant_id=secrets.token_hex(32),
        token=base64.urlsafe_b64encode(secrets.token_bytes(96)).decode(),
        key_id=key.key_id,
        name=params.maybe_text("Name"),
        grantee=grantee or service or "",
        grantee_is_service=service is not None,
        retiring=retiring or retiring_service,
        retiring_is_service=retiring_service is not None,
        operations=tuple(dict.fromkeys(params.texts("Operations"))),
        subset=constraints.mapping("EncryptionContextSubset"),
        equals=constraints.mapping("EncryptionContextEquals"),
        source_arn=constraints.maybe_text("SourceArn"),
        issuing_account=f"arn:{call.store.partition}:iam::{call.store.account_id}:root",
        created=call.now,
    )
    grant = _same_name(call, grant) or grant
    if grant.grant_id not in call.store.grants and len(_of(call, key)) >= PER_KEY:
        raise AwsError("LimitExceededException", f"A KMS key can have at most {PER_KEY} grants.")
    call.store.grants[grant.grant_id] = grant
    return {"GrantId": grant.grant_id, "GrantToken": grant.token}


def _same_name(call: KmsCall, wanted: Grant) -> Grant | None:
    if wanted.name is None:
        return None

    def content(grant: Grant) -> tuple[object, ...]:
        return (grant.name, grant.grantee, grant.retiring, grant.operations, grant.subset, grant.equals)

    return next((each for each in _of(call, call.key) if content(each) == content(wanted)), None)


def _of(call: KmsCall, key: Key) -> list[Grant]:
    return [grant for grant in call.store.grants.values() if grant.key_id == key.key_id]


@operation("ListGrants", key="KeyId")
def list_grants(call: KmsCall) -> Answer:
    """ListGrants: up to 100 a page, 50 by default."""
    wanted_id = call.params.maybe_text("GrantId")
    grantee = call.params.maybe_text("GranteePrincipal") or call.params.maybe_text("GranteeServicePrincipal")
    grants = [
        grant
        for grant in _of(call, call.key)
        if wanted_id in (None, grant.grant_id) and grantee in (None, grant.grantee)
    ]
    return _listed(call, grants)


@operation("ListRetirableGrants")
def list_retirable_grants(call: KmsCall) -> Answer:
    """ListRetirableGrants: the grants that a principal may retire."""
    who = call.params.maybe_text("RetiringPrincipal") or call.params.maybe_text("RetiringServicePrincipal")
    if who is None:
        raise AwsError("ValidationException", "RetiringPrincipal is required.")
    return _listed(call, [grant for grant in call.store.grants.values() if grant.retiring == who])


def _listed(call: KmsCall, grants: list[Grant]) -> Answer:
    found, answer = page(call, [(grant.grant_id, grant) for grant in grants], default=50, longest=100)
    return answer | {"Grants": [_entry(call, grant) for grant in found]}


def _entry(call: KmsCall, grant: Grant) -> dict[str, Member]:
    constraints: dict[str, Member] = {
        "EncryptionContextSubset": grant.subset or None,
        "EncryptionContextEquals": grant.equals or None,
        "SourceArn": grant.source_arn,
    }
    return {
        "KeyId": call.store.arn(f"key/{grant.key_id}"),
        "GrantId": grant.grant_id,
        "Name": grant.name,
        "CreationDate": grant.created,
        "GranteePrincipal": None if grant.grantee_is_service else grant.grantee,
        "GranteeServicePrincipal": grant.grantee if grant.grantee_is_service else None,
        "RetiringPrincipal": None if grant.retiring_is_service else grant.retiring,
        "RetiringServicePrincipal": grant.retiring if grant.retiring_is_service else None,
        "IssuingAccount": grant.issuing_account,
        "Operations": grant.operations,
        "Constraints": constraints if any(constraints.values()) else None,
    }


@operation("RevokeGrant", key="KeyId")
def revoke_grant(call: KmsCall) -> None:
    """RevokeGrant works in every key state."""
    grant = call.store.grants.get(call.params.text("GrantId"))
    if grant is None or grant.key_id != call.key.key_id:
        raise AwsError("NotFoundException", f"Grant {call.params.text('GrantId')} is not found.")
    del call.store.grants[grant.grant_id]


@operation("RetireGrant", asks_itself=True)
def retire_grant(call: KmsCall) -> None:
    """RetireGrant: for the account, the retiring principal, and a grantee whose grant lets it."""
    grant = _to_retire(call)
    caller = call.principal
    arns = (caller.arn, caller.owner_arn)
    may = caller.is_root or grant.retiring in arns or (grant.grantee in arns and "RetireGrant" in grant.operations)
    if not may:
        call.authorize(call.store.keys[grant.key_id])
    call.stop_if_dry_run()
    del call.store.grants[grant.grant_id]


def _to_retire(call: KmsCall) -> Grant:
    params, grants = call.params, call.store.grants
    token = params.maybe_text("GrantToken")
    if token is not None:
        grant = next((each for each in grants.values() if each.token == token), None)
        if grant is None:
            raise AwsError("InvalidGrantTokenException", "The grant token is not valid.")
        return grant
    if "KeyId" not in params or "GrantId" not in params:
        raise AwsError("ValidationException", "Specify either GrantToken, or KeyId and GrantId.")
    key = call.find(params.text("KeyId"))
    grant = grants.get(params.text("GrantId"))
    if grant is None or grant.key_id != key.key_id:
        raise AwsError("NotFoundException", f"Grant {params.text('GrantId')} is not found.")
    return grant
