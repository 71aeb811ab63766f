"""Which action each state of a key allows: the whole table."""

import dataclasses
from dataclasses import dataclass

import pytest

from kctui.core.availability import KeyAction, why_not
from kctui.core.words import CloudStatus, KeySource, OperationKind


@dataclass(frozen=True)
class Key:
    cloud_status: CloudStatus = CloudStatus.AVAILABLE
    key_source: KeySource = KeySource.KCTUI
    kms_key_id: str | None = "1234abcd-12ab-34cd-56ef-1234567890ab"
    busy: OperationKind | None = None


ALLOWED = {
    KeyAction.UPLOAD: {CloudStatus.NOT_AVAILABLE},
    KeyAction.ENABLE: {CloudStatus.DISABLED},
    KeyAction.DISABLE: {CloudStatus.AVAILABLE},
    KeyAction.REMOVE: {CloudStatus.AVAILABLE, CloudStatus.DISABLED},
    KeyAction.DELETE: {CloudStatus.AVAILABLE, CloudStatus.DISABLED, CloudStatus.NOT_AVAILABLE},
    KeyAction.CANCEL_DELETION: {CloudStatus.PENDING_DELETE},
    KeyAction.ROTATE: {CloudStatus.AVAILABLE},
    KeyAction.EDIT: {CloudStatus.AVAILABLE, CloudStatus.DISABLED, CloudStatus.NOT_AVAILABLE},
    KeyAction.CHANGE_EXPIRATION: {CloudStatus.AVAILABLE},
}
NEEDS_A_COPY = {KeyAction.UPLOAD, KeyAction.REMOVE, KeyAction.ROTATE, KeyAction.CHANGE_EXPIRATION}
EVERY_CASE = [(action, status) for action in KeyAction for status in CloudStatus]


def test_the_table_knows_every_action() -> None:
    assert set(ALLOWED) == set(KeyAction)


@pytest.mark.parametrize(("action", "status"), EVERY_CASE)
def test_each_status_allows_what_kms_allows(action: KeyAction, status: CloudStatus) -> None:
    reason = why_not(action, Key(cloud_status=status))
    assert (reason is None) == (status in ALLOWED[action])


@pytest.mark.parametrize(("action", "status"), EVERY_CASE)
@pytest.mark.parametrize("busy", OperationKind)
def test_a_busy_key_allows_nothing(action: KeyAction, status: CloudStatus, busy: OperationKind) -> None:
    assert why_not(action, Key(cloud_status=status, busy=busy)) == f"{busy.value} is under way"


@pytest.mark.parametrize(("action", "status"), EVERY_CASE)
def test_a_key_that_kms_never_made_allows_nothing(action: KeyAction, status: CloudStatus) -> None:
    assert why_not(action, Key(cloud_status=status, kms_key_id=None)) == "the key was never made in KMS"


@pytest.mark.parametrize(("action", "status"), EVERY_CASE)
def test_what_needs_our_copy_is_never_done_to_material_made_by_aws(action: KeyAction, status: CloudStatus) -> None:
    key = Key(cloud_status=status)
    reason = why_not(action, dataclasses.replace(key, key_source=KeySource.AWS))
    if action in NEEDS_A_COPY:
        assert reason is not None
    else:
        assert reason == why_not(action, key)
