"""The audit log: append only, each entry chained to the one before, and keyed where the vault was open.

hash = SHA-256 over the entry's canonical JSON (sorted names, no spaces) with the previous entry's hash in it.
mac = HMAC-SHA256 of the hash under the group's audit key. Who can write the database could forge a plain chain
from any point on; a keyed entry they cannot forge, and the sealed anchor of each group tells that one is missing.
What nothing in one database can tell is that the whole of it was put back to an earlier day: export the log.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kctui.core.clock import now
from kctui.core.errors import TamperedError
from kctui.core.keyring import Keyring, OpenGroup, audit_anchor_place
from kctui.core.log import Log
from kctui.core.model import AdminGroup, AuditEntry
from kctui.core.process import whereabouts
from kctui.core.sealing import generation_of, seal, unseal
from kctui.core.secret import Secret
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType

FIRST = "0" * 64
Anchor = tuple[int, str]  # the last keyed entry's number and hash; (0, "") before there is one
_PAGE = 1000


@dataclass(frozen=True)
class AuditEvent:
    """What happened. objects: kind of thing → its name, such as {"CloudKey": "payroll-db"}."""

    type: AuditType
    category: AuditCategory
    message: str
    objects: Mapping[str, str] = field(default_factory=dict)
    request_ids: tuple[str, ...] = ()
    operator: str | None = None
    group_id: str | None = None


@dataclass(frozen=True)
class AuditCheck:
    """What `verify` found. wrong_at: the first entry that is not as it was written, and why."""

    entries: int
    keyed: int
    unchecked: int
    head: str
    wrong_at: int | None = None
    reason: str = ""

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong with what could be checked."""
        return self.wrong_at is None


