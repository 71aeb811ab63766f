"""CreateKey, sent once; and the key found again by the tag it was born with when the answer was lost.

CreateKey has no idempotency token, so a request that is repeated would make a second key.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from kctui.core.audit import AuditEvent
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal, effect_unknown
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError, NeedsRecoveryError
from kctui.core.model import CloudKey, KeyVersion, OperationStep
from kctui.core.observer import Observer
from kctui.core.operations.journal import Answer, LostOwnershipError, Run
from kctui.core.words import AuditCategory, AuditType, KeySpec, KeyUsage, StepState

CREATE_KEY = "CreateKey"
UNDO_DAYS = 7
OPERATION_TAG = "kctui:operation"
CLOUD_KEY_TAG = "kctui:cloud-key"
_CLOCKS_APART = timedelta(minutes=10)


def create_key_call(spec: KeySpec, usage: KeyUsage) -> str:
    """The call, in words for who looks before it is sent; the usage where the spec leaves a choice."""
    kind = f"{spec.value}, {usage.value}" if len(spec.usages) > 1 else spec.value
    return f"kms:CreateKey Origin=EXTERNAL, {kind}, policy, tags"


def create_kms_key(
    run: Run, observer: Observer, kms: Kms, policy: str, keep: Callable[[Session, Answer], None]
) -> Answer:
    """Step: make the KMS key of the CloudKey, without material, with the tags that tell whose it is.

    Its answer holds key_id and arn; `keep` writes them down. kms:CreateKey, kms:TagResource; after a lost answer
    kms:ListKeys, kms:ListResourceTags, kms:DescribeKey.
    """
    key = run.key()
    tags = {**key.tags, CLOUD_KEY_TAG: key.name, OPERATION_TAG: run.operation.id}

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
        found = search(run, kms, step)
        return _made(found, "found by its tag") if found else None

    try:
        return run.step(CREATE_KEY, effect, observer, look=look, keep=keep)
    except LostOwnershipError:
        _withdraw_late(run, kms)
        raise


def find_by_operation(
    engine: Engine, kms: Kms, csp_account_id: str, operation_id: str, since: datetime
) -> list[KmsKey]:
    """The keys that an operation made, by the tag they were born with. kms:ListKeys, kms:ListResourceTags.

    Keys that the store knows already are not asked, and keys older than `since` cannot be its own. Raises
    NeedsRecoveryError where a key of that time hides its tags: it might be the one.
    """
    with engine.store.read() as session:
        known = known_keys(session, csp_account_id, kms.region)

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


def known_keys(session: Session, csp_account_id: str, region: str) -> set[str]:
    """The ids of the KMS keys that the store knows in an account and region, earlier ones of CloudKeys too."""
    here = (CloudKey.csp_account_id == csp_account_id, CloudKey.region == region)
    present = session.exec(select(CloudKey.kms_key_id).where(*here))
    versions = session.exec(
        select(KeyVersion.kms_key_id).where(col(KeyVersion.cloud_key_id) == CloudKey.id, *here).distinct()
    )
    return {key_id for key_id in (*present, *versions) if key_id is not None}


def _all_older(kms: Kms, key_ids: list[str], since: datetime) -> bool:
    """Whether every one of the keys was made before. A key that may not be described cannot be ruled out."""
    try:
        return all((kms.describe(key_id).created_at or since) < since - _CLOCKS_APART for key_id in key_ids)
    except AwsRefusedError as error:
        if error.refusal is not Refusal.ACCESS:
            raise
        return False


def _withdraw_late(run: Run, kms: Kms) -> None:
    """Another process took the operation over while CreateKey was on its way: a key that is not its is not wanted."""
    engine = run.engine
    with engine.store.read() as session:
        row = session.get(CloudKey, run.cloud_key_id)
        kept = session.exec(
            select(OperationStep.state).where(
                OperationStep.operation_id == run.operation.id, OperationStep.name == CREATE_KEY
            )
        ).one_or_none()
    if row is None or kept is not StepState.DONE:
        # The new owner finds the key by its tag, or has undone the operation and looked for it first.
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


def search(run: Run, kms: Kms, step: OperationStep) -> KmsKey | None:
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
