"""Upload to Cloud and Remove from Cloud: our copies of all versions go into the KMS key, or out of it.

A symmetric KMS key works only while every material that was ever current in it is there (AWS KMS Developer Guide,
Importing key material), so both are about all versions of the present KMS key. Each copy is proven before the first
step that changes anything.
"""

from datetime import datetime

from sqlmodel import Session

from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, NeedsRecoveryError, RefusedError
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.observer import Observer
from kctui.core.operations.importing import (
    confirm,
    expiry_of,
    import_version,
    keep_status,
    kms_of,
    prove_before_taking,
    prove_copy,
    refuse_passed,
    status_of,
    versions_in,
)
from kctui.core.operations.journal import Answer, ChangedElsewhereError, Run
from kctui.core.operations.runner import Undone
from kctui.core.operations.switching import NothingToUndo
from kctui.core.timing import eventually
from kctui.core.words import CloudStatus, ImportState, KeySpec, MaterialState, OperationState, StepState

_NUMBERS = range(1, 1000)


class Upload(NothingToUndo):
    """Import our copy of every version of the KMS key again; with another expiration, where one is given."""

    effects = frozenset(f"ImportKeyMaterial {number}" for number in _NUMBERS)

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms, versions = kms_of(run.engine, key), versions_in(run.engine, key)
        for version in versions:
            prove_copy(run, observer, version)
        refuse_passed(run, key)
        valid_to = expiry_of(run)
        if not run.may_have_happened(self.effects):
            _refuse_otherwise(run, kms, key)
            _refuse_strangers(key, kms, versions)
        for version in versions:
            import_version(run, observer, kms, key.kms_key_id or "", version, valid_to)
        try:
            confirm(
                run,
                observer,
                kms,
                {CloudStatus.AVAILABLE},
                before={CloudStatus.NOT_AVAILABLE},
                settled=lambda seen: _same_moment(seen.valid_to, valid_to),
            )
        except NeedsRecoveryError:
            _refuse_strangers(key, kms, versions, ChangedElsewhereError)
            raise


class Remove:
    """Delete the imported material of every version; what was deleted is imported again where a deletion is refused."""

    effects = frozenset(f"DeleteImportedKeyMaterial {number}" for number in _NUMBERS)

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms, versions = kms_of(run.engine, key), versions_in(run.engine, key)
        if not versions:
            raise RefusedError(
                f"kctui holds no copy of the key material of {key.name}", detail="It could not be put back."
            )
        prove_before_taking(run, observer, versions, map(_step, versions))
        for version in versions:
            _identify(run, observer, kms, key, version)
        for version in versions_in(run.engine, key):
            _delete(run, observer, kms, key, version)
        confirm(
            run,
            observer,
            kms,
            {CloudStatus.NOT_AVAILABLE},
            before={CloudStatus.AVAILABLE, CloudStatus.DISABLED},
        )

    def can_undo(self, run: Run) -> bool:
        """Until the last material is gone: from then on what was asked for is done."""
        steps = {step.name for step in run.steps() if step.state is StepState.DONE}
        return not all(_step(version) in steps for version in versions_in(run.engine, run.key()))

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Import again what was deleted, so that the key is as it was."""
        key = run.key()
        gone = [version for version in versions_in(run.engine, key) if run.may_have_happened({_step(version)})]
        if not gone:
            return Undone(OperationState.FAILED)
        kms = kms_of(run.engine, key)
        # AWS would have deleted these by now, and takes no date that has passed.
        expired = [version for version in gone if version.expires_at is not None and version.expires_at <= now()]
        for version in gone:
            if version not in expired:
                name = f"Undo: ImportKeyMaterial {version.number}"
                import_version(run, observer, kms, key.kms_key_id or "", version, version.expires_at, step=name)
        if expired:
            seen = status_of(kms.describe(key.kms_key_id or ""))
            return Undone(OperationState.UNDONE, lambda session: keep_status(session.get_one(CloudKey, key.id), seen))
        if run.operation.parameters["before"] == CloudStatus.DISABLED.value:
            # An import enables the key.
            run.step("Undo: DisableKey", lambda: Answer(kms.disable(key.kms_key_id or "")), observer)
        return Undone(OperationState.UNDONE)


def _step(version: KeyVersion) -> str:
    return f"DeleteImportedKeyMaterial {version.number}"


def _identify(run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
    """Step: find out which material is the version's. KMS deletes the current one, whose-ever, where none is named."""
    if key.key_spec is not KeySpec.SYMMETRIC_DEFAULT or version.key_material_id is not None:
        return

    def effect() -> Answer:
        return Answer(data={"key_material_id": material_of(run.engine, kms, key, version)})

    def keep(session: Session, answer: Answer) -> None:
        session.get_one(KeyVersion, version.id).key_material_id = answer.data["key_material_id"]

    run.step(f"Find the material {version.number}", effect, observer, keep=keep)


