"""Recovery: every operation that a kill, a lost line or AWS left half-way is finished or undone."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from kctui.core.audit import AuditEvent
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.model import CloudKey, CspAccount, Operation, OperationStep
from kctui.core.observer import Observer, Silent
from kctui.core.operations.definitions import DEFINITIONS
from kctui.core.operations.journal import is_owned, take_over
from kctui.core.operations.runner import run_to_end
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType, OperationKind, OperationState


@dataclass(frozen=True)
class OpenOperation:
    """An operation that is not finished. alive: its owner still runs it. cloud_key, csp_account: what it is about."""

    id: str
    kind: OperationKind
    title: str
    cloud_key: str
    csp_account: str
    operator: str
    owner_host: str | None
    started_at: datetime
    last_step: str | None
    alive: bool


@dataclass
class RecoveryReport:
    """What became of each operation, by title. left: title and reason."""

    finished: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def open_operations(store: Store) -> list[OpenOperation]:
    """Every operation that is not finished, the oldest first. Needs no unlocking."""
    with store.read() as session:
        rows = session.exec(
            select(Operation).where(Operation.state == OperationState.OPEN).order_by(col(Operation.started_at))
        ).all()
        found = []
        for row in rows:
            last = session.exec(
                select(OperationStep.name)
                .where(OperationStep.operation_id == row.id)
                .order_by(col(OperationStep.number).desc())
                .limit(1)
            ).one_or_none()
            key = session.get(CloudKey, row.cloud_key_id) if row.cloud_key_id else None
            account = session.get(CspAccount, row.csp_account_id) if row.csp_account_id else None
            found.append(
                OpenOperation(
                    id=row.id,
                    kind=row.kind,
                    title=row.title,
                    cloud_key=key.name if key else "",
                    csp_account=account.name if account else "",
                    operator=row.operator,
                    owner_host=row.owner_host,
                    started_at=row.started_at,
                    last_step=last,
                    alive=is_owned(row),
                )
            )
    return found


def recover(engine: Engine, observer: Observer | None = None) -> RecoveryReport:
    """Finish or undo every interrupted operation whose owner is dead; one that fails does not stop the others."""
    observer = observer or Silent()
    engine.require_writable("Recover")
    report = RecoveryReport()
    interrupted = [operation for operation in open_operations(engine.store) if not operation.alive]
    for done, operation in enumerate(interrupted):
        observer.progress(done, len(interrupted), operation.title)
        try:
            state = _recover_one(engine, operation, observer)
        except KctuiError as error:
            # A definite refusal closes the operation after undoing it; the rest stays for the next time.
            if _still_open(engine, operation.id):
                report.left.append((operation.title, error.title))
            else:
                report.undone.append(f"{operation.title}: {error.title}")
        except Exception as error:
            # A fault of ours in one must not keep the others from being recovered.
            engine.log.error("recovery failed", operation=operation.id, error=type(error).__name__)  # noqa: TRY400
            report.left.append((operation.title, f"kctui met an error it does not know ({type(error).__name__})"))
        else:
            (report.finished if state is OperationState.DONE else report.undone).append(operation.title)
    observer.progress(len(interrupted), len(interrupted), "")
    return report


def _recover_one(engine: Engine, operation: OpenOperation, observer: Observer) -> OperationState:
    with engine.store.read() as session:
        group_id = session.get_one(Operation, operation.id).group_id
    engine.keyring.group(group_id)
    event = AuditEvent(
        AuditType.INFORMATION,
        AuditCategory.RECOVERY,
        f"Recovering {operation.title}, begun by {operation.operator}",
        {"Operation": operation.id}
        | ({"CloudKey": operation.cloud_key} if operation.cloud_key else {})
        | ({"CSP Account": operation.csp_account} if operation.csp_account else {}),
        group_id=group_id,
    )
    run = take_over(engine, operation.id, lambda session: _audit(engine, session, event))
    return run_to_end(engine, run, DEFINITIONS[operation.kind], observer)


def _audit(engine: Engine, session: Session, event: AuditEvent) -> None:
    engine.audit.record(session, event)


def _still_open(engine: Engine, operation_id: str) -> bool:
    with engine.store.read() as session:
        return session.get_one(Operation, operation_id).state is OperationState.OPEN
