"""Rotate Now in place: new key material into the same KMS key, under the same key id (RotateKeyOnDemand).

For symmetric keys of imported material (AWS KMS Developer Guide, Rotating keys with imported key material). The new
material is sealed before AWS hears of it, waits in KMS as PENDING_ROTATION, and then becomes the current one; what
was encrypted before still decrypts with the earlier material. Until RotateKeyOnDemand it is taken back by deleting
the waiting material.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from kctui.core.audit import AuditEvent
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal, effect_unknown
from kctui.core.aws.kms import Kms, KmsMaterial
from kctui.core.clock import now
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError, RefusedError
from kctui.core.model import CloudKey, KeyVersion, OperationStep, Schedule
from kctui.core.observer import Observer
from kctui.core.operations.importing import (
    confirm,
    expiry_of,
    import_step,
    kms_of,
    prove_copy,
    refuse_passed,
    send_material,
    versions_in,
    versions_of,
)
from kctui.core.operations.journal import Answer, LostOwnershipError, Run
from kctui.core.operations.runner import Undone
from kctui.core.words import (
    MOST_ROTATIONS,
    AuditCategory,
    AuditType,
    CloudStatus,
    ImportState,
    MaterialState,
    OperationState,
    ScheduleKind,
)

ROTATE = "RotateKeyOnDemand"
# AWS's answers where the effect may be there already. OTHER: IncorrectKeyMaterial, Conflict.
_TAKEN = {Refusal.STATE, Refusal.OTHER}
_IMPORTS = frozenset(f"ImportKeyMaterial {number}" for number in range(1, 1000))


class RotateInPlace:
    """The steps, and how they are taken back."""

    effects = frozenset({ROTATE}) | _IMPORTS

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms, version = kms_of(run.engine, key), new_version_of(run)
        prove_copy(run, observer, version)
        if not run.may_have_happened({ROTATE}):
            refuse_passed(run, key)
        self._check(run, observer, kms, key)
        self._import(run, observer, kms, key, version)
        self._rotate(run, observer, kms, key, new_version_of(run))
        confirm(run, observer, kms, {CloudStatus.AVAILABLE}, before=set())

    def can_undo(self, run: Run) -> bool:
        """Until the rotation may have happened: nothing can be under a material that was never current."""
        return not run.may_have_happened({ROTATE})

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Delete the waiting material, if it is ours, and forget the version: nothing was ever under it.

        Where somebody else has rotated to it meanwhile, it stays, and so does our copy.
        """
        version = new_version_of(run)
        if not run.may_have_happened({import_step(version)}):
            return Undone(OperationState.FAILED, lambda session: _forget(session, version.id))
        key = run.key()
        kms = kms_of(run.engine, key)
        sent_at = next(step.started_at for step in run.steps() if step.name == import_step(version))

        def effect() -> Answer:
            found = self._find(run, kms, key, version, until=_settled(run, sent_at))
            if found is None:
                return Answer(detail="it is not there")
            if not _waits(found):
                return _standing(found, kms.materials(key.kms_key_id or ""))
            request_id = kms.delete_material(key.kms_key_id or "", found.key_material_id)
            left = _named(kms.materials(key.kms_key_id or ""), found.key_material_id)
            if left is not None and left.state is not MaterialState.PENDING_ROTATION:
                raise NeedsRecoveryError(
                    "Somebody else rotated to the new key material just as it was taken back",
                    remedy="`kctui recover` keeps it as a version; Upload to Cloud brings it back.",
                )
            return Answer(request_id)

        standing = run.step("Undo: DeleteImportedKeyMaterial", effect, observer).data
        if "state" not in standing:
            return Undone(OperationState.UNDONE, lambda session: _forget(session, version.id))
        return Undone(OperationState.DONE, lambda session: _keep_standing(session, key, version.id, standing))

    def _find(self, run: Run, kms: Kms, key: CloudKey, version: KeyVersion, *, until: datetime) -> KmsMaterial | None:
        """The version's material in KMS. That it is not there counts only once AWS has had time to settle."""
        for pause in (0.0, *run.engine.timing.pauses()):
            time.sleep(pause)
            found = _ours(run, kms, key, version)
            if found is not None or now() >= until:
                return found
        raise NeedsRecoveryError(
            "Whether KMS has the new key material is not certain yet",
            remedy=f"Run `kctui recover` after {until:%H:%M:%S} UTC: by then it shows, or is not there.",
        )

    def _check(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        def effect() -> Answer:
            materials = kms.materials(key.kms_key_id or "")
            reason = why_not_in_place(key.name, materials)
            if reason is not None:
                raise reason
            used = sum(material.on_demand for material in materials)
            return Answer(detail=f"{MOST_ROTATIONS - used} rotations left", data={"used": used})

        def keep(session: Session, answer: Answer) -> None:
            session.get_one(CloudKey, key.id).rotations_used = int(answer.data["used"])

        run.step("Check rotations", effect, observer, keep=keep)

    def _import(self, run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
        key_id, valid_to = key.kms_key_id or "", expiry_of(run)
        sent_at: datetime | None = None

        def effect() -> Answer:
            """A material that is there already is that of an earlier try, whose answer was lost; or somebody else's."""
            try:
                imported = send_material(run, kms, key_id, version, valid_to, new=True)
            except AwsRefusedError as error:
                try:
                    found = _ours(run, kms, key, version)
                except KctuiError:
                    if sent_at is not None:
                        # An earlier try may have brought it there; that cannot be told now.
                        raise _not_certain(error, _settled(run, sent_at)) from error
                    raise error from None
                if found is not None:
                    return _there(found)
                if sent_at is not None and now() < _settled(run, sent_at) and error.refusal in _TAKEN:
                    raise _not_certain(error, _settled(run, sent_at)) from error
                raise
            return Answer(imported.request_id, data={"key_material_id": imported.key_material_id})

        def look(step: OperationStep) -> Answer | None:
            nonlocal sent_at
            sent_at = step.started_at
            found = _ours(run, kms, key, version)
            return _there(found) if found is not None else None

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(KeyVersion, version.id)
            row.kms_key_id, row.key_material_id = key_id, answer.data["key_material_id"]
            row.import_state, row.material_state = ImportState.IMPORTED, MaterialState.PENDING_ROTATION
            row.imported_at, row.expires_at = now(), valid_to

        try:
            run.step(import_step(version), effect, observer, look=look, keep=keep)
        except LostOwnershipError:
            self._withdraw_late(run, kms, key, version)
            raise

    def _withdraw_late(self, run: Run, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
        """Another process undid the rotation while the import was on its way: nobody keeps what came late.

        Where the version is still there, the new owner finds its material, or has it to undo.
        """
        engine, key_id = run.engine, key.kms_key_id or ""
        with engine.store.read() as session:
            if session.get(KeyVersion, version.id) is not None:
                return
        waiting = _waiting(kms.materials(key_id))
        known = {other.key_material_id for other in versions_in(engine, key)}
        if waiting is None or waiting.key_material_id in known or not _is_ours(run, kms, key, version, waiting):
            return
        request_id = kms.delete_material(key_id, waiting.key_material_id)
        engine.audit.note(
            AuditEvent(
                AuditType.CRITICAL,
                AuditCategory.RECOVERY,
                f"{run.operation.title} was taken over: the key material that came late was deleted",
                {"CloudKey": key.name, "KeyId": key_id, "Operation": run.operation.id},
                (request_id,),
                group_id=run.operation.group_id,
            )
        )

    def _rotate(self, run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
        key_id = key.kms_key_id or ""
        sent_at: datetime | None = None

        def effect() -> Answer:
            until = _settled(run, sent_at or now())
            try:
                request_id: str | None = kms.rotate(key_id)
            except (AwsRefusedError, AwsUnreachableError) as error:
                # Nothing waits any more, or a rotation is going on: an earlier try of ours, or somebody else's.
                taken = isinstance(error, AwsRefusedError) and error.refusal in _TAKEN
                if not taken and not effect_unknown(error):
                    raise
                try:
                    shown = _await_current(run, kms, key_id, version)
                    works = kms.describe(key_id).status is CloudStatus.AVAILABLE
                except KctuiError:
                    raise error from None
                if shown is None and taken and works and now() < until:
                    raise _not_certain(error, until) from error
                if shown is None:
                    raise
                return shown
            shown = _await_current(run, kms, key_id, version)
            if shown is None:
                raise NeedsRecoveryError(
                    "KMS does not show the new key material as current yet",
                    remedy="`kctui recover` asks again, and goes on from there.",
                )
            return Answer(request_id, shown.detail, shown.data)

        def look(step: OperationStep) -> Answer | None:
            nonlocal sent_at
            sent_at = step.started_at
            return _await_current(run, kms, key_id, version)

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(CloudKey, key.id)
            row.rotations_used = int(answer.data["used"])
            make_current(session, row, version.id, answer.data["rotated_at"])

        run.step(ROTATE, effect, observer, look=look, keep=keep)


def new_version_of(run: Run) -> KeyVersion:
    """The version that the operation was begun with."""
    wanted = run.operation.parameters["version"]
    return next(version for version in versions_of(run.engine, run.cloud_key_id) if version.id == wanted)


def why_not_in_place(name: str, materials: list[KmsMaterial]) -> RefusedError | None:
    """Why a CloudKey with these materials cannot be rotated in place now; None where it can."""
    used = sum(material.on_demand for material in materials)
    if used >= MOST_ROTATIONS:
        return RefusedError(
            f"{name} was rotated in place {used} times: AWS allows {MOST_ROTATIONS}",
            remedy="Rotate it by a new KMS key: the alias moves, and the count begins anew.",
        )
    if _waiting(materials) is not None:
        return ConflictError(
            f"Key material that is not kctui's waits for a rotation of {name}",
            remedy="Find out who imported it (CloudTrail); rotate in AWS, or delete that material there.",
        )
    return None


def make_current(session: Session, row: CloudKey, version_id: str, rotated_at: str | None) -> None:
    """Let a version be the CloudKey's current one, and its next rotation count from now."""
    for version in session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == row.id)):
        if version.id == version_id:
            version.material_state = MaterialState.CURRENT
            version.rotated_at = datetime.fromisoformat(rotated_at) if rotated_at else now()
        elif version.material_state is MaterialState.CURRENT:
            version.material_state = MaterialState.NON_CURRENT
    row.revision += 1
    schedule = session.exec(
        select(Schedule).where(col(Schedule.kind) == ScheduleKind.ROTATE_CLOUD_KEY, col(Schedule.target_id) == row.id)
    ).one_or_none()
    if schedule is not None:
        schedule.due_at = now() + timedelta(days=schedule.every_days)


def _waiting(materials: list[KmsMaterial]) -> KmsMaterial | None:
    """The material that waits for RotateKeyOnDemand: there is at most one in a KMS key."""
    return next((material for material in materials if _waits(material)), None)


def _waits(material: KmsMaterial) -> bool:
    """Whether it waits for RotateKeyOnDemand. One that was deleted leaves its place to another."""
    return material.state is MaterialState.PENDING_ROTATION and material.import_state is not ImportState.PENDING_IMPORT


def _named(materials: list[KmsMaterial], key_material_id: str) -> KmsMaterial | None:
    return next((material for material in materials if material.key_material_id == key_material_id), None)


def _ours(run: Run, kms: Kms, key: CloudKey, version: KeyVersion) -> KmsMaterial | None:
    """The version's material in the KMS key, wherever it stands there; None where it shows none."""
    materials = kms.materials(key.kms_key_id or "")
    if version.key_material_id is not None:
        found = _named(materials, version.key_material_id)
        gone = found is not None and found.state is MaterialState.PENDING_ROTATION and not _waits(found)
        return None if gone else found
    known = {other.key_material_id for other in versions_in(run.engine, key)}
    present = [material for material in materials if material.import_state is not ImportState.PENDING_IMPORT]
    strangers = [material for material in present if material.key_material_id not in known]
    return next((material for material in strangers if _is_ours(run, kms, key, version, material)), None)


def _is_ours(run: Run, kms: Kms, key: CloudKey, version: KeyVersion, stranger: KmsMaterial) -> bool:
    """Whether a material is this version's: KMS takes our copy for it only where it is the same."""
    valid_to, key_id = expiry_of(run), key.kms_key_id or ""
    if valid_to is not None and valid_to <= now():
        # AWS would refuse the date. A rotation that comes so late is taken back.
        valid_to = None
    try:
        send_material(run, kms, key_id, version, valid_to, key_material_id=stranger.key_material_id)
    except AwsRefusedError as error:
        if error.code == "IncorrectKeyMaterialException":
            return False
        raise
    return True


def _there(found: KmsMaterial) -> Answer:
    return Answer(detail="it is there already", data={"key_material_id": found.key_material_id})


def _settled(run: Run, sent_at: datetime) -> datetime:
    """When what was sent then shows, or did not happen."""
    return sent_at + timedelta(seconds=run.engine.timing.settle)


def _not_certain(error: KctuiError, until: datetime) -> NeedsRecoveryError:
    return NeedsRecoveryError(
        f"{error.title}, which may come of an earlier try",
        detail=error.detail,
        remedy=f"Run `kctui recover` after {until:%H:%M:%S} UTC: by then it shows.",
    )


def _standing(found: KmsMaterial, materials: list[KmsMaterial]) -> Answer:
    """What KMS says of a material that cannot be taken back any more."""
    return Answer(
        detail="somebody else rotated to it: it stays",
        data={
            "state": found.state.value if found.state else MaterialState.NON_CURRENT.value,
            "key_material_id": found.key_material_id,
            "import_state": found.import_state.value if found.import_state else ImportState.IMPORTED.value,
            "valid_to": found.valid_to.isoformat() if found.valid_to else None,
            "rotated_at": found.rotated_at.isoformat() if found.rotated_at else None,
            "used": sum(material.on_demand for material in materials),
        },
    )


def _keep_standing(session: Session, key: CloudKey, version_id: str, standing: dict[str, Any]) -> None:
    """Keep the version as KMS has it: there is never a material in KMS that we lack."""
    version, row = session.get_one(KeyVersion, version_id), session.get_one(CloudKey, key.id)
    version.kms_key_id, version.key_material_id = key.kms_key_id, standing["key_material_id"]
    version.import_state = ImportState(standing["import_state"])
    version.material_state = MaterialState(standing["state"])
    version.expires_at = datetime.fromisoformat(standing["valid_to"]) if standing["valid_to"] else None
    row.rotations_used = int(standing["used"])
    if version.material_state is MaterialState.CURRENT:
        make_current(session, row, version_id, standing["rotated_at"])


def _forget(session: Session, version_id: str) -> None:
    session.delete(session.get_one(KeyVersion, version_id))


def _await_current(run: Run, kms: Kms, key_id: str, version: KeyVersion) -> Answer | None:
    """Ask until KMS shows the version as the current material; None where it does not within patience."""
    for pause in (0.0, *run.engine.timing.pauses()):
        time.sleep(pause)
        materials = kms.materials(key_id)
        for material in materials:
            if material.key_material_id == version.key_material_id and material.state is MaterialState.CURRENT:
                at = material.rotated_at.isoformat() if material.rotated_at else None
                used = sum(each.on_demand for each in materials)
                return Answer(detail="the new material is current", data={"rotated_at": at, "used": used})
    return None
