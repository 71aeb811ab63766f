"""Rotate Credentials: a new access key in place of the old one, whatever goes wrong on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_iam.client import IAMClient

from kctui.core.accounts import NewAccount, add_account
from kctui.core.aws.credentials import AccessKey as Key
from kctui.core.aws.credentials import AssumedRole, Profile
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError, RefusedError, TamperedError
from kctui.core.lists import AuditList, AuditQuery
from kctui.core.model import CspAccount, Operation, OperationStep, Schedule
from kctui.core.operations import credentials, disable
from kctui.core.operations.credential_requests import rotate_credentials
from kctui.core.recovery import open_operations, recover
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.core.timing import Timing
from kctui.core.words import OperationState
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.iam import USER, add_role, add_user, allow, iam_of
from tests.core.operations import REGION, know_regions, make_quick, new_key
from tests.core.recorder import Recorder

NEEDED = ["kms:*", "sts:AssumeRole", "iam:*"]


def key(made: AccessKey) -> Key:
    return Key(made.access_key_id, Secret(made.secret_access_key))


@pytest.fixture
def user(engine: Engine, box: Box, aws_account: AccessKey) -> AccessKey:
    """The first access key of an IAM user, known to the engine as CSP Account `bank`."""
    make_quick(engine)
    know_regions(engine)
    made = add_user(box, aws_account, NEEDED)
    add_account(engine, NewAccount.of("bank", key(made), REGION, box.endpoint))
    box.calls.clear()
    return made


@pytest.fixture
def iam(box: Box, aws_account: AccessKey, user: AccessKey) -> Iterator[IAMClient]:
    """IAM as an administrator sees it."""
    with iam_of(box, aws_account) as client:
        yield client


def bank(engine: Engine) -> CspAccount:
    with engine.store.read() as session:
        return session.exec(select(CspAccount).where(CspAccount.name == "bank")).one()


def rotate(engine: Engine, typed: str = "bank", delete_other: str | None = None) -> None:
    rotate_credentials(engine, bank(engine).id, typed, delete_other=delete_other)


def keys(iam: IAMClient) -> dict[str, str]:
    """The user's access keys and whether they are active."""
    return {key["AccessKeyId"]: key["Status"] for key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]}


def messages(engine: Engine) -> list[str]:
    return [entry.message for entry in AuditList(engine.store, AuditQuery()).page().rows]


def works_as_it_was(engine: Engine, iam: IAMClient, user: AccessKey) -> None:
    """The old access key is the only one, in use, and nothing is left of the new one."""
    account = bank(engine)
    assert account.access_key_id == user.access_key_id
    assert (account.pending_access_key_id, account.sealed_pending_secret) == (None, None)
    assert keys(iam) == {user.access_key_id: "Active"}
    assert open_operations(engine.store) == []
    assert sync(engine).failed is False


def is_rotated(engine: Engine, iam: IAMClient, user: AccessKey) -> None:
    """A new access key is the only one, in use, and nothing is pending."""
    account = bank(engine)
    assert account.access_key_id != user.access_key_id
    assert (account.pending_access_key_id, account.sealed_pending_secret) == (None, None)
    assert keys(iam) == {account.access_key_id: "Active"}
    assert account.credential_rotated_at is not None
    assert open_operations(engine.store) == []
    assert sync(engine).failed is False


