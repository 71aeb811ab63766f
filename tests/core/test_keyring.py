"""Who is in an Admin Group opens its records; who is not opens nothing, whatever the database says."""

from collections.abc import Callable

import pytest
from sqlmodel import Session, select

from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError, LockedError, NotFoundError, TamperedError
from kctui.core.keyring import check_name, create_group, enrol, find_operator, open_keyring
from kctui.core.model import AdminGroup, Membership
from kctui.core.sealing import Place
from kctui.core.secret import Secret
from tests.conftest import OPERATOR, PASSPHRASE
from tests.core.rows import group_id

PLACE = Place("csp_account", "row-1", "sealed_secret_access_key")
BOBS = "another good passphrase"


def unlock_again(engine: Engine) -> None:
    """Unlock from what the database says now."""
    engine.lock()
    engine.unlock(OPERATOR, Secret(PASSPHRASE))


@pytest.fixture
def bob(engine: Engine) -> str:
    """An operator who enrolled, and whom no group has admitted."""
    with engine.store.write() as session:
        enrol(session, "bob", Secret(BOBS))
    return "bob"


def test_what_a_member_sealed_a_member_opens(engine: Engine) -> None:
    sealed = engine.keyring.seal(group_id(engine), PLACE, Secret(b"value"))
    unlock_again(engine)
    assert engine.keyring.open(group_id(engine), PLACE, sealed).reveal() == b"value"


def test_an_operator_outside_the_group_opens_nothing(engine: Engine, bob: str) -> None:
    group = group_id(engine)
    sealed = engine.keyring.seal(group, PLACE, Secret(b"value"))
    engine.unlock(bob, Secret(BOBS))
    assert engine.keyring.groups == {}
    with pytest.raises(LockedError, match="bob is not in the Admin Group"):
        engine.keyring.open(group, PLACE, sealed)


def test_an_operator_outside_the_group_seals_nothing_into_it(engine: Engine, bob: str) -> None:
    group = group_id(engine)
    engine.unlock(bob, Secret(BOBS))
    with pytest.raises(LockedError):
        engine.keyring.seal(group, PLACE, Secret(b"value"))


def test_a_copied_membership_lets_nobody_in(engine: Engine, bob: str) -> None:
    with engine.store.write() as session:
        own = session.exec(select(Membership)).one()
        copied = own.model_copy(update={"operator_id": find_operator(session, bob).id})
        session.add(Membership(**copied.model_dump()))
    with pytest.raises(TamperedError):
        engine.unlock(bob, Secret(BOBS))


def test_each_group_has_a_key_of_its_own(engine: Engine) -> None:
    with engine.store.write() as session:
        other = create_group(session, "Audit Group", find_operator(session, OPERATOR)).id
    unlock_again(engine)
    first = next(group for group in engine.keyring.groups if group != other)
    sealed = engine.keyring.seal(first, PLACE, Secret(b"value"))
    with pytest.raises(TamperedError):
        engine.keyring.open(other, PLACE, sealed)


def _changed_key(session: Session) -> None:
    row = session.exec(select(Membership)).one()
    row.sealed_group_key = row.sealed_group_key[:-1] + bytes([row.sealed_group_key[-1] ^ 1])


def _other_generation(session: Session) -> None:
    session.exec(select(Membership)).one().generation = 2


def _cut_key(session: Session) -> None:
    session.exec(select(Membership)).one().sealed_group_key = b""


def _audit_key_of_no_generation(session: Session) -> None:
    group = session.exec(select(AdminGroup)).one()
    group.sealed_audit_key = group.sealed_audit_key[:1] + (9).to_bytes(4, "big") + group.sealed_audit_key[5:]


def _changed_audit_key(session: Session) -> None:
    group = session.exec(select(AdminGroup)).one()
    group.sealed_audit_key = group.sealed_audit_key[:-1] + bytes([group.sealed_audit_key[-1] ^ 1])


def _generation_set_back(session: Session) -> None:
    session.exec(select(AdminGroup)).one().generation = 0


def _generation_that_nobody_holds(session: Session) -> None:
    session.exec(select(AdminGroup)).one().generation = 9


@pytest.mark.parametrize(
    "tamper",
    [
        _changed_key,
        _other_generation,
        _cut_key,
        _audit_key_of_no_generation,
        _changed_audit_key,
        _generation_set_back,
        _generation_that_nobody_holds,
    ],
)
def test_a_tampered_membership_or_group_opens_nothing(engine: Engine, tamper: Callable[[Session], None]) -> None:
    with engine.store.write() as session:
        tamper(session)
    engine.lock()
    with pytest.raises(TamperedError):
        engine.unlock(OPERATOR, Secret(PASSPHRASE))
    assert not engine.unlocked


def test_who_does_not_hold_the_groups_present_key_is_not_in_it(engine: Engine, bob: str) -> None:
    group = group_id(engine)
    with engine.store.write() as session:
        session.get_one(AdminGroup, group).generation = 2
        others = find_operator(session, bob).id
        session.add(Membership(group_id=group, operator_id=others, generation=2, sealed_group_key=b"bob's"))
    unlock_again(engine)
    with pytest.raises(LockedError):
        engine.keyring.group(group)


def test_a_value_that_names_an_unknown_generation_is_tampered_with(engine: Engine) -> None:
    sealed = engine.keyring.seal(group_id(engine), PLACE, Secret(b"value"))
    relabelled = sealed[:1] + (2).to_bytes(4, "big") + sealed[5:]
    with pytest.raises(TamperedError, match="names a group key that does not exist"):
        engine.keyring.open(group_id(engine), PLACE, relabelled)


def test_wiping_forgets_every_key(engine: Engine) -> None:
    with engine.store.read() as session:
        keyring = open_keyring(session, find_operator(session, OPERATOR), Secret(PASSPHRASE))
    [group] = keyring.groups.values()
    held = [group.audit_key, *group.keys.values()]
    assert all(len(key) for key in held)
    keyring.wipe()
    assert [len(key) for key in held] == [0] * len(held)
    assert keyring.groups == {}


def test_a_keyring_shows_no_key(engine: Engine) -> None:
    [group] = engine.keyring.groups.values()
    shown = f"{engine.keyring!r}{group!r}"
    assert "Secret(…)" in shown
    assert repr(group.audit_key.reveal()) not in shown


def test_an_unknown_operator_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFoundError), engine.store.read() as session:
        find_operator(session, "nobody")


@pytest.mark.parametrize("name", ["alice", "Ünal Öz", "a" * 64, "cloud.admin+1"])
def test_a_printable_name_is_taken(name: str) -> None:
    assert check_name(name, "an operator") == name


@pytest.mark.parametrize("name", ["", " alice", "alice ", "a" * 65, "a/b", "a\nb", "a\x1b[0m", "a\u202eb", "a\u00a0b"])
def test_a_name_that_cannot_be_shown_or_told_apart_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_name(name, "an operator", "operator")
    assert refused.value.field == "operator"
