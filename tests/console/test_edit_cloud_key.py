"""Edit CloudKey, and picking administrators and users from IAM, against AWS in a box."""

import json
from collections.abc import Iterator

import boto3
import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList
from types_boto3_iam.client import IAMClient
from types_boto3_kms.client import KMSClient

from kctui.core.aws.policies import Access, PolicyKind, key_policy, read_access
from kctui.core.details import CloudKeyDetails, cloud_key_details
from kctui.core.engine import Engine
from kctui.core.lists import KeySetRow
from kctui.core.operations import CloudKeyEdit, NewCloudKey, create_cloud_key, disable, edit_cloud_key
from kctui.demo.box import Box, FaultKind
from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard
from kctui.screens.dialogs.edit_cloud_key import EditCloudKeyWizard
from kctui.screens.dialogs.fields import LinesField
from tests.console.dialog_driver import (
    ADMINISTRATOR,
    REGION,
    Host,
    complaint,
    failure,
    field,
    fill,
    has_focus,
    paste,
    push,
    seen,
    settle,
)

pytest_plugins = ["tests.console.dialog_fixtures"]


@pytest.fixture
def iam(aws_box: Box) -> Iterator[IAMClient]:
    client = boto3.client(
        "iam",
        region_name=REGION,
        endpoint_url=aws_box.endpoint,
        aws_access_key_id=aws_box.root.access_key_id,
        aws_secret_access_key=aws_box.root.secret_access_key,
    )
    yield client
    client.close()


@pytest.fixture
def kms(aws_box: Box) -> Iterator[KMSClient]:
    client = boto3.client(
        "kms",
        region_name=REGION,
        endpoint_url=aws_box.endpoint,
        aws_access_key_id=aws_box.root.access_key_id,
        aws_secret_access_key=aws_box.root.secret_access_key,
    )
    yield client
    client.close()


@pytest.fixture
def alice(iam: IAMClient) -> str:
    return iam.create_user(UserName="alice", Path="/payroll/")["User"]["Arn"]


@pytest.fixture
def bob(iam: IAMClient) -> str:
    return iam.create_user(UserName="bob")["User"]["Arn"]


@pytest.fixture
def key_id(dialog_engine: Engine, key_set: KeySetRow, alice: str) -> str:
    new = NewCloudKey("payroll-db", key_set.name, REGION, "Aurora", (alice,), (), 30, tags={"team": "pay"})
    return create_cloud_key(dialog_engine, new)


def host(engine: Engine, key_id: str) -> Host:
    return Host(lambda: EditCloudKeyWizard(engine, cloud_key_details(engine.store, key_id)))


def details(engine: Engine, key_id: str) -> CloudKeyDetails:
    return cloud_key_details(engine.store, key_id)


def lines(pilot: Pilot[None], key: str) -> list[str]:
    found = field(pilot, key)
    assert isinstance(found, LinesField)
    return [line for _, line in found.entries]


async def to_end(pilot: Pilot[None], key: str) -> None:
    """Put the cursor behind the last line of a list."""
    found = field(pilot, key)
    assert isinstance(found, LinesField)
    found.area.focus()
    found.area.move_cursor(found.area.document.end)
    await pilot.pause()


async def to_step(pilot: Pilot[None], number: int) -> None:
    """Go on to a step (1 Details, 4 Review)."""
    await settle(pilot)
    for _ in range(number - 1):
        await push(pilot, "continue")


async def choose(pilot: Pilot[None], places: int) -> None:
    """Choose what to do with the policy: the first, and so many further."""
    field(pilot, "policy").editor.focus()
    await pilot.press("enter", *["down"] * places, "enter")
    await settle(pilot)


