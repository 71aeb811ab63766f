"""The steps that create, upload and later operations share: wrapping and importing material, asking KMS again."""

import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from kctui.core.aws.kms import Imported, Kms, KmsKey
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError, NeedsRecoveryError, RefusedError, StoreError, UnprovenError
from kctui.core.material.custody import note_proven, prove, wrap_for_aws, wrapping_algorithm
from kctui.core.model import CloudKey, CspAccount, KeyVersion
from kctui.core.observer import Observer
from kctui.core.operations.journal import Answer, ChangedElsewhereError, Run
from kctui.core.timing import eventually
from kctui.core.words import CloudStatus, ImportState, KeySource, KeySpec, MaterialState, cloud_status

CONFIRM = "Confirm"


def kms_of(engine: Engine, key: CloudKey) -> Kms:
    """KMS where the CloudKey lives, with its CSP Account's credentials."""
    with engine.store.read() as session:
        account = session.get_one(CspAccount, key.csp_account_id)
    return engine.clients.session(account).kms(key.region)


def versions_of(engine: Engine, cloud_key_id: str) -> list[KeyVersion]:
    """The versions of a CloudKey, the first first."""
    with engine.store.read() as session:
        return list(
            session.exec(
                select(KeyVersion).where(KeyVersion.cloud_key_id == cloud_key_id).order_by(col(KeyVersion.number))
            )
        )


def versions_in(engine: Engine, key: CloudKey) -> list[KeyVersion]:
    """The versions whose material belongs into the CloudKey's present KMS key: all of them, or it does not work.

    A key that never got its first material has that still to come.
    """
    versions = versions_of(engine, key.id)
    imported = [version for version in versions if version.kms_key_id == key.kms_key_id]
    return imported or [version for version in versions if version.kms_key_id is None]


def expiry_of(run: Run) -> datetime | None:
    """The expiration that the operation was begun with; None is never."""
    text = run.operation.parameters.get("expires_at")
    return datetime.fromisoformat(text) if text else None


def refuse_passed(run: Run, key: CloudKey) -> None:
    """Raise RefusedError where the expiration that the operation was begun with has passed: AWS takes none such."""
    valid_to = expiry_of(run)
    if valid_to is not None and valid_to <= now():
        raise RefusedError(
            f"The expiration date of {key.name} has passed",
            detail=f"It was {valid_to.date().isoformat()}; AWS deleted the material then.",
            remedy="Upload it with a new expiration, or with none.",
        )


def prove_copy(run: Run, observer: Observer, version: KeyVersion) -> None:
    """Step: open our copy and check its fingerprint, before anything relies on it."""
    engine = run.engine

    def effect() -> Answer:
        prove(engine, run.operation.group_id, version, run.key().key_spec)
        return Answer(detail=f"version {version.number} opens and matches")

    def keep(session: Session, _answer: Answer) -> None:
        note_proven(session, version.id)

    run.step(_proof_step(version), effect, observer, keep=keep)


def prove_before_taking(run: Run, observer: Observer, versions: Iterable[KeyVersion], effects: Iterable[str]) -> None:
    """Steps: prove our copies, as `prove_copy`; once more where an earlier run did, and left something to take away.

    A proof holds for the run that made it: the copy, or the token that opens it, may be gone by a later recovery.
    Raises UnprovenError then.
    """
    left = any(run.done(effect) is None for effect in effects)
    for version in versions:
        proven_before = run.done(_proof_step(version)) is not None
        prove_copy(run, observer, version)
        if not (proven_before and left):
            continue
        try:
            prove(run.engine, run.operation.group_id, version, run.key().key_spec)
        except StoreError:
            raise
        except KctuiError as error:
            raise UnprovenError(
                f"Our copy of version {version.number} cannot be proven any more: {error.title}",
                detail=error.detail,
                remedy=error.remedy,
            ) from error


def _proof_step(version: KeyVersion) -> str:
    return f"Prove our copy {version.number}"


def import_step(version: KeyVersion) -> str:
    """The name of the step that imports a version."""
    return f"ImportKeyMaterial {version.number}"


def import_version(
    run: Run,
    observer: Observer,
    kms: Kms,
    kms_key_id: str,
    version: KeyVersion,
    valid_to: datetime | None,
    *,
    step: str = "",
) -> None:
    """Step: wrap our copy to AWS's public key and import it. step: its name, where it is not the usual.

    After a lost answer it is done again: the same material may be imported any number of times (AWS KMS Developer
    Guide, Reimporting key material).
    """

    def effect() -> Answer:
        imported = send_material(run, kms, kms_key_id, version, valid_to)
        # Only of a symmetric key may a material be named (AWS KMS API Reference, ImportKeyMaterial, KeyMaterialId).
        named = imported.key_material_id if run.key().key_spec is KeySpec.SYMMETRIC_DEFAULT else None
        return Answer(imported.request_id, data={"key_material_id": named})

    def keep(session: Session, answer: Answer) -> None:
        row = session.get_one(KeyVersion, version.id)
        row.kms_key_id = kms_key_id
        row.key_material_id = answer.data.get("key_material_id") or row.key_material_id
        row.import_state, row.imported_at, row.expires_at = ImportState.IMPORTED, now(), valid_to
        if row.material_state is MaterialState.MADE:
            row.material_state = MaterialState.CURRENT

    run.step(step or import_step(version), effect, observer, keep=keep)


