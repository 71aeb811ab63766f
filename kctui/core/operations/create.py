"""Create CloudKey: material sealed first, then the KMS key, its alias, the import, and a last look.

Until the material is imported the creation can be undone: no data can be under a key that never had any. From
the import on it can only be finished.
"""

from datetime import datetime

from sqlmodel import Session, select

from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms
from kctui.core.aws.policies import key_policy
from kctui.core.clock import now
from kctui.core.errors import ConflictError
from kctui.core.model import CloudKey, KeyVersion, Schedule
from kctui.core.observer import Observer
from kctui.core.operations.access import policy_kind
from kctui.core.operations.birth import CREATE_KEY, UNDO_DAYS, create_kms_key, search
from kctui.core.operations.importing import (
    confirm,
    expiry_of,
    import_step,
    import_version,
    kms_of,
    prove_copy,
    versions_of,
)
from kctui.core.operations.journal import Answer, Run
from kctui.core.operations.runner import Undone
from kctui.core.timing import eventually
from kctui.core.words import CloudStatus, OperationState, ScheduleKind

CREATE_ALIAS = "CreateAlias"


class CreateCloudKey:
    """The steps, and how they are taken back."""

    effects = frozenset({CREATE_KEY, CREATE_ALIAS, "ImportKeyMaterial 1"})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms = kms_of(run.engine, key)
        [version] = versions_of(run.engine, key.id)
        prove_copy(run, observer, version)
        self._check_alias(run, observer, kms, key)
        self._create_key(run, observer, kms, key)
        key = run.key()
        self._create_alias(run, observer, kms, key)
        import_version(run, observer, kms, key.kms_key_id or "", version, expiry_of(run))
        confirm(run, observer, kms, {CloudStatus.AVAILABLE}, before={CloudStatus.NOT_AVAILABLE})

    def can_undo(self, run: Run) -> bool:
        """Until the key material may have been imported: no data can be under a key that never had any."""
        return not run.may_have_happened(
            {import_step(version) for version in versions_of(run.engine, run.cloud_key_id)}
        )

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Take the alias away and schedule the KMS key's deletion; where there is no key, forget the row."""
        key = run.key()
        if key.kms_key_id is None and run.may_have_happened({CREATE_KEY}):
            kms = kms_of(run.engine, key)
            step = next(step for step in run.steps() if step.name == CREATE_KEY)
            found = search(run, kms, step)
            if found is not None:
                run.write(lambda session: _keep_key(session.get_one(CloudKey, key.id), found.key_id, found.arn))
                key = run.key()
        if key.kms_key_id is None:
            state = OperationState.UNDONE if run.may_have_happened({CREATE_KEY}) else OperationState.FAILED
            return Undone(state, lambda session: _forget(session, key.id))
        self._take_back(run, observer, kms_of(run.engine, key), key)
        return Undone(OperationState.UNDONE)

    def _check_alias(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        alias = key.alias or ""

        def effect() -> Answer:
            try:
                held = kms.describe(alias)
            except AwsRefusedError as error:
                if error.refusal is Refusal.NOT_FOUND:
                    return Answer(error.request_id, f"{alias} is free")
                raise
            raise ConflictError(
                f"{alias} is taken in {key.region}",
                detail=f"It points to {held.key_id}.",
                remedy="Choose another name.",
            )

        if not run.may_have_happened({CREATE_ALIAS}):
            run.step("Check alias", effect, observer)

    def _create_key(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        policy = key_policy(policy_kind(run.engine, key), key.administrators, key.users)

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(CloudKey, key.id)
            row.policy = policy
            _keep_key(row, answer.data["key_id"], answer.data["arn"])

        create_kms_key(run, observer, kms, policy, keep)

    def _create_alias(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        alias, key_id = key.alias or "", key.kms_key_id or ""

        def effect() -> Answer:
            try:
                return Answer(eventually(run.engine.timing, lambda: kms.create_alias(alias, key_id)), alias)
            except AwsRefusedError as error:
                if error.refusal is Refusal.ALREADY_EXISTS and kms.describe(alias).key_id == key_id:
                    # An earlier try of ours, whose answer was lost.
                    return Answer(error.request_id, f"{alias} points here already")
                raise

        run.step(CREATE_ALIAS, effect, observer)

    def _take_back(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        key_id = key.kms_key_id or ""

        def unname() -> Answer:
            ours = [alias.name for alias in eventually(run.engine.timing, lambda: list(kms.aliases(key_id)))]
            request_id = kms.delete_alias(key.alias) if key.alias in ours else None
            return Answer(request_id, "" if request_id else "it had none")

        def schedule() -> Answer:
            seen = eventually(run.engine.timing, lambda: kms.describe(key_id))
            if seen.status is CloudStatus.PENDING_DELETE:
                date, request_id = seen.deletion_date, seen.request_id
            else:
                date, request_id = kms.schedule_deletion(key_id, UNDO_DAYS)
            return Answer(request_id, data={"deletion_date": date.isoformat() if date else None})

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(CloudKey, key.id)
            row.alias, row.cloud_status = None, CloudStatus.PENDING_DELETE
            date = answer.data["deletion_date"]
            row.deletion_date = datetime.fromisoformat(date) if date else None
            row.status_seen_at, row.revision = now(), row.revision + 1
            _forget_schedule(session, key.id)

        run.step("Undo: DeleteAlias", unname, observer)
        run.step("Undo: ScheduleKeyDeletion", schedule, observer, keep=keep)


def _keep_key(row: CloudKey, key_id: str, arn: str) -> None:
    row.kms_key_id, row.key_arn = key_id, arn
    row.cloud_status, row.status_seen_at = CloudStatus.NOT_AVAILABLE, now()
    row.revision += 1


def _forget(session: Session, cloud_key_id: str) -> None:
    """Delete the rows of a CloudKey that AWS never heard of; its material was never used."""
    for version in session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == cloud_key_id)):
        session.delete(version)
    _forget_schedule(session, cloud_key_id)
    session.flush()
    session.delete(session.get_one(CloudKey, cloud_key_id))


def _forget_schedule(session: Session, cloud_key_id: str) -> None:
    statement = select(Schedule).where(
        Schedule.kind == ScheduleKind.ROTATE_CLOUD_KEY, Schedule.target_id == cloud_key_id
    )
    for row in session.exec(statement):
        session.delete(row)
