"""The journal: what an operation is about to do is written before it is done, and what came of it after.

A CloudKey, or a CSP Account, has at most one open operation, whoever runs it, on whichever host: a unique column
holds that. The owner proves life by a heartbeat; a dead owner's operation is taken over by raising its fence, and
every write of the journal names the fence it was made under, so that an owner who comes back late writes nothing.
"""

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kctui.core.aws.failures import effect_unknown
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError, RefusedError, StoreError
from kctui.core.model import CloudKey, CspAccount, Operation, OperationStep
from kctui.core.observer import Observer
from kctui.core.ownership import HEARTBEAT, owner_lives
from kctui.core.process import this_host, this_process
from kctui.core.words import OperationKind, OperationState, StepState

_running: set[str] = set()
_running_lock = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """What a step came to. data is kept in the journal and holds no secret; detail is for people."""

    request_id: str | None = None
    detail: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Beginning:
    """What an operation is begun with: about a CloudKey, or a CSP Account.

    revision: of the row the user looked at, None not to check.
    """

    kind: OperationKind
    cloud_key_id: str | None
    group_id: str
    title: str
    parameters: dict[str, Any] = field(default_factory=dict)
    revision: int | None = None
    operation_id: str | None = None
    csp_account_id: str | None = None

    @property
    def subject(self) -> str:
        """The id of what it is about."""
        return self.cloud_key_id or self.csp_account_id or ""


class ChangedElsewhereError(ConflictError):
    """Somebody else changed the key since the effects were done, or may have been: what KMS says now is kept."""


class LostOwnershipError(ConflictError):
    """Another process took the operation over."""


def begin(engine: Engine, beginning: Beginning, also: Callable[[Session], None] | None = None) -> "Run":
    """Write the intent, together with what `also` writes. Raises ConflictError when its subject is busy or changed."""
    engine.require_writable(beginning.kind.value)
    operation = Operation(
        kind=beginning.kind,
        cloud_key_id=beginning.cloud_key_id,
        csp_account_id=beginning.csp_account_id,
        subject=beginning.subject,
        group_id=beginning.group_id,
        operator=engine.keyring.operator,
        parameters=beginning.parameters,
        title=beginning.title,
        owner_host=this_host(),
        owner_process=this_process(),
        owner_seen_at=now(),
    )
    if beginning.operation_id:
        operation.id = beginning.operation_id
    with engine.store.write() as session:
        _refuse_busy(session, beginning.subject)
        if also is not None:
            also(session)
            session.flush()
        row = session.get(CloudKey, beginning.subject) or session.get_one(CspAccount, beginning.subject)
        if beginning.revision is not None and row.revision != beginning.revision:
            raise ConflictError(
                f"{row.name} was changed meanwhile",
                remedy="Look at it again, then decide. Nothing was done.",
            )
        session.add(operation)
    return Run(engine, operation)


def take_over(engine: Engine, operation_id: str, also: Callable[[Session], None] | None = None) -> "Run":
    """Own an open operation whose owner is dead, together with what `also` writes.

    Raises ConflictError where the owner lives, or the operation is done.
    """
    engine.require_writable("Recover")
    with engine.store.write() as session:
        operation = session.get_one(Operation, operation_id)
        if operation.state is not OperationState.OPEN:
            raise ConflictError(f"{operation.title} is finished already")
        if is_owned(operation):
            raise ConflictError(
                f"{operation.title} is under way",
                detail=f"Its owner lives: {operation.owner_process} on {operation.owner_host}.",
                remedy="Wait for it.",
            )
        changed = session.execute(
            sa.update(Operation)
            .where(
                col(Operation.id) == operation_id,
                col(Operation.fence) == operation.fence,
                col(Operation.state) == OperationState.OPEN,
                col(Operation.owner_seen_at) == operation.owner_seen_at,
            )
            .values(
                fence=operation.fence + 1,
                owner_host=this_host(),
                owner_process=this_process(),
                owner_seen_at=now(),
            )
        )
        if changed.rowcount != 1:  # type: ignore[attr-defined] # a CursorResult
            raise ConflictError(f"{operation.title} was taken over by another process")
        if also is not None:
            also(session)
        session.flush()
        session.refresh(operation)
        session.expunge(operation)
    return Run(engine, operation)


