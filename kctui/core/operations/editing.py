"""Edit CloudKey: what AWS has now is looked at and kept, then changed step by step, and looked at again.

Everything can be put back, so a permission that is lost half-way leaves the key as it was. The key policy comes last:
it may take away from us what the other steps, and their taking back, need.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import Session, select

from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms
from kctui.core.aws.policy_difference import same_policy
from kctui.core.clock import now
from kctui.core.errors import ConflictError, InvalidInputError, NeedsRecoveryError, RefusedError
from kctui.core.model import CloudKey, Schedule
from kctui.core.observer import Observer
from kctui.core.operations.access import changed_policy
from kctui.core.operations.edits import gone_tags, new_tags
from kctui.core.operations.importing import CONFIRM, kms_of
from kctui.core.operations.journal import Answer, ChangedElsewhereError, Run
from kctui.core.operations.runner import Undone, passes
from kctui.core.timing import eventually
from kctui.core.validation import MOST_TAGS
from kctui.core.words import OperationState, ScheduleKind

LOOK = "Look at the KMS key"
SCHEDULE = "Set the rotation schedule"
DESCRIBE, UNTAG, TAG, PUT_POLICY = "UpdateKeyDescription", "UntagResource", "TagResource", "PutKeyPolicy"


@dataclass(frozen=True)
class _Effect:
    """A step that changes something in AWS. do, undo: the calls, with the request id they give. keep: in the row."""

    name: str
    do: Callable[[], str | None]
    undo: Callable[[], str | None]
    keep: Callable[[CloudKey, str], None]


class EditCloudKey:
    """The steps, and how they are taken back."""

    effects = frozenset({DESCRIBE, UNTAG, TAG, PUT_POLICY})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        asked = run.operation.parameters
        if not {"description", "tags", "access"} & set(asked):
            run.step(SCHEDULE, Answer, observer, keep=lambda session, _answer: _keep_rotation(session, run))
            return
        key = run.key()
        kms = kms_of(run.engine, key)
        former = self._look(run, observer, kms, key)
        for effect in _effects(asked, kms, key.kms_key_id or "", former):
            run.step(effect.name, _calling(effect.do), observer, keep=_keeping(run, effect, "after"))
        _confirm(run, observer, kms, key, former)

    def can_undo(self, run: Run) -> bool:
        """Always: the former values are in the journal."""
        return True

    def undo(self, run: Run, observer: Observer) -> Undone:
        """Put back what was, the last step first; what AWS does not let us put back is kept, and named."""
        if not run.may_have_happened(self.effects):
            return Undone(OperationState.FAILED)
        key = run.key()
        former = next(step.answer for step in run.steps() if step.name == LOOK)
        effects = _effects(run.operation.parameters, kms_of(run.engine, key), key.kms_key_id or "", former)
        kept = []
        for effect in reversed(effects):
            if not run.may_have_happened({effect.name}):
                continue
            try:
                run.step(f"Undo: {effect.name}", _calling(effect.undo), observer, keep=_keeping(run, effect, "before"))
            except RefusedError as error:
                if passes(error):
                    raise
                done = "is done" if run.done(effect.name) else "may be done"
                kept.append(f"{effect.name} {done} and could not be taken back: {error.title}")
        return Undone(OperationState.DONE if kept else OperationState.UNDONE, kept=". ".join(kept))

    def _look(self, run: Run, observer: Observer, kms: Kms, key: CloudKey) -> dict[str, Any]:
        """What AWS has now: to be put back. A policy other than the user saw is refused here."""
        asked, key_id = run.operation.parameters, key.kms_key_id or ""

        def effect() -> Answer:
            seen = eventually(run.engine.timing, lambda: kms.describe(key_id))
            former: dict[str, Any] = {"description": seen.description}
            if "tags" in asked:
                former["tags"] = kms.tags(key_id)
                _refuse_too_many(asked["tags"], former["tags"])
            if "access" in asked:
                former["policy"] = kms.policy(key_id)
                if not same_policy(former["policy"], asked["access"]["seen"]):
                    raise changed_policy(key.name, asked["access"]["seen"], former["policy"], "as you saw it")
            return Answer(seen.request_id, f"KMS says {seen.key_state}", former)

        return run.step(LOOK, effect, observer).data


def _effects(asked: dict[str, Any], kms: Kms, key_id: str, former: dict[str, Any]) -> list[_Effect]:
    """What is to be done in AWS, in order. former: what AWS had before."""
    found = []
    if "description" in asked:
        text, was = asked["description"], former["description"]
        found.append(
            _Effect(
                DESCRIBE,
                lambda: kms.update_description(key_id, text["after"]),
                lambda: kms.update_description(key_id, was),
                lambda row, side: setattr(row, "description", text[side]),
            )
        )
    if "tags" in asked:
        # First those that go: there may be no room for the new ones before.
        found += _tag_effects(asked["tags"], kms, key_id, former["tags"])
    if "access" in asked:
        found.append(_policy_effect(asked["access"], kms, key_id, former["policy"]))
    return found


def _tag_effects(asked: dict[str, dict[str, str]], kms: Kms, key_id: str, former: dict[str, str]) -> list[_Effect]:
    gone, new = gone_tags(asked), new_tags(asked)
    back = {name: former[name] for name in gone if name in former}

    def restore() -> str | None:
        added = sorted(set(new) - set(former))
        replaced = {name: former[name] for name in new if name in former}
        request_id = kms.untag(key_id, added) if added else None
        return kms.tag(key_id, replaced) if replaced else request_id

    def keep_gone(row: CloudKey, side: str) -> None:
        others = {name: value for name, value in row.tags.items() if name not in gone}
        row.tags = others | ({name: asked["before"][name] for name in gone} if side == "before" else {})

    def keep_new(row: CloudKey, side: str) -> None:
        others = {name: value for name, value in row.tags.items() if name not in new}
        row.tags = others | {name: asked[side][name] for name in new if name in asked[side]}

    found = []
    if gone:
        put_back: Callable[[], str | None] = lambda: kms.tag(key_id, back) if back else None  # noqa: E731
        found.append(_Effect(UNTAG, lambda: kms.untag(key_id, gone), put_back, keep_gone))
    if new:
        found.append(_Effect(TAG, lambda: kms.tag(key_id, new), restore, keep_new))
    return found


def _policy_effect(asked: dict[str, Any], kms: Kms, key_id: str, former: str) -> _Effect:
    after = str(asked["after"]["policy"])

    def restore() -> str | None:
        present = kms.policy(key_id)
        if same_policy(present, former):
            return None
        if not same_policy(present, after):
            raise ConflictError("the key policy was changed elsewhere meanwhile")
        return kms.put_policy(key_id, former)

    def keep(row: CloudKey, side: str) -> None:
        row.policy = asked[side]["policy"]
        row.administrators, row.users = list(asked[side]["administrators"]), list(asked[side]["users"])

    return _Effect(PUT_POLICY, lambda: kms.put_policy(key_id, after), restore, keep)


def _confirm(run: Run, observer: Observer, kms: Kms, key: CloudKey, former: dict[str, Any]) -> None:
    """Step: ask KMS until it shows what was written. Raises ChangedElsewhereError where it shows something else."""
    asked, key_id = run.operation.parameters, key.kms_key_id or ""

    def effect() -> Answer:
        late: list[str] = []
        changed: list[str] = []
        request_id = None
        for pause in (0.0, *run.engine.timing.pauses()):
            time.sleep(pause)
            try:
                request_id, late, changed = _compare(asked, kms, key_id, former)
            except AwsRefusedError as error:
                if error.refusal is not Refusal.ACCESS:
                    raise
                # The new policy may forbid us to look; that it was taken, KMS has answered.
                return Answer(error.request_id, f"not looked at: {error.title}", {"changed": []})
            if not late and not changed:
                break
        if late:
            raise NeedsRecoveryError(
                f"KMS does not show the new {', '.join(late)} yet",
                remedy="`kctui recover` asks again, and goes on from there.",
            )
        return Answer(request_id, "" if changed else "KMS shows it", {"changed": changed})

    answer = run.step(CONFIRM, effect, observer, keep=lambda session, _answer: _keep_rotation(session, run))
    if answer.data["changed"]:
        raise ChangedElsewhereError(
            f"{key.name} was changed elsewhere meanwhile: its {', '.join(answer.data['changed'])}",
            detail="What was asked was done first; KMS shows something else now.",
            remedy="Look at the key again, and at who else may change it (CloudTrail).",
        )


def _compare(asked: dict[str, Any], kms: Kms, key_id: str, former: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """The request id; what KMS shows as it was before, and what it shows otherwise than either."""
    seen = kms.describe(key_id)
    sides: list[tuple[str, bool, bool]] = []
    if "description" in asked:
        new = asked["description"]["after"]
        sides.append(("description", seen.description == new, seen.description == former["description"]))
    if "tags" in asked:
        tags = kms.tags(key_id)
        new_ones, gone = new_tags(asked["tags"]), gone_tags(asked["tags"])
        shown = new_ones.items() <= tags.items() and not set(gone) & set(tags)
        sides.append(("tags", shown, tags == former["tags"]))
    if "access" in asked:
        policy = kms.policy(key_id)
        shown = same_policy(policy, asked["access"]["after"]["policy"])
        sides.append(("key policy", shown, same_policy(policy, former["policy"])))
    late = [what for what, is_new, is_old in sides if is_old and not is_new]
    changed = [what for what, is_new, is_old in sides if not is_new and not is_old]
    return seen.request_id, late, changed


def _refuse_too_many(asked: dict[str, dict[str, str]], present: dict[str, str]) -> None:
    after = (set(present) - set(gone_tags(asked))) | set(new_tags(asked))
    if len(after) > MOST_TAGS:
        others = len(set(present) - set(asked["before"]))
        raise InvalidInputError(
            f"The KMS key would have {len(after)} tags: AWS allows {MOST_TAGS}",
            detail=f"{others} of its tags are not from kctui's list, or are kctui's own.",
            remedy="Take some away.",
            field="tags",
        )


def _calling(call: Callable[[], str | None]) -> Callable[[], Answer]:
    return lambda: Answer(call())


def _keeping(run: Run, effect: _Effect, side: str) -> Callable[[Session, Answer], None]:
    def keep(session: Session, _answer: Answer) -> None:
        row = session.get_one(CloudKey, run.cloud_key_id)
        effect.keep(row, side)
        row.revision += 1

    return keep


def _keep_rotation(session: Session, run: Run) -> None:
    """The schedule is ours alone: it counts from now."""
    asked = run.operation.parameters.get("rotation_schedule")
    if asked is None:
        return
    days = asked["after"]
    row = session.get_one(CloudKey, run.cloud_key_id)
    row.rotation_days, row.revision = days, row.revision + 1
    kind = ScheduleKind.ROTATE_CLOUD_KEY
    schedule = session.exec(select(Schedule).where(Schedule.kind == kind, Schedule.target_id == row.id)).one_or_none()
    if days is None:
        if schedule is not None:
            session.delete(schedule)
        return
    if schedule is None:
        schedule = Schedule(kind=kind, target_id=row.id, every_days=days, due_at=now())
        session.add(schedule)
    schedule.every_days, schedule.due_at = days, now() + timedelta(days=days)
