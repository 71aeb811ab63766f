"""How operations on a CloudKey that is there are asked for: checked, begun, and run to their end.

Each raises RefusedError (its state does not allow it, or the copy is not proven), ConflictError (changed or busy),
LockedError, AwsRefusedError, AwsUnreachableError, or NeedsRecoveryError (begun, to be gone on with). revision: of the
row that the user looked at; where it has changed since, nothing is done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from kctui.core import validation
from kctui.core.availability import KeyAction, why_not
from kctui.core.confirmation import Confirmation
from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError, KctuiError, RefusedError
from kctui.core.lists import CloudKeyRow, cloud_key_row
from kctui.core.material.custody import new_version
from kctui.core.model import KeySet, KeyVersion
from kctui.core.observer import Observer, Silent
from kctui.core.operations.definitions import DEFINITIONS
from kctui.core.operations.edits import CloudKeyEdit, plan_edit
from kctui.core.operations.journal import Beginning, begin
from kctui.core.operations.keep import KEEP, Keep
from kctui.core.operations.runner import audit_refusal, run_to_end
from kctui.core.words import AuditCategory, CloudStatus, KeySpec, OperationKind, RotationMethod

LEAST_DAYS, MOST_DAYS = 7, 30


@dataclass(frozen=True)
class _Asked:
    """What is asked of a CloudKey. also: written together with the intent."""

    action: KeyAction
    kind: OperationKind
    title: str
    parameters: dict[str, Any] = field(default_factory=dict)
    also: Callable[[Session], None] | None = None


def upload(
    engine: Engine,
    cloud_key_id: str,
    *,
    revision: int | None = None,
    expires_at: datetime | Keep | None = KEEP,
    observer: Observer | None = None,
) -> None:
    """Upload to Cloud: import our copy of every version again, to AVAILABLE.

    expires_at: the new expiration, None for never; KEEP leaves the one it had. Where the key is AVAILABLE already, a
    given one changes its expiration. Where KMS says something else than the row, nothing is done.
    kms:DescribeKey, ListKeyRotations, GetParametersForImport, ImportKeyMaterial.
    """
    row = cloud_key_row(engine.store, cloud_key_id)
    until = row.expires_at if isinstance(expires_at, Keep) else validation.check_expiry(expires_at)
    parameters = {"expires_at": until.isoformat() if until else None}
    again = row.cloud_status is CloudStatus.AVAILABLE and not isinstance(expires_at, Keep)
    action = KeyAction.CHANGE_EXPIRATION if again else KeyAction.UPLOAD
    title = f"Change the expiration of {_named(row)}" if again else f"Upload {row.name} to the cloud ({row.region})"
    _operate(engine, row, _Asked(action, OperationKind.UPLOAD, title, parameters), revision, observer)


def enable(engine: Engine, cloud_key_id: str, *, revision: int | None = None, observer: Observer | None = None) -> None:
    """Enable CloudKey, to AVAILABLE. kms:EnableKey, kms:DescribeKey."""
    row = cloud_key_row(engine.store, cloud_key_id)
    asked = _Asked(KeyAction.ENABLE, OperationKind.ENABLE, f"Enable CloudKey {_named(row)}")
    _operate(engine, row, asked, revision, observer)


def disable(
    engine: Engine, cloud_key_id: str, *, revision: int | None = None, observer: Observer | None = None
) -> None:
    """Disable CloudKey, to DISABLED. kms:DisableKey, kms:DescribeKey."""
    row = cloud_key_row(engine.store, cloud_key_id)
    asked = _Asked(KeyAction.DISABLE, OperationKind.DISABLE, f"Disable CloudKey {_named(row)}")
    _operate(engine, row, asked, revision, observer)


def remove_from_cloud(
    engine: Engine, cloud_key_id: str, *, revision: int | None = None, observer: Observer | None = None
) -> None:
    """Remove from Cloud: delete the imported material of every version, to NOT AVAILABLE; our copies stay.

    All copies are opened and their fingerprints checked first. kms:DeleteImportedKeyMaterial, DescribeKey; for a
    version whose material id was never recorded kms:ListKeyRotations; to undo: kms:GetParametersForImport,
    ImportKeyMaterial.
    """
    row = cloud_key_row(engine.store, cloud_key_id)
    before = {"before": row.cloud_status.value}
    asked = _Asked(KeyAction.REMOVE, OperationKind.REMOVE, f"Remove {row.name} from the cloud ({row.region})", before)
    _operate(engine, row, asked, revision, observer)


def delete(
    engine: Engine,
    cloud_key_id: str,
    *,
    days: int,
    revision: int | None = None,
    observer: Observer | None = None,
) -> None:
    """Delete CloudKey: KMS deletes it in so many days (7 to 30), to PENDING DELETE; until then it can be called off.

    Our copies are proven first. kms:ScheduleKeyDeletion, DescribeKey. Raises InvalidInputError for the days too.
    """
    check_days(days)
    row = cloud_key_row(engine.store, cloud_key_id)
    title = f"Delete CloudKey {row.name} in {days} days ({row.region})"
    _operate(engine, row, _Asked(KeyAction.DELETE, OperationKind.DELETE, title, {"days": days}), revision, observer)


def cancel_deletion(
    engine: Engine, cloud_key_id: str, *, revision: int | None = None, observer: Observer | None = None
) -> None:
    """Cancel Deletion, to DISABLED, or NOT AVAILABLE where material is missing. kms:CancelKeyDeletion, DescribeKey."""
    row = cloud_key_row(engine.store, cloud_key_id)
    title = f"Cancel the deletion of {_named(row)}"
    asked = _Asked(KeyAction.CANCEL_DELETION, OperationKind.CANCEL_DELETION, title)
    _operate(engine, row, asked, revision, observer)


def rotate(
    engine: Engine,
    cloud_key_id: str,
    *,
    method: RotationMethod | None = None,
    revision: int | None = None,
    observer: Observer | None = None,
) -> None:
    """Rotate Now: new key material, sealed before AWS hears of it. The expiration stays as it was.

    method: None for what the Key Set says (see `rotation_method`). In place: kms:ListKeyRotations,
    GetParametersForImport, ImportKeyMaterial, RotateKeyOnDemand, DescribeKey; to undo: DeleteImportedKeyMaterial. By a
    new KMS key: kms:GetKeyPolicy, CreateKey, TagResource, GetParametersForImport, ImportKeyMaterial, UpdateAlias,
    DescribeKey; to undo: ScheduleKeyDeletion.
    """
    row = cloud_key_row(engine.store, cloud_key_id)
    how = check_method(row, method or rotation_method(engine, row))
    in_place = how is RotationMethod.IN_PLACE
    kind = OperationKind.ROTATE if in_place else OperationKind.ROTATE_BY_NEW_KEY
    title = f"Rotate {row.name} {'in place' if in_place else 'by a new KMS key'} ({row.region})"
    if row.busy is not None or why_not(KeyAction.ROTATE, row) is not None:
        # Refused below, before any key material is made.
        _operate(engine, row, _Asked(KeyAction.ROTATE, kind, title), revision, observer)
        return
    with engine.store.read() as session:
        key_set = session.get_one(KeySet, row.key_set_id)
        last = session.exec(select(func.max(col(KeyVersion.number))).where(KeyVersion.cloud_key_id == row.id)).one()
    number, watching = (last or 0) + 1, observer or Silent()
    version = new_version(engine, key_set, row.id, number, row.key_spec, row.region, watching)
    parameters = {"version": version.id, "expires_at": row.expires_at.isoformat() if row.expires_at else None}
    asked = _Asked(KeyAction.ROTATE, kind, title, parameters, lambda session: session.add(version))
    _operate(engine, row, asked, revision, observer)


def edit_cloud_key(
    engine: Engine,
    cloud_key_id: str,
    edit: CloudKeyEdit,
    *,
    overwrite: str | None = None,
    revision: int | None = None,
    observer: Observer | None = None,
) -> bool:
    """Edit CloudKey: description, access, tags, rotation schedule; whether there was anything to change.

    overwrite: the key policy that KMS has, as the user saw it, to be replaced knowingly. Without it, a policy that is
    not as kctui wrote or adopted it is refused (ConflictError, with the difference). kms:DescribeKey, GetKeyPolicy,
    ListResourceTags, UpdateKeyDescription, UntagResource, TagResource, PutKeyPolicy: of these what the edit needs, and
    the same to undo. Raises InvalidInputError too.
    """
    plan = plan_edit(engine, cloud_key_id, edit, overwrite=overwrite)
    if not plan.changes:
        return False
    row = cloud_key_row(engine.store, cloud_key_id)
    what = ", ".join(change.what for change in plan.changes)
    title = f"{OperationKind.EDIT.value} {_named(row)}: {what}"
    asked = _Asked(KeyAction.EDIT, OperationKind.EDIT, title, plan.parameters)
    _operate(engine, row, asked, plan.revision if revision is None else revision, observer)
    return True


def rotation_method(engine: Engine, row: CloudKeyRow) -> RotationMethod:
    """How Rotate Now works on a CloudKey: as its Key Set says; by a new KMS key where nothing else is possible."""
    if row.key_spec is not KeySpec.SYMMETRIC_DEFAULT:
        return RotationMethod.NEW_KEY
    with engine.store.read() as session:
        return session.get_one(KeySet, row.key_set_id).rotation_method


def confirmation(engine: Engine, action: KeyAction, row: CloudKeyRow) -> Confirmation:
    """What must be typed before an action that hurts: the CloudKey's name."""
    with engine.store.read() as session:
        group_id = session.get_one(KeySet, row.key_set_id).group_id
    objects = {"Key Set": row.key_set, "Region": row.region, "KeyId": row.kms_key_id or "none"}
    return Confirmation(action.value, "CloudKey", row.name, AuditCategory.CLOUD_KEY, group_id, objects)


