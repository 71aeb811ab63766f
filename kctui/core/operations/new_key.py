"""Rotate Now by a new KMS key: new key material in a new KMS key, to which the alias is moved.

The way of the guide (2.12), and the only one for HMAC and asymmetric keys. The earlier KMS key stays as it is, without
alias, and stays listed as an earlier version: what was encrypted under it still decrypts. Until the alias may have
moved the rotation is undone: the new KMS key, which nobody was pointed to, is scheduled for deletion.
"""

import time
from datetime import datetime

from sqlmodel import Session, select

from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.clock import now
from kctui.core.errors import ConflictError, NeedsRecoveryError, RefusedError
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.observer import Observer
from kctui.core.operations.birth import CREATE_KEY, UNDO_DAYS, create_kms_key, search
from kctui.core.operations.importing import confirm, expiry_of, import_version, kms_of, prove_copy
from kctui.core.operations.journal import Answer, ChangedElsewhereError, Run
from kctui.core.operations.rotation import make_current, new_version_of
from kctui.core.operations.runner import Undone
from kctui.core.timing import eventually
from kctui.core.words import CloudStatus, MaterialState, OperationState

UPDATE_ALIAS = "UpdateAlias"
_ON_ITS_WAY = {CloudStatus.NOT_AVAILABLE, CloudStatus.UPDATING}
_IMPORTS = frozenset(f"ImportKeyMaterial {number}" for number in range(1, 1000))


