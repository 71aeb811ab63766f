"""A key policy changed elsewhere: shown as a difference, adopted, or overwritten knowingly; never silently."""

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from types_boto3_iam.client import IAMClient
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.policies import Access, PolicyKind, key_policy, read_access
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, RefusedError
from kctui.core.lists import AuditList, AuditQuery, cloud_key_row
from kctui.core.model import CloudKey
from kctui.core.operations import (
    CloudKeyEdit,
    Standing,
    account_principals,
    adopt_policy,
    create_cloud_key,
    edit_cloud_key,
    policy_state,
)
from kctui.core.recovery import open_operations
from kctui.core.words import AuditType
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.operations import REGION, new_key

TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})  # fmt: skip


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
    return iam.create_user(UserName="alice", Path="/payroll/")["User"]["Arn"]


@pytest.fixture
def bob(iam: IAMClient) -> str:
    return iam.create_role(RoleName="bob", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


@pytest.fixture
def key_id(engine: Engine, alice: str) -> str:
    return create_cloud_key(engine, new_key(administrators=(alice,), users=(alice,)))


Put = Callable[[str], None]


@pytest.fixture
def put(engine: Engine, kms: KMSClient, key_id: str) -> Put:
    """Somebody else writes the key policy."""
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""

    def write(policy: str) -> None:
        kms.put_key_policy(KeyId=kms_key_id, Policy=policy)

    return write


def of(arn: str) -> PolicyKind:
    return PolicyKind("aws", arn.split(":")[4])


def custom(arn: str) -> str:
    """The console's policy, with a statement more."""
    policy = json.loads(key_policy(of(arn), [arn], []))
    named = {"AWS": arn}
    policy["Statement"].append(
        {"Sid": "x\x1b]0;y", "Effect": "Allow", "Principal": named, "Action": "kms:Decrypt", "Resource": "*"}
    )
    return json.dumps(policy)


def row(engine: Engine, key_id: str) -> CloudKey:
    with engine.store.read() as session:
        return session.get_one(CloudKey, key_id)


def test_what_kctui_wrote_stands_as_written(engine: Engine, key_id: str, put: Put, alice: str) -> None:
    assert policy_state(engine, key_id).standing is Standing.AS_WRITTEN
    put(json.dumps(json.loads(key_policy(of(alice), [alice], [alice])) | {"Id": "spelt otherwise"}, indent=3))
    state = policy_state(engine, key_id)
    assert (state.standing, state.difference) == (Standing.AS_WRITTEN, "")
    assert state.access == Access((alice,), (alice,))


def test_what_somebody_else_wrote_is_shown_as_a_difference(
    engine: Engine, key_id: str, put: Put, alice: str, bob: str
) -> None:
    put(key_policy(of(alice), [alice], [alice, bob]))
    state = policy_state(engine, key_id)
    assert state.standing is Standing.CHANGED
    assert [line for line in state.difference.split("\n") if line.startswith("+") and bob in line]


def test_an_edit_of_access_is_refused_with_the_difference(
    box: Box, engine: Engine, kms: KMSClient, key_id: str, put: Put, alice: str, bob: str
) -> None:
    theirs = key_policy(of(alice), [bob], [])
    put(theirs)
    with pytest.raises(ConflictError, match="changed elsewhere") as raised:
        edit_cloud_key(engine, key_id, CloudKeyEdit("other", users=(bob,)))
    assert bob in raised.value.detail
    assert policy_state(engine, key_id).text == theirs
    assert row(engine, key_id).description == ""
    assert open_operations(engine.store) == []
    assert box.calls.operations().count("PutKeyPolicy") == 1


def test_an_edit_of_anything_else_does_not_mind(engine: Engine, key_id: str, put: Put, alice: str) -> None:
    put(custom(alice))
    assert edit_cloud_key(engine, key_id, CloudKeyEdit(description="other"))


def test_adopting_makes_it_ours_with_its_administrators_and_users(
    engine: Engine, key_id: str, put: Put, alice: str, bob: str
) -> None:
    put(key_policy(of(alice), [bob], [alice, bob]))
    adopt_policy(engine, key_id)
    assert policy_state(engine, key_id).standing is Standing.AS_WRITTEN
    assert (row(engine, key_id).administrators, row(engine, key_id).users) == ([bob], [alice, bob])
    entry = AuditList(engine.store, AuditQuery()).page().rows[0]
    assert (entry.type, entry.message) == (
        AuditType.WARNING,
        f"Adopted the key policy of payroll-db ({REGION}) from KMS: administrators 1, users 2",
    )
    edit_cloud_key(engine, key_id, CloudKeyEdit(users=(bob,)))
    assert policy_state(engine, key_id).access == Access((bob,), (bob,))


def test_a_custom_policy_can_be_adopted_but_not_edited_by_lists(
    engine: Engine, key_id: str, put: Put, alice: str, bob: str
) -> None:
    put(custom(alice))
    adopt_policy(engine, key_id)
    assert (row(engine, key_id).administrators, row(engine, key_id).users) == ([], [])
    with pytest.raises(RefusedError, match="is custom"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(users=(bob,)))
    assert policy_state(engine, key_id).standing is Standing.AS_WRITTEN


def test_overwriting_knowingly_puts_the_consoles_statements_there(
    engine: Engine, key_id: str, put: Put, alice: str, bob: str
) -> None:
    put(custom(alice))
    seen = policy_state(engine, key_id)
    assert edit_cloud_key(engine, key_id, CloudKeyEdit(users=(bob,)), overwrite=seen.text)
    state = policy_state(engine, key_id)
    assert (state.standing, state.access) == (Standing.AS_WRITTEN, Access((alice,), (bob,)))
    assert "key policy overwritten" in AuditList(engine.store, AuditQuery()).page().rows[0].message


def test_overwriting_without_another_change_writes_what_kctui_had(
    engine: Engine, key_id: str, put: Put, alice: str, bob: str
) -> None:
    put(key_policy(of(alice), [bob], [bob]))
    assert edit_cloud_key(engine, key_id, CloudKeyEdit(), overwrite=policy_state(engine, key_id).text)
    assert policy_state(engine, key_id).access == Access((alice,), (alice,))


def test_what_was_not_seen_is_neither_overwritten_nor_adopted(
    engine: Engine, key_id: str, put: Put, alice: str, bob: str
) -> None:
    put(custom(alice))
    seen = policy_state(engine, key_id).text
    theirs = key_policy(of(alice), [], [bob])
    put(theirs)
    with pytest.raises(ConflictError, match="changed elsewhere"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(), overwrite=seen)
    with pytest.raises(ConflictError, match="changed elsewhere"):
        adopt_policy(engine, key_id, seen=seen)
    assert policy_state(engine, key_id).text == theirs


def test_a_policy_changed_between_writing_and_looking_is_told(
    box: Box, engine: Engine, kms: KMSClient, key_id: str, put: Put, alice: str, bob: str
) -> None:
    theirs = key_policy(of(alice), [bob], [])

    class Meddler:
        def step(self, name: str, *_: object) -> None:
            if name == "Confirm":
                put(theirs)

        def progress(self, done: int, total: int, what: str) -> None:
            raise AssertionError("an edit has no progress")

    with pytest.raises(ConflictError, match="changed elsewhere meanwhile: its key policy"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(users=(bob,)), observer=Meddler())
    assert open_operations(engine.store) == []
    assert policy_state(engine, key_id).standing is Standing.CHANGED


def test_a_policy_that_was_never_read_is_compared_with_what_would_have_been_written(
    engine: Engine, key_id: str, put: Put, alice: str
) -> None:
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).policy = None
    assert policy_state(engine, key_id).standing is Standing.AS_WRITTEN
    put(custom(alice))
    assert policy_state(engine, key_id).standing is Standing.NEVER_READ


