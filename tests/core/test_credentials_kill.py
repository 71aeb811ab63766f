"""A rotation of credentials killed anywhere is finished or undone by recovery: no access key is orphaned or lost."""

import signal
from functools import partial

import pytest
from sqlmodel import select

from kctui.core.accounts import NewAccount, add_account
from kctui.core.aws.credentials import AccessKey as Key
from kctui.core.engine import Engine
from kctui.core.errors import RefusedError
from kctui.core.model import CspAccount
from kctui.core.operations.credential_requests import rotate_credentials
from kctui.core.recovery import open_operations, recover
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.iam import USER, add_user, iam_of
from tests.core.killed import SURVIVED, run_until_commit
from tests.core.operations import REGION, know_regions, make_quick

COMMITS = 16
UNDONE_COMMITS = 11


@pytest.fixture
def user(engine: Engine, box: Box, aws_account: AccessKey) -> AccessKey:
    make_quick(engine)
    know_regions(engine)
    made = add_user(box, aws_account, ["kms:*", "iam:*"])
    key = Key(made.access_key_id, Secret(made.secret_access_key))
    add_account(engine, NewAccount.of("bank", key, REGION, box.endpoint))
    return made


def rotate(other: str | None, engine: Engine) -> None:
    with engine.store.read() as session:
        account = session.exec(select(CspAccount)).one()
    rotate_credentials(engine, account.id, "bank", delete_other=other)


def end_of(engine: Engine, box: Box, root: AccessKey) -> tuple[str, dict[str, str]]:
    """The access key in use, after recovery, and every one that the user has."""
    recover(engine)
    assert open_operations(engine.store) == []
    with engine.store.read() as session:
        account = session.exec(select(CspAccount)).one()
    assert (account.pending_access_key_id, account.sealed_pending_secret) == (None, None)
    assert sync(engine).failed is False
    with iam_of(box, root) as iam:
        there = iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]
    return account.access_key_id, {key["AccessKeyId"]: key["Status"] for key in there}


@pytest.mark.parametrize("n", range(1, COMMITS + 1))
def test_a_rotation_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, box: Box, aws_account: AccessKey, user: AccessKey, passphrase: str, n: int
) -> None:
    ended = run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(rotate, None), n)
    assert ended == -signal.SIGKILL
    in_use, there = end_of(engine, box, aws_account)
    assert there == {in_use: "Active"}
    assert (in_use == user.access_key_id) is (n == 1)


@pytest.mark.parametrize("n", range(2, 6))
def test_a_rotation_killed_around_the_deletion_of_the_other_access_key_is_finished(
    engine: Engine, box: Box, aws_account: AccessKey, user: AccessKey, passphrase: str, n: int
) -> None:
    with iam_of(box, aws_account) as iam:
        other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(rotate, other), n)
    in_use, there = end_of(engine, box, aws_account)
    assert there == {in_use: "Active"}
    assert in_use not in {user.access_key_id, other}


def test_the_kills_above_reach_past_the_end_of_the_rotation(engine: Engine, user: AccessKey, passphrase: str) -> None:
    act = partial(rotate, None)
    assert run_until_commit(engine.home, engine.keyring.operator, passphrase, act, COMMITS + 1) == SURVIVED


@pytest.mark.parametrize("n", range(8, UNDONE_COMMITS + 1))
def test_an_undoing_killed_before_any_commit_is_undone(
    engine: Engine, box: Box, aws_account: AccessKey, user: AccessKey, passphrase: str, n: int
) -> None:
    box.faults.add("GetCallerIdentity", FaultKind.ACCESS_DENIED, skip=1)
    ended = run_until_commit(engine.home, engine.keyring.operator, passphrase, refused, n)
    assert ended == -signal.SIGKILL
    in_use, there = end_of(engine, box, aws_account)
    assert there == {in_use: "Active"}
    # Before the commit that says so nothing is undone: asked again, AWS knows the new access key, and it is finished.
    assert (in_use == user.access_key_id) is (n > 8)


def test_the_kills_above_reach_past_the_end_of_the_undoing(
    engine: Engine, box: Box, user: AccessKey, passphrase: str
) -> None:
    box.faults.add("GetCallerIdentity", FaultKind.ACCESS_DENIED, skip=1)
    commits = UNDONE_COMMITS + 1
    assert run_until_commit(engine.home, engine.keyring.operator, passphrase, refused, commits) == SURVIVED


def refused(engine: Engine) -> None:
    """Rotate, where AWS refuses to say whose the new access key is."""
    with pytest.raises(RefusedError):
        rotate(None, engine)