class AuditLog:
    """Appends and verifies. With a keyring, entries are keyed and keyed entries can be checked."""

    def __init__(self, store: Store, log: Log, keyring: Keyring | None = None) -> None:
        self._store = store
        self._log = log
        self.keyring = keyring

    def note(self, event: AuditEvent) -> None:
        """Append in a transaction of its own."""
        with self._store.write() as session:
            self.record(session, event)

    def record(self, session: Session, event: AuditEvent) -> AuditEntry:
        """Append within the transaction of what it tells of, so that there is never one without the other.

        The log file hears of it after the commit.
        """
        self._store.lock_audit(session)
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc()).limit(1)).one_or_none()
        who = whereabouts()
        group = self._group_for(event)
        entry = AuditEntry(
            seq=(last.seq or 0) + 1 if last else 1,
            time=now(),
            type=event.type,
            category=event.category,
            operator=event.operator or (self.keyring.operator if self.keyring else None),
            unix_user=who.unix_user,
            ssh_client=who.ssh_client,
            host=who.host,
            message=event.message,
            objects=dict(event.objects),
            request_ids=list(event.request_ids),
            previous_hash=last.hash if last else FIRST,
            hash="",
            mac_group_id=group.id if group else None,
        )
        entry.hash = entry_hash(entry)
        if group is not None:
            entry.mac = _mac(group, entry.hash)
            self._set_anchor(session, group, entry)
        session.add(entry)
        session.flush()
        # Once it is so: what is rolled back did not happen.
        sa.event.listen(session, "after_commit", self._teller(entry), once=True)
        return entry

    def verify(self) -> AuditCheck:
        """Recompute the whole chain, page by page, and the keyed checks of every group that is open."""
        previous, seq, keyed, unchecked = FIRST, 0, 0, 0
        anchors = self._anchors()
        known = dict(anchor for anchor in anchors.values() if anchor)
        with self._store.read() as session:
            while True:
                statement = select(AuditEntry).where(col(AuditEntry.seq) > seq).order_by(col(AuditEntry.seq))
                try:
                    page = session.exec(statement.limit(_PAGE)).all()
                except ValueError:
                    # No word, date or JSON of ours: what it says instead is not worth showing.
                    reason = f"it, or one of the next {_PAGE}, cannot be read"
                    return AuditCheck(seq, keyed, unchecked, previous, seq + 1, reason)
                for entry in page:
                    reason, checked = self._wrong_with(entry, seq + 1, previous, known)
                    if reason:
                        return AuditCheck(seq, keyed, unchecked, previous, entry.seq, reason)
                    seq, previous = seq + 1, entry.hash
                    keyed += checked is True
                    unchecked += checked is False
                if len(page) < _PAGE:
                    break
                session.expunge_all()
        for group, anchor in anchors.items():
            if anchor is None:
                reason = f"the sealed anchor of {group}, which tells that this is the log's end, was changed"
                return AuditCheck(seq, keyed, unchecked, previous, seq, reason)
            if anchor[0] > seq:
                return AuditCheck(seq, keyed, unchecked, previous, anchor[0], "it is missing: the log was cut short")
        return AuditCheck(seq, keyed, unchecked, previous)

    def _wrong_with(
        self, entry: AuditEntry, expected: int, previous: str, anchors: dict[int, str]
    ) -> tuple[str, bool | None]:
        """Why the entry is wrong ("" if it is not), and whether its keyed check was made (None: not keyed)."""
        if entry.seq != expected:
            return f"entry {expected} is missing", None
        if entry.previous_hash != previous:
            return "it does not follow from the entry before it", None
        if entry.hash != entry_hash(entry):
            return "its content was changed", None
        if anchors.get(expected, entry.hash) != entry.hash:
            return "it is not the entry that was last keyed", None
        if entry.mac is None:
            return ("its keyed check was taken away" if entry.mac_group_id else ""), None
        group = self.keyring.groups.get(entry.mac_group_id or "") if self.keyring else None
        if group is None:
            return "", False
        if not hmac.compare_digest(entry.mac.encode(), _mac(group, entry.hash).encode()):
            return "its keyed check does not hold: it was written without the group's key", None
        return "", True

    def _teller(self, entry: AuditEntry) -> Callable[[Session], None]:
        """What puts the entry into the log file."""
        line: dict[str, Any] = {
            "audit": entry.seq,
            "type": entry.type.value,
            "category": entry.category.value,
            "operator": entry.operator,
            "unix_user": entry.unix_user,
            "ssh_client": entry.ssh_client,
            "objects": entry.objects,
            "request_ids": entry.request_ids,
            "hash": entry.hash,
        }
        message = entry.message

        def tell(_: Session) -> None:
            self._log.info(message, **line)

        return tell

    def _group_for(self, event: AuditEvent) -> OpenGroup | None:
        if self.keyring is None or not self.keyring.groups:
            return None
        if event.group_id in self.keyring.groups:
            return self.keyring.groups[event.group_id]
        return next(iter(self.keyring.groups.values()))

    def _set_anchor(self, session: Session, group: OpenGroup, entry: AuditEntry) -> None:
        """Move the anchor on, unless what it holds is not in the log: on a new anchor, a forgery would pass."""
        row = session.get_one(AdminGroup, group.id)
        old = _open_anchor(group, row.sealed_audit_anchor)
        if old is None:
            return
        number, digest = old
        anchored = session.get(AuditEntry, number)
        if number and (anchored is None or anchored.hash != digest):
            return
        with Secret(f"{entry.seq}:{entry.hash}") as anchor:
            key = group.keys[group.generation]
            row.sealed_audit_anchor = seal(key, group.generation, audit_anchor_place(group.id), anchor)

    def _anchors(self) -> dict[str, Anchor | None]:
        """Of each open group, by name, its anchor; None where that was taken away or changed."""
        if self.keyring is None:
            return {}
        with self._store.read() as session:
            return {
                group.name: _open_anchor(group, session.get_one(AdminGroup, group.id).sealed_audit_anchor)
                for group in self.keyring.groups.values()
            }


def _open_anchor(group: OpenGroup, sealed: bytes | None) -> Anchor | None:
    try:
        key = group.keys.get(generation_of(sealed or b""))
        if key is None:
            return None
        with unseal(key, audit_anchor_place(group.id), sealed or b"") as anchor:
            number, _, digest = anchor.reveal_text().partition(":")
    except TamperedError:
        return None
    return int(number), digest


def entry_content(entry: AuditEntry) -> dict[str, Any]:
    """Everything recorded in an entry that its hash covers: all but hash and mac."""
    return {
        "seq": entry.seq,
        "time": entry.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "type": entry.type.value,
        "category": entry.category.value,
        "operator": entry.operator,
        "unix_user": entry.unix_user,
        "ssh_client": entry.ssh_client,
        "host": entry.host,
        "message": entry.message,
        "objects": entry.objects,
        "request_ids": entry.request_ids,
        "previous_hash": entry.previous_hash,
        "mac_group_id": entry.mac_group_id,
    }


def entry_hash(entry: AuditEntry) -> str:
    """The SHA-256 of an entry's canonical JSON, in hex."""
    canonical = json.dumps(entry_content(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _mac(group: OpenGroup, digest: str) -> str:
    return hmac.new(group.audit_key.reveal(), digest.encode(), "sha256").hexdigest()
