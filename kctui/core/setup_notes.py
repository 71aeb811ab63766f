"""What the audit log keeps of the access keys that `aws setup` makes, and which of them a run left behind.

Until the CSP Account is added, the secret of a new access key is in the memory of one process. Where that ends in
between, the key is of no use to anybody: the entries written here let the next run find it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import select

from kctui.core.audit import AuditEvent
from kctui.core.aws.access_keys import UserKey
from kctui.core.aws.iam_setup import IamAdmin
from kctui.core.aws.identity import Caller
from kctui.core.engine import Engine
from kctui.core.lists import AuditList, AuditObject, AuditQuery
from kctui.core.model import AuditEntry, CspAccount, new_id
from kctui.core.ownership import owner_lives
from kctui.core.process import this_host, this_process
from kctui.core.words import AuditCategory, AuditType

# AWS gives moments in whole seconds, its clock included.
SLACK = timedelta(seconds=2)
# Longer than one request may take with its time-outs.
_REQUEST = timedelta(seconds=60)
_KEY, _STATE, _RUN, _KNOWN, _PROCESS = "Access key", "Access key state", "Run", "Access keys before", "Process"
_USER, _AWS_ACCOUNT = "IAM user", "AWS account"


class KeyState(StrEnum):
    """What became of an access key. UNCLEAR: whether it was made. LOST: it is there, and its secret is not."""

    ANNOUNCED = "announced"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    MADE = "made"
    KEPT = "kept"
    DELETED = "deleted"
    LOST = "lost"


@dataclass(frozen=True)
class LeftBehind:
    """Access keys of the user that no CSP Account here uses.

    lost: made by a run that did not keep them, to be deleted. doubtful: never used, and made while a run that ended
    was asking for one. They may be somebody else's.
    """

    lost: tuple[UserKey, ...] = ()
    doubtful: tuple[UserKey, ...] = ()


class Notes:
    """The audit entries of one run."""

    def __init__(self, engine: Engine, account: str, user: str, aws_account: str) -> None:
        self._engine = engine
        self._account = account
        self._objects = {"CSP Account": account, _USER: user, _AWS_ACCOUNT: aws_account, _RUN: new_id()}

    def effect(
        self,
        message: str,
        request_id: str | None = None,
        weight: AuditType = AuditType.INFORMATION,
        objects: Mapping[str, str] | None = None,
    ) -> None:
        """Something that was done, or failed."""
        request_ids = (request_id,) if request_id else ()
        message = f"Set up AWS for {self._account}: {message}"
        named = {**self._objects, **(objects or {})}
        self._engine.audit.note(AuditEvent(weight, AuditCategory.ACCOUNT, message, named, request_ids))

    def announced(self, before: Iterable[str]) -> None:
        """An access key is about to be made. before: the ids of those that are there."""
        about = {_STATE: KeyState.ANNOUNCED, _PROCESS: _this()}
        known = " ".join(sorted(before))
        self.effect("an access key is about to be made", objects=about | ({_KNOWN: known} if known else {}))

    def key(
        self,
        state: KeyState,
        message: str,
        key_id: str | None = None,
        request_id: str | None = None,
        weight: AuditType = AuditType.INFORMATION,
    ) -> None:
        """What became of it. key_id: None where none is known to be there."""
        objects = {_STATE: state.value, _PROCESS: _this()} | ({_KEY: key_id} if key_id else {})
        self.effect(message, request_id, weight, objects)


def held_keys(engine: Engine) -> frozenset[str]:
    """The ids of the access keys that a CSP Account here uses, or is about to."""
    with engine.store.read() as session:
        pairs = session.exec(select(CspAccount.access_key_id, CspAccount.pending_access_key_id)).all()
    return frozenset(key_id for pair in pairs for key_id in pair if key_id)


def left_behind(engine: Engine, iam: IamAdmin, caller: Caller, user: str, keys: Iterable[UserKey]) -> LeftBehind:
    """Which of the user's access keys earlier runs left behind. Changes nothing. iam:GetAccessKeyLastUsed."""
    held = held_keys(engine)
    free = [key for key in keys if key.id not in held]
    lost = tuple(key for key in free if _is_lost(engine, caller, user, key.id))
    rest = [key for key in free if key not in lost]
    windows = _open_windows(engine, caller, user) if rest else []
    doubtful = tuple(
        key for key in rest
        if any(window.holds(key) for window in windows) and iam.last_used(key.id) is None
    )  # fmt: skip
    return LeftBehind(lost, doubtful)


@dataclass(frozen=True)
class _Window:
    """When an access key may have been made by a run of which nobody knows how it ended."""

    since: datetime
    until: datetime
    before: frozenset[str]

    def holds(self, key: UserKey) -> bool:
        return self.since <= key.created_at <= self.until and key.id not in self.before


def _is_lost(engine: Engine, caller: Caller, user: str, key_id: str) -> bool:
    """Whether a run made the key, has ended, and neither kept nor deleted it."""
    entries = _entries(engine, AuditObject(key_id, _KEY))
    own = [entry for entry in entries if _STATE in entry.objects and _is_about(entry, caller, user)]
    # An entry of another kind tells that a CSP Account had the key: somebody has its secret.
    if not own or len(own) != len(entries):
        return False
    state = own[-1].objects[_STATE]
    return state == KeyState.LOST or (state == KeyState.MADE and not _lives(own[-1]))


def _open_windows(engine: Engine, caller: Caller, user: str) -> list[_Window]:
    found = []
    for entry in _entries(engine, AuditObject(KeyState.ANNOUNCED, _STATE)):
        if not _is_about(entry, caller, user):
            continue
        later = [
            each for each in _entries(engine, AuditObject(entry.objects[_RUN], _RUN))
            if _STATE in each.objects and (each.seq or 0) > (entry.seq or 0)
        ]  # fmt: skip
        unclear = bool(later) and later[0].objects[_STATE] == KeyState.UNCLEAR
        if unclear or (not later and not _lives(entry)):
            ahead = caller.ahead or timedelta()
            until = (later[0].time if unclear else entry.time + _REQUEST) + ahead + SLACK
            before = frozenset(entry.objects.get(_KNOWN, "").split())
            found.append(_Window(entry.time + ahead - SLACK, until, before))
    return found


def _entries(engine: Engine, about: AuditObject) -> list[AuditEntry]:
    """Every entry about a thing, the oldest first."""
    listed = AuditList(engine.store, AuditQuery(object=about, newest_first=False))
    page = listed.page()
    found = list(page.rows)
    while page.after is not None:
        page = listed.page(after=page.after)
        found += page.rows
    return found


def _is_about(entry: AuditEntry, caller: Caller, user: str) -> bool:
    return (entry.objects.get(_AWS_ACCOUNT), entry.objects.get(_USER)) == (caller.account, user)


def _this() -> str:
    return f"{this_host()} {this_process()}"


def _lives(entry: AuditEntry) -> bool:
    """Whether the run that wrote an entry may still go on."""
    host, _, process = entry.objects.get(_PROCESS, "").rpartition(" ")
    return owner_lives(host, process, entry.time)