def test_a_new_access_key_takes_the_place_of_the_old_one(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    sync(engine)
    box.calls.clear()
    rotate(engine)
    asked = [name for name in box.calls.operations("iam") if name != "GetAccessKeyLastUsed"]
    assert asked == ["ListAccessKeys", "ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"]
    is_rotated(engine, iam, user)
    assert f"bank uses {bank(engine).access_key_id} instead of {user.access_key_id}" in messages(engine)


def test_the_secret_is_in_no_table_in_the_plain(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    rotate(engine)
    opened = engine.clients.opened(bank(engine))
    assert isinstance(opened, Key)
    with engine.store.read() as session:
        written = [step.answer for step in session.exec(select(OperationStep))]
        written += [operation.parameters for operation in session.exec(select(Operation))]
    secret = opened.secret_access_key.reveal_text()
    assert secret not in str(written)
    stored = b"".join(path.read_bytes() for path in engine.home.root.iterdir())
    assert secret.encode() not in stored


def test_a_new_access_key_that_aws_does_not_know_yet_is_waited_for(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    engine.timing = Timing(settle=0.3, patience=10, first_pause=0.1, longest_pause=0.5)
    unknown = {credentials.CREATE: lambda: setattr(box.faults, "new_access_key_seconds", 1.5)}
    rotate_credentials(engine, bank(engine).id, "bank", observer=Recorder(unknown))
    assert any(call.outcome == "InvalidClientTokenId" for call in box.calls)
    is_rotated(engine, iam, user)


@pytest.mark.parametrize("fate", ["inactive", "gone"])
def test_one_that_aws_never_knows_is_taken_back(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey, fate: str
) -> None:
    def spoil() -> None:
        [new] = set(keys(iam)) - {user.access_key_id}
        if fate == "gone":
            iam.delete_access_key(UserName=USER, AccessKeyId=new)
        else:
            iam.update_access_key(UserName=USER, AccessKeyId=new, Status="Inactive")

    with pytest.raises(RefusedError, match="AWS does not know the new access key after"):
        rotate_credentials(engine, bank(engine).id, "bank", observer=Recorder({credentials.CREATE: spoil}))
    works_as_it_was(engine, iam, user)
    assert any("undone" in message for message in messages(engine))


def test_one_that_stops_working_after_the_switch_keeps_the_old_one_from_being_deleted(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    def status(state: str) -> None:
        new = bank(engine).access_key_id
        iam.update_access_key(UserName=USER, AccessKeyId=new, Status=state)  # type: ignore[arg-type]

    spoil = Recorder({credentials.DEACTIVATE: lambda: status("Inactive")})
    with pytest.raises(NeedsRecoveryError, match="AWS does not know the new access key"):
        rotate_credentials(engine, bank(engine).id, "bank", observer=spoil)
    assert user.access_key_id in keys(iam)
    status("Active")
    assert len(recover(engine).finished) == 1
    is_rotated(engine, iam, user)


def test_the_user_behind_a_role_gets_the_new_access_key(engine: Engine, box: Box, aws_account: AccessKey) -> None:
    make_quick(engine)
    know_regions(engine)
    made = add_user(box, aws_account, ["sts:AssumeRole", "iam:*"])
    role = add_role(box, aws_account, ["kms:*"])
    add_account(engine, NewAccount.of("bank", AssumedRole(role, None, key(made)), REGION, box.endpoint))
    rotate(engine)
    with iam_of(box, aws_account) as iam:
        is_rotated(engine, iam, made)
    assert bank(engine).role_arn == role


def test_the_schedule_counts_from_the_rotation(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    from kctui.core.accounts import set_schedule

    with engine.store.write() as session:
        set_schedule(session, session.exec(select(CspAccount)).one(), 90)
        session.flush()
        session.exec(select(Schedule)).one().due_at = datetime.now(UTC) - timedelta(days=1)
    rotate(engine)
    with engine.store.read() as session:
        assert session.exec(select(Schedule)).one().due_at > datetime.now(UTC) + timedelta(days=89)


# Refused before anything is begun


@pytest.mark.parametrize("typed", ["", "Bank", "bank ", "nix"])
def test_a_wrong_name_rotates_nothing(engine: Engine, box: Box, iam: IAMClient, user: AccessKey, typed: str) -> None:
    with pytest.raises(RefusedError, match="does not match"):
        rotate(engine, typed)
    assert list(box.calls) == []
    assert "Rotate Credentials of bank refused: wrong name typed" in messages(engine)


def test_two_access_keys_are_refused_naming_the_other_one(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    with pytest.raises(RefusedError, match="2 access keys") as refused:
        rotate(engine)
    assert other in refused.value.detail
    assert "active" in refused.value.detail
    assert "never used" in refused.value.detail
    assert f"--delete-other {other}" in refused.value.remedy
    assert set(keys(iam)) == {user.access_key_id, other}
    assert open_operations(engine.store) == []


def test_the_other_one_is_deleted_where_it_is_named(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    rotate(engine, delete_other=other)
    is_rotated(engine, iam, user)


def test_no_other_access_key_than_the_named_one_is_deleted(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    for named, said in ((user.access_key_id, "in use"), ("AKIAIOSFODNN7EXAMPLE", "no other"), (other[:-1], "no other")):
        with pytest.raises(RefusedError, match=said):
            rotate(engine, delete_other=named)
    assert set(keys(iam)) == {user.access_key_id, other}


def test_there_is_no_other_one_to_delete(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    with pytest.raises(RefusedError, match="no other access key"):
        rotate(engine, delete_other="AKIAIOSFODNN7EXAMPLE")
    works_as_it_was(engine, iam, user)


def test_the_root_users_access_key_is_refused(engine: Engine, box: Box, aws_account: AccessKey) -> None:
    make_quick(engine)
    know_regions(engine)
    add_account(engine, NewAccount.of("bank", key(aws_account), REGION, box.endpoint))
    with pytest.raises(RefusedError, match="not an IAM user's"):
        rotate(engine)


def test_a_credential_that_is_no_access_key_is_refused(
    engine: Engine, box: Box, user: AccessKey, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("aws") / "credentials"
    file.write_text(
        f"[byok]\naws_access_key_id = {user.access_key_id}\naws_secret_access_key = {user.secret_access_key}"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    account = add_account(engine, NewAccount.of("profile", Profile("byok"), REGION, box.endpoint))
    with pytest.raises(RefusedError, match="no access key"):
        rotate_credentials(engine, account.id, "profile")


def test_an_access_key_that_another_csp_account_uses_is_refused(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    add_account(engine, NewAccount.of("twin", key(user), "us-east-1", box.endpoint))
    with pytest.raises(RefusedError, match="The CSP Account twin uses the same access key"):
        rotate(engine)
    assert keys(iam) == {user.access_key_id: "Active"}


def test_an_operation_that_is_not_finished_keeps_its_access_key(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    from kctui.core.key_sets import NewKeySet, create_key_set
    from kctui.core.operations import create_cloud_key

    create_key_set(engine, NewKeySet("payroll", "bank"))
    cloud_key_id = create_cloud_key(engine, new_key())
    box.faults.add("DisableKey", FaultKind.LOST_REPLY, times=9)
    with pytest.raises(NeedsRecoveryError):
        disable(engine, cloud_key_id)
    box.faults.clear()
    with pytest.raises(ConflictError, match="uses the access key"):
        rotate(engine)
    recover(engine)
    rotate(engine)
    is_rotated(engine, iam, user)


def test_a_row_that_was_changed_meanwhile_is_refused(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    account = bank(engine)
    with engine.store.write() as session:
        session.get_one(CspAccount, account.id).revision += 1
    with pytest.raises(ConflictError, match="changed meanwhile"):
        rotate_credentials(engine, account.id, "bank", revision=account.revision)
    works_as_it_was(engine, iam, user)


def test_read_only_rotates_nothing(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    engine.read_only = True
    with pytest.raises(RefusedError, match="read-only"):
        rotate(engine)
    assert list(box.calls) == []


# What goes wrong on the way


@pytest.mark.parametrize(
    ("action", "undone"),
    [
        ("ListAccessKeys", True),
        ("CreateAccessKey", True),
        ("UpdateAccessKey", False),
        ("DeleteAccessKey", False),
    ],
)
def test_a_permission_that_is_lost_is_named_and_leaves_no_mess(
    engine: Engine, box: Box, aws_account: AccessKey, iam: IAMClient, user: AccessKey, action: str, undone: bool
) -> None:
    allowed = ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys", "GetAccessKeyLastUsed"]
    allow(box, aws_account, ["kms:*", *(f"iam:{name}" for name in allowed if name != action)])
    with pytest.raises(KctuiError, match=f"AWS does not allow iam:{action}") as refused:
        rotate(engine)
    assert isinstance(refused.value, NeedsRecoveryError) is not undone
    if undone:
        works_as_it_was(engine, iam, user)
        return
    # The new access key is in use; the rest is done once it is allowed.
    assert bank(engine).access_key_id != user.access_key_id
    assert sync(engine).failed is False
    allow(box, aws_account, NEEDED)
    assert len(recover(engine).finished) == 1
    is_rotated(engine, iam, user)


def test_without_the_right_to_ask_for_the_last_use_it_is_rotated_all_the_same(
    engine: Engine, box: Box, aws_account: AccessKey, iam: IAMClient, user: AccessKey
) -> None:
    allow(box, aws_account, ["kms:*", "iam:ListAccessKeys", "iam:CreateAccessKey", "iam:UpdateAccessKey",
                             "iam:DeleteAccessKey"])  # fmt: skip
    rotate(engine)
    is_rotated(engine, iam, user)


def test_a_new_access_key_that_may_not_be_deleted_again_is_left_to_recovery(
    engine: Engine, box: Box, aws_account: AccessKey, iam: IAMClient, user: AccessKey
) -> None:
    box.faults.add("GetCallerIdentity", FaultKind.ACCESS_DENIED, skip=1)
    box.faults.add("DeleteAccessKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(NeedsRecoveryError, match="iam:DeleteAccessKey"):
        rotate(engine)
    assert len(keys(iam)) == 2
    assert len(recover(engine).undone) == 1
    works_as_it_was(engine, iam, user)


@pytest.mark.parametrize("action", ["ListAccessKeys", "GetCallerIdentity", "UpdateAccessKey", "DeleteAccessKey"])
def test_a_lost_reply_to_what_may_be_repeated_is_repeated(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey, action: str
) -> None:
    box.faults.add(action, FaultKind.LOST_REPLY, skip=1 if action in {"ListAccessKeys", "GetCallerIdentity"} else 0)
    rotate(engine)
    is_rotated(engine, iam, user)


def test_a_new_access_key_whose_secret_nobody_knows_is_deleted_and_another_made(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.LOST_REPLY)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    [lost] = set(keys(iam)) - {user.access_key_id}
    assert len(recover(engine).finished) == 1
    is_rotated(engine, iam, user)
    assert bank(engine).access_key_id != lost


def test_a_request_that_never_arrived_is_made_again(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    box.faults.add("CreateAccessKey", FaultKind.TIMEOUT_BEFORE)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    assert len(recover(engine).finished) == 1
    is_rotated(engine, iam, user)


def test_absence_counts_only_once_aws_has_settled(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    box.faults.add("CreateAccessKey", FaultKind.TIMEOUT_BEFORE)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    engine.timing = Timing(settle=300, patience=0.1, first_pause=0.05, longest_pause=0.05)
    [(_, reason)] = recover(engine).left
    assert "not certain yet" in reason
    assert keys(iam) == {user.access_key_id: "Active"}
    make_quick(engine)
    recover(engine)
    is_rotated(engine, iam, user)


def test_an_access_key_that_was_used_is_left_and_told_of(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.TIMEOUT_BEFORE)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    # Just then somebody else makes one, and uses it.
    made = iam.create_access_key(UserName=USER)["AccessKey"]
    somebodys = AccessKey(made["AccessKeyId"], made["SecretAccessKey"], user.account_id)
    with iam_of(box, somebodys) as theirs:
        theirs.get_user()
    report = recover(engine)
    assert len(report.undone) == 1
    assert set(keys(iam)) == {user.access_key_id, somebodys.access_key_id}
    assert any(f"{somebodys.access_key_id} may be the one that was made" in message for message in messages(engine))
    assert bank(engine).access_key_id == user.access_key_id
    assert open_operations(engine.store) == []


def test_an_access_key_of_another_time_is_left_and_told_of(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.TIMEOUT_BEFORE)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    made = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    with engine.store.write() as session:
        step = session.exec(select(OperationStep).where(OperationStep.name == credentials.CREATE)).one()
        step.started_at -= timedelta(hours=1)
    assert len(recover(engine).undone) == 1
    assert made in keys(iam)
    assert bank(engine).access_key_id == user.access_key_id


def test_an_access_key_whose_use_may_not_be_asked_is_left(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.LOST_REPLY)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    box.faults.add("GetAccessKeyLastUsed", FaultKind.ACCESS_DENIED, times=2)
    assert len(recover(engine).undone) == 1
    assert len(keys(iam)) == 2
    assert any("It is left as it is" in message for message in messages(engine))


def test_a_pending_secret_that_was_changed_is_not_switched_to(
    engine: Engine, box: Box, iam: IAMClient, user: AccessKey
) -> None:
    # AWS out of reach when it is verified: the rotation stands between making and switching.
    box.faults.add("GetCallerIdentity", FaultKind.LOST_REPLY, skip=1, times=9)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    box.faults.clear()
    with engine.store.write() as session:
        session.exec(select(CspAccount)).one().sealed_pending_secret = b"\x01" * 80
    report = recover(engine)
    assert (len(report.undone), report.finished) == (1, [])
    works_as_it_was(engine, iam, user)


def test_an_account_tampered_with_is_not_rotated(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    with engine.store.write() as session:
        session.exec(select(CspAccount)).one().endpoint_url = "https://iam.example.com"
    engine.clients.forget()
    with pytest.raises(TamperedError):
        rotate(engine)
    assert list(box.calls) == []


def test_the_journal_cannot_have_the_access_key_in_use_deleted(
    engine: Engine, box: Box, aws_account: AccessKey, iam: IAMClient, user: AccessKey
) -> None:
    allow(box, aws_account, ["kms:*", *(f"iam:{name}AccessKey" for name in ("Create", "Delete")), "iam:ListAccessKeys"])
    with pytest.raises(NeedsRecoveryError):
        rotate(engine)
    in_use = bank(engine).access_key_id
    with engine.store.write() as session:
        operation = session.exec(select(Operation).where(Operation.state == OperationState.OPEN)).one()
        operation.parameters = {**operation.parameters, "old": in_use}
    allow(box, aws_account, NEEDED)
    [(_, reason)] = recover(engine).left
    assert "not taken away" in reason
    assert keys(iam)[in_use] == "Active"


def test_steps_are_told_as_they_happen(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    watched = Recorder()
    rotate_credentials(engine, bank(engine).id, "bank", observer=watched)
    assert watched.done == [
        credentials.LIST, credentials.CREATE, credentials.VERIFY, credentials.SWITCH, credentials.DEACTIVATE,
        credentials.VERIFY_AGAIN, credentials.DELETE,
    ]  # fmt: skip
    assert all(len(name) <= 34 for name in watched.done)


def test_an_endpoint_out_of_reach_begins_nothing(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    box.faults.add("ListAccessKeys", FaultKind.TIMEOUT_BEFORE, times=9)
    with pytest.raises(AwsUnreachableError):
        rotate(engine)
    assert open_operations(engine.store) == []


def test_a_refusal_that_is_final_is_raised_as_it_is(engine: Engine, box: Box, iam: IAMClient, user: AccessKey) -> None:
    box.faults.add("CreateAccessKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="iam:CreateAccessKey"):
        rotate(engine)
    assert any("failed: AWS does not allow iam:CreateAccessKey" in message for message in messages(engine))