def is_owned(operation: Operation) -> bool:
    """Whether the owner of an operation lives. In this process, only a thread that still runs it counts."""
    if operation.owner_host == this_host() and operation.owner_process == this_process():
        with _running_lock:
            return operation.id in _running
    return owner_lives(operation.owner_host, operation.owner_process, operation.owner_seen_at)


class Run:
    """One owner's run of one operation. As a context it keeps the heartbeat going and lets go at the end."""

    def __init__(self, engine: Engine, operation: Operation) -> None:
        self.engine = engine
        self.operation = operation
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="kctui-heartbeat", daemon=True)
        with _running_lock:
            _running.add(operation.id)

    @property
    def cloud_key_id(self) -> str:
        """The CloudKey that it is about."""
        return self.operation.cloud_key_id or ""

    def account(self) -> CspAccount:
        """The CSP Account that it is about, as it is in the store now."""
        with self.engine.store.read() as session:
            return session.get_one(CspAccount, self.operation.csp_account_id)

    def key(self) -> CloudKey:
        """The CloudKey as it is in the store now."""
        with self.engine.store.read() as session:
            return session.get_one(CloudKey, self.cloud_key_id)

    def step(
        self,
        name: str,
        effect: Callable[[], Answer],
        observer: Observer,
        *,
        look: Callable[[OperationStep], Answer | None] | None = None,
        keep: Callable[[Session, Answer], None] | None = None,
    ) -> Answer:
        """Do one step, once: announced, done, and its answer kept, with `keep`'s writes in the same transaction.

        A step that is DONE is not done again. One that an earlier run announced may have had its effect: `look`
        finds out, and only when it finds nothing is the effect done. Raises what the effect raises.
        """
        step, fresh = self._announce(name)
        if step.state is StepState.DONE:
            return Answer(step.request_id, data=step.answer)
        observer.step(name, StepState.INTENDED)
        # An earlier run announced it, and did not come to say how it ended.
        unknown = step.state is StepState.INTENDED and not fresh
        try:
            answer = look(step) if unknown and look is not None else None
            if answer is None:
                unknown = unknown and look is None
                if not fresh:
                    self._announce_again(step.id)
                answer = effect()
        except KctuiError as error:
            observer.step(name, StepState.FAILED, error.title, getattr(error, "request_id", None))
            # FAILED says that nothing happened. Where nobody knows, of this try or an earlier one, it stays INTENDED.
            unknown = unknown or effect_unknown(error) or isinstance(error, NeedsRecoveryError)
            state = StepState.INTENDED if unknown else StepState.FAILED
            with suppress(StoreError, LostOwnershipError):
                self._complete(step.id, state, Answer(getattr(error, "request_id", None)), error.title, None)
            raise
        self._complete(step.id, StepState.DONE, answer, None, keep)
        observer.step(name, StepState.DONE, answer.detail, answer.request_id)
        return answer

    def done(self, name: str) -> OperationStep | None:
        """The step of this name if it is DONE."""
        step = self._find(name)
        return step if step is not None and step.state is StepState.DONE else None

    def may_have_happened(self, names: Collection[str]) -> bool:
        """Whether the effect of any of these steps happened, or may have."""
        return any(step.name in names and step.state is not StepState.FAILED for step in self.steps())

    def steps(self) -> list[OperationStep]:
        """All steps so far, in order."""
        with self.engine.store.read() as session:
            return list(
                session.exec(
                    select(OperationStep)
                    .where(OperationStep.operation_id == self.operation.id)
                    .order_by(col(OperationStep.number))
                )
            )

    def write(self, change: Callable[[Session], None]) -> None:
        """Change the store, in one transaction, while the operation is ours."""
        with self.engine.store.write() as session:
            self._guard(session)
            change(session)

    def mark_undoing(self) -> None:
        """From now on the operation can only be undone."""
        with self.engine.store.write() as session:
            self._guard(session, undoing=True)
        self.operation.undoing = True

    def close(
        self, state: OperationState, error: str | None = None, also: Callable[[Session], None] | None = None
    ) -> None:
        """End the operation, with `also`'s writes in the same transaction. The CloudKey is free again."""
        with self.engine.store.write() as session:
            self._guard(session, state=state, subject=None, error=error, ended_at=now(), owner_host=None)
            if also is not None:
                also(session)
        self.operation.state = state

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._heart.join()
        if self.operation.state is OperationState.OPEN:
            # Where even this cannot be written, the process's end lets go of it.
            with suppress(StoreError, LostOwnershipError), self.engine.store.write() as session:
                self._guard(session, owner_host=None, owner_process=None)
        with _running_lock:
            _running.discard(self.operation.id)

    def _announce(self, name: str) -> tuple[OperationStep, bool]:
        """The step's row, and whether it was written just now."""
        with self.engine.store.write() as session:
            self._guard(session)
            step = session.exec(self._named(name)).one_or_none()
            if step is not None:
                return step, False
            number = session.exec(
                select(sa.func.count()).where(col(OperationStep.operation_id) == self.operation.id)
            ).one()
            step = OperationStep(operation_id=self.operation.id, number=number + 1, name=name)
            session.add(step)
            return step, True

    def _announce_again(self, step_id: str) -> None:
        """The effect is tried once more: from here on it may have happened, and its time counts from now."""
        with self.engine.store.write() as session:
            self._guard(session)
            step = session.get_one(OperationStep, step_id)
            step.state, step.error = StepState.INTENDED, None
            step.started_at, step.ended_at = now(), None

    def _complete(
        self,
        step_id: str,
        state: StepState,
        answer: Answer,
        error: str | None,
        keep: Callable[[Session, Answer], None] | None,
    ) -> None:
        with self.engine.store.write() as session:
            self._guard(session)
            step = session.get_one(OperationStep, step_id)
            step.state, step.answer, step.request_id = state, answer.data, answer.request_id
            step.error, step.ended_at = error, now()
            if keep is not None:
                keep(session, answer)

    def _guard(self, session: Session, **values: object) -> None:
        """Write to the operation's row only while it is ours."""
        changed = session.execute(
            sa.update(Operation)
            .where(col(Operation.id) == self.operation.id, col(Operation.fence) == self.operation.fence)
            .values(owner_seen_at=now(), **values)
        )
        if changed.rowcount != 1:  # type: ignore[attr-defined] # a CursorResult
            raise LostOwnershipError(
                f"{self.operation.title} was taken over by another process",
                remedy="It goes on there. Refresh to see how it ends.",
            )

    def _find(self, name: str) -> OperationStep | None:
        with self.engine.store.read() as session:
            step: OperationStep | None = session.exec(self._named(name)).one_or_none()
            return step

    def _named(self, name: str) -> Any:
        return select(OperationStep).where(OperationStep.operation_id == self.operation.id, OperationStep.name == name)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT / timedelta(seconds=1)):
            try:
                self.write(lambda _session: None)
            except LostOwnershipError:
                return
            except Exception as error:
                self.engine.log.warning("heartbeat missed", operation=self.operation.id, error=type(error).__name__)


def _refuse_busy(session: Session, subject: str) -> None:
    held = session.exec(select(Operation).where(Operation.subject == subject)).one_or_none()
    if held is None:
        return
    if is_owned(held):
        raise ConflictError(
            f"{held.title} is under way", detail=f"Run by {held.operator}.", remedy="Wait for it, then refresh."
        )
    raise RefusedError(
        f"{held.title} was interrupted and is not finished",
        remedy="Run `kctui recover` (or Recover in the console) first.",
    )
