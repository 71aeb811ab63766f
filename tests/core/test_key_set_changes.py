"""Key Sets: the rotation method, editing, and removing one that has no CloudKeys."""

import dataclasses

import pytest
from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, LockedError, NotFoundError, RefusedError
from kctui.core.key_set_changes import KeySetValues, edit_key_set, remove_key_set
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import AuditList, AuditQuery, KeySetList, KeySetRow
from kctui.core.model import AuditEntry, KeySet
from kctui.core.paths import Home
from kctui.core.words import AuditType, CloudStatus, RotationMethod
from tests.core.rows import add_account, add_cloud_key, add_key_set

HOSTILE = "a\x1b]0;owned\x07b"


@pytest.fixture
def payroll(engine: Engine) -> KeySetRow:
    """The Key Set payroll, without CloudKeys."""
    with engine.store.write() as session:
        add_key_set(engine, session, add_account(engine, session, "bank"), "payroll")
    return row(engine)


def row(engine: Engine, name: str = "payroll") -> KeySetRow:
    return next(each for each in KeySetList(engine.store).page().rows if each.name == name)


def values(found: KeySetRow, **changes: object) -> KeySetValues:
    same = KeySetValues(found.name, found.description, found.rotation_days, found.rotation_method)
    return dataclasses.replace(same, **changes)  # type: ignore[arg-type]


def last_entry(engine: Engine) -> AuditEntry:
    return AuditList(engine.store, AuditQuery()).page(limit=1).rows[0]


def add_key(engine: Engine, status: CloudStatus) -> None:
    with engine.store.write() as session:
        add_cloud_key(session, session.exec(select(KeySet)).one(), "one", cloud_status=status)


@pytest.mark.parametrize("method", RotationMethod)
def test_a_key_set_is_made_with_its_rotation_method(engine: Engine, payroll: KeySetRow, method: RotationMethod) -> None:
    create_key_set(engine, NewKeySet("cards", "bank", rotation_method=method))
    assert row(engine, "cards").rotation_method is method


def test_a_key_set_rotates_in_place_unless_told_otherwise(engine: Engine, payroll: KeySetRow) -> None:
    create_key_set(engine, NewKeySet("cards", "bank"))
    assert row(engine, "cards").rotation_method is RotationMethod.IN_PLACE


def test_everything_but_the_account_can_be_edited(engine: Engine, payroll: KeySetRow) -> None:
    new = KeySetValues("salaries", "of the bank", 90, RotationMethod.NEW_KEY)
    edit_key_set(engine, payroll.id, new, revision=payroll.revision)
    found = row(engine, "salaries")
    assert values(found) == new
    assert (found.id, found.account, found.revision) == (payroll.id, "bank", payroll.revision + 1)
    entry = last_entry(engine)
    assert entry.type is AuditType.INFORMATION
    assert entry.message == (
        "Edited Key Set payroll: name payroll → salaries; description; rotation schedule Never → every 90 days; "
        "rotation method IN PLACE → NEW KEY"
    )


def test_what_is_the_same_changes_nothing(engine: Engine, payroll: KeySetRow) -> None:
    before = last_entry(engine).seq
    assert edit_key_set(engine, payroll.id, values(payroll), revision=payroll.revision) == []
    assert (row(engine), last_entry(engine).seq) == (payroll, before)


def test_an_edit_of_an_outdated_row_is_refused(engine: Engine, payroll: KeySetRow) -> None:
    edit_key_set(engine, payroll.id, values(payroll, description="first"), revision=payroll.revision)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        edit_key_set(engine, payroll.id, values(payroll, description="second"), revision=payroll.revision)
    assert row(engine).description == "first"


def test_a_name_that_is_taken_is_refused(engine: Engine, payroll: KeySetRow) -> None:
    create_key_set(engine, NewKeySet("cards", "bank"))
    with pytest.raises(ConflictError, match="cards already"):
        edit_key_set(engine, payroll.id, values(payroll, name="cards"), revision=payroll.revision)