def meddle(kms: KMSClient, policy: str) -> None:
    kms.put_key_policy(KeyId=kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyId"], Policy=policy)


def theirs(arn: str) -> str:
    return key_policy(PolicyKind("aws", arn.split(":")[4]), [arn], [arn])


def custom(arn: str) -> str:
    policy = json.loads(theirs(arn))
    policy["Statement"].append(
        {"Sid": "\x1b]0;x\x07", "Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:Sign", "Resource": "*"}
    )
    return json.dumps(policy)


def in_kms(kms: KMSClient) -> Access | None:
    key = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyId"]
    return read_access(kms.get_key_policy(KeyId=key)["Policy"])


async def test_everything_is_edited(dialog_engine: Engine, key_id: str, kms: KMSClient, alice: str, bob: str) -> None:
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        await fill(pilot, "description", "Aurora, payroll")
        await to_end(pilot, "tags")
        await paste(pilot, "\nstage=prod")
        await push(pilot, "continue")
        assert "✓ as kctui wrote it" in seen(pilot)
        assert lines(pilot, "administrators") == [alice]
        field(pilot, "users").editor.focus()
        await paste(pilot, bob)
        await push(pilot, "continue")
        assert "30 days" in seen(pilot)
        field(pilot, "rotation_schedule").editor.focus()
        await pilot.press("enter", "home", "enter")
        await push(pilot, "continue")
        assert "+ Aurora, payroll" in seen(pilot)
        assert "kms:PutKeyPolicy" in seen(pilot)
        await push(pilot, "continue")
        assert "✓ CloudKey payroll-db is edited" in seen(pilot)
        await pilot.press("enter")
    assert app.result == key_id
    found = details(dialog_engine, key_id)
    assert (found.row.description, found.tags) == ("Aurora, payroll", {"team": "pay", "stage": "prod"})
    assert (found.users, found.row.rotation_days) == ((bob,), None)
    assert in_kms(kms) == Access((alice,), (bob,))


async def test_nothing_changed_says_so_and_cannot_be_applied(dialog_engine: Engine, key_id: str, aws_box: Box) -> None:
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 4)
        assert "Nothing is changed." in seen(pilot)
        assert app.dialog.button("continue").disabled
        await pilot.press("escape")
    assert app.result is None
    assert "PutKeyPolicy" not in aws_box.calls.operations()


@pytest.mark.parametrize(
    ("key", "step", "text"),
    [("tags", 1, "team"), ("tags", 1, "=x"), ("tags", 1, "a=1\na=2"), ("users", 2, "bob")],
)
async def test_a_bad_line_is_pointed_out(dialog_engine: Engine, key_id: str, key: str, step: int, text: str) -> None:
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, step)
        await to_end(pilot, key)
        await paste(pilot, f"\n{text}")
        await push(pilot, "continue")
        assert complaint(pilot, key).startswith("Line ")
        assert has_focus(pilot, key)


async def test_a_tag_that_aws_would_refuse_leads_back_to_the_tags(dialog_engine: Engine, key_id: str) -> None:
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        field(pilot, "tags").editor.focus()
        await paste(pilot, "aws:x=1\n")
        for _ in range(3):
            await push(pilot, "continue")
        assert "'aws:x' cannot be used" in complaint(pilot, "tags")
        assert has_focus(pilot, "tags")


async def test_a_policy_changed_elsewhere_is_shown_and_left_alone(
    dialog_engine: Engine, key_id: str, kms: KMSClient, alice: str, bob: str
) -> None:
    meddle(kms, theirs(bob))
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        assert "! changed elsewhere" in seen(pilot)
        field(pilot, "users").editor.focus()
        await paste(pilot, alice)
        assert lines(pilot, "users") == []
        await pilot.press("f2")
        await settle(pilot)
        assert "Locked: choose what to do above" in seen(pilot)
        await pilot.press("f3")
        await settle(pilot)
        assert f"+          {json.dumps(bob)}" in seen(pilot)
        await pilot.press("escape")
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "Nothing is changed." in seen(pilot)
    assert in_kms(kms) == Access((bob,), (bob,))


async def test_a_policy_changed_elsewhere_is_adopted_and_edited_on(
    dialog_engine: Engine, key_id: str, kms: KMSClient, alice: str, bob: str
) -> None:
    meddle(kms, theirs(bob))
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        await choose(pilot, 1)
        assert lines(pilot, "administrators") == lines(pilot, "users") == [bob]
        await to_end(pilot, "users")
        await paste(pilot, f"\n{alice}")
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "The key policy in KMS is adopted as it is." in seen(pilot)
        await push(pilot, "continue")
        assert "is edited" in seen(pilot)
    assert in_kms(kms) == Access((bob,), (bob, alice))
    assert details(dialog_engine, key_id).administrators == (bob,)


async def test_a_custom_policy_is_adopted_only(dialog_engine: Engine, key_id: str, kms: KMSClient, bob: str) -> None:
    meddle(kms, custom(bob))
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        assert "! changed elsewhere, custom" in seen(pilot)
        await choose(pilot, 1)
        field(pilot, "users").editor.focus()
        await paste(pilot, bob)
        assert lines(pilot, "users") == lines(pilot, "administrators") == []
        for _ in range(3):
            await push(pilot, "continue")
        assert "is edited" in seen(pilot)
    assert details(dialog_engine, key_id).policy == custom(bob)


