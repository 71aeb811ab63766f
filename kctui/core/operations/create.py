"""Create CloudKey: material sealed first, then the KMS key, its alias, the import, and a last look.

Until the material is imported the creation can be undone: no data can be under a key that never had any. From
the import on it can only be finished.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlmodel import Session, select

from kctui.core.audit import AuditEvent
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal, effect_unknown
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.aws.policies import key_policy
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError
from kctui.core.model import CloudKey, CspAccount, KeyVersion, OperationStep, Schedule
from kctui.core.observer import Observer
from kctui.core.operations.importing import confirm, import_step, import_version, kms_of, prove_copy, versions_of
from kctui.core.operations.journal import Answer, LostOwnershipError, Run
from kctui.core.operations.runner import Undone
from kctui.core.timing import eventually
from kctui.core.words import AuditCategory, AuditType, CloudStatus, OperationState, ScheduleKind

CREATE_KEY = "CreateKey"
CREATE_ALIAS = "CreateAlias"
UNDO_DAYS = 7
_CLOCKS_APART = timedelta(minutes=10)
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
        confirm(run, observer, kms, CloudStatus.AVAILABLE, before=CloudStatus.NOT_AVAILABLE)

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
            found = _search(run, kms, step)
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
                try:
                    found = _await_key(run, kms)
                except KctuiError:
                    # A search that fails says nothing about whether the key was made.
                    raise error from None
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

        try:
            run.step(CREATE_KEY, effect, observer, look=look, keep=keep)
        except LostOwnershipError:
            _withdraw_late(run, kms)
            raise

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


def find_by_operation(
    engine: Engine, kms: Kms, csp_account_id: str, operation_id: str, since: datetime
) -> list[KmsKey]:
    """The keys that an operation made, by the tag they were born with. kms:ListKeys, kms:ListResourceTags.

    Keys that the store knows already are not asked, and keys older than `since` cannot be its own. Raises
    NeedsRecoveryError where a key of that time hides its tags: it might be the one.
    """
    with engine.store.read() as session:
        known = set(
            session.exec(
                select(CloudKey.kms_key_id).where(
                    CloudKey.csp_account_id == csp_account_id, CloudKey.region == kms.region
                )
            )
        )

    def tag(key_id: str) -> tuple[str, str | None]:
        """The key and its operation; "?" where its tags may not be read."""
        try:
            return key_id, kms.tags(key_id).get(OPERATION_TAG)
        except AwsRefusedError as error:
            if error.refusal is Refusal.NOT_FOUND:
                return key_id, None
            if error.refusal is Refusal.ACCESS:
                return key_id, "?"
            raise

    with ThreadPoolExecutor(8, thread_name_prefix="kctui-tags") as pool:
        tagged = list(pool.map(tag, (key_id for key_id in kms.key_ids() if key_id not in known)))
    found = [kms.describe(key_id) for key_id, operation in tagged if operation == operation_id]
    hidden = [key_id for key_id, operation in tagged if operation == "?"]
    if not found and hidden and not _all_older(kms, hidden, since):
        raise NeedsRecoveryError(
            f"{len(hidden)} keys hide their tags: one of them may be the key that was made",
            remedy="Give the credential kms:ListResourceTags and kms:DescribeKey, then run `kctui recover`.",
        )
    return found


def _all_older(kms: Kms, key_ids: list[str], since: datetime) -> bool:
    """Whether every one of the keys was made before. A key that may not be described cannot be ruled out."""
    try:
        return all((kms.describe(key_id).created_at or since) < since - _CLOCKS_APART for key_id in key_ids)
    except AwsRefusedError as error:
        if error.refusal is not Refusal.ACCESS:
            raise
        return False


def _withdraw_late(run: Run, kms: Kms) -> None:
    """Another process took the creation over while CreateKey was on its way: a key that is not its is not wanted."""
    engine = run.engine
    with engine.store.read() as session:
        row = session.get(CloudKey, run.cloud_key_id)
    if row is None or row.kms_key_id is None:
        # The new owner finds the key by its tag, or has undone the creation and looked for it first.
        return
    for key in find_by_operation(engine, kms, row.csp_account_id, run.operation.id, run.operation.started_at):
        date, request_id = kms.schedule_deletion(key.key_id, UNDO_DAYS)
        engine.audit.note(
            AuditEvent(
                AuditType.CRITICAL,
                AuditCategory.RECOVERY,
                f"{run.operation.title} was taken over: the second key {key.key_id} is deleted on {date:%Y-%m-%d}",
                {"CloudKey": row.name, "KeyId": key.key_id, "Operation": run.operation.id},
                (request_id,),
                group_id=run.operation.group_id,
            )
        )


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
        found = find_by_operation(run.engine, kms, key.csp_account_id, run.operation.id, run.operation.started_at)
        if found or (until is not None and now() >= until):
            return found[0] if found else None
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
