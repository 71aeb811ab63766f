"""Keys: created, described, listed, enabled and disabled, deleted, and when they were last used."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from kctui.demo.box.errors import AwsError
from kctui.demo.box.protocol import validation_error, violation
from kctui.demo.box.values import Answer, Params

from . import tags
from .call import KmsCall
from .materials import new_material
from .paging import page
from .policies import check_policy, default_policy
from .registry import DOOMED, LIVING, READY, operation
from .rotation import resume_rotation
from .specs import SPECS, Family, Spec
from .state import Key, KeyState

LEAST_WINDOW, DEFAULT_WINDOW = 7, 30
TRACKING_SINCE = datetime(2026, 4, 23, tzinfo=UTC)
"""When KMS began to record the last usage of keys (GetKeyLastUsage)."""


@operation("CreateKey")
def create_key(call: KmsCall) -> Answer:
    """CreateKey: a key of AWS's material is born Enabled, one of EXTERNAL origin PendingImport."""
    params = call.params
    spec, usage = _spec_and_usage(params)
    origin = _origin(params)
    key_tags = tags.checked(params.records("Tags"), {})
    if key_tags:
        call.authorize_resource(action="TagResource")
    key_id = str(uuid.uuid4())
    arn = call.store.arn(f"key/{key_id}")
    policy = params.maybe_text("Policy")
    if policy is None:
        policy = default_policy(call.store)
    else:
        check_policy(call, arn, policy)
    key = Key(
        account_id=call.store.account_id,
        key_id=key_id,
        arn=arn,
        created=call.now,
        spec=spec,
        usage=usage,
        origin=origin,
        policy=policy,
        description=params.text_or("Description", ""),
        tags=key_tags,
    )
    if not key.external:
        key.materials.append(new_material(key))
    call.store.keys[key_id] = key
    return {"KeyMetadata": metadata(key)}


def _origin(params: Params) -> str:
    origin = params.text_or("Origin", "AWS_KMS")
    if origin not in ("AWS_KMS", "EXTERNAL") or "CustomKeyStoreId" in params or "XksKeyId" in params:
        raise AwsError("UnsupportedOperationException", "Custom key stores are not supported by this endpoint.")
    if params.flag("MultiRegion"):
        raise AwsError("UnsupportedOperationException", "Multi-Region keys are not supported by this endpoint.")
    return origin


def _spec_and_usage(params: Params) -> tuple[Spec, str]:
    legacy, current = params.maybe_text("CustomerMasterKeySpec"), params.maybe_text("KeySpec")
    if legacy and current:
        raise AwsError(
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated.",
        )
    name = current or legacy or "SYMMETRIC_DEFAULT"
    spec = SPECS.get(name)
    if spec is None:
        raise AwsError("UnsupportedOperationException", f"KeySpec {name} is not supported by this endpoint.")
    usage = params.maybe_text("KeyUsage")
    if usage is None:
        if spec.family is not Family.SYMMETRIC:
            raise AwsError("ValidationException", f"You must specify a KeyUsage value for {name} keys.")
        usage = spec.usages[0]
    if usage not in spec.usages:
        raise AwsError("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {name}")
    return spec, usage


def metadata(key: Key) -> Answer:
    """Return KeyMetadata as DescribeKey and CreateKey answer it."""
    state = key.state
    answer: dict[str, str | bool | datetime | Sequence[str] | None] = {
        "AWSAccountId": key.account_id,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": state is KeyState.ENABLED,
        "Description": key.description,
        "KeyUsage": key.usage,
        "KeyState": str(state),
        "DeletionDate": key.deletion_date,
        "Origin": key.origin,
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": key.spec.name,
        "KeySpec": key.spec.name,
        "MultiRegion": False,
    }
    if key.external and any(material.secret is not None for material in key.materials):
        answer["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if key.valid_to else "KEY_MATERIAL_DOES_NOT_EXPIRE"
        answer["ValidTo"] = key.valid_to
    if key.rotatable and key.current is not None:
        answer["CurrentKeyMaterialId"] = key.current.material_id
    return answer | key.spec.algorithms(key.usage)


@operation("DescribeKey", key="KeyId", aliases=True)
def describe_key(call: KmsCall) -> Answer:
    """DescribeKey works in every state."""
    return {"KeyMetadata": metadata(call.key)}


@operation("ListKeys")
def list_keys(call: KmsCall) -> Answer:
    """ListKeys: up to 1000 a page, 100 by default."""
    if "OTHER_ACCOUNTS_VIA_RAM" in call.params.texts("ResourceOwners"):
        raise AwsError("UnsupportedOperationException", "Keys shared by RAM are not supported by this endpoint.")
    visible = call.store.visible(call.now, call.consistency)
    found, answer = page(call, [(key.key_id, key) for key in visible], default=100, longest=1000)
    return answer | {"Keys": [{"KeyId": key.key_id, "KeyArn": key.arn} for key in found]}


@operation("EnableKey", key="KeyId", allowed=READY)
def enable_key(call: KmsCall) -> None:
    """EnableKey does nothing to a key that is enabled."""
    if not call.key.enabled:
        resume_rotation(call.key, call.now)
    call.key.enabled = True


@operation("DisableKey", key="KeyId", allowed=READY)
def disable_key(call: KmsCall) -> None:
    """DisableKey does nothing to a key that is disabled."""
    call.key.enabled = False


@operation("UpdateKeyDescription", key="KeyId", allowed=LIVING)
def update_key_description(call: KmsCall) -> None:
    """UpdateKeyDescription replaces the description."""
    call.key.description = call.params.text("Description")


@operation("ScheduleKeyDeletion", key="KeyId", allowed=LIVING)
def schedule_key_deletion(call: KmsCall) -> Answer:
    """ScheduleKeyDeletion: 7 to 30 days, 30 by default, though the model lets 1 to 365 pass."""
    days = call.params.maybe_integer("PendingWindowInDays")
    days = DEFAULT_WINDOW if days is None else days
    if days < LEAST_WINDOW:
        constraint = f"Member must have value greater than or equal to {LEAST_WINDOW}"
        raise validation_error(violation(days, "pendingWindowInDays", constraint))
    if days > DEFAULT_WINDOW:
        constraint = f"Member must have value less than or equal to {DEFAULT_WINDOW}"
        raise validation_error(violation(days, "pendingWindowInDays", constraint))
    call.key.deletion_date = call.now + timedelta(days=days)
    return {
        "KeyId": call.key.arn,
        "DeletionDate": call.key.deletion_date,
        "KeyState": str(call.key.state),
        "PendingWindowInDays": days,
    }


@operation("CancelKeyDeletion", key="KeyId", allowed=DOOMED)
def cancel_key_deletion(call: KmsCall) -> Answer:
    """CancelKeyDeletion leaves the key Disabled.

    The documentation says so of every key; one whose material is missing can only be PendingImport.
    """
    call.key.deletion_date = None
    call.key.enabled = False
    return {"KeyId": call.key.arn}


@operation("GetKeyLastUsage", key="KeyId")
def get_key_last_usage(call: KmsCall) -> Answer:
    """GetKeyLastUsage: an empty KeyLastUsage says that no use is on record since tracking began."""
    key = call.key
    last = key.last_usage
    return {
        "KeyId": key.key_id,
        "KeyLastUsage": {}
        if last is None
        else {
            "Operation": last.operation,
            "Timestamp": last.moment,
            "CloudTrailEventId": last.event_id,
            "KmsRequestId": last.request_id,
        },
        "TrackingStartDate": max(key.created, TRACKING_SINCE),
        "KeyCreationDate": key.created,
    }
