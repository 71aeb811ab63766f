"""Rotate Credentials: a new access key is made, verified and switched to; the old one is deactivated, then deleted.

Until the switch it can be undone: the new access key is deleted, and the old one was in use all the time. After it,
it can only be finished. The secret of the new access key is sealed in the transaction that says that it was made.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from sqlmodel import Session

from kctui.core.accounts import set_schedule
from kctui.core.audit import AuditEvent
from kctui.core.aws.access_keys import MOST_KEYS, AccessKeys, MadeKey, UserKey
from kctui.core.aws.credentials import pending_secret_place, secret_access_key_place
from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.identity import Caller, caller_identity
from kctui.core.clock import now
from kctui.core.errors import NeedsRecoveryError, RefusedError
from kctui.core.model import CspAccount, OperationStep
from kctui.core.observer import Observer
from kctui.core.operations.journal import Answer, LostOwnershipError, Run
from kctui.core.operations.runner import Undone
from kctui.core.timing import Timing
from kctui.core.words import AuditCategory, AuditType, OperationState, StepState

DELETE_OTHER = "DeleteAccessKey, the other one"
LIST = "ListAccessKeys"
CREATE = "CreateAccessKey"
VERIFY = "GetCallerIdentity, new key"
SWITCH = "Switch to the new access key"
DEACTIVATE = "UpdateAccessKey, old Inactive"
VERIFY_AGAIN = "GetCallerIdentity, once more"
DELETE = "DeleteAccessKey, the old one"
_LOST = "DeleteAccessKey, answer lost"
# Within five minutes AWS takes a signature for one of now (IAM User Guide, Signature Version 4): so far apart may its
# clock and ours be. A request takes at most the time-outs of a client.
_CLOCKS_APART = timedelta(minutes=5)
_ONE_REQUEST = timedelta(seconds=30)

Known = TypeVar("Known")


class NotCertainError(RefusedError):
    """An access key appeared that may be the one whose answer was lost, or somebody else's."""


