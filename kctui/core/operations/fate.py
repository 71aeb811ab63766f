"""What became of the KMS key of an operation that can neither go on nor be taken back: such a one is ended.

A key that waits for its deletion, or is gone, refuses for ever. An operation that stayed open on it would keep Cancel
Deletion from being asked for. Our copies are kept, whatever the key came to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from kctui.core.absence import is_doomed, without_key
from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.clock import now
from kctui.core.errors import KctuiError, StoreError, UnprovenError
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.operations.importing import keep_status, kms_of, status_of, versions_of
from kctui.core.operations.journal import ChangedElsewhereError, Run
from kctui.core.words import CloudStatus, MaterialState, OperationKind

_DEFINITE = {Refusal.STATE, Refusal.NOT_FOUND}
_DOOMING = {"ScheduleKeyDeletion", "Undo: ScheduleKeyDeletion"}
# The shortest time in which AWS deletes a key.
_LEAST_WAIT = timedelta(days=7)
# A key without material is neither enabled nor disabled until somebody uploads it.
_ENDED_WITHOUT_MATERIAL = {OperationKind.ENABLE, OperationKind.DISABLE}


@dataclass(frozen=True)
class Fate:
    """How the operation ends. keep: writes what KMS says, as it ends."""

    error: ChangedElsewhereError
    keep: Callable[[Session], None]


def fate_of(run: Run, error: KctuiError) -> Fate | None:
    """Ask KMS what the key is now; None where the operation may still go on later.

    kms:DescribeKey; where that does not find it, kms:ListKeys.
    """
    if not run.cloud_key_id:
        return None
    unproven = isinstance(error, UnprovenError)
    if not unproven and not (isinstance(error, AwsRefusedError) and error.refusal in _DEFINITE):
        return None
    try:
        return _untaken(run, error) if unproven else _ask(run, error)
    except StoreError:
        raise
    except KctuiError:
        # What cannot be asked now is not known: recovery asks again.
        return None


def _untaken(run: Run, error: KctuiError) -> Fate:
    """What would be taken away without a copy that is proven stays: whatever was taken before is kept as KMS says."""
    key = run.key()
    seen = kms_of(run.engine, key).describe(key.kms_key_id or "")

    def keep(session: Session) -> None:
        keep_status(session.get_one(CloudKey, key.id), status_of(seen))

    changed = ChangedElsewhereError(
        f"{run.operation.kind.value} of {key.name} ends here: {error.title}",
        detail=f"KMS says {seen.key_state}. Nothing more is taken away that could not be put back."
        + (f"\n{error.detail}" if error.detail else ""),
        remedy=error.remedy,
    )
    return Fate(changed, keep)


def _ask(run: Run, error: KctuiError) -> Fate | None:
    key, version = run.key(), _apart(run)
    key_id = version.kms_key_id if version else key.kms_key_id
    if key_id is None:
        return None
    kms = kms_of(run.engine, key)
    try:
        seen = kms.describe(key_id)
    except AwsRefusedError as absent:
        if absent.refusal is not Refusal.NOT_FOUND:
            raise
        return _absent(run, key, version, error, listed=key_id in set(kms.key_ids()))
    without = seen.status is CloudStatus.NOT_AVAILABLE and run.operation.kind in _ENDED_WITHOUT_MATERIAL
    if seen.status is not CloudStatus.PENDING_DELETE and not without:
        return None
    remedy = "Upload it to the cloud" if without else "Cancel the deletion"

    def keep(session: Session) -> None:
        if version is None:
            keep_status(session.get_one(CloudKey, key.id), status_of(seen))
        else:
            _keep_apart(session, version.id, cloud_status=seen.status, deletion_date=seen.deletion_date)

    return Fate(
        _changed(
            key, version, f"KMS says {seen.key_state}", error, f"{remedy}, and find out who changed it (CloudTrail)."
        ),
        keep,
    )


def _absent(run: Run, key: CloudKey, version: KeyVersion | None, error: KctuiError, *, listed: bool) -> Fate | None:
    """A key that waited for its deletion is DELETED. One unseen for so long that it may have been is UNKNOWN."""
    doomed = (version.deletion_date is not None if version else is_doomed(key)) or run.may_have_happened(_DOOMING)
    status = without_key(doomed=doomed, listed=listed)
    seen_at = max(run.operation.started_at, (version or key).status_seen_at or run.operation.started_at)
    if listed or (status is CloudStatus.UNKNOWN and now() - seen_at < _LEAST_WAIT):
        return None

    def keep(session: Session) -> None:
        if version is not None:
            _keep_apart(session, version.id, cloud_status=status)
            return
        row = session.get_one(CloudKey, key.id)
        row.cloud_status, row.status_seen_at, row.revision = status, now(), row.revision + 1
        if status is CloudStatus.DELETED:
            row.alias = row.deletion_date = None

    remedy = "Find out who deleted it (CloudTrail). kctui keeps its copies of the key material."
    return Fate(_changed(key, version, "KMS no longer has it", error, remedy), keep)


def _apart(run: Run) -> KeyVersion | None:
    """The version of a rotation by a new KMS key while that is not the CloudKey's yet."""
    wanted, present = run.operation.parameters.get("version"), run.key().kms_key_id
    versions = (version for version in versions_of(run.engine, run.cloud_key_id) if version.id == wanted)
    return next((version for version in versions if version.kms_key_id not in {None, present}), None)


def _keep_apart(session: Session, version_id: str, **values: Any) -> None:
    row = session.get_one(KeyVersion, version_id)
    for name, value in values.items():
        setattr(row, name, value)
    row.material_state, row.status_seen_at = MaterialState.NON_CURRENT, now()


def _changed(
    key: CloudKey, version: KeyVersion | None, said: str, error: KctuiError, remedy: str
) -> ChangedElsewhereError:
    which = f"The new KMS key of {key.name}" if version else key.name
    return ChangedElsewhereError(
        f"{which} was changed elsewhere meanwhile: {said}",
        detail=f"What was begun is not finished, and cannot be: {error.title}",
        remedy=remedy,
    )