async def test_a_policy_changed_elsewhere_is_overwritten_knowingly(
    dialog_engine: Engine, key_id: str, kms: KMSClient, alice: str, bob: str
) -> None:
    meddle(kms, custom(bob))
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        await choose(pilot, 2)
        assert lines(pilot, "administrators") == [alice]
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "Key policy overwritten" in seen(pilot)
        assert "\x1b" not in seen(pilot)
        await push(pilot, "continue")
        assert "is edited" in seen(pilot)
    assert in_kms(kms) == Access((alice,), ())


async def test_a_policy_that_may_not_be_read_says_which_permission_is_missing(
    dialog_engine: Engine, key_id: str, aws_box: Box
) -> None:
    aws_box.faults.add("GetKeyPolicy", FaultKind.ACCESS_DENIED)
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 2)
        assert "AWS does not allow kms:GetKeyPolicy" in seen(pilot)


async def test_a_lost_permission_is_shown_and_the_key_is_as_it_was(
    dialog_engine: Engine, key_id: str, aws_box: Box
) -> None:
    aws_box.faults.add("UpdateKeyDescription", FaultKind.ACCESS_DENIED)
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        await fill(pilot, "description", "other")
        for _ in range(4):
            await push(pilot, "continue")
        assert "AWS does not allow kms:UpdateKeyDescription" in failure(pilot)
    assert details(dialog_engine, key_id).row.description == "Aurora"


async def test_a_row_that_changed_since_is_refused(dialog_engine: Engine, key_id: str) -> None:
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 1)
        disable(dialog_engine, key_id)
        await fill(pilot, "description", "other")
        for _ in range(4):
            await push(pilot, "continue")
        assert "was changed meanwhile" in failure(pilot)


async def test_a_hostile_description_is_shown_safe_and_not_changed_by_looking(
    dialog_engine: Engine, key_id: str, kms: KMSClient
) -> None:
    edit_cloud_key(dialog_engine, key_id, CloudKeyEdit(rotation_days=45))
    with dialog_engine.store.write() as session:
        from kctui.core.model import CloudKey

        row = session.get_one(CloudKey, key_id)
        row.description, row.tags = "a\x1b]0;x\x07b", {"note": "\x1b[2J"}
    app = host(dialog_engine, key_id)
    async with app.run_test() as pilot:
        await to_step(pilot, 3)
        assert "\x1b" not in seen(pilot)
        assert "45" in seen(pilot)
        await push(pilot, "continue")
        assert "Nothing is changed." in seen(pilot)


# Picking from IAM


async def test_an_administrator_and_a_user_are_picked_from_iam(
    dialog_engine: Engine, key_set: KeySetRow, aws_box: Box, alice: str, bob: str
) -> None:
    asked = aws_box.faults.add("ListUsers", FaultKind.SLOW, times=9)
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, key_set, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll-db")
        await push(pilot, "continue")
        await pilot.press("f2")
        await settle(pilot)
        assert "2 of 2" in seen(pilot)
        await paste(pilot, "PAYROLL")
        assert "1 of 2" in seen(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert lines(pilot, "administrators") == [alice]
        await pilot.press("tab", "tab", "f2")
        await settle(pilot)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert lines(pilot, "users") == [bob]
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert "✓ user  bob" in seen(pilot)
        await pilot.press("escape")
        for _ in range(3):
            await push(pilot, "continue")
    assert asked.struck == 1


async def test_what_may_not_be_listed_is_named_and_can_be_typed(
    dialog_engine: Engine, key_set: KeySetRow, aws_box: Box, alice: str
) -> None:
    aws_box.faults.add("ListRoles", FaultKind.ACCESS_DENIED)
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, key_set, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll-db")
        await push(pilot, "continue")
        await pilot.press("f2")
        await settle(pilot)
        assert "Roles are not listed: the credential may not call iam:ListRoles." in seen(pilot)
        assert app.dialog.query_one(OptionList).option_count == 1
        await pilot.press("escape")
        await paste(pilot, ADMINISTRATOR)
        assert lines(pilot, "administrators") == [ADMINISTRATOR]


async def test_iam_out_of_reach_says_so_and_leads_back(dialog_engine: Engine, key_set: KeySetRow, aws_box: Box) -> None:
    aws_box.faults.add("ListUsers", FaultKind.INTERNAL, times=4)
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, key_set, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll-db")
        await push(pilot, "continue")
        await pilot.press("f2")
        await settle(pilot)
        assert "AWS refused iam:ListUsers" in failure(pilot)
        assert app.dialog.button("add").disabled
        await pilot.press("enter", "escape")
        assert has_focus(pilot, "administrators")
