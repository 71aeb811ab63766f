"""CSP Accounts edited and removed: the AWS account stays, what is bound is sealed anew, nothing in use goes."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from kctui.core.account_changes import AccountEdit, as_it_is, edit_account, remove_account
from kctui.core.accounts import NewAccount, add_account, find_account
from kctui.core.aws.credentials import AccessKey as Key
from kctui.core.aws.credentials import AssumedRole, Profile
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError, TamperedError
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import AuditList, AuditQuery
from kctui.core.model import CspAccount, Operation, Schedule
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.core.words import CredentialKind, OperationKind
from kctui.demo.box import AccessKey, Box
from tests.core.iam import add_role, add_user
from tests.core.operations import REGION, know_regions, make_quick


@pytest.fixture
def root(engine: Engine, box: Box, aws_account: AccessKey) -> AccessKey:
    """The AWS account of the CSP Account `bank`, which no Key Set uses."""
    make_quick(engine)
    know_regions(engine)
    add_account(engine, NewAccount.of("bank", key(aws_account), REGION, box.endpoint))
    box.calls.clear()
    return aws_account


def key(made: AccessKey) -> Key:
    return Key(made.access_key_id, Secret(made.secret_access_key))


def bank(engine: Engine) -> CspAccount:
    with engine.store.read() as session:
        return session.exec(select(CspAccount)).one()


def edit(engine: Engine, **values: object) -> CspAccount:
    account = bank(engine)
    change: AccountEdit = dataclasses.replace(as_it_is(account), **values)  # type: ignore[arg-type]
    return edit_account(engine, account.id, change, revision=account.revision)


def schedules(engine: Engine) -> list[Schedule]:
    with engine.store.read() as session:
        return list(session.exec(select(Schedule)))


def last_audit(engine: Engine) -> str:
    return AuditList(engine.store, AuditQuery()).page().rows[0].message


def test_name_and_description_are_changed_without_asking_aws(engine: Engine, box: Box, root: AccessKey) -> None:
    edited = edit(engine, name="prod", description="Payroll")
    assert (edited.name, edited.description, edited.revision) == ("prod", "Payroll", 2)
    assert list(box.calls) == []
    assert last_audit(engine) == "Edited CSP Account prod: name, description"
    assert sync(engine).failed is False


def test_an_edit_that_changes_nothing_leaves_the_row(engine: Engine, root: AccessKey) -> None:
    assert edit(engine).revision == 1


def test_another_endpoint_is_asked_and_the_secret_sealed_for_it(engine: Engine, box: Box, root: AccessKey) -> None:
    elsewhere = box.endpoint.replace("127.0.0.1", "localhost")
    before = bank(engine).sealed_secret_access_key
    edited = edit(engine, endpoint_url=elsewhere, region="us-east-1")
    assert (edited.endpoint_url, edited.region) == (elsewhere, "us-east-1")
    assert edited.sealed_secret_access_key != before
    assert box.calls.operations("sts") == ["GetCallerIdentity"]
    assert sync(engine).failed is False


def test_an_endpoint_where_nothing_answers_changes_nothing(engine: Engine, root: AccessKey) -> None:
    with pytest.raises(AwsUnreachableError):
        edit(engine, endpoint_url="http://127.0.0.1:1")
    assert bank(engine).revision == 1
    assert sync(engine).failed is False


def test_a_replaced_credential_is_used_from_then_on(engine: Engine, box: Box, root: AccessKey) -> None:
    sync(engine)
    user = add_user(box, root, ["kms:*"])
    edited = edit(engine, credential=key(user))
    assert edited.access_key_id == user.access_key_id
    assert ":user/" in edited.caller_arn
    box.calls.clear()
    sync(engine)
    assert {call.principal for call in box.calls} == {edited.caller_arn}


def test_a_credential_of_another_kind_takes_its_place(engine: Engine, box: Box, root: AccessKey) -> None:
    user = add_user(box, root, ["sts:AssumeRole"])
    role = add_role(box, root, ["kms:*"])
    edited = edit(engine, credential=AssumedRole(role, None, key(user)))
    assert (edited.credential_kind, edited.role_arn) == (CredentialKind.ASSUME_ROLE, role)
    assert sync(engine).failed is False
    edit(engine, credential=key(root))
    assert bank(engine).role_arn is None
    assert sync(engine).failed is False


def test_a_credential_of_another_aws_account_is_refused(engine: Engine, box: Box, root: AccessKey) -> None:
    other = box.add_account("299999999999")
    with pytest.raises(RefusedError, match="another AWS account: 299999999999"):
        edit(engine, credential=key(other))
    assert bank(engine).access_key_id == root.access_key_id
    assert "Edit CSP Account bank refused" in last_audit(engine)


def test_a_credential_that_aws_does_not_know_is_not_kept(engine: Engine, root: AccessKey) -> None:
    with pytest.raises(AwsRefusedError):
        edit(engine, credential=Key(root.access_key_id, Secret(b"wrong")))
    assert sync(engine).failed is False


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"description": "a\nb"}, "description"),
        ({"region": "nowhere"}, "region"),
        ({"region": "us-gov-west-1"}, "region"),
        ({"endpoint_url": "http://kms.example.net"}, "endpoint_url"),
        ({"rotation_days": 0}, "rotation_schedule"),
        ({"credential": Profile("byok"), "rotation_days": 90}, "rotation_schedule"),
        ({"credential": Key("akia", Secret(b"x"))}, "access_key_id"),
        ({"credential": Key("AKIAIOSFODNN7EXAMPLE", Secret(b""))}, "secret_access_key"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    engine: Engine, root: AccessKey, values: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        edit(engine, **values)
    assert refused.value.field == field
    assert bank(engine).revision == 1


def test_a_name_that_is_taken_is_refused(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, NewAccount.of("other", key(root), REGION, box.endpoint))
    with engine.store.read() as session:
        account = find_account(session, "bank")
    with pytest.raises(ConflictError, match="There is a CSP Account other already"):
        edit_account(engine, account.id, dataclasses.replace(as_it_is(account), name="other"))


def test_a_row_that_was_changed_meanwhile_is_refused(engine: Engine, root: AccessKey) -> None:
    account = bank(engine)
    edit(engine, description="first")
    with pytest.raises(ConflictError, match="changed meanwhile"):
        edit_account(engine, account.id, dataclasses.replace(as_it_is(account), name="x"), revision=account.revision)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        remove_account(engine, account.id, "bank", revision=account.revision)
    assert bank(engine).description == "first"


def test_a_schedule_is_made_changed_and_taken_away(engine: Engine, root: AccessKey) -> None:
    for days in (90, 30):
        assert edit(engine, rotation_days=days).rotation_days == days
        [row] = schedules(engine)
        assert row.every_days == days
        assert timedelta(days=days - 1) < row.due_at - datetime.now(UTC) <= timedelta(days=days)
    due = schedules(engine)[0].due_at
    edit(engine, description="the schedule stays")
    assert schedules(engine)[0].due_at == due
    edit(engine, rotation_days=None)
    assert schedules(engine) == []


def test_what_was_changed_in_the_database_is_not_made_good_by_an_edit(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    with engine.store.write() as session:
        session.exec(select(CspAccount)).one().endpoint_url = "https://kms.example.com"
    box.calls.clear()
    for values in ({"endpoint_url": box.endpoint}, {"credential": key(root)}, {"region": "us-east-1"}):
        with pytest.raises(TamperedError):
            edit(engine, **values)
    assert list(box.calls) == []


def test_an_account_that_no_key_set_uses_is_removed_with_its_schedule(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    edit(engine, rotation_days=90)
    remove_account(engine, bank(engine).id, "bank")
    with engine.store.read() as session:
        assert session.exec(select(CspAccount)).all() == []
    assert schedules(engine) == []
    assert "Removed CSP Account bank" in last_audit(engine)
    assert engine.audit.verify().intact
    assert list(box.calls) == []


@pytest.mark.parametrize(("sets", "said"), [(1, "its Key Set set-0 uses it"), (2, "2 Key Sets use it")])
def test_an_account_in_use_is_not_removed(engine: Engine, root: AccessKey, sets: int, said: str) -> None:
    for number in range(sets):
        create_key_set(engine, NewKeySet(f"set-{number}", "bank"))
    with pytest.raises(RefusedError, match=said):
        remove_account(engine, bank(engine).id, "bank")
    assert bank(engine).name == "bank"
    assert "refused" in last_audit(engine)


@pytest.mark.parametrize("typed", ["", "Bank", "bank ", "prod"])
def test_a_wrong_name_removes_nothing_and_is_told_of(engine: Engine, root: AccessKey, typed: str) -> None:
    with pytest.raises(RefusedError, match="does not match"):
        remove_account(engine, bank(engine).id, typed)
    assert bank(engine).name == "bank"
    assert "wrong name typed" in last_audit(engine)


def test_an_account_with_an_open_operation_is_neither_edited_nor_removed(engine: Engine, root: AccessKey) -> None:
    account = bank(engine)
    with engine.store.write() as session:
        session.add(
            Operation(
                kind=OperationKind.ROTATE_CREDENTIALS, csp_account_id=account.id, subject=account.id,
                group_id=account.group_id, operator="alice", title="Rotate Credentials of bank",
            )
        )  # fmt: skip
    for act in (lambda: edit(engine, description="x"), lambda: remove_account(engine, account.id, "bank")):
        with pytest.raises(ConflictError, match="is not finished"):
            act()


def test_read_only_neither_edits_nor_removes(engine: Engine, root: AccessKey) -> None:
    engine.read_only = True
    acts = (lambda: edit(engine, description="x"), lambda: remove_account(engine, bank(engine).id, "bank"))
    for act in acts:
        with pytest.raises(KctuiError, match="read-only"):
            act()
    assert bank(engine).revision == 1
