"""Edit CloudKey: what AWS and the store hold after each edit, each refusal, and each answer that was lost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from sqlmodel import select
from types_boto3_iam.client import IAMClient
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.policies import Access, read_access
from kctui.core.aws.policy_difference import same_policy
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, NeedsRecoveryError, NotFoundError, RefusedError
from kctui.core.lists import AuditList, AuditQuery, cloud_key_row
from kctui.core.model import CloudKey, Schedule
from kctui.core.operations import (
    CloudKeyEdit,
    NewCloudKey,
    create_cloud_key,
    delete,
    edit_cloud_key,
    plan_edit,
)
from kctui.core.recovery import open_operations, recover
from kctui.core.words import AuditType, KeySource, OperationState
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.operations import REGION, new_key

CALLS = ["UpdateKeyDescription", "UntagResource", "TagResource", "PutKeyPolicy"]


@pytest.fixture
def iam(box: Box, root: AccessKey) -> Iterator[IAMClient]:
    client = boto3.client(
        "iam",
        region_name=REGION,
        endpoint_url=box.endpoint,
        aws_access_key_id=root.access_key_id,
        aws_secret_access_key=root.secret_access_key,
    )
    yield client
    client.close()


@pytest.fixture
def alice(iam: IAMClient) -> str:
    return iam.create_user(UserName="alice")["User"]["Arn"]


@pytest.fixture
def bob(iam: IAMClient) -> str:
    return iam.create_user(UserName="bob")["User"]["Arn"]


@pytest.fixture
def new(alice: str) -> NewCloudKey:
    return new_key(description="Aurora", administrators=(alice,), users=(alice,), tags={"team": "pay", "cost": "4711"})


@pytest.fixture
def whole(alice: str, bob: str) -> CloudKeyEdit:
    """An edit of everything there is."""
    return CloudKeyEdit("Aurora, payroll", (bob,), (alice, bob), {"team": "payroll", "stage": "prod"}, 30)


def in_aws(kms: KMSClient, engine: Engine, key_id: str) -> tuple[str, dict[str, str], Access | None]:
    """Description, tags but kctui's own, and who is let in."""
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=kms_key_id)["Tags"]}
    return (
        kms.describe_key(KeyId=kms_key_id)["KeyMetadata"]["Description"],
        {name: value for name, value in tags.items() if not name.startswith("kctui:")},
        read_access(kms.get_key_policy(KeyId=kms_key_id)["Policy"]),
    )


def in_store(engine: Engine, key_id: str) -> tuple[str, dict[str, str], Access | None]:
    """The same, as kctui has it."""
    with engine.store.read() as session:
        row = session.get_one(CloudKey, key_id)
    access = read_access(row.policy or "")
    assert access is not None
    assert (set(row.administrators), set(row.users)) == (set(access.administrators), set(access.users))
    return row.description, row.tags, access


def rotation(engine: Engine, key_id: str) -> tuple[int | None, int | None]:
    """The days in the row, and in the schedule."""
    with engine.store.read() as session:
        due = session.exec(select(Schedule).where(Schedule.target_id == key_id)).one_or_none()
        return session.get_one(CloudKey, key_id).rotation_days, due.every_days if due else None


def steps(engine: Engine, key_id: str) -> list[str]:
    return [step.name for step in cloud_key_details(engine.store, key_id).operations[0].steps]


def test_creation_remembers_the_policy_that_it_wrote(engine: Engine, kms: KMSClient, new: NewCloudKey) -> None:
    key_id = create_cloud_key(engine, new)
    with engine.store.read() as session:
        row = session.get_one(CloudKey, key_id)
    assert same_policy(row.policy or "", kms.get_key_policy(KeyId=row.kms_key_id or "")["Policy"])


def test_everything_is_edited_in_one_go(
    engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit, alice: str, bob: str
) -> None:
    key_id = create_cloud_key(engine, new)
    assert edit_cloud_key(engine, key_id, whole)
    expected = ("Aurora, payroll", {"team": "payroll", "stage": "prod"}, Access((bob,), (alice, bob)))
    assert in_aws(kms, engine, key_id) == expected
    assert in_store(engine, key_id) == expected
    assert rotation(engine, key_id) == (30, 30)
    assert steps(engine, key_id) == [
        "Look at the KMS key", "UpdateKeyDescription", "UntagResource", "TagResource", "PutKeyPolicy", "Confirm",
    ]  # fmt: skip


