"""Rotate Now in place: new key material into the same KMS key, under the same key id (RotateKeyOnDemand).

For symmetric keys of imported material (AWS KMS Developer Guide, Rotating keys with imported key material). The new
material is sealed before AWS hears of it, waits in KMS as PENDING_ROTATION, and then becomes the current one; what
was encrypted before still decrypts with the earlier material. Until RotateKeyOnDemand it is taken back by deleting
the waiting material.
"""

import time
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, effect_unknown
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
    send_material,
    versions_in,
    versions_of,
)
from kctui.core.operations.journal import Answer, Run
from kctui.core.operations.runner import Undone
from kctui.core.words import MOST_ROTATIONS, CloudStatus, ImportState, MaterialState, OperationState, ScheduleKind

ROTATE = "RotateKeyOnDemand"
_IMPORTS = frozenset(f"ImportKeyMaterial {number}" for number in range(1, 1000))


class RotateInPlace:
    """The steps, and how they are taken back."""

    effects = frozenset({ROTATE}) | _IMPORTS

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms, version = kms_of(run.engine, key), new_version_of(run)
        prove_copy(run, observer, version)
        self._check(run, observer, kms, key)
        self._import(run, observer, kms, key, version)
        self._rotate(run, observer, kms, key, new_version_of(run))
        confirm(run, observer, kms, {CloudStatus.AVAILABLE}, before=set())

    def can_undo(self, run: Run) -> bool:
        """Until the rotation may have happened: nothing can be under a material that was never current."""
        return not run.may_have_happened({ROTATE})

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Delete the waiting material, if it is ours, and forget the version: nothing was ever under it."""
        key, version = run.key(), new_version_of(run)
        begun = run.may_have_happened({import_step(version)})
        if begun:
            kms = kms_of(run.engine, key)

            def effect() -> Answer:
                waiting = _waiting(kms.materials(key.kms_key_id or ""))
                if waiting is None or not _is_ours(run, kms, key, version, waiting):
                    return Answer(detail="it is not there")
                return Answer(kms.delete_material(key.kms_key_id or "", waiting.key_material_id))

            run.step("Undo: DeleteImportedKeyMaterial", effect, observer)

        def forget(session: Session) -> None:
            session.delete(session.get_one(KeyVersion, version.id))

        return Undone(OperationState.UNDONE if begun else OperationState.FAILED, forget)

    def _check(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        def effect() -> Answer:
            materials = kms.materials(key.kms_key_id or "")
            used = sum(material.on_demand for material in materials)
            if used >= MOST_ROTATIONS:
                raise RefusedError(
                    f"{key.name} was rotated in place {used} times: AWS allows {MOST_ROTATIONS}",
                    remedy="Rotate it by a new KMS key: the alias moves, and the count begins anew.",
                )
            if _waiting(materials) is not None:
                raise ConflictError(
                    f"Key material that is not kctui's waits for a rotation of {key.name}",
                    remedy="Find out who imported it (CloudTrail); rotate in AWS, or delete that material there.",
                )
            return Answer(detail=f"{MOST_ROTATIONS - used} rotations left", data={"used": used})

        def keep(session: Session, answer: Answer) -> None:
            session.get_one(CloudKey, key.id).rotations_used = int(answer.data["used"])

        run.step("Check rotations", effect, observer, keep=keep)

    def _import(self, run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
        key_id, valid_to = key.kms_key_id or "", expiry_of(run)

        def effect() -> Answer:
            imported = send_material(run, kms, key_id, version, valid_to, new=True)
            return Answer(imported.request_id, data={"key_material_id": imported.key_material_id})

        def recovered_effect() -> Answer:
            """A material that waits already is that of an earlier try, whose answer was lost; or somebody else's."""
            try:
                return effect()
            except AwsRefusedError as error:
                try:
                    found = look(None)
                except KctuiError:
                    raise error from None
                if found is None:
                    raise
                return found

        def look(_step: OperationStep | None) -> Answer | None:
            waiting = _waiting(kms.materials(key_id))
            if waiting is None or not _is_ours(run, kms, key, version, waiting):
                return None
            return Answer(detail="it waits already", data={"key_material_id": waiting.key_material_id})

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(KeyVersion, version.id)
            row.kms_key_id, row.key_material_id = key_id, answer.data["key_material_id"]
            row.import_state, row.material_state = ImportState.IMPORTED, MaterialState.PENDING_ROTATION
            row.imported_at, row.expires_at = now(), valid_to

        run.step(import_step(version), recovered_effect, observer, look=look, keep=keep)

    def _rotate(self, run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
        key_id = key.kms_key_id or ""

        def effect() -> Answer:
            try:
                request_id: str | None = kms.rotate(key_id)
            except (AwsRefusedError, AwsUnreachableError) as error:
                if not effect_unknown(error):
                    raise
                try:
                    shown = _await_current(run, kms, key_id, version)
                except KctuiError:
                    raise error from None
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

        def look(_step: OperationStep) -> Answer | None:
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
    return next((material for material in materials if material.state is MaterialState.PENDING_ROTATION), None)


def _is_ours(run: Run, kms: Kms, key: CloudKey, version: KeyVersion, waiting: KmsMaterial) -> bool:
    """Whether the waiting material is this version's: KMS takes our copy for it only where it is the same."""
    if version.key_material_id is not None:
        return version.key_material_id == waiting.key_material_id
    if waiting.key_material_id in {other.key_material_id for other in versions_in(run.engine, key)}:
        return False
    try:
        send_material(run, kms, key.kms_key_id or "", version, expiry_of(run), key_material_id=waiting.key_material_id)
    except AwsRefusedError as error:
        if error.code == "IncorrectKeyMaterialException":
            return False
        raise
    return True


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
