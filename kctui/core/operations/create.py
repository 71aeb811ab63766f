"""Create CloudKey: material sealed first, then the KMS key, its alias, the import, and a last look.

Until the material is imported the creation can be undone: no data can be under a key that never had any. From
the import on it can only be finished.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlmodel import Session, select

from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal, effect_unknown
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.aws.policies import key_policy
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, NeedsRecoveryError
from kctui.core.model import CloudKey, CspAccount, KeyVersion, OperationStep, Schedule
from kctui.core.observer import Observer
from kctui.core.operations.importing import confirm, import_step, import_version, kms_of, prove_copy, versions_of
from kctui.core.operations.journal import Answer, Run
from kctui.core.timing import eventually
from kctui.core.words import CloudStatus, OperationState, ScheduleKind

CREATE_KEY = "CreateKey"
CREATE_ALIAS = "CreateAlias"
UNDO_DAYS = 7
OPERATION_TAG = "kctui:operation"
CLOUD_KEY_TAG = "kctui:cloud-key"


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
        import_version(run, observer, kms, key, version, _expiry(run))
        confirm(run, observer, kms, CloudStatus.AVAILABLE)

    def undo(self, run: Run, observer: Observer) -> OperationState:
        """Take the alias away and schedule the KMS key's deletion; where there is no key, forget the row.

        Raises NeedsRecoveryError once material may have been imported.
        """
        key = run.key()
        [version] = versions_of(run.engine, key.id)
        if run.may_have_happened({import_step(version)}):
            raise NeedsRecoveryError(
                "The key material may be in the cloud: the creation can only be finished",
                remedy="Remove what stands in the way, then run `kctui recover`.",
            )
        if key.kms_key_id is None and run.may_have_happened({CREATE_KEY}):
            kms = kms_of(run.engine, key)
            step = next(step for step in run.steps() if step.name == CREATE_KEY)
            found = _search(run, kms, step)
            if found is not None:
                with run.engine.store.write() as session:
                    _keep_key(session.get_one(CloudKey, key.id), found.key_id, found.arn)
                key = run.key()
        if key.kms_key_id is None:
            with run.engine.store.write() as session:
                _forget(session, key.id)
            return OperationState.UNDONE if run.may_have_happened({CREATE_KEY}) else OperationState.FAILED
        self._take_back(run, observer, kms_of(run.engine, key), key)
        return OperationState.UNDONE

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
        with run.engine.store.read() as session:
            account = session.get_one(CspAccount, key.csp_account_id)
        tags = {**key.tags, CLOUD_KEY_TAG: key.name, OPERATION_TAG: run.operation.id}
        policy = key_policy(account.partition, account.aws_account_id, key.administrators, key.users)

        def effect() -> Answer:
            try:
                made = kms.create_key(
                    key_spec=key.key_spec,
                    key_usage=key.key_usage,
                    description=key.description,
                    policy=policy,
                    tags=tags,
                )
            except (AwsRefusedError, AwsUnreachableError) as error:
                if not effect_unknown(error):
                    raise
                found = _await_key(run, kms)
                if found is None:
                    raise
                return _made(found, "the answer was lost; found by its tag")
            return _made(made, made.key_id)

        def look(step: OperationStep) -> Answer | None:
            found = _search(run, kms, step)
            return _made(found, "found by its tag") if found else None

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(CloudKey, key.id)
            _keep_key(row, answer.data["key_id"], answer.data["arn"])

        run.step(CREATE_KEY, effect, observer, look=look, keep=keep)

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


def find_by_operation(engine: Engine, kms: Kms, csp_account_id: str, operation_id: str) -> KmsKey | None:
    """The key that an operation made, by the tag it was born with. kms:ListKeys, kms:ListResourceTags.

    Keys that the store knows already are not asked. A key whose policy hides its tags from us is not ours.
    """
    with engine.store.read() as session:
        known = set(
            session.exec(
                select(CloudKey.kms_key_id).where(
                    CloudKey.csp_account_id == csp_account_id, CloudKey.region == kms.region
                )
            )
        )

    def ours(key_id: str) -> str | None:
        try:
            return key_id if kms.tags(key_id).get(OPERATION_TAG) == operation_id else None
        except AwsRefusedError as error:
            if error.refusal in {Refusal.ACCESS, Refusal.NOT_FOUND, Refusal.STATE}:
                return None
            raise

    with ThreadPoolExecutor(8, thread_name_prefix="kctui-tags") as pool:
        found = [key_id for key_id in pool.map(ours, (k for k in kms.key_ids() if k not in known)) if key_id]
    return kms.describe(found[0]) if found else None


def _search(run: Run, kms: Kms, step: OperationStep) -> KmsKey | None:
    """Look for the key of an announced CreateKey. Absence counts only once AWS has had time to settle."""
    settled_at = step.started_at + timedelta(seconds=run.engine.timing.settle)
    found = _await_key(run, kms, until=settled_at)
    if found is None and now() < settled_at:
        raise NeedsRecoveryError(
            "Whether AWS made the key is not certain yet",
            remedy=f"Run `kctui recover` after {settled_at:%H:%M:%S} UTC: by then it shows, or was not made.",
        )
    return found


def _await_key(run: Run, kms: Kms, until: datetime | None = None) -> KmsKey | None:
    key = run.key()
    for pause in (0.0, *run.engine.timing.pauses()):
        time.sleep(pause)
        found = find_by_operation(run.engine, kms, key.csp_account_id, run.operation.id)
        if found is not None or (until is not None and now() >= until):
            return found
    return None


def _made(key: KmsKey, detail: str) -> Answer:
    return Answer(key.request_id, detail, {"key_id": key.key_id, "arn": key.arn})


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


def _expiry(run: Run) -> datetime | None:
    text = run.operation.parameters.get("expires_at")
    return datetime.fromisoformat(text) if text else None
