"""Killed anywhere, an operation is finished or undone by recovery: nothing orphaned, lost, or done twice."""

import signal
from functools import partial

import pytest
from types_boto3_kms.client import KMSClient

from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.lists import CloudKeyList, CloudKeyQuery, cloud_key_row
from kctui.core.operations import (
    cancel_deletion,
    create_cloud_key,
    delete,
    disable,
    enable,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.recovery import open_operations, recover
from kctui.core.sync import sync
from kctui.core.words import CloudStatus, KeySpec, MaterialState, RotationMethod
from tests.core.killed import SURVIVED, run_until_commit
from tests.core.operations import new_key

CREATE_COMMITS = 16
SWITCH_COMMITS = 8
UPLOAD_COMMITS = 10
REMOVE_COMMITS = 14
DELETE_COMMITS = 8
ROTATE_COMMITS = 20


def make(engine: Engine) -> None:
    create_cloud_key(engine, new_key())


def make_key_pair(engine: Engine) -> None:
    create_cloud_key(engine, new_key(key_spec=KeySpec.ECC_NIST_P256))


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


@pytest.mark.parametrize("n", range(1, CREATE_COMMITS + 1))
def test_a_creation_of_a_key_pair_killed_before_any_commit_is_finished_with_the_pair_that_was_sealed(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    run_until_commit(engine.home, engine.keyring.operator, passphrase, make_key_pair, n)
    recover(engine)
    rows = CloudKeyList(engine.store, CloudKeyQuery()).page().rows
    if n == 1:
        assert (rows, states(kms)) == ((), [])
        return
    [row] = rows
    assert (row.cloud_status, states(kms)) == (CloudStatus.AVAILABLE, ["Enabled"])
    [version] = cloud_key_details(engine.store, row.id).versions
    assert kms.get_public_key(KeyId="alias/payroll-db")["PublicKey"] == version.public_key


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


@pytest.mark.parametrize("n", range(1, REMOVE_COMMITS + 1))
def test_a_removal_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id, blobs = rotated(engine, kms)
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(_remove, key_id), n)
    recover(engine)
    expected = (CloudStatus.AVAILABLE, ["Enabled"]) if n == 1 else (CloudStatus.NOT_AVAILABLE, ["PendingImport"])
    assert (cloud_key_row(engine.store, key_id).cloud_status, states(kms)) == expected
    if n > 1:
        upload(engine, key_id)
    assert all(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"salaries" for blob in blobs)


@pytest.mark.parametrize("n", range(1, DELETE_COMMITS + 1))
def test_a_deletion_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id = create_cloud_key(engine, new_key())
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(_delete, key_id), n)
    recover(engine)
    expected = (CloudStatus.AVAILABLE, ["Enabled"]) if n == 1 else (CloudStatus.PENDING_DELETE, ["PendingDeletion"])
    assert (cloud_key_row(engine.store, key_id).cloud_status, states(kms)) == expected


@pytest.mark.parametrize("n", range(1, SWITCH_COMMITS + 1))
def test_a_cancelling_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, n: int
) -> None:
    key_id = create_cloud_key(engine, new_key())
    delete(engine, key_id, days=7)
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(_cancel, key_id), n)
    recover(engine)
    expected = (CloudStatus.PENDING_DELETE, ["PendingDeletion"]) if n == 1 else (CloudStatus.DISABLED, ["Disabled"])
    assert (cloud_key_row(engine.store, key_id).cloud_status, states(kms)) == expected


@pytest.mark.parametrize("n", range(1, ROTATE_COMMITS + 1))
@pytest.mark.parametrize("method", RotationMethod)
def test_a_rotation_killed_before_any_commit_is_finished_or_never_was(
    engine: Engine, kms: KMSClient, passphrase: str, method: RotationMethod, n: int
) -> None:
    key_id = create_cloud_key(engine, new_key())
    old = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    run_until_commit(engine.home, engine.keyring.operator, passphrase, partial(_rotate, key_id, method), n)
    recover(engine)
    assert open_operations(engine.store) == []
    versions = cloud_key_details(engine.store, key_id).versions
    assert len(versions) == (1 if n == 1 else 2)
    assert len(states(kms)) == (2 if n > 1 and method is RotationMethod.NEW_KEY else 1)
    assert set(states(kms)) == {"Enabled"}
    current = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]
    assert versions[0].material_state is MaterialState.CURRENT
    assert (versions[0].kms_key_id, versions[0].key_material_id) == (current["KeyId"], current["CurrentKeyMaterialId"])
    assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"salaries"


CASES = {
    "create": (CREATE_COMMITS, None),
    "disable": (SWITCH_COMMITS, "_disable"),
    "remove": (REMOVE_COMMITS, "_remove"),
    "delete": (DELETE_COMMITS, "_delete"),
    "rotate": (ROTATE_COMMITS, "_rotate_in_place"),
    "rotate by new key": (ROTATE_COMMITS, "_rotate_by_new_key"),
}


@pytest.mark.parametrize(("commits", "act"), CASES.values(), ids=CASES)
def test_the_kills_above_reach_past_the_end_of_the_operation(
    engine: Engine, kms: KMSClient, passphrase: str, commits: int, act: str | None
) -> None:
    key_id = None
    if act is not None:
        key_id = rotated(engine, kms)[0] if act == "_remove" else create_cloud_key(engine, new_key())
    work = make if act is None else partial(globals()[act], key_id)
    assert run_until_commit(engine.home, engine.keyring.operator, passphrase, work, commits + 1) == SURVIVED


def rotated(engine: Engine, kms: KMSClient) -> tuple[str, list[bytes]]:
    """A CloudKey of two versions, and a ciphertext of each."""
    key_id = create_cloud_key(engine, new_key())
    old = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    rotate(engine, key_id)
    return key_id, [old, kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]]


def _disable(key_id: str, engine: Engine) -> None:
    disable(engine, key_id)


def _upload(key_id: str, engine: Engine) -> None:
    upload(engine, key_id)


def _remove(key_id: str, engine: Engine) -> None:
    remove_from_cloud(engine, key_id)


def _delete(key_id: str, engine: Engine) -> None:
    delete(engine, key_id, days=7)


def _cancel(key_id: str, engine: Engine) -> None:
    cancel_deletion(engine, key_id)


def _rotate(key_id: str, method: RotationMethod, engine: Engine) -> None:
    rotate(engine, key_id, method=method)


def _rotate_in_place(key_id: str, engine: Engine) -> None:
    rotate(engine, key_id, method=RotationMethod.IN_PLACE)


def _rotate_by_new_key(key_id: str, engine: Engine) -> None:
    rotate(engine, key_id, method=RotationMethod.NEW_KEY)
