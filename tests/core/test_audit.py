"""The audit log tells when anything in it was changed, added, taken out or cut off."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from kctui.core.audit import FIRST, AuditCheck, AuditEvent, AuditLog, entry_hash
from kctui.core.engine import Engine
from kctui.core.keyring import create_group, enrol
from kctui.core.log import open_log
from kctui.core.model import AdminGroup, AuditEntry
from kctui.core.paths import Home
from kctui.core.secret import Secret
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType
from tests.conftest import OPERATOR, PASSPHRASE

EVENT = AuditEvent(AuditType.INFORMATION, AuditCategory.SYSTEM, "Something happened", {"CloudKey": "payroll-db"})
Tamper = Callable[[Session], object]


@pytest.fixture
def log(engine: Engine) -> Engine:
    """An engine with ten keyed entries after its first."""
    for n in range(10):
        engine.audit.note(replace(EVENT, message=f"Event {n}"))
    return engine


def entry(session: Session, seq: int) -> AuditEntry:
    return session.get_one(AuditEntry, seq)


def tampered(engine: Engine, tamper: Tamper) -> AuditCheck:
    """What the check finds after somebody wrote to the database directly."""
    with engine.store.write() as session:
        tamper(session)
    return engine.audit.verify()


def test_an_untouched_log_is_intact_and_all_keyed(log: Engine) -> None:
    check = log.audit.verify()
    assert (check.intact, check.entries, check.keyed, check.unchecked) == (True, 11, 11, 0)
    with log.store.read() as session:
        assert check.head == entry(session, 11).hash


def test_the_first_entry_follows_nothing(log: Engine) -> None:
    with log.store.read() as session:
        assert entry(session, 1).previous_hash == FIRST


def test_locked_the_chain_is_checked_and_the_keys_are_said_to_be_unchecked(log: Engine) -> None:
    log.lock()
    check = log.audit.verify()
    assert (check.intact, check.keyed, check.unchecked) == (True, 0, 11)


def test_an_entry_written_while_locked_is_chained_but_not_keyed(log: Engine) -> None:
    log.lock()
    log.audit.note(EVENT)
    log.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
    check = log.audit.verify()
    assert (check.intact, check.entries, check.keyed) == (True, 12, 11)


def test_a_log_longer_than_a_page_is_checked_whole(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kctui.core.audit._PAGE", 3)
    for _ in range(11):
        engine.audit.note(EVENT)
    assert engine.audit.verify().entries == 12


def test_an_entry_is_rolled_back_with_what_it_tells_of(log: Engine) -> None:
    def write_and_fail() -> None:
        with log.store.write() as session:
            log.audit.record(session, EVENT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert log.audit.verify().entries == 11
    assert EVENT.message not in log.home.log.read_text()


def test_the_log_file_hears_of_an_entry_once_it_is_committed(log: Engine) -> None:
    with log.store.write() as session:
        log.audit.record(session, EVENT)
        log.audit.record(session, replace(EVENT, message="Something else happened"))
        assert EVENT.message not in log.home.log.read_text()
    told = [json.loads(line) for line in log.home.log.read_text().splitlines()[-2:]]
    assert [(line["event"], line["audit"]) for line in told] == [(EVENT.message, 12), ("Something else happened", 13)]


def test_a_full_disk_under_the_log_file_stops_nothing(home: Home) -> None:
    with Engine.open(home) as engine:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, engine._log_file.fileno())
        os.close(full)
        for _ in range(2):
            engine.audit.note(EVENT)
            engine.log.warning("the heartbeat, recovery and the console write here too")
        check = engine.audit.verify()
    assert (check.intact, check.entries) == (True, 3)


CHANGES: dict[str, object] = {
    "message": "Something else happened",
    "type": AuditType.CRITICAL,
    "category": AuditCategory.OPERATOR,
    "operator": "mallory",
    "unix_user": "mallory",
    "ssh_client": "198.51.100.7",
    "host": "elsewhere",
    "objects": {"CloudKey": "other"},
    "request_ids": ["b4d2c1a0-0000-4000-8000-000000000000"],
    "mac_group_id": None,
}


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("locked", [False, True], ids=["unlocked", "locked"])
def test_a_changed_field_is_noticed_even_while_locked(log: Engine, field: str, locked: bool) -> None:
    if locked:
        log.lock()
    check = tampered(log, lambda session: setattr(entry(session, 5), field, CHANGES[field]))
    assert check.wrong_at == 5


def test_a_changed_time_is_noticed(log: Engine) -> None:
    def tamper(session: Session) -> None:
        entry(session, 5).time += timedelta(microseconds=1)

    assert tampered(log, tamper).wrong_at == 5


def test_every_field_of_an_entry_is_in_its_hash_or_is_a_check_of_it(log: Engine) -> None:
    with log.store.read() as session:
        before = entry(session, 5)
    named = {*CHANGES, "time", "seq", "previous_hash", "hash", "mac"}
    assert set(AuditEntry.model_fields) == named
    for field, value in {**CHANGES, "seq": 6, "previous_hash": FIRST}.items():
        assert entry_hash(before.model_copy(update={field: value})) != entry_hash(before)


def _remove(seq: int) -> Tamper:
    return lambda session: session.delete(entry(session, seq))


@pytest.mark.parametrize(("seq", "at"), [(1, 2), (5, 6), (11, 11)])
def test_a_removed_entry_is_noticed(log: Engine, seq: int, at: int) -> None:
    assert tampered(log, _remove(seq)).wrong_at == at


def test_entries_that_changed_places_are_noticed(log: Engine) -> None:
    def tamper(session: Session) -> None:
        first, second = (entry(session, seq).model_dump(exclude={"seq"}) for seq in (5, 6))
        for seq, values in ((5, second), (6, first)):
            for name, value in values.items():
                setattr(entry(session, seq), name, value)

    assert tampered(log, tamper).wrong_at == 5


def test_an_inserted_entry_is_noticed(log: Engine) -> None:
    def tamper(session: Session) -> None:
        session.execute(sa.update(AuditEntry).where(col(AuditEntry.seq) > 5).values(seq=col(AuditEntry.seq) + 100))
        session.execute(sa.update(AuditEntry).where(col(AuditEntry.seq) > 5).values(seq=col(AuditEntry.seq) - 99))
        copied = entry(session, 5).model_dump()
        session.add(AuditEntry(**{**copied, "seq": 6, "message": "Inserted"}))

    assert tampered(log, tamper).wrong_at == 6


def test_a_log_cut_short_is_noticed_when_unlocked(log: Engine) -> None:
    check = tampered(log, lambda session: session.execute(sa.delete(AuditEntry).where(col(AuditEntry.seq) > 8)))
    assert check.wrong_at == 11
    assert "cut short" in check.reason


def test_an_emptied_log_is_noticed_when_unlocked(log: Engine) -> None:
    assert not tampered(log, lambda session: session.execute(sa.delete(AuditEntry))).intact


@pytest.mark.parametrize("seq", [1, 5, 11])
def test_a_keyed_check_that_was_taken_away_is_noticed(log: Engine, seq: int) -> None:
    assert tampered(log, lambda session: setattr(entry(session, seq), "mac", None)).wrong_at == seq


def test_a_forged_keyed_check_is_noticed_when_unlocked(log: Engine) -> None:
    assert tampered(log, lambda session: setattr(entry(session, 5), "mac", "0" * 64)).wrong_at == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [("hash", "é" * 64), ("mac", "é" * 64), ("type", "NONSENSE"), ("objects", "{"), ("time", "yesterday")],
)
def test_an_entry_that_makes_no_sense_is_noticed(log: Engine, field: str, value: str) -> None:
    statement = sa.text(f"UPDATE audit_entry SET {field} = :value WHERE seq = 1")
    assert tampered(log, lambda session: session.connection().execute(statement, {"value": value})).wrong_at == 1


def rechain(session: Session, *, stripped: bool) -> None:
    """What somebody who can write the database but has no key can do best: a whole new chain."""
    previous = FIRST
    for row in session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))):
        if stripped:
            row.mac = row.mac_group_id = None
        row.previous_hash = previous
        row.hash = previous = entry_hash(row)


def forge(session: Session) -> None:
    entry(session, 5).message = "Nothing happened"
    session.flush()
    rechain(session, stripped=True)


def test_a_forged_and_rechained_log_is_noticed_by_its_keyed_checks(log: Engine) -> None:
    def tamper(session: Session) -> None:
        entry(session, 5).message = "Nothing happened"
        session.flush()
        rechain(session, stripped=False)

    assert tampered(log, tamper).wrong_at == 5


def test_a_forged_log_without_keyed_checks_is_noticed_by_its_anchor(log: Engine) -> None:
    assert not tampered(log, forge).intact


def test_a_forged_log_is_still_noticed_after_entries_were_added_to_it(log: Engine) -> None:
    with log.store.write() as session:
        forge(session)
    log.audit.note(EVENT)
    assert not log.audit.verify().intact


def test_a_log_cut_short_is_still_noticed_after_entries_were_added_to_it(log: Engine) -> None:
    with log.store.write() as session:
        session.execute(sa.delete(AuditEntry).where(col(AuditEntry.seq) > 8))
    for _ in range(10):
        log.audit.note(EVENT)
    assert not log.audit.verify().intact


def test_a_forged_log_without_an_anchor_is_noticed(log: Engine) -> None:
    def tamper(session: Session) -> None:
        forge(session)
        session.exec(select(AdminGroup)).one().sealed_audit_anchor = None

    assert not tampered(log, tamper).intact


def test_a_changed_anchor_is_noticed(log: Engine) -> None:
    def tamper(session: Session) -> None:
        group = session.exec(select(AdminGroup)).one()
        assert group.sealed_audit_anchor is not None
        group.sealed_audit_anchor = group.sealed_audit_anchor[:-1] + bytes([group.sealed_audit_anchor[-1] ^ 1])

    check = tampered(log, tamper)
    assert "anchor" in check.reason


def test_adding_to_a_log_whose_anchor_was_changed_is_possible_and_does_not_mend_it(log: Engine) -> None:
    with log.store.write() as session:
        session.exec(select(AdminGroup)).one().sealed_audit_anchor = b"nonsense"
    log.audit.note(EVENT)
    assert not log.audit.verify().intact


def test_a_new_group_that_wrote_nothing_yet_is_intact(log: Engine) -> None:
    with log.store.write() as session:
        create_group(session, "Second Group", enrol(session, "bob", Secret("another good passphrase")))
    log.unlock("bob", Secret("another good passphrase"))
    assert log.audit.verify().intact


APPENDERS, EACH = 8, 12


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_store(request: pytest.FixtureRequest, home: Home) -> Iterator[Store]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else f"sqlite:///{home.database}.new"
    store = Store(url)
    store.migrate()
    yield store
    store.close()


def test_entries_appended_at_once_make_one_unbroken_chain(shared_store: Store, home: Home) -> None:
    log, handle = open_log(home)
    with handle:
        audits = [AuditLog(shared_store, log) for _ in range(APPENDERS)]

        def append(audit: AuditLog) -> None:
            for _ in range(EACH):
                audit.note(EVENT)

        with ThreadPoolExecutor(APPENDERS) as pool:
            list(pool.map(append, audits))
        check = audits[0].verify()
    assert (check.intact, check.entries) == (True, APPENDERS * EACH)