class RotateByNewKey:
    """The steps, and how they are taken back."""

    effects = frozenset({CREATE_KEY, UPDATE_ALIAS}) | _IMPORTS

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms, version = kms_of(run.engine, key), new_version_of(run)
        prove_copy(run, observer, version)
        if not run.may_have_happened({UPDATE_ALIAS}):
            self._check_alias(run, observer, kms, key)
        policy = self._read_policy(run, observer, kms, key)
        made = create_kms_key(run, observer, kms, policy, lambda session, answer: _keep(session, version.id, answer))
        new_key_id = str(made.data["key_id"])
        import_version(run, observer, kms, new_key_id, version, expiry_of(run))
        self._await_enabled(run, observer, kms, new_key_id)
        moved = self._move_alias(run, observer, kms, key, version, str(made.data["arn"]))
        confirm(run, observer, kms, {CloudStatus.AVAILABLE}, before={CloudStatus.NOT_AVAILABLE})
        if "elsewhere" in moved.data:
            raise ChangedElsewhereError(
                f"{moved.data['alias']} was taken away from the new KMS key meanwhile",
                detail=f"It points to {moved.data['elsewhere'] or 'none'}. Both KMS keys are as they were.",
                remedy="Find out who moved it (CloudTrail), and refresh.",
            )

    def can_undo(self, run: Run) -> bool:
        """Until the alias may have moved: nobody was pointed to the new KMS key before."""
        return not run.may_have_happened({UPDATE_ALIAS})

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Schedule the new KMS key's deletion; where there is none, forget the version: nothing was ever under it."""
        key, version = run.key(), new_version_of(run)
        if version.kms_key_id is None and run.may_have_happened({CREATE_KEY}):
            step = next(step for step in run.steps() if step.name == CREATE_KEY)
            found = search(run, kms_of(run.engine, key), step)
            if found is not None:
                made = Answer(data={"key_id": found.key_id, "arn": found.arn})
                run.write(lambda session: _keep(session, version.id, made))
                version = new_version_of(run)
        if version.kms_key_id is None:
            begun = run.may_have_happened({CREATE_KEY})

            def forget(session: Session) -> None:
                session.delete(session.get_one(KeyVersion, version.id))

            return Undone(OperationState.UNDONE if begun else OperationState.FAILED, forget)
        self._schedule_deletion(run, observer, kms_of(run.engine, key), version)
        return Undone(OperationState.UNDONE)

    def _check_alias(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> None:
        """A rotation moves the alias: it must be there, and point to this CloudKey."""
        alias = key.alias

        def effect() -> Answer:
            if alias is None:
                raise RefusedError(
                    f"{key.name} has no alias that could move to a new KMS key",
                    remedy="Point the alias to it again in AWS and refresh, or rotate in place.",
                )
            held = _held(kms, alias)
            _require_here(alias, held, key)
            return Answer(held.request_id if held else None, f"{alias} points to {key.kms_key_id}")

        run.step("Check alias", effect, observer)

    def _read_policy(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> str:
        """The new KMS key gets the policy that the present one has now, whoever wrote it."""

        def effect() -> Answer:
            return Answer(data={"policy": kms.policy(key.kms_key_id or "")})

        return str(run.step("GetKeyPolicy", effect, observer).data["policy"])

    def _await_enabled(self, run: Run, observer: Observer, kms: Kms, key_id: str) -> None:
        """The alias moves only to a key that works."""

        def effect() -> Answer:
            said = "nothing"
            for pause in (0.0, *run.engine.timing.pauses()):
                time.sleep(pause)
                seen = eventually(run.engine.timing, lambda: kms.describe(key_id))
                if seen.status is CloudStatus.AVAILABLE:
                    return Answer(seen.request_id, f"KMS says {seen.key_state}")
                if seen.status not in _ON_ITS_WAY:
                    raise ConflictError(
                        f"The new KMS key was changed elsewhere meanwhile: KMS says {seen.key_state}",
                        detail=f"It is {key_id}. The alias was not moved to it.",
                        remedy="Find out who changed it (CloudTrail), then rotate again.",
                    )
                said = seen.key_state
            raise NeedsRecoveryError(
                f"KMS says {said} of the new KMS key, not yet Enabled",
                remedy="`kctui recover` asks again, and goes on from there.",
            )

        run.step("Await new KMS key", effect, observer)

    def _move_alias(
        self, run: Run, observer: Observer, kms: Kms, key: CloudKey, version: KeyVersion, arn: str
    ) -> Answer:
        """Pointing it there once more after a lost answer changes nothing.

        It is looked at just before: somebody may have moved it since it was checked. Where it may have been ours to
        move it, and somebody moved it on, the new KMS key may have been used, and stays.
        """
        new_key_id, alias = new_version_of(run).kms_key_id or "", key.alias or ""
        old_key_id, old_arn = key.kms_key_id, key.key_arn
        tried = run.may_have_happened({UPDATE_ALIAS})

        def effect() -> Answer:
            held = _held(kms, alias)
            if held is not None and held.key_id == new_key_id:
                return Answer(held.request_id, f"{alias} points there already")
            if tried and (held is None or held.key_id != old_key_id):
                elsewhere = {"alias": alias, "elsewhere": held.key_id if held else None}
                return Answer(detail=f"{alias} was moved elsewhere since", data=elsewhere)
            _require_here(alias, held, key)
            return Answer(kms.update_alias(alias, new_key_id), f"{alias} points to {new_key_id}")

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(CloudKey, key.id)
            if "elsewhere" in answer.data:
                row.alias = None
            for earlier in session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == row.id)):
                if earlier.kms_key_id == old_key_id:
                    earlier.key_arn, earlier.cloud_status, earlier.status_seen_at = (
                        old_arn, row.cloud_status, row.status_seen_at,
                    )  # fmt: skip
            row.kms_key_id, row.key_arn, row.rotations_used = new_key_id, arn, 0
            row.cloud_status, row.status_seen_at = CloudStatus.AVAILABLE, now()
            new = session.get_one(KeyVersion, version.id)
            new.key_arn = new.cloud_status = new.status_seen_at = None
            make_current(session, row, version.id, None)

        return run.step(UPDATE_ALIAS, effect, observer, keep=keep)

    def _schedule_deletion(self, run: Run, observer: Observer, kms: Kms, version: KeyVersion) -> None:
        key_id = version.kms_key_id or ""

        def effect() -> Answer:
            seen = eventually(run.engine.timing, lambda: kms.describe(key_id))
            if seen.status is CloudStatus.PENDING_DELETE and seen.deletion_date is not None:
                date, request_id = seen.deletion_date, seen.request_id
            else:
                date, request_id = kms.schedule_deletion(key_id, UNDO_DAYS)
            return Answer(request_id, data={"deletion_date": date.isoformat()})

        def keep(session: Session, answer: Answer) -> None:
            row = session.get_one(KeyVersion, version.id)
            row.cloud_status, row.status_seen_at = CloudStatus.PENDING_DELETE, now()
            row.deletion_date = datetime.fromisoformat(answer.data["deletion_date"])
            row.material_state = MaterialState.NON_CURRENT

        run.step("Undo: ScheduleKeyDeletion", effect, observer, keep=keep)


def _held(kms: Kms, alias: str) -> KmsKey | None:
    """The KMS key that an alias points to; None where there is no such alias."""
    try:
        return kms.describe(alias)
    except AwsRefusedError as error:
        if error.refusal is Refusal.NOT_FOUND:
            return None
        raise


def _require_here(alias: str, held: KmsKey | None, key: CloudKey) -> None:
    """Raise ConflictError where an alias is gone, or points to another KMS key than the CloudKey's."""
    if held is None:
        raise ConflictError(f"{alias} is gone", remedy="Refresh to see the key's present state.")
    if held.key_id != key.kms_key_id:
        raise ConflictError(
            f"{alias} points to another KMS key",
            detail=f"It points to {held.key_id}.",
            remedy="Find out who moved it (CloudTrail), and refresh.",
        )


def _keep(session: Session, version_id: str, answer: Answer) -> None:
    """Until the alias has moved, the new KMS key is the version's, not yet the CloudKey's."""
    version = session.get_one(KeyVersion, version_id)
    version.kms_key_id, version.key_arn = answer.data["key_id"], answer.data["arn"]
    version.cloud_status, version.status_seen_at = CloudStatus.NOT_AVAILABLE, now()