def material_of(engine: Engine, kms: Kms, key: CloudKey, version: KeyVersion) -> str:
    """The id of the material that is no other version's. Raises ConflictError where there is not exactly one.

    kms:ListKeyRotations.
    """
    known = {other.key_material_id for other in versions_in(engine, key)}
    left = [held.key_material_id for held in kms.materials(key.kms_key_id or "") if held.key_material_id not in known]
    if len(left) != 1:
        raise ConflictError(
            f"Which key material of {key.name} is version {version.number} cannot be told",
            detail=f"Its id was never recorded, and {len(left)} materials in KMS are no other version's.",
            remedy="Find out who imported the others (CloudTrail), and delete the material in AWS.",
        )
    return left[0]


def _delete(run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
    """After a lost answer it is sent again: a material that is gone already is no error."""

    def effect() -> Answer:
        return Answer(kms.delete_material(key.kms_key_id or "", version.key_material_id))

    def keep(session: Session, _answer: Answer) -> None:
        session.get_one(KeyVersion, version.id).import_state = ImportState.PENDING_IMPORT

    run.step(_step(version), effect, observer, keep=keep)


def _refuse_otherwise(run: Run, kms: Kms, key: CloudKey) -> None:
    """Raise where KMS says something else than the row: an import would enable a key that somebody disabled."""
    seen = eventually(run.engine.timing, lambda: kms.describe(key.kms_key_id or ""))
    if seen.status is not key.cloud_status:
        raise ConflictError(
            f"{key.name} was changed elsewhere meanwhile: KMS says {seen.key_state}",
            detail="An import would enable it. Nothing was done.",
            remedy="Refresh to see its present state, and find out who changed it (CloudTrail).",
        )


def _refuse_strangers(
    key: CloudKey, kms: Kms, versions: list[KeyVersion], error_class: type[ConflictError] = ConflictError
) -> None:
    """Raise where material that is not ours is missing: the key does not work until that is imported, too."""
    ours = {version.key_material_id for version in versions}
    if key.key_spec is not KeySpec.SYMMETRIC_DEFAULT or None in ours:
        return
    try:
        held = kms.materials(key.kms_key_id or "")
    except AwsRefusedError as error:
        if error.refusal is Refusal.ACCESS:
            return
        raise
    missing = [
        material.key_material_id
        for material in held
        if material.key_material_id not in ours
        and material.import_state is ImportState.PENDING_IMPORT
        and material.state in {MaterialState.CURRENT, MaterialState.NON_CURRENT}
    ]
    if missing:
        raise error_class(
            f"{key.name} lacks key material that is not kctui's: it does not work without",
            detail=f"Missing is {', '.join(missing)}.",
            remedy="Find out who imported it (CloudTrail), and have it imported again; then refresh.",
        )


def _same_moment(seen: datetime | None, wanted: datetime | None) -> bool:
    """KMS keeps expirations to the second."""
    if seen is None or wanted is None:
        return seen is wanted
    return abs((seen - wanted).total_seconds()) < 1
