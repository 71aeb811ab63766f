"""Delete CloudKey and Cancel Deletion: scheduled by KMS for a day, and called off until then."""

from datetime import datetime

from sqlmodel import Session

from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms
from kctui.core.model import CloudKey
from kctui.core.observer import Observer
from kctui.core.operations.importing import confirm, kms_of, prove_before_taking, versions_in
from kctui.core.operations.journal import Answer, Run
from kctui.core.operations.switching import NothingToUndo
from kctui.core.timing import eventually
from kctui.core.words import CloudStatus, KeySource

_LIVING = {CloudStatus.AVAILABLE, CloudStatus.DISABLED, CloudStatus.NOT_AVAILABLE}


class Delete(NothingToUndo):
    """Prove our copies, then ScheduleKeyDeletion. A copy that does not open stops it: the vault is not sound."""

    effects = frozenset({"ScheduleKeyDeletion"})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms = kms_of(run.engine, key)
        if key.key_source is KeySource.KCTUI:
            prove_before_taking(run, observer, versions_in(run.engine, key), self.effects)
        key_id, days = key.kms_key_id or "", int(run.operation.parameters["days"])

        def effect() -> Answer:
            try:
                date, request_id = kms.schedule_deletion(key_id, days)
            except AwsRefusedError as error:
                # An earlier try of ours, whose answer was lost.
                seen = _doomed(run, kms, key_id) if error.refusal is Refusal.STATE else None
                if seen is None:
                    raise
                date, request_id = seen
            return Answer(request_id, f"on {date:%Y-%m-%d %H:%M} UTC", {"deletion_date": date.isoformat()})

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(CloudKey, key.id)
            row.deletion_date = datetime.fromisoformat(answer.data["deletion_date"])

        run.step("ScheduleKeyDeletion", effect, observer, keep=keep)
        confirm(run, observer, kms, {CloudStatus.PENDING_DELETE}, before=_LIVING)


class CancelDeletion(NothingToUndo):
    """CancelKeyDeletion; the key is DISABLED then, or NOT AVAILABLE where its material is missing."""

    effects = frozenset({"CancelKeyDeletion"})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms, key_id = kms_of(run.engine, key), key.kms_key_id or ""

        def effect() -> Answer:
            try:
                return Answer(kms.cancel_deletion(key_id))
            except AwsRefusedError as error:
                if error.refusal is Refusal.STATE and _doomed(run, kms, key_id) is None:
                    # An earlier try of ours, whose answer was lost.
                    return Answer(error.request_id, "it does not wait for its deletion any more")
                raise

        run.step("CancelKeyDeletion", effect, observer)
        confirm(
            run,
            observer,
            kms,
            {CloudStatus.DISABLED, CloudStatus.NOT_AVAILABLE},
            before={CloudStatus.PENDING_DELETE},
        )


def _doomed(run: Run, kms: Kms, key_id: str) -> tuple[datetime, str] | None:
    """The date of the deletion that the key waits for, and the request id of the question; None where it does not."""
    seen = eventually(run.engine.timing, lambda: kms.describe(key_id))
    if seen.status is not CloudStatus.PENDING_DELETE or seen.deletion_date is None:
        return None
    return seen.deletion_date, seen.request_id