def check_method(row: CloudKeyRow, method: RotationMethod) -> RotationMethod:
    """Raise InvalidInputError where a CloudKey cannot be rotated so."""
    if method is RotationMethod.IN_PLACE and row.key_spec is not KeySpec.SYMMETRIC_DEFAULT:
        raise InvalidInputError(
            f"{row.name} cannot be rotated in place",
            detail=f"AWS does that with symmetric keys only; this one is {row.key_spec.value}.",
            remedy="Rotate it by a new KMS key.",
            field="method",
        )
    return method


def check_days(days: int) -> int:
    """The waiting period of a deletion: AWS takes 7 to 30 days. Raises InvalidInputError."""
    if not LEAST_DAYS <= days <= MOST_DAYS:
        raise InvalidInputError(
            f"A key cannot be deleted in {days} days",
            remedy=f"AWS takes {LEAST_DAYS} to {MOST_DAYS} days.",
            field="days",
        )
    return days


def _named(row: CloudKeyRow) -> str:
    return f"{row.name} ({row.region})"


def _operate(engine: Engine, row: CloudKeyRow, asked: _Asked, revision: int | None, observer: Observer | None) -> None:
    kind = asked.kind
    objects = {"CloudKey": row.name, "Key Set": row.key_set, "Region": row.region, "KeyId": row.kms_key_id or "none"}
    with engine.store.read() as session:
        group_id = session.get_one(KeySet, row.key_set_id).group_id
    try:
        engine.require_writable(kind.value)
        engine.keyring.group(group_id)
        # A busy key is the journal's to refuse: it alone knows whether the owner lives.
        reason = why_not(asked.action, row) if row.busy is None else None
        if reason is not None:
            raise RefusedError(
                f"{asked.action.value} is not possible for {row.name}: {reason}",
                remedy="Refresh to see its present state.",
            )
        beginning = Beginning(
            kind,
            row.id,
            group_id,
            asked.title,
            {"objects": objects, **asked.parameters},
            row.revision if revision is None else revision,
        )
        run = begin(engine, beginning, asked.also)
    except KctuiError as error:
        audit_refusal(engine, kind, objects, error, group_id)
        raise
    run_to_end(engine, run, DEFINITIONS[kind], observer or Silent())