EDITS: dict[str, tuple[CloudKeyEdit, list[str]]] = {
    "description": (CloudKeyEdit(description="x"), ["UpdateKeyDescription"]),
    "no description": (CloudKeyEdit(description=""), ["UpdateKeyDescription"]),
    "administrators": (CloudKeyEdit(administrators=()), ["PutKeyPolicy"]),
    "users": (CloudKeyEdit(users=()), ["PutKeyPolicy"]),
    "one tag more": (CloudKeyEdit(tags={"team": "pay", "cost": "4711", "x": ""}), ["TagResource"]),
    "one tag less": (CloudKeyEdit(tags={"team": "pay"}), ["UntagResource"]),
    "no tags": (CloudKeyEdit(tags={}), ["UntagResource"]),
    "rotation": (CloudKeyEdit(rotation_days=90), []),
}


@pytest.mark.parametrize("name", EDITS)
def test_only_what_is_needed_is_asked_of_aws(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, name: str
) -> None:
    edit, expected = EDITS[name]
    key_id = create_cloud_key(engine, new)
    before = cloud_key_row(engine.store, key_id).revision
    box.calls.clear()
    assert edit_cloud_key(engine, key_id, edit, revision=before)
    made = [call for call in box.calls.operations() if not call.startswith(("Get", "List", "Describe"))]
    assert made == expected
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id)
    assert cloud_key_row(engine.store, key_id).revision > before


def test_the_plan_names_the_changes_and_the_calls(
    box: Box, engine: Engine, new: NewCloudKey, whole: CloudKeyEdit, bob: str
) -> None:
    key_id = create_cloud_key(engine, new)
    box.calls.clear()
    plan = plan_edit(engine, key_id, whole)
    assert box.calls.operations() == []
    assert [change.what for change in plan.changes] == [
        "description", "tags", "administrators", "users", "rotation schedule",
    ]  # fmt: skip
    assert [call.split()[0].strip(",") for call in plan.calls] == [
        "kms:DescribeKey", "kms:GetKeyPolicy", "kms:UpdateKeyDescription", "kms:UntagResource", "kms:TagResource",
        "kms:PutKeyPolicy", "kms:DescribeKey",
    ]  # fmt: skip
    assert any(line.startswith("+") and bob in line for line in plan.policy.split("\n"))


def test_nothing_to_change_does_nothing(box: Box, engine: Engine, new: NewCloudKey, alice: str) -> None:
    key_id = create_cloud_key(engine, new)
    box.calls.clear()
    same = CloudKeyEdit("Aurora", (alice, alice), (alice,), dict(new.tags), None)
    assert not edit_cloud_key(engine, key_id, same)
    assert not edit_cloud_key(engine, key_id, CloudKeyEdit())
    assert box.calls.operations() == []
    assert len(cloud_key_details(engine.store, key_id).operations) == 1


def test_a_rotation_schedule_counts_from_the_edit_and_never_has_none(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key(rotation_days=365))
    edit_cloud_key(engine, key_id, CloudKeyEdit(rotation_days=30))
    with engine.store.read() as session:
        due = session.exec(select(Schedule).where(Schedule.target_id == key_id)).one().due_at
    assert abs(due - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    edit_cloud_key(engine, key_id, CloudKeyEdit(rotation_days=None))
    assert rotation(engine, key_id) == (None, None)


def test_a_key_that_aws_made_can_be_edited(engine: Engine, kms: KMSClient, root: AccessKey, alice: str) -> None:
    key_id = create_cloud_key(engine, new_key())
    made = kms.create_key(Description="by hand")["KeyMetadata"]
    with engine.store.write() as session:
        row = session.get_one(CloudKey, key_id)
        row.kms_key_id, row.key_source, row.origin, row.policy = made["KeyId"], KeySource.AWS, "AWS_KMS", None
    edit_cloud_key(engine, key_id, CloudKeyEdit("ours", (alice,), (), {"team": "pay"}))
    assert in_aws(kms, engine, key_id) == ("ours", {"team": "pay"}, Access((alice,), ()))
    assert "ImportKeyMaterial" not in kms.get_key_policy(KeyId=made["KeyId"])["Policy"]


@pytest.mark.parametrize("denied", CALLS)
def test_a_permission_lost_in_the_middle_leaves_the_key_as_it_was(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit, denied: str
) -> None:
    key_id = create_cloud_key(engine, replace(new, rotation_days=365))
    before = in_aws(kms, engine, key_id)
    box.faults.add(denied, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"kms:{denied}"):
        edit_cloud_key(engine, key_id, whole)
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == before
    assert rotation(engine, key_id) == (365, 365)
    assert open_operations(engine.store) == []
    operation = cloud_key_details(engine.store, key_id).operations[0]
    expected = OperationState.FAILED if denied == CALLS[0] else OperationState.UNDONE
    assert (operation.state, operation.error) == (expected, f"AWS does not allow kms:{denied}")
    assert edit_cloud_key(engine, key_id, whole)


@pytest.mark.parametrize("call", ["DescribeKey", "ListResourceTags", "GetKeyPolicy"])
def test_what_cannot_be_looked_at_is_not_edited(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit, call: str
) -> None:
    key_id = create_cloud_key(engine, new)
    before = in_aws(kms, engine, key_id)
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"kms:{call}"):
        edit_cloud_key(engine, key_id, whole)
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == before
    assert open_operations(engine.store) == []


