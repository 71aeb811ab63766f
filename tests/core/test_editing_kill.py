"""Killed anywhere, an edit is finished or undone by recovery; and so is its undoing."""

import signal
from functools import partial

import pytest
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.policies import Access, read_access
from kctui.core.engine import Engine
from kctui.core.lists import cloud_key_row
from kctui.core.model import CloudKey
from kctui.core.operations import CloudKeyEdit, create_cloud_key, edit_cloud_key
from kctui.core.recovery import open_operations, recover
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.killed import SURVIVED, run_until_commit
from tests.core.operations import new_key

EDIT_COMMITS = 16
UNDO_COMMITS = 20
OLD = ("Aurora", {"team": "pay", "cost": "4711"})
NEW = ("payroll", {"team": "payroll", "stage": "prod"})


def made(engine: Engine) -> str:
    return create_cloud_key(engine, new_key(description=OLD[0], tags=OLD[1], rotation_days=365))


def edit(key_id: str, root_arn: str, engine: Engine) -> None:
    edit_cloud_key(engine, key_id, CloudKeyEdit(NEW[0], users=(root_arn,), tags=NEW[1], rotation_days=30))


def refused_edit(key_id: str, root_arn: str, engine: Engine) -> None:
    with pytest.raises(AwsRefusedError):
        edit(key_id, root_arn, engine)


def root_arn(root: AccessKey, kms: KMSClient) -> str:
    account = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["Arn"].split(":")[4]
    return f"arn:aws:iam::{account}:root"


def everything(engine: Engine, kms: KMSClient, key_id: str) -> tuple[object, object, int | None]:
    """What AWS holds, which must be what the store holds, and the schedule."""
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=kms_key_id)["Tags"]}
    own = {name: value for name, value in tags.items() if not name.startswith("kctui:")}
    access = read_access(kms.get_key_policy(KeyId=kms_key_id)["Policy"])
    in_aws = (kms.describe_key(KeyId=kms_key_id)["KeyMetadata"]["Description"], own)
    with engine.store.read() as session:
        row = session.get_one(CloudKey, key_id)
    assert (row.description, row.tags) == in_aws
    assert read_access(row.policy or "") == access
    return in_aws, access, row.rotation_days


@pytest.mark.parametrize("n", range(1, EDIT_COMMITS + 1))
def test_an_edit_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, root: AccessKey, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id = made(engine)
    arn = root_arn(root, kms)
    ended = run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(edit, key_id, arn), n)
    assert ended in {SURVIVED, -signal.SIGKILL}
    recover(engine)
    assert open_operations(engine.store) == []
    expected = (OLD, Access((), ()), 365) if n == 1 else (NEW, Access((), (arn,)), 30)
    assert everything(engine, kms, key_id) == expected


@pytest.mark.parametrize("n", range(1, UNDO_COMMITS + 1))
def test_an_edit_that_aws_refuses_half_way_and_that_is_killed_ends_whole_or_as_it_was(
    box: Box, engine: Engine, root: AccessKey, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id = made(engine)
    arn = root_arn(root, kms)
    box.faults.add("PutKeyPolicy", FaultKind.ACCESS_DENIED)
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(refused_edit, key_id, arn), n)
    recover(engine)
    assert open_operations(engine.store) == []
    assert everything(engine, kms, key_id) in [(OLD, Access((), ()), 365), (NEW, Access((), (arn,)), 30)]


@pytest.mark.parametrize(("commits", "refused"), [(EDIT_COMMITS, False), (UNDO_COMMITS, True)], ids=["edit", "undo"])
def test_the_kills_above_reach_past_the_end_of_the_operation(
    box: Box, engine: Engine, root: AccessKey, kms: KMSClient, passphrase: str, commits: int, refused: bool
) -> None:
    key_id = made(engine)
    arn = root_arn(root, kms)
    if refused:
        box.faults.add("PutKeyPolicy", FaultKind.ACCESS_DENIED)
    act = partial(refused_edit if refused else edit, key_id, arn)
    assert run_until_commit(engine.home, engine.keyring.operator, passphrase, act, commits + 1) == SURVIVED
