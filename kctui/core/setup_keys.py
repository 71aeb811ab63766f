"""The access key of `aws setup`: made for one use, and deleted again where that fails.

Its secret is known to this run alone. Nothing is announced to the observer between AWS's answer and the end of the
use, nor while it is undone: a stop that is asked for meanwhile takes effect afterwards.
"""

import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from kctui.core.aws.access_keys import MadeKey, UserKey
from kctui.core.aws.failures import effect_unknown
from kctui.core.aws.iam_setup import RUN_AGAIN, IamAdmin
from kctui.core.clock import now, rfc3339
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, RefusedError, StoreError
from kctui.core.observer import Observer
from kctui.core.setup_notes import SLACK, KeyState, Notes, held_keys
from kctui.core.words import AuditType, StepState

Used = TypeVar("Used")
_CREATE = "CreateAccessKey"


class Unbroken:
    """An observer that hears how steps end, and cannot stop them from beginning."""

    def __init__(self, inner: Observer) -> None:
        self._inner = inner

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Pass on what was done or failed."""
        if state is not StepState.INTENDED:
            self._inner.step(name, state, detail, request_id)

    def progress(self, done: int, total: int, what: str) -> None:
        """Keep it: whoever hears of progress may stop there."""


class KeyMaker:
    """Makes an access key of a user. ahead: how far AWS's clock is ahead of ours."""

    def __init__(
        self, engine: Engine, iam: IamAdmin, notes: Notes, user: str, ahead: timedelta | None, observer: Observer
    ) -> None:
        self._engine = engine
        self._iam = iam
        self._notes = notes
        self._user = user
        self._ahead = ahead or timedelta()
        self._observer = observer
        self._unbroken = Unbroken(observer)

    def make_and_use(self, use: Callable[[MadeKey, Observer], Used]) -> Used:
        """Make an access key and do something with it; where that fails, the key is deleted again."""
        made = self._create()
        try:
            with made.secret:
                self._unbroken.step(_CREATE, StepState.DONE, made.id, made.request_id)
                self._notes.key(KeyState.MADE, f"made the access key {made.id}", made.id, made.request_id)
                used = use(made, self._unbroken)
        except BaseException as error:
            if isinstance(error, KctuiError) and effect_unknown(error):
                error.remedy = RUN_AGAIN
            self._take_back(made.id, error)
            raise
        self._notes.key(KeyState.KEPT, f"kept the access key {made.id}", made.id)
        return used

    def delete(self, key_id: str, why: str) -> None:
        """Delete an access key that is of no use to anybody."""
        name = "DeleteAccessKey"
        self._observer.step(name, StepState.INTENDED)
        try:
            request_id = self._iam.delete_access_key(self._user, key_id)
        except KctuiError as error:
            self._observer.step(name, StepState.FAILED, error.title)
            self._notes.effect(f"{name} {key_id} failed: {error.title}", weight=AuditType.ERROR)
            raise
        self._observer.step(name, StepState.DONE, f"{key_id}: {why}", request_id)
        message = f"deleted the access key {key_id}: {why}"
        self._notes.key(KeyState.DELETED, message, key_id, request_id, AuditType.WARNING)

    def name_doubtful(self, key: UserKey) -> None:
        """Say which access key may have been made by an earlier run. It is not deleted."""
        told = f"{key.id} was never used, and made while a run was stopped: perhaps its secret is lost"
        self._observer.step("Access keys", StepState.DONE, told)
        self._notes.effect(f"the access key {told}", weight=AuditType.WARNING)

    def _create(self, *, again: bool = True) -> MadeKey:
        """CreateAccessKey. A key whose answer was lost is of no use to anybody: it is found, and deleted."""
        before = {key.id for key in self._iam.access_keys(self._user)}
        self._observer.step(_CREATE, StepState.INTENDED)
        since = now()
        self._notes.announced(before)
        try:
            return self._iam.create_access_key(self._user)
        except KctuiError as error:
            self._unbroken.step(_CREATE, StepState.FAILED, error.title)
            if not effect_unknown(error):
                message = f"{_CREATE} failed: {error.title}"
                self._notes.key(KeyState.REFUSED, message, weight=AuditType.ERROR)
                raise
            self._delete_unanswered(before, since, error)
            if not again:
                raise
        return self._create(again=False)

    def _delete_unanswered(self, before: set[str], since: datetime, error: KctuiError) -> None:
        """Delete what was made without an answer, where it can be no other's. Raises `error` or ConflictError."""
        until = now()
        try:
            found = self._appeared(before)
            ours = all(since + self._ahead - SLACK <= key.created_at <= until + self._ahead + SLACK for key in found)
            known = not found or (len(found) == 1 and ours and self._iam.last_used(found[0].id) is None)
        except KctuiError as failed:
            self._unclear(error)
            error.detail = _joined(error.detail, f"Whether an access key was made cannot be told: {failed.title}.")
            error.remedy = _joined(RUN_AGAIN, failed.remedy)
            raise error from failed
        if not known:
            self._unclear(error)
            raise ConflictError(
                f"An access key of {self._user} may have been made, and its secret be lost",
                detail=_joined(
                    "New, one of them perhaps made by somebody else: "
                    + ", ".join(f"{key.id} ({rfc3339(key.created_at)})" for key in found),
                    error.title,
                ),
                remedy="Ask who made which. Run this again with --delete-unused ID for one that nobody has.",
            ) from error
        if not found:
            self._notes.key(KeyState.REFUSED, f"{_CREATE} failed: {error.title}", weight=AuditType.ERROR)
            return
        self._delete_again(found[0].id, error, "its secret was lost on the way")

    def _appeared(self, before: set[str]) -> list[UserKey]:
        """The access keys that are new. One may take seconds to be listed (IAM User Guide, eventual consistency)."""
        pauses = self._engine.timing.pauses()
        while True:
            found = [key for key in self._iam.access_keys(self._user) if key.id not in before]
            pause = next(pauses, None)
            if found or pause is None:
                return found
            time.sleep(pause)

    def _take_back(self, key_id: str, error: BaseException) -> None:
        try:
            if key_id in held_keys(self._engine):
                return
        except StoreError:
            # Whether the CSP Account was added cannot be seen: the next run sees it.
            return
        self._delete_again(key_id, error, "no CSP Account was made of it")

    def _delete_again(self, key_id: str, error: BaseException, why: str) -> None:
        """Where it cannot be deleted, `error` says so too."""
        name = "Undo: DeleteAccessKey"
        try:
            request_id = self._iam.delete_access_key(self._user, key_id)
        except KctuiError as failed:
            self._unbroken.step(name, StepState.FAILED, failed.title)
            told = f"The access key {key_id} of {self._user} stays, and its secret is lost: {failed.title}."
            with contextlib.suppress(StoreError):
                self._notes.key(KeyState.LOST, told, key_id, weight=AuditType.ERROR)
            remedy = "Run this again with a profile that may call iam:DeleteAccessKey: it deletes that key first."
            if not isinstance(error, KctuiError):
                raise RefusedError(told, detail=str(error), remedy=remedy) from error
            error.detail, error.remedy = _joined(error.detail, told), _joined(error.remedy, remedy)
            raise error from failed
        self._unbroken.step(name, StepState.DONE, key_id, request_id)
        message = f"deleted the access key {key_id}: {why}"
        with contextlib.suppress(StoreError):
            self._notes.key(KeyState.DELETED, message, key_id, request_id, AuditType.WARNING)

    def _unclear(self, error: KctuiError) -> None:
        message = f"whether an access key was made is unclear: {error.title}"
        self._notes.key(KeyState.UNCLEAR, message, weight=AuditType.ERROR)


def _joined(*texts: str) -> str:
    return "\n".join(text for text in texts if text)