def test_what_cannot_be_put_back_is_kept_and_named(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit
) -> None:
    key_id = create_cloud_key(engine, new)
    _, tags, access = in_aws(kms, engine, key_id)
    box.faults.add("PutKeyPolicy", FaultKind.ACCESS_DENIED)
    box.faults.add("UpdateKeyDescription", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(AwsRefusedError, match="kms:PutKeyPolicy") as raised:
        edit_cloud_key(engine, key_id, whole)
    assert "UpdateKeyDescription is done and could not be taken back" in raised.value.detail
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == ("Aurora, payroll", tags, access)
    assert open_operations(engine.store) == []
    operation = cloud_key_details(engine.store, key_id).operations[0]
    assert operation.state is OperationState.DONE
    assert "kms:PutKeyPolicy" in (operation.error or "")
    entry = AuditList(engine.store, AuditQuery()).page().rows[0]
    assert (entry.type, "undone in part" in entry.message) == (AuditType.WARNING, True)


@pytest.mark.parametrize("call", [*CALLS, "DescribeKey", "GetKeyPolicy", "ListResourceTags"])
@pytest.mark.parametrize("fault", [FaultKind.LOST_REPLY, FaultKind.INTERNAL, FaultKind.THROTTLE])
def test_a_passing_fault_of_aws_does_not_stop_an_edit(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit, call: str, fault: FaultKind
) -> None:
    key_id = create_cloud_key(engine, new)
    box.faults.add(call, fault)
    edit_cloud_key(engine, key_id, whole)
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id)
    assert in_aws(kms, engine, key_id)[0] == "Aurora, payroll"


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_never_comes_is_gone_on_with_by_recovery(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit, call: str
) -> None:
    key_id = create_cloud_key(engine, new)
    box.faults.add(call, FaultKind.LOST_REPLY, times=4)
    with pytest.raises(NeedsRecoveryError):
        edit_cloud_key(engine, key_id, whole)
    assert len(recover(engine).finished) == 1
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id)
    assert rotation(engine, key_id) == (30, 30)


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_after_a_lost_answer_puts_back_what_may_have_been_done(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit, call: str
) -> None:
    key_id = create_cloud_key(engine, new)
    before = in_aws(kms, engine, key_id)
    box.faults.add(call, FaultKind.LOST_REPLY)
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError):
        edit_cloud_key(engine, key_id, whole)
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == before
    assert open_operations(engine.store) == []


def test_an_undoing_that_aws_does_not_answer_is_gone_on_with_by_recovery(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit
) -> None:
    key_id = create_cloud_key(engine, new)
    before = in_aws(kms, engine, key_id)
    box.faults.add("PutKeyPolicy", FaultKind.ACCESS_DENIED)
    box.faults.add("TagResource", FaultKind.INTERNAL, skip=1, times=4)
    with pytest.raises(NeedsRecoveryError):
        edit_cloud_key(engine, key_id, whole)
    assert len(recover(engine).undone) == 1
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == before


def test_a_policy_that_forbids_us_to_look_is_written_all_the_same(
    box: Box, engine: Engine, kms: KMSClient, new: NewCloudKey, bob: str
) -> None:
    key_id = create_cloud_key(engine, new)
    box.faults.add("GetKeyPolicy", FaultKind.ACCESS_DENIED, skip=1)
    edit_cloud_key(engine, key_id, CloudKeyEdit(users=(bob,)))
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id)
    assert open_operations(engine.store) == []