class RotateCredentials:
    """The steps, and how they are taken back."""

    effects = frozenset({DELETE_OTHER, CREATE, DEACTIVATE, DELETE})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        if run.done(SWITCH) is None:
            keys = AccessKeys(run.engine.clients.own_session(run.account()))
            _delete_other(run, observer, keys)
            _list(run, observer, keys)
            _create(run, observer, keys)
            _verify(run, observer)
            _switch(run, observer)
        keys = AccessKeys(run.engine.clients.own_session(run.account()))
        old = _old(run)
        run.step(DEACTIVATE, lambda: _gone_or_done(_known(run, lambda: keys.deactivate(old)), old), observer)
        _verify_again(run, observer)
        run.step(DELETE, lambda: _gone_or_done(_known(run, lambda: keys.delete(old)), old), observer)

    def can_undo(self, run: Run) -> bool:
        """Until the switch: what was switched to is in use."""
        return run.done(SWITCH) is None

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Delete the new access key. One that is not certain to be ours is left, and told of."""
        account = run.account()
        keys = AccessKeys(run.engine.clients.own_session(account))
        made = next((step for step in run.steps() if step.name == CREATE), None)
        if made is not None and made.state is StepState.INTENDED:
            try:
                _delete_lost(run, observer, keys, made)
            except NotCertainError as error:
                _tell(run, AuditType.WARNING, f"{run.operation.title}: {error.title}. It is left as it is")
        pending = account.pending_access_key_id
        if pending is not None:
            _refuse_in_use(account, pending)
            run.step(
                "Undo: DeleteAccessKey",
                lambda: _gone_or_done(keys.delete(pending), pending),
                observer,
                keep=lambda session, _: _forget_pending(session.get_one(CspAccount, account.id)),
            )
        return Undone(OperationState.UNDONE if run.may_have_happened(self.effects) else OperationState.FAILED)


def _old(run: Run) -> str:
    """The access key that is rotated. It must not be the one in use any more where it is taken away."""
    old: str = run.operation.parameters["old"]
    if run.done(SWITCH) is not None:
        _refuse_in_use(run.account(), old)
    return old


def _refuse_in_use(account: CspAccount, access_key_id: str) -> None:
    if access_key_id == account.access_key_id:
        raise RefusedError(
            f"{access_key_id} is the access key that {account.name} uses: it is not taken away",
            remedy="The journal was changed by something else. Compare the database with a backup.",
        )


def _delete_other(run: Run, observer: Observer, keys: AccessKeys) -> None:
    other: str | None = run.operation.parameters["delete_other"]
    if other is not None:
        _refuse_in_use(run.account(), other)
        run.step(DELETE_OTHER, lambda: _gone_or_done(keys.delete(other), other), observer)


def _list(run: Run, observer: Observer, keys: AccessKeys) -> None:
    """Which access keys there were before: a new one whose answer is lost is known by that."""
    other = run.operation.parameters["delete_other"]

    def effect() -> Answer:
        there = [key.id for key in keys.all()]
        # The one that was deleted just now may still be listed.
        left = [access_key_id for access_key_id in there if access_key_id != other]
        if len(left) >= MOST_KEYS:
            raise RefusedError(
                f"The IAM user has {len(left)} access keys meanwhile: there is no place for a new one",
                detail=", ".join(left),
                remedy="Look at Rotate Credentials again: it says which one is in the way.",
            )
        return Answer(None, f"{len(left)} of {MOST_KEYS}", {"before": there})

    run.step(LIST, effect, observer)


def _create(run: Run, observer: Observer, keys: AccessKeys) -> None:
    made: list[MadeKey] = []

    def effect() -> Answer:
        key = keys.create()
        made.append(key)
        return Answer(key.request_id, key.id, {"access_key_id": key.id})

    def look(step: OperationStep) -> Answer | None:
        # Its secret is known to nobody: the one that was made is of no use, and another one is made.
        _delete_lost(run, observer, keys, step)
        return None

    def keep(session: Session, _: Answer) -> None:
        row = session.get_one(CspAccount, run.operation.csp_account_id)
        row.pending_access_key_id = made[-1].id
        place = pending_secret_place(row)
        row.sealed_pending_secret = run.engine.keyring.seal(row.group_id, place, made[-1].secret)
        row.revision += 1

    try:
        run.step(CREATE, effect, observer, look=look, keep=keep)
    except LostOwnershipError:
        _withdraw_late(run, keys, made)
        raise
    finally:
        for key in made:
            key.secret.wipe()


def _withdraw_late(run: Run, keys: AccessKeys, made: list[MadeKey]) -> None:
    """Another process took the rotation over while the request was on its way: nobody will know of this access key."""
    for key in made:
        keys.delete(key.id)
        _tell(
            run, AuditType.WARNING, f"{run.operation.title} was taken over: the access key {key.id} was deleted again"
        )


def _delete_lost(run: Run, observer: Observer, keys: AccessKeys, step: OperationStep) -> None:
    """Delete the access key of a CreateAccessKey whose answer was lost, where there is one.

    Raises NotCertainError where it may be somebody else's, NeedsRecoveryError where it may not show yet.
    """
    lost = _find_lost(run, keys, step)
    if lost is None:
        return
    _require_ours(keys, lost, step)
    tries = sum(1 for each in run.steps() if each.name.startswith(_LOST) and each.state is StepState.DONE)
    run.step(f"{_LOST} {tries + 1}", lambda: _gone_or_done(keys.delete(lost.id), lost.id), observer)


def _find_lost(run: Run, keys: AccessKeys, step: OperationStep) -> UserKey | None:
    """The access key that was not there before. Absence counts only once AWS has had time to settle."""
    listed = run.done(LIST)
    before = set(listed.answer["before"]) if listed is not None else set()
    settled_at = step.started_at + timedelta(seconds=run.engine.timing.settle)
    for pause in (0.0, *run.engine.timing.pauses()):
        time.sleep(pause)
        found = [key for key in keys.all() if key.id not in before]
        if found:
            return found[-1]
        if now() >= settled_at:
            return None
    raise NeedsRecoveryError(
        "Whether AWS made the access key is not certain yet",
        remedy=f"Run `kctui recover` after {settled_at:%H:%M:%S} UTC: by then it shows, or was not made.",
    )


def _require_ours(keys: AccessKeys, key: UserKey, step: OperationStep) -> None:
    """It was made as it was asked for, and nobody has ever used it: nobody else can have its secret."""
    earliest, latest = step.started_at - _CLOCKS_APART, step.started_at + _ONE_REQUEST + _CLOCKS_APART
    why = ""
    if not earliest <= key.created_at <= latest:
        why = f"It was made at {key.created_at:%Y-%m-%d %H:%M:%S} UTC, and asked for at {step.started_at:%H:%M:%S}."
    else:
        try:
            if keys.last_use(key.id).at is not None:
                why = "It has been used."
        except AwsRefusedError as error:
            if error.refusal is not Refusal.ACCESS:
                raise
            why = "Whether it was ever used may not be asked: iam:GetAccessKeyLastUsed."
    if why:
        raise NotCertainError(
            f"The access key {key.id} may be the one that was made, or somebody else's",
            detail=why,
            remedy="Look at it in IAM, and delete it there if nobody uses it.",
        )


def _verify(run: Run, observer: Observer) -> None:
    def effect() -> Answer:
        with run.engine.clients.pending_session(run.account()) as aws:
            caller = _known(run, lambda: caller_identity(aws))
        _require_same(run, caller, run.operation.parameters["user_arn"])
        return Answer(None, caller.arn)

    run.step(VERIFY, effect, observer)


def _verify_again(run: Run, observer: Observer) -> None:
    """Without the old access key, the account still signs in: as it did, through its role where it assumes one."""

    def effect() -> Answer:
        account = run.account()
        caller = _known(run, lambda: caller_identity(run.engine.clients.session(account)))
        _require_same(run, caller, None if account.role_arn else run.operation.parameters["user_arn"])
        return Answer(None, caller.arn)

    run.step(VERIFY_AGAIN, effect, observer)


def _require_same(run: Run, caller: Caller, arn: str | None) -> None:
    """The same AWS account, and the same user where `arn` says which. Raises RefusedError."""
    account = run.account()
    if caller.account != account.aws_account_id or (arn is not None and caller.arn != arn):
        raise RefusedError(
            f"The new access key is not of {arn or account.aws_account_id}",
            detail=f"AWS says that it is of {caller.arn}, in the AWS account {caller.account}.",
            remedy="Look at the endpoint of the CSP Account, and at who answers there.",
        )


def _switch(run: Run, observer: Observer) -> None:
    engine = run.engine

    def swap(session: Session, _: Answer) -> None:
        row = session.get_one(CspAccount, run.operation.csp_account_id)
        old, sealed = row.access_key_id, row.sealed_pending_secret or b""
        with engine.keyring.open(row.group_id, pending_secret_place(row), sealed) as secret:
            row.access_key_id = row.pending_access_key_id or ""
            place = secret_access_key_place(row)
            row.sealed_secret_access_key = engine.keyring.seal(row.group_id, place, secret)
        _forget_pending(row)
        row.credential_rotated_at = now()
        set_schedule(session, row, row.rotation_days)
        engine.audit.record(
            session, _event(run, AuditType.INFORMATION, f"{row.name} uses {row.access_key_id} instead of {old}")
        )

    run.step(SWITCH, lambda: Answer(None, "the vault has it"), observer, keep=swap)
    engine.clients.forget_account(run.operation.csp_account_id or "")


def _forget_pending(row: CspAccount) -> None:
    row.pending_access_key_id, row.sealed_pending_secret = None, None
    row.revision += 1


def _known(run: Run, call: Callable[[], Known]) -> Known:
    """Make a call with the new access key, and again while AWS does not know it yet."""
    timing: Timing = run.engine.timing
    for pause in timing.pauses():
        try:
            return call()
        except AwsRefusedError as error:
            if error.refusal is not Refusal.CREDENTIALS:
                raise
        time.sleep(pause)
    try:
        return call()
    except AwsRefusedError as error:
        if error.refusal is not Refusal.CREDENTIALS:
            raise
        raise RefusedError(
            f"AWS does not know the new access key after {timing.patience:.0f} s",
            detail=f"{error.action}: {error.code}. {error.detail}",
            remedy="Try again later, and see whether somebody deactivated it.",
        ) from error


def _gone_or_done(request_id: str | None, access_key_id: str) -> Answer:
    return Answer(request_id, access_key_id if request_id else f"{access_key_id} is gone already")


def _tell(run: Run, weight: AuditType, words: str) -> None:
    run.engine.audit.note(_event(run, weight, words))


def _event(run: Run, weight: AuditType, words: str) -> AuditEvent:
    objects = {"Operation": run.operation.id, **run.operation.parameters["objects"]}
    return AuditEvent(weight, AuditCategory.ACCOUNT, words, objects, group_id=run.operation.group_id)
