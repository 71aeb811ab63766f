"""`aws setup` stopped around its access key: none stays without its secret, and nobody else's is deleted."""

import signal
from datetime import timedelta
from functools import partial

import boto3
import pytest
from types_boto3_iam.client import IAMClient

from kctui.core.account_changes import remove_account
from kctui.core.accounts import asking
from kctui.core.aws.clients import AwsSession
from kctui.core.aws.credentials import AccessKey
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError
from kctui.core.aws.policy_documents import GUIDE_USER_NAME, least_privilege
from kctui.core.aws_setup import ItemState, Setup, look, plan, set_up
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, RefusedError
from kctui.core.lists import AuditList, AuditQuery, CspAccountList
from kctui.core.secret import Secret
from kctui.core.setup_notes import LeftBehind
from kctui.core.words import StepState
from kctui.demo.box import AccessKey as BoxKey
from kctui.demo.box import Box, FaultKind
from tests.core.killed import SURVIVED, run_until_commit
from tests.core.operations import REGION

SETUP_COMMITS = 8
BEFORE_MADE, BEFORE_THE_ACCOUNT, BEFORE_KEPT = 5, (6, 7), 8


def wanted(endpoint: str, name: str = "bank", delete_unused: str | None = None) -> Setup:
    return Setup(name, REGION, least_privilege(), endpoint, delete_unused=delete_unused)


def access_keys(iam: IAMClient) -> list[str]:
    return [key["AccessKeyId"] for key in iam.list_access_keys(UserName=GUIDE_USER_NAME)["AccessKeyMetadata"]]


def make_key(iam: IAMClient) -> str:
    return iam.create_access_key(UserName=GUIDE_USER_NAME)["AccessKey"]["AccessKeyId"]


def states(engine: Engine) -> list[str]:
    """What the audit log says of access keys, in its order."""
    rows = AuditList(engine.store, AuditQuery(text="Set up AWS", newest_first=False)).page().rows
    return [entry.objects["Access key state"] for entry in rows if "Access key state" in entry.objects]


def run(key_id: str, secret: str, endpoint: str, engine: Engine) -> None:
    """In another process: one set-up."""
    with asking(engine, AccessKey(key_id, Secret(secret)), REGION, endpoint) as admin:
        set_up(engine, admin, wanted(endpoint))


def kill(engine: Engine, box: Box, aws_account: BoxKey, passphrase: str, n: int) -> int:
    act = partial(run, aws_account.access_key_id, aws_account.secret_access_key, box.endpoint)
    return run_until_commit(engine.home, engine.keyring.operator, passphrase, act, n)


class Stopping:
    """An observer that stays away from a step's beginning, as a signal makes it, from a moment on."""

    def __init__(self, after: str) -> None:
        self._after = after
        self._stopping = False
        self.told: list[str] = []

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        if state is StepState.INTENDED and self._stopping:
            raise KeyboardInterrupt
        self._stopping = self._stopping or (name == self._after and state is not StepState.INTENDED)
        self.told.append(f"{name} {state.value} {detail}")

    def progress(self, done: int, total: int, what: str) -> None:
        if self._stopping:
            raise KeyboardInterrupt


class SomebodyElse:
    """Makes an access key of the same user while ours is asked for. age: so long ago, by AWS's word. use: once."""

    def __init__(self, iam: IAMClient, age: timedelta = timedelta(), use: str | None = None) -> None:
        self._iam = iam
        self._age = age
        self._use = use
        self.made: list[str] = []

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        if (name, state) != ("CreateAccessKey", StepState.INTENDED) or self.made:
            return
        made = self._iam.create_access_key(UserName=GUIDE_USER_NAME)["AccessKey"]
        self.made.append(made["AccessKeyId"])
        if self._age:
            made_ago(made["AccessKeyId"], self._age)
        if self._use is not None:
            boto3.client(
                "sts", region_name=REGION, endpoint_url=self._use, aws_access_key_id=made["AccessKeyId"],
                aws_secret_access_key=made["SecretAccessKey"],
            ).get_caller_identity()  # fmt: skip

    def progress(self, done: int, total: int, what: str) -> None:
        """Of no interest."""


def made_ago(key_id: str, age: timedelta) -> None:
    """Let the box say that an access key was made so long ago."""
    from moto.iam.models import iam_backends

    for account in iam_backends.values():
        for backend in account.values():
            for user in backend.users.values():
                for key in user.access_keys:
                    if key.access_key_id == key_id:
                        key.create_date -= age