def test_a_policy_that_locks_the_caller_out_is_refused_by_aws_and_nothing_is_changed(
    box: Box, engine: Engine, kms: KMSClient, iam: IAMClient, new: NewCloudKey
) -> None:
    key_id = create_cloud_key(engine, new)
    before = in_aws(kms, engine, key_id)
    missing = new.administrators[0].replace("alice", "nobody")
    with pytest.raises(AwsRefusedError, match="MalformedPolicyDocument"):
        edit_cloud_key(engine, key_id, CloudKeyEdit("other", (missing,)))
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == before
    assert open_operations(engine.store) == []


def test_a_key_has_room_for_fifty_tags_with_those_that_others_gave_it(
    engine: Engine, kms: KMSClient, root: AccessKey
) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    kms.tag_resource(KeyId=kms_key_id, Tags=[{"TagKey": "theirs", "TagValue": ""}])
    full = {f"t{number}": "" for number in range(47)}
    with pytest.raises(InvalidInputError, match="51 tags") as raised:
        edit_cloud_key(engine, key_id, CloudKeyEdit(tags=full | {"t47": ""}))
    assert raised.value.field == "tags"
    edit_cloud_key(engine, key_id, CloudKeyEdit(tags=full))
    others = {f"u{number}": "" for number in range(47)}
    edit_cloud_key(engine, key_id, CloudKeyEdit(tags=others))
    assert in_aws(kms, engine, key_id)[1] == others | {"theirs": ""}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"description": "x" * 8193}, "description"),
    ({"description": "a\x1bb"}, "description"),
    ({"administrators": ("alice",)}, "administrators"),
    ({"users": ("arn:aws:s3:::bucket",)}, "users"),
    ({"users": ("AIDACKCEVSQ6C2EXAMPLE",)}, "users"),
    ({"users": tuple(f"arn:aws:iam::111122223333:user/{'x' * 60}{number}" for number in range(400))}, "users"),
    ({"tags": {"aws:x": "1"}}, "tags"),
    ({"tags": {"kctui:operation": "1"}}, "tags"),
    ({"tags": {str(number): "" for number in range(49)}}, "tags"),
    ({"rotation_days": 0}, "rotation_schedule"),
    ({"rotation_days": 3651}, "rotation_schedule"),
]


@pytest.mark.parametrize(("values", "field"), BAD)
def test_a_bad_value_names_its_field_and_asks_nothing_of_aws(
    box: Box, engine: Engine, new: NewCloudKey, values: dict[str, Any], field: str
) -> None:
    key_id = create_cloud_key(engine, new)
    box.calls.clear()
    with pytest.raises(InvalidInputError) as raised:
        edit_cloud_key(engine, key_id, CloudKeyEdit(**values))
    assert raised.value.field == field
    assert box.calls.operations() == []


def test_an_outdated_row_a_key_that_waits_for_its_deletion_and_a_read_only_engine_are_refused(
    engine: Engine, kms: KMSClient, new: NewCloudKey
) -> None:
    key_id = create_cloud_key(engine, new)
    seen = cloud_key_row(engine.store, key_id).revision
    edit_cloud_key(engine, key_id, CloudKeyEdit(description="x"))
    with pytest.raises(ConflictError, match="changed meanwhile"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(description="y"), revision=seen)
    delete(engine, key_id, days=7)
    with pytest.raises(RefusedError, match="waiting for its deletion"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(description="y"))
    engine.read_only = True
    with pytest.raises(RefusedError, match="read-only"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(description="y"))
    with pytest.raises(NotFoundError):
        edit_cloud_key(engine, "0" * 32, CloudKeyEdit(description="y"))


def test_a_deletion_begun_elsewhere_is_refused_by_aws_and_the_key_is_as_it_was(
    engine: Engine, kms: KMSClient, new: NewCloudKey, whole: CloudKeyEdit
) -> None:
    key_id = create_cloud_key(engine, new)
    before = in_aws(kms, engine, key_id)
    kms.schedule_key_deletion(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "", PendingWindowInDays=7)
    with pytest.raises(AwsRefusedError, match="KMSInvalidState"):
        edit_cloud_key(engine, key_id, whole)
    assert in_aws(kms, engine, key_id) == in_store(engine, key_id) == before
    assert open_operations(engine.store) == []


def test_the_journal_and_the_audit_log_tell_what_was_edited(engine: Engine, new: NewCloudKey, bob: str) -> None:
    key_id = create_cloud_key(engine, new)
    edit_cloud_key(engine, key_id, CloudKeyEdit(description="x", users=(bob,)))
    entry = AuditList(engine.store, AuditQuery()).page().rows[0]
    assert entry.message == f"Edit CloudKey payroll-db ({REGION}): description, users"
    assert json.loads(json.dumps(entry.request_ids))
