"""Killed anywhere, an operation is finished or undone by recovery: nothing orphaned, lost, or done twice."""

import signal
from functools import partial

import pytest
from types_boto3_kms.client import KMSClient

from kctui.core.engine import Engine
from kctui.core.lists import CloudKeyList, CloudKeyQuery, cloud_key_row
from kctui.core.operations import create_cloud_key, disable, enable, upload
from kctui.core.recovery import open_operations, recover
from kctui.core.sync import sync
from kctui.core.words import CloudStatus
from kctui.demo.box import AccessKey
from tests.core.killed import SURVIVED, run_until_commit
from tests.core.operations import new_key

CREATE_COMMITS = 16
SWITCH_COMMITS = 8
UPLOAD_COMMITS = 10


def make(engine: Engine) -> None:
    create_cloud_key(engine, new_key())


def states(kms: KMSClient) -> list[str]:
    return [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]]


@pytest.mark.parametrize("n", range(1, CREATE_COMMITS + 1))
def test_a_creation_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    ended = run_until_commit(engine.home, engine.keyring.operator, passphrase, make, n)
    assert ended in {SURVIVED, -signal.SIGKILL}
    recover(engine)
    assert open_operations(engine.store) == []
    rows = CloudKeyList(engine.store, CloudKeyQuery()).page().rows
    if n == 1:
        assert (rows, states(kms)) == ((), [])
        return
    [row] = rows
    assert (row.cloud_status, states(kms)) == (CloudStatus.AVAILABLE, ["Enabled"])
    blob = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"salaries"


@pytest.mark.parametrize("n", range(1, SWITCH_COMMITS + 1))
def test_a_disabling_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id = create_cloud_key(engine, new_key())
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(_disable, key_id), n)
    recover(engine)
    expected = (CloudStatus.AVAILABLE, ["Enabled"]) if n == 1 else (CloudStatus.DISABLED, ["Disabled"])
    assert (cloud_key_row(engine.store, key_id).cloud_status, states(kms)) == expected
    enable(engine, key_id) if n > 1 else disable(engine, key_id)


@pytest.mark.parametrize("n", range(1, UPLOAD_COMMITS + 1))
def test_an_upload_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.delete_imported_key_material(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")
    sync(engine)
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(_upload, key_id), n)
    recover(engine)
    expected = (CloudStatus.NOT_AVAILABLE, ["PendingImport"]) if n == 1 else (CloudStatus.AVAILABLE, ["Enabled"])
    assert (cloud_key_row(engine.store, key_id).cloud_status, states(kms)) == expected


@pytest.mark.parametrize(
    ("commits", "prepare"), [(CREATE_COMMITS, False), (SWITCH_COMMITS, True)], ids=["create", "disable"]
)
def test_the_kills_above_reach_past_the_end_of_the_operation(
    engine: Engine, root: AccessKey, passphrase: str, commits: int, prepare: bool
) -> None:
    act = partial(_disable, create_cloud_key(engine, new_key())) if prepare else make
    assert run_until_commit(engine.home, engine.keyring.operator, passphrase, act, commits + 1) == SURVIVED


def _disable(key_id: str, engine: Engine) -> None:
    disable(engine, key_id)


def _upload(key_id: str, engine: Engine) -> None:
    upload(engine, key_id)