@pytest.mark.parametrize("n", range(1, SETUP_COMMITS + 2))
def test_killed_before_any_commit_the_next_run_deletes_what_is_known_to_be_ours(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, aws_account: BoxKey, passphrase: str, n: int
) -> None:
    ended = kill(engine, box, aws_account, passphrase, n)
    assert ended == (SURVIVED if n > SETUP_COMMITS else -signal.SIGKILL)
    before = access_keys(iam) if n > BEFORE_MADE - 1 else []
    account = set_up(engine, admin, wanted(box.endpoint))
    kept = {account.access_key_id} | (set(before) if n == BEFORE_MADE else set())
    assert set(access_keys(iam)) == kept
    if n in BEFORE_THE_ACCOUNT:
        assert before != [account.access_key_id]
        assert states(engine) == ["announced", "made", "deleted", "announced", "made", "kept"]
    if n >= BEFORE_KEPT:
        assert before == [account.access_key_id]


def test_a_key_that_may_be_a_killed_runs_is_named_and_not_deleted(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, aws_account: BoxKey, passphrase: str
) -> None:
    kill(engine, box, aws_account, passphrase, BEFORE_MADE)
    [key] = access_keys(iam)
    items = plan(wanted(box.endpoint), look(engine, admin, wanted(box.endpoint)))
    assert [item.what.split()[2] for item in items if item.state is ItemState.DOUBTFUL] == [f"{key},"]
    watching = Stopping("never")
    set_up(engine, admin, wanted(box.endpoint), watching)
    assert any(f"{key} was never used" in told for told in watching.told)
    with pytest.raises(RefusedError, match="2 access keys") as refused:
        set_up(engine, admin, wanted(box.endpoint, "second"))
    assert f"{key} was never used" in refused.value.detail
    set_up(engine, admin, wanted(box.endpoint, "second", delete_unused=key))
    assert key not in access_keys(iam)


def test_a_plan_says_which_lost_key_goes_first_and_a_second_account_finds_room(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, aws_account: BoxKey, passphrase: str
) -> None:
    kill(engine, box, aws_account, passphrase, BEFORE_THE_ACCOUNT[0])
    [lost] = access_keys(iam)
    other = make_key(iam)
    first = plan(wanted(box.endpoint), look(engine, admin, wanted(box.endpoint)))[0]
    assert (first.state, first.calls) == (ItemState.DELETE, (f"iam:DeleteAccessKey {lost}",))
    account = set_up(engine, admin, wanted(box.endpoint, "second", delete_unused=lost))
    assert set(access_keys(iam)) == {other, account.access_key_id}


