"""Runs an operation to its end: finished, undone, refused, or left for recovery with the reason."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sqlmodel import Session

from kctui.core.audit import AuditEvent
from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError, LockedError, NeedsRecoveryError, RefusedError, StoreError
from kctui.core.observer import Observer
from kctui.core.operations.fate import fate_of
from kctui.core.operations.journal import ChangedElsewhereError, LostOwnershipError, Run
from kctui.core.words import AuditCategory, AuditType, OperationKind, OperationState

_OUTCOMES = {
    OperationState.FAILED: " failed",
    OperationState.UNDONE: " undone",
    OperationState.DONE: " was done elsewhere meanwhile",
}
_PASSING = {Refusal.THROTTLED, Refusal.INTERNAL, Refusal.CREDENTIALS, Refusal.NOT_FOUND}


@dataclass(frozen=True)
class Undone:
    """How an undoing ends: UNDONE, FAILED where nothing had been done, or DONE where it could not be taken back.

    kept: what could not be taken back, in words; the state is DONE then. also: written as the operation ends.
    """

    state: OperationState
    also: Callable[[Session], None] | None = None
    kept: str = ""


class Definition(Protocol):
    """One kind of operation. Its methods may be called again after a kill at any point.

    effects: the names of the steps that change something in AWS.
    """

    effects: frozenset[str]

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""

    def can_undo(self, run: Run) -> bool:
        """Whether what was done so far can be taken back. Where not, the operation can only be finished."""

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Take back what was done."""


def run_to_end(engine: Engine, run: Run, definition: Definition, observer: Observer) -> OperationState:
    """Finish the operation, or undo it where AWS says a definite no.

    Raises the refusal after undoing; ChangedElsewhereError when it is done but shows otherwise, or the key waits for
    its deletion or is gone, so that it can neither be finished nor undone; NeedsRecoveryError when it must be gone on
    with later: AWS out of reach or faulty half-way, a refusal that cannot be undone, or the store failing.
    """
    with run:
        if run.operation.undoing:
            return _undo(engine, run, definition, observer, None)
        try:
            definition.finish(run, observer)
        except (StoreError, LostOwnershipError):
            raise
        except ChangedElsewhereError as error:
            also = _audited(engine, run, AuditType.WARNING, f": {error.title}")
            run.close(OperationState.DONE, error.title, also=also)
            raise
        except KctuiError as error:
            begun = run.may_have_happened(definition.effects)
            if (passes(error) and begun) or not definition.can_undo(run):
                raise _stopped(engine, run, error) from error
            _undo(engine, run, definition, observer, error)
            raise
        run.close(OperationState.DONE, also=_audited(engine, run, AuditType.INFORMATION, ""))
        return OperationState.DONE


def _undo(
    engine: Engine, run: Run, definition: Definition, observer: Observer, refusal: KctuiError | None
) -> OperationState:
    """Take back, and close. refusal: why, None when an earlier run was at it already."""
    try:
        if refusal is not None and run.may_have_happened(definition.effects):
            run.mark_undoing()
        undone = definition.undo(run, observer)
    except (StoreError, LostOwnershipError):
        raise
    except KctuiError as error:
        raise _stopped(engine, run, error) from error
    said = ". ".join(part for part in (refusal.title if refusal else "", undone.kept) if part)
    if refusal is not None and undone.kept:
        refusal.detail = "\n".join(part for part in (refusal.detail, undone.kept) if part)
    failed = undone.state is OperationState.FAILED
    outcome = (" undone in part" if undone.kept else _OUTCOMES[undone.state]) + (f": {said}" if said else "")
    audited = _audited(engine, run, AuditType.ERROR if failed else AuditType.WARNING, outcome)

    def also(session: Session) -> None:
        if undone.also is not None:
            undone.also(session)
        audited(session)

    run.close(undone.state, said or None, also=also)
    return undone.state


def audit_refusal(
    engine: Engine, kind: OperationKind, objects: Mapping[str, str], error: KctuiError, group_id: str | None
) -> None:
    """Put a refusal that came before anything was begun into the audit log. Best effort: the refusal comes first."""
    if not isinstance(error, RefusedError) or isinstance(error, LockedError) or engine.read_only:
        return
    with suppress(StoreError):
        engine.audit.note(
            AuditEvent(
                AuditType.WARNING,
                AuditCategory.CLOUD_KEY if "CloudKey" in objects else AuditCategory.ACCOUNT,
                f"{kind.value} of {objects.get('CloudKey') or objects.get('CSP Account', '?')} refused: {error.title}",
                objects,
                group_id=group_id,
            )
        )


def passes(error: KctuiError) -> bool:
    """Whether the same call may succeed later: that is no reason to undo what was done."""
    if isinstance(error, AwsRefusedError):
        return error.refusal in _PASSING
    return error.passes


def _stopped(engine: Engine, run: Run, error: KctuiError) -> KctuiError:
    """Left open for recovery; or ended, where the key will never let it go on."""
    fate = fate_of(run, error)
    if fate is None:
        return _left_open(engine, run, error)
    audited = _audited(engine, run, AuditType.WARNING, f" ended unfinished: {fate.error.title}")

    def also(session: Session) -> None:
        fate.keep(session)
        audited(session)

    run.close(OperationState.DONE, fate.error.title, also=also)
    return fate.error


def _left_open(engine: Engine, run: Run, error: KctuiError) -> NeedsRecoveryError:
    with suppress(StoreError):
        engine.audit.note(
            AuditEvent(
                AuditType.ERROR,
                _category(run),
                f"{run.operation.title} was interrupted: {error.title}",
                _objects(run),
                _request_ids(run),
                group_id=run.operation.group_id,
            )
        )
    return NeedsRecoveryError(
        f"{run.operation.title} is not finished: {error.title}",
        detail=error.detail,
        remedy="Nothing is lost: the journal knows how far it came. `kctui recover` goes on from there.",
    )


def _audited(engine: Engine, run: Run, weight: AuditType, outcome: str) -> Callable[[Session], None]:
    ids = _request_ids(run)

    def write(session: Session) -> None:
        engine.audit.record(
            session,
            AuditEvent(
                weight,
                _category(run),
                run.operation.title + outcome,
                _objects(run),
                ids,
                group_id=run.operation.group_id,
            ),
        )

    return write


def _category(run: Run) -> AuditCategory:
    return AuditCategory.CLOUD_KEY if run.operation.cloud_key_id else AuditCategory.ACCOUNT


def _objects(run: Run) -> dict[str, str]:
    return {"Operation": run.operation.id, **run.operation.parameters.get("objects", {})}


def _request_ids(run: Run) -> tuple[str, ...]:
    return tuple(step.request_id for step in run.steps() if step.request_id)