def send_material(
    run: Run,
    kms: Kms,
    kms_key_id: str,
    version: KeyVersion,
    valid_to: datetime | None,
    *,
    new: bool = False,
    key_material_id: str | None = None,
) -> Imported:
    """Open our copy, wrap it to a fresh public key of AWS's and import it: no plaintext outlives the call.

    new: as a further material, beside those that are there. key_material_id: which material of the KMS key it must
    be; the version's own where it has one. kms:GetParametersForImport, kms:ImportKeyMaterial.
    """
    engine, key = run.engine, run.key()
    group_id = run.operation.group_id
    algorithm = wrapping_algorithm(engine, version, key.key_spec, key.region)
    parameters = eventually(engine.timing, lambda: kms.import_parameters(kms_key_id, algorithm.value))
    encrypted = wrap_for_aws(engine, group_id, version, key.key_spec, key.region, parameters.public_key, algorithm)
    return kms.import_material(
        kms_key_id,
        import_token=parameters.import_token,
        encrypted=encrypted,
        valid_to=valid_to,
        key_material_id=key_material_id or (None if new else version.key_material_id),
        new=new,
    )


def confirm(
    run: Run,
    observer: Observer,
    kms: Kms,
    expected: Collection[CloudStatus],
    *,
    before: Collection[CloudStatus],
    settled: Callable[[KmsKey], bool] = lambda _key: True,
) -> CloudStatus:
    """Step: ask KMS until the key is as it should be, and keep what it says. Nothing is claimed before.

    settled: what else must show; it is waited for, but not beyond patience. Raises NeedsRecoveryError while KMS still
    says one of `before`, and ChangedElsewhereError when it says something else than `expected`: that is kept, and will
    not become what was expected by waiting.
    """
    engine, key = run.engine, run.key()
    wanted = " or ".join(status.value for status in expected)

    def effect() -> Answer:
        seen: KmsKey | None = None
        for pause in (0.0, *engine.timing.pauses()):
            time.sleep(pause)
            seen = eventually(engine.timing, lambda: kms.describe(key.kms_key_id or ""))
            if seen.status not in {*before, CloudStatus.UPDATING} and settled(seen):
                break
        if seen is None or seen.status in {*before, CloudStatus.UPDATING}:
            said = seen.key_state if seen else "nothing"
            raise NeedsRecoveryError(
                f"KMS says {said}, not yet {wanted}", remedy="`kctui recover` asks again, and goes on from there."
            )
        return Answer(seen.request_id, f"KMS says {seen.key_state}", status_of(seen))

    def keep(session: Session, answer: Answer) -> None:
        keep_status(session.get_one(CloudKey, run.cloud_key_id), answer.data)

    answer = run.step(CONFIRM, effect, observer, keep=keep)
    status = cloud_status(answer.data["key_state"])
    if status not in expected:
        raise ChangedElsewhereError(
            f"{key.name} was changed elsewhere meanwhile: KMS says {answer.data['key_state']}",
            detail=f"What was asked was done first; {wanted} did not last.",
            remedy="Look at the key's present state, and at who else may change it (CloudTrail).",
        )
    return status


def status_of(seen: KmsKey) -> dict[str, str | None]:
    """What `keep_status` keeps of what KMS said."""
    return {
        "key_state": seen.key_state,
        "arn": seen.arn,
        "deletion_date": seen.deletion_date.isoformat() if seen.deletion_date else None,
        "valid_to": seen.valid_to.isoformat() if seen.valid_to else None,
    }


def keep_status(row: CloudKey, facts: dict[str, str | None]) -> None:
    """Write what was seen in KMS into the CloudKey's row."""
    row.cloud_status = cloud_status(facts["key_state"] or "")
    row.key_arn = facts["arn"]
    row.deletion_date = datetime.fromisoformat(facts["deletion_date"]) if facts["deletion_date"] else None
    # A key without material tells no expiration, whatever its state: an upload keeps the one it had.
    if row.cloud_status is CloudStatus.AVAILABLE or facts["valid_to"] or row.key_source is KeySource.AWS:
        row.expires_at = datetime.fromisoformat(facts["valid_to"]) if facts["valid_to"] else None
    row.status_seen_at = now()
    row.revision += 1