def test_a_stop_between_the_answer_and_the_account_takes_effect_after_it(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    account = set_up(engine, admin, wanted(box.endpoint), Stopping("CreateAccessKey"))
    assert access_keys(iam) == [account.access_key_id]
    assert states(engine) == ["announced", "made", "kept"]


def test_a_stop_before_the_undo_takes_effect_after_it(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    box.faults.new_access_key_seconds = 60
    watching = Stopping("Await access key")
    with pytest.raises(AwsRefusedError):
        set_up(engine, admin, wanted(box.endpoint), watching)
    assert access_keys(iam) == []
    assert states(engine) == ["announced", "made", "deleted"]
    assert "Undo: DeleteAccessKey DONE" in watching.told[-1]


def test_a_stop_before_the_request_leaves_nothing_to_look_for(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    with pytest.raises(KeyboardInterrupt):
        set_up(engine, admin, wanted(box.endpoint), Stopping("AttachUserPolicy"))
    assert (access_keys(iam), states(engine)) == ([], [])


def test_two_lost_answers_in_a_row_leave_no_access_key(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.LOST_REPLY, times=2)
    with pytest.raises(AwsUnreachableError) as lost:
        set_up(engine, admin, wanted(box.endpoint))
    assert "Run this again" in lost.value.remedy
    assert access_keys(iam) == []
    assert states(engine) == ["announced", "deleted"] * 2


def test_a_request_that_never_came_is_made_again(box: Box, engine: Engine, admin: AwsSession, iam: IAMClient) -> None:
    box.faults.add("CreateAccessKey", FaultKind.TIMEOUT_BEFORE)
    account = set_up(engine, admin, wanted(box.endpoint))
    assert access_keys(iam) == [account.access_key_id]


def test_of_two_new_keys_none_is_deleted_and_both_are_named(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.LOST_REPLY, skip=1)
    with pytest.raises(ConflictError, match="secret be lost") as unclear:
        set_up(engine, admin, wanted(box.endpoint), SomebodyElse(iam))
    assert len(access_keys(iam)) == 2
    assert all(key in unclear.value.detail for key in access_keys(iam))
    assert states(engine) == ["announced", "unclear"]


@pytest.mark.parametrize("how", ["made before", "made after", "used"])
def test_another_administrators_new_key_is_not_deleted(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, how: str
) -> None:
    age = {"made before": timedelta(minutes=1), "made after": timedelta(minutes=-1)}.get(how, timedelta())
    somebody = SomebodyElse(iam, age, box.endpoint if how == "used" else None)
    box.faults.add("CreateAccessKey", FaultKind.TIMEOUT_BEFORE, skip=1)
    with pytest.raises(ConflictError, match="secret be lost") as unclear:
        set_up(engine, admin, wanted(box.endpoint), somebody)
    assert access_keys(iam) == somebody.made
    assert somebody.made[0] in unclear.value.detail


def test_whether_a_key_was_made_cannot_be_told_where_it_cannot_be_looked_for(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    iam.create_user(UserName=GUIDE_USER_NAME)
    box.faults.add("CreateAccessKey", FaultKind.LOST_REPLY)
    box.faults.add("ListAccessKeys", FaultKind.ACCESS_DENIED, skip=2)
    with pytest.raises(AwsUnreachableError, match="CreateAccessKey") as lost:
        set_up(engine, admin, wanted(box.endpoint))
    assert "does not allow iam:ListAccessKeys" in lost.value.detail
    [key] = access_keys(iam)
    assert [each.id for each in look(engine, admin, wanted(box.endpoint)).left.doubtful] == [key]


def test_a_key_that_cannot_be_deleted_again_is_named_beside_the_cause_and_goes_first_the_next_time(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    box.faults.new_access_key_seconds = 60
    box.faults.add("DeleteAccessKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="does not know these credentials") as refused:
        set_up(engine, admin, wanted(box.endpoint))
    [key] = access_keys(iam)
    assert f"{key} of {GUIDE_USER_NAME} stays, and its secret is lost" in refused.value.detail
    assert "iam:DeleteAccessKey" in refused.value.remedy
    box.faults.new_access_key_seconds = 0
    account = set_up(engine, admin, wanted(box.endpoint))
    assert access_keys(iam) == [account.access_key_id]
    assert states(engine) == ["announced", "made", "lost", "deleted", "announced", "made", "kept"]


def test_a_lost_key_that_cannot_be_deleted_is_named_beside_the_lost_answer(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    box.faults.add("CreateAccessKey", FaultKind.LOST_REPLY)
    box.faults.add("DeleteAccessKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsUnreachableError, match="CreateAccessKey") as lost:
        set_up(engine, admin, wanted(box.endpoint))
    assert access_keys(iam)[0] in lost.value.detail
    set_up(engine, admin, wanted(box.endpoint))
    assert len(access_keys(iam)) == 1


@pytest.mark.parametrize("n", [BEFORE_KEPT, SETUP_COMMITS + 1])
def test_a_key_that_a_csp_account_had_is_never_taken_for_a_lost_one(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, aws_account: BoxKey, passphrase: str, n: int
) -> None:
    kill(engine, box, aws_account, passphrase, n)
    [had] = access_keys(iam)
    first = set_up(engine, admin, wanted(box.endpoint))
    remove_account(engine, first.id, "bank")
    second = set_up(engine, admin, wanted(box.endpoint, "second"))
    assert set(access_keys(iam)) == {had, second.access_key_id}


def test_a_key_that_a_csp_account_uses_is_not_deleted_as_unused(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    first = set_up(engine, admin, wanted(box.endpoint))
    with pytest.raises(RefusedError, match="A CSP Account signs in"):
        set_up(engine, admin, wanted(box.endpoint, "second", delete_unused=first.access_key_id))
    assert access_keys(iam) == [first.access_key_id]


def test_a_lost_key_that_may_not_be_deleted_stops_the_run(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, aws_account: BoxKey, passphrase: str
) -> None:
    kill(engine, box, aws_account, passphrase, BEFORE_THE_ACCOUNT[0])
    box.faults.add("DeleteAccessKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="iam:DeleteAccessKey"):
        set_up(engine, admin, wanted(box.endpoint))
    assert len(access_keys(iam)) == 1
    assert CspAccountList(engine.store).count() == 0


def test_a_run_that_goes_on_beside_this_one_is_not_robbed_of_its_key(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    seen: list[tuple[int, LeftBehind]] = []

    class Beside:
        """Looks from outside while the key is made and has no CSP Account yet."""

        def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
            if name in {"Await access key", "GetCallerIdentity"}:
                found = look(engine, admin, wanted(box.endpoint))
                seen.append((len(found.keys), found.left))

        def progress(self, done: int, total: int, what: str) -> None:
            """Of no interest."""

    set_up(engine, admin, wanted(box.endpoint), Beside())
    assert seen == [(1, LeftBehind())] * 2
