"""Rotation of key material, automatic and on demand (AWS KMS Developer Guide, "Rotate AWS KMS keys")."""

from datetime import datetime, timedelta

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer, Member

from .call import KmsCall
from .materials import new_material
from .paging import page
from .registry import ALWAYS, USABLE, operation
from .state import Key, KeyState, Material, Store

ON_DEMAND_LIMIT = 25
DEFAULT_PERIOD = 365
CLOSE_TO_AUTOMATIC = timedelta(minutes=20)


def _require_rotatable(key: Key) -> None:
    if not key.rotatable:
        raise AwsError("UnsupportedOperationException", f"{key.arn} is not a symmetric encryption KMS key.")


def _require_own_material(key: Key) -> None:
    _require_rotatable(key)
    if key.external:
        raise AwsError(
            "UnsupportedOperationException", f"{key.arn} origin is EXTERNAL which is not valid for this operation."
        )


@operation("EnableKeyRotation", key="KeyId", allowed=USABLE)
def enable_key_rotation(call: KmsCall) -> None:
    """EnableKeyRotation: for symmetric keys of AWS's own material, every 365 days unless told otherwise."""
    key = call.key
    _require_own_material(key)
    period = call.params.maybe_integer("RotationPeriodInDays")
    key.rotation_period = period or DEFAULT_PERIOD
    key.next_rotation = call.now + timedelta(days=key.rotation_period)


@operation("DisableKeyRotation", key="KeyId", allowed=USABLE)
def disable_key_rotation(call: KmsCall) -> None:
    """DisableKeyRotation ends automatic rotation; what was rotated stays."""
    _require_own_material(call.key)
    call.key.rotation_period = None
    call.key.next_rotation = None


@operation("GetKeyRotationStatus", key="KeyId", allowed=ALWAYS)
def get_key_rotation_status(call: KmsCall) -> Answer:
    """GetKeyRotationStatus: always false for keys that cannot rotate by themselves, or pending deletion.

    The reference answers false for imported, HMAC and asymmetric keys rather than refusing them.
    """
    key = call.key
    on = key.rotation_period is not None and key.state is not KeyState.PENDING_DELETION
    return {
        "KeyId": key.key_id,
        "KeyRotationEnabled": on,
        "RotationPeriodInDays": key.rotation_period if on else None,
        "NextRotationDate": key.next_rotation if on else None,
    }


@operation("RotateKeyOnDemand", key="KeyId", allowed=USABLE)
def rotate_key_on_demand(call: KmsCall) -> Answer:
    """RotateKeyOnDemand: at most 25 times a key; imported keys need material pending rotation."""
    key = call.key
    _require_rotatable(key)
    if key.rotations_on_demand >= ON_DEMAND_LIMIT:
        raise AwsError("LimitExceededException", f"{key.arn} has been rotated on demand {ON_DEMAND_LIMIT} times.")
    if key.next_rotation is not None and abs(key.next_rotation - call.now) <= CLOSE_TO_AUTOMATIC:
        raise AwsError("ConflictException", f"{key.arn} has an automatic rotation within 20 minutes.")
    if key.external:
        material = key.pending
        if material is None:
            raise AwsError("KMSInvalidStateException", f"{key.arn} has no key material pending rotation.")
        key.pending = None
    else:
        material = new_material(key)
    _make_current(key, material, call.now, "ON_DEMAND")
    key.rotations_on_demand += 1
    return {"KeyId": key.key_id}


def _make_current(key: Key, material: Material, moment: datetime, kind: str) -> None:
    material.rotation_date = moment
    material.rotation_type = kind
    key.materials.append(material)


def rotate_when_due(store: Store, now: datetime) -> None:
    """Rotate every key whose automatic rotation has come; a disabled key waits until it is enabled."""
    for key in store.keys.values():
        while (
            key.rotation_period is not None
            and key.next_rotation is not None
            and key.next_rotation <= now
            and key.state is KeyState.ENABLED
        ):
            _make_current(key, new_material(key), key.next_rotation, "AUTOMATIC")
            key.next_rotation += timedelta(days=key.rotation_period)


def resume_rotation(key: Key, now: datetime) -> None:
    """Rotate a key that is enabled again once, if its rotation came due while it was disabled."""
    if key.rotation_period is not None and key.next_rotation is not None and key.next_rotation <= now:
        _make_current(key, new_material(key), now, "AUTOMATIC")
        key.next_rotation = now + timedelta(days=key.rotation_period)


@operation("ListKeyRotations", key="KeyId", allowed=ALWAYS)
def list_key_rotations(call: KmsCall) -> Answer:
    """ListKeyRotations: completed rotations, or with ALL_KEY_MATERIAL also the first and the pending."""
    key = call.key
    _require_rotatable(key)
    everything = call.params.maybe_text("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    listed = [each for each in key.materials if everything or each.rotation_date is not None]
    if everything and key.pending is not None:
        listed.append(key.pending)
    named = [(f"{n:06}", each) for n, each in enumerate(listed)]
    found, answer = page(call, named, default=100, longest=1000)
    return answer | {"Rotations": [_entry(key, each) for each in found]}


def _entry(key: Key, material: Material) -> dict[str, Member]:
    state = "CURRENT" if material is key.current else "NON_CURRENT"
    state = "PENDING_ROTATION" if material is key.pending else state
    entry: dict[str, Member] = {
        "KeyId": key.key_id,
        "KeyMaterialId": material.material_id,
        "KeyMaterialState": state,
        "RotationDate": material.rotation_date,
        "RotationType": material.rotation_type,
    }
    if key.external:
        present = material.secret is not None
        entry |= {
            "KeyMaterialDescription": material.description,
            "ImportState": "IMPORTED" if present else "PENDING_IMPORT",
        }
        if present:
            expires = material.valid_to is not None
            entry["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
            entry["ValidTo"] = material.valid_to
    return entry