@pytest.mark.parametrize(
    "wrong",
    [{"name": "a/b"}, {"name": ""}, {"name": HOSTILE}, {"description": HOSTILE}, {"rotation_days": 0},
     {"rotation_days": 3651}],
)  # fmt: skip
def test_bad_values_are_refused(engine: Engine, payroll: KeySetRow, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        edit_key_set(engine, payroll.id, values(payroll, **wrong), revision=payroll.revision)
    assert row(engine) == payroll


def test_a_key_set_without_cloud_keys_is_removed_when_its_name_is_typed(engine: Engine, payroll: KeySetRow) -> None:
    remove_key_set(engine, payroll.id, confirmation="payroll", revision=payroll.revision)
    assert KeySetList(engine.store).count() == 0
    assert (last_entry(engine).type, last_entry(engine).message) == (
        AuditType.INFORMATION, "Removed Key Set payroll",
    )  # fmt: skip


@pytest.mark.parametrize("typed", ["", "Payroll", "payroll ", "payrol", "cards"])
def test_another_name_removes_nothing_and_is_in_the_log(engine: Engine, payroll: KeySetRow, typed: str) -> None:
    with pytest.raises(RefusedError, match="the name does not match"):
        remove_key_set(engine, payroll.id, confirmation=typed, revision=payroll.revision)
    assert row(engine) == payroll
    assert (last_entry(engine).type, last_entry(engine).message) == (
        AuditType.WARNING, "Remove Key Set of payroll refused: wrong name typed",
    )  # fmt: skip


@pytest.mark.parametrize("status", [CloudStatus.AVAILABLE, CloudStatus.PENDING_DELETE, CloudStatus.DELETED])
def test_a_key_set_with_cloud_keys_is_kept(engine: Engine, payroll: KeySetRow, status: CloudStatus) -> None:
    add_key(engine, status)
    with pytest.raises(RefusedError, match="it has CloudKeys") as refused:
        remove_key_set(engine, payroll.id, confirmation="payroll", revision=payroll.revision)
    assert ("DELETED" in refused.value.detail) is (status is CloudStatus.DELETED)
    assert (row(engine).id, last_entry(engine).type) == (payroll.id, AuditType.WARNING)


def test_a_key_set_that_was_changed_since_it_was_looked_at_is_kept(engine: Engine, payroll: KeySetRow) -> None:
    edit_key_set(engine, payroll.id, values(payroll, description="new"), revision=payroll.revision)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        remove_key_set(engine, payroll.id, confirmation="payroll", revision=payroll.revision)
    assert KeySetList(engine.store).count() == 1


def test_a_key_set_that_is_gone_is_not_found(engine: Engine, payroll: KeySetRow) -> None:
    remove_key_set(engine, payroll.id, confirmation="payroll", revision=payroll.revision)
    for change in (
        lambda: remove_key_set(engine, payroll.id, confirmation="payroll", revision=payroll.revision),
        lambda: edit_key_set(engine, payroll.id, values(payroll), revision=payroll.revision),
    ):
        with pytest.raises(NotFoundError):
            change()


def test_who_is_not_unlocked_changes_nothing(engine: Engine, payroll: KeySetRow) -> None:
    engine.lock()
    with pytest.raises(LockedError):
        edit_key_set(engine, payroll.id, values(payroll, name="other"), revision=payroll.revision)
    with pytest.raises(LockedError):
        remove_key_set(engine, payroll.id, confirmation="payroll", revision=payroll.revision)
    assert row(engine) == payroll


def test_a_read_only_kctui_changes_nothing(engine: Engine, home: Home, payroll: KeySetRow) -> None:
    with Engine.open(home, read_only=True) as reading:
        with pytest.raises(RefusedError):
            edit_key_set(reading, payroll.id, values(payroll, name="other"), revision=payroll.revision)
        with pytest.raises(RefusedError):
            remove_key_set(reading, payroll.id, confirmation="payroll", revision=payroll.revision)
    assert row(engine) == payroll