def test_a_deleted_administrator_is_named_and_must_go(
    engine: Engine, kms: KMSClient, iam: IAMClient, key_id: str, alice: str, bob: str
) -> None:
    gone = "AIDACKCEVSQ6C2EXAMPLE"
    with engine.store.write() as session:
        # The box keeps the ARN of a user who was deleted; AWS puts the unique id there.
        key = session.get_one(CloudKey, key_id)
        key.policy, key.users = (key.policy or "").replace(alice, gone), [gone]
        key.administrators = [gone]
    assert policy_state(engine, key_id).standing is Standing.CHANGED
    with pytest.raises(RefusedError):
        edit_cloud_key(engine, key_id, CloudKeyEdit(users=(bob,), administrators=(bob,)))


def test_adopting_is_refused_when_denied_read_only_busy_or_outdated(
    box: Box, engine: Engine, key_id: str, put: Put, alice: str
) -> None:
    put(custom(alice))
    before = row(engine, key_id)
    box.faults.add("GetKeyPolicy", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="kms:GetKeyPolicy"):
        adopt_policy(engine, key_id)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        adopt_policy(engine, key_id, revision=before.revision - 1)
    box.faults.add("UpdateKeyDescription", FaultKind.INTERNAL, times=4)
    with pytest.raises(Exception, match="not finished"):
        edit_cloud_key(engine, key_id, CloudKeyEdit(description="x"))
    with pytest.raises(ConflictError, match="under way"):
        adopt_policy(engine, key_id)
    engine.read_only = True
    with pytest.raises(RefusedError, match="read-only"):
        adopt_policy(engine, key_id)
    assert row(engine, key_id).policy == before.policy


def account_id(engine: Engine, key_id: str) -> str:
    return row(engine, key_id).csp_account_id


def test_users_and_roles_are_listed_but_not_those_of_services(
    engine: Engine, iam: IAMClient, key_id: str, alice: str, bob: str
) -> None:
    iam.create_role(RoleName="AWSServiceRoleForRDS", Path="/aws-service-role/rds/", AssumeRolePolicyDocument=TRUST)
    for number in range(120):
        iam.create_user(UserName=f"user{number:03}")
    principals = account_principals(engine, account_id(engine, key_id))
    assert principals.denied == ()
    assert [each.arn for each in principals.found if each.kind == "role"] == [bob]
    assert (principals.found[0].arn, principals.found[0].path) == (alice, "/payroll/")
    assert len(principals.found) == 122


@pytest.mark.parametrize(("call", "left"), [("ListUsers", "role"), ("ListRoles", "user")])
def test_without_one_permission_the_other_still_serves(
    box: Box, engine: Engine, key_id: str, bob: str, call: str, left: str
) -> None:
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    principals = account_principals(engine, account_id(engine, key_id))
    assert principals.denied == (f"iam:{call}",)
    assert {each.kind for each in principals.found} == {left}


def test_principals_are_found_by_words_of_their_arn(engine: Engine, key_id: str, alice: str, bob: str) -> None:
    from kctui.core.aws.principals import matching

    found = account_principals(engine, account_id(engine, key_id)).found
    for text, expected in {"": [alice, bob], "PAYROLL": [alice], "role b": [bob], "user bob": [], "[a": []}.items():
        assert [each.arn for each in matching(found, text)] == expected, text
    assert read_access(row(engine, key_id).policy or "") == Access((alice,), (alice,))
