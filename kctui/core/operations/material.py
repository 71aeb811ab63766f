"""Upload to Cloud and Remove from Cloud: our copies of all versions go into the KMS key, or out of it.

A symmetric KMS key works only while every material that was ever current in it is there (AWS KMS Developer Guide,
Importing key material), so both are about all versions of the present KMS key. Each copy is proven before the first
step that changes anything.
"""

from datetime import datetime

from sqlmodel import Session

from kctui.core.aws.kms import Kms
from kctui.core.clock import now
from kctui.core.errors import RefusedError
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.observer import Observer
from kctui.core.operations.importing import (
    confirm,
    expiry_of,
    import_version,
    kms_of,
    prove_copy,
    versions_in,
)
from kctui.core.operations.journal import Answer, Run
from kctui.core.operations.runner import Undone
from kctui.core.operations.switching import NothingToUndo
from kctui.core.words import CloudStatus, ImportState, OperationState, StepState

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
        valid_to = expiry_of(run)
        if valid_to is not None and valid_to <= now():
            raise RefusedError(
                f"The expiration date of {key.name} has passed",
                detail=f"It was {valid_to.date().isoformat()}; AWS deleted the material then.",
                remedy="Upload it with a new expiration, or with none.",
            )
        for version in versions:
            import_version(run, observer, kms, key.kms_key_id or "", version, valid_to)
        confirm(
            run,
            observer,
            kms,
            {CloudStatus.AVAILABLE},
            before={CloudStatus.NOT_AVAILABLE},
            settled=lambda seen: _same_moment(seen.valid_to, valid_to),
        )


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
        for version in versions:
            prove_copy(run, observer, version)
        for version in versions:
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
        for version in gone:
            valid_to = version.expires_at
            name = f"Undo: ImportKeyMaterial {version.number}"
            import_version(run, observer, kms, key.kms_key_id or "", version, valid_to, step=name)
        if run.operation.parameters["before"] == CloudStatus.DISABLED.value:
            # An import enables the key.
            run.step("Undo: DisableKey", lambda: Answer(kms.disable(key.kms_key_id or "")), observer)
        return Undone(OperationState.UNDONE)


def _step(version: KeyVersion) -> str:
    return f"DeleteImportedKeyMaterial {version.number}"


def _delete(run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion) -> None:
    """After a lost answer it is sent again: a material that is gone already is no error."""

    def effect() -> Answer:
        return Answer(kms.delete_material(key.kms_key_id or "", version.key_material_id))

    def keep(session: Session, _answer: Answer) -> None:
        session.get_one(KeyVersion, version.id).import_state = ImportState.PENDING_IMPORT

    run.step(_step(version), effect, observer, keep=keep)


def _same_moment(seen: datetime | None, wanted: datetime | None) -> bool:
    """KMS keeps expirations to the second."""
    if seen is None or wanted is None:
        return seen is wanted
    return abs((seen - wanted).total_seconds()) < 1
