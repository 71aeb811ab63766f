"""Changes of Key Sets: editing one, and removing one that has no CloudKeys."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from kctui.core.audit import AuditEvent
from kctui.core.confirmation import Confirmation
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, LockedError, NotFoundError, RefusedError, StoreError
from kctui.core.key_sets import check_values, refuse_taken_name
from kctui.core.model import CloudKey, KeySet
from kctui.core.validation import rotation_text
from kctui.core.words import AuditCategory, AuditType, CloudStatus, RotationMethod

_REMOVE = "Remove Key Set"


@dataclass(frozen=True)
class KeySetValues:
    """What of a Key Set can be edited. Its CloudKeys keep the schedule that they have."""

    name: str
    description: str
    rotation_days: int | None
    rotation_method: RotationMethod


def edit_key_set(engine: Engine, key_set_id: str, values: KeySetValues, *, revision: int) -> list[str]:
    """Edit Key Set; what was changed, in words: empty where nothing was.

    revision: of the row the user looked at. Raises InvalidInputError, NotFoundError, LockedError for who is not in its
    Admin Group, and ConflictError for a name that is taken, or a row that was changed meanwhile.
    """
    engine.require_writable("Edit Key Set")
    check_values(values.name, values.description, values.rotation_days)
    with engine.store.write() as session:
        row = _present(session, key_set_id, revision)
        engine.keyring.group(row.group_id)
        changes = _changes(row, values)
        if not changes:
            return []
        if row.name != values.name:
            refuse_taken_name(session, values.name)
        before = row.name
        _take_turn(session, row, vars(values))
        engine.audit.record(
            session,
            AuditEvent(
                AuditType.INFORMATION,
                AuditCategory.KEY_SET,
                f"Edited Key Set {before}: {'; '.join(changes)}",
                {"Key Set": values.name},
                group_id=row.group_id,
            ),
        )
    return changes


def remove_key_set(engine: Engine, key_set_id: str, *, confirmation: str, revision: int) -> None:
    """Remove Key Set: only one without CloudKeys, and only when its name was typed.

    Nothing changes in AWS. Raises NotFoundError, LockedError, RefusedError for a wrong name or a Key Set that has
    CloudKeys (both are in the audit log), and ConflictError when it was changed meanwhile.
    """
    engine.require_writable(_REMOVE)
    with engine.store.read() as session:
        row = _present(session, key_set_id, revision)
    engine.keyring.group(row.group_id)
    Confirmation(_REMOVE, "Key Set", row.name, AuditCategory.KEY_SET, row.group_id).require(engine, confirmation)
    try:
        with engine.store.write() as session:
            _refuse_used(session, row)
            _take_turn(session, row, {})
            session.execute(sa.delete(KeySet).where(col(KeySet.id) == row.id))
            engine.audit.record(session, _event(row, AuditType.INFORMATION, f"Removed Key Set {row.name}"))
    except KctuiError as error:
        _note_refusal(engine, row, error)
        raise


def _present(session: Session, key_set_id: str, revision: int) -> KeySet:
    row = session.get(KeySet, key_set_id)
    if row is None:
        raise NotFoundError("That Key Set is no longer there", remedy="Refresh.")
    if row.revision != revision:
        raise _changed(row)
    return row


def _changed(row: KeySet) -> ConflictError:
    return ConflictError(
        f"The Key Set {row.name} was changed meanwhile", remedy="Look at it again, then decide. Nothing was done."
    )


def _take_turn(session: Session, row: KeySet, values: dict[str, Any]) -> None:
    """Write, unless another host did since the row was read."""
    statement = (
        sa.update(KeySet)
        .where(col(KeySet.id) == row.id, col(KeySet.revision) == row.revision)
        .values(**values, revision=row.revision + 1)
        .execution_options(synchronize_session=False)
    )
    if session.connection().execute(statement).rowcount != 1:
        raise _changed(row)


def _changes(row: KeySet, values: KeySetValues) -> list[str]:
    changes = []
    if row.name != values.name:
        changes.append(f"name {row.name} → {values.name}")
    if row.description != values.description:
        changes.append("description")
    if row.rotation_days != values.rotation_days:
        changes.append(f"rotation schedule {rotation_text(row.rotation_days)} → {rotation_text(values.rotation_days)}")
    if row.rotation_method is not values.rotation_method:
        changes.append(f"rotation method {row.rotation_method.value} → {values.rotation_method.value}")
    return changes


def _refuse_used(session: Session, row: KeySet) -> None:
    statement = select(CloudKey.cloud_status, func.count()).where(CloudKey.key_set_id == row.id)
    counts = dict(session.exec(statement.group_by(col(CloudKey.cloud_status))).all())
    if not counts:
        return
    keys = sum(counts.values())
    deleted = counts.get(CloudStatus.DELETED, 0)
    also = f", {deleted:,} of them DELETED" if deleted else ""
    raise RefusedError(
        f"{_REMOVE} of {row.name} is refused: it has CloudKeys",
        detail=f"{keys:,} CloudKey{'' if keys == 1 else 's'}{also}; kctui holds their key material and their history.",
        remedy="Only a Key Set without CloudKeys can be removed. Nothing was done.",
    )


def _event(row: KeySet, weight: AuditType, message: str) -> AuditEvent:
    return AuditEvent(weight, AuditCategory.KEY_SET, message, {"Key Set": row.name}, group_id=row.group_id)


def _note_refusal(engine: Engine, row: KeySet, error: KctuiError) -> None:
    """Put a refusal into the audit log. Best effort: the refusal comes first."""
    if isinstance(error, RefusedError) and not isinstance(error, LockedError):
        with suppress(StoreError):
            engine.audit.note(_event(row, AuditType.WARNING, error.title))
