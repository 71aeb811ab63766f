"""`aws setup`: policy, user, attachment, access key and CSP Account in one go, again at any point, and nothing left."""

import boto3
import pytest
from types_boto3_iam.client import IAMClient

from kctui.core import accounts
from kctui.core.accounts import NewAccount, add_account, asking
from kctui.core.aws.clients import AwsSession
from kctui.core.aws.credentials import AccessKey, secret_access_key_place
from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.permissions import Finding
from kctui.core.aws.policy_documents import LONGEST_POLICY, guide_policy, least_privilege, of_user
from kctui.core.aws_setup import Setup, check_setup, look, plan, policy_text, set_up
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import AuditList, AuditQuery, CspAccountList, cloud_key_row
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
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.core.words import CloudStatus, RotationMethod, StepState
from kctui.demo.box import AccessKey as BoxKey
from kctui.demo.box import Box, FaultKind
from tests.core.operations import REGION, new_key


def wanted(box: Box, **values: object) -> Setup:
    document = values.pop("document", least_privilege())
    return Setup("bank", REGION, document, box.endpoint, **values)  # type: ignore[arg-type]


def access_keys(iam: IAMClient) -> list[str]:
    found = iam.list_access_keys(UserName="AWSBYOKKeycontrolUser")["AccessKeyMetadata"]
    return [key["AccessKeyId"] for key in found]


def test_everything_is_made_and_the_account_works(box: Box, engine: Engine, admin: AwsSession, iam: IAMClient) -> None:
    account = set_up(engine, admin, wanted(box))
    assert account.caller_arn.endswith(":user/AWSBYOKKeycontrolUser")
    [attached] = iam.list_attached_user_policies(UserName="AWSBYOKKeycontrolUser")["AttachedPolicies"]
    assert attached["PolicyName"] == "aws-byok-policy"
    assert access_keys(iam) == [account.access_key_id]
    assert [entry.message for entry in AuditList(engine.store, AuditQuery(text="Set up AWS")).page().rows][-1] == (
        "Set up AWS for bank: CreatePolicy aws-byok-policy"
    )


@pytest.mark.parametrize(
    ("document", "denied"),
    [(least_privilege(), []), (guide_policy(), ["iam:ListRoles", "iam:GetAccessKeyLastUsed"])],
    ids=["least privilege", "guide"],
)
def test_the_whole_product_works_with_the_policy_alone(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, document: dict[str, object], denied: list[str]
) -> None:
    set_up(engine, admin, wanted(box, document=document))
    tested = {check.permission.action: check.finding for check in accounts.test_account(engine, "bank").permissions}
    assert [action for action, finding in tested.items() if finding is Finding.DENIED] == denied
    create_key_set(engine, NewKeySet("payroll", "bank"))
    key_id = create_cloud_key(engine, new_key(tags={"team": "pay"}))
    disable(engine, key_id)
    enable(engine, key_id)
    rotate(engine, key_id, method=RotationMethod.IN_PLACE)
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    rotate(engine, key_id, method=RotationMethod.NEW_KEY)
    delete(engine, key_id, days=7)
    cancel_deletion(engine, key_id)
    assert not sync(engine).failed
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.DISABLED


def test_a_second_run_changes_nothing(box: Box, engine: Engine, admin: AwsSession, iam: IAMClient) -> None:
    first = set_up(engine, admin, wanted(box))
    box.calls.clear()
    assert set_up(engine, admin, wanted(box)).id == first.id
    reading = ("Get", "List")
    assert [call for call in box.calls.operations() if not call.startswith(reading)] == []
    assert all(item.there for item in plan(wanted(box), look(engine, admin, wanted(box))))


def test_a_plan_says_what_would_be_made_and_makes_nothing(box: Box, engine: Engine, admin: AwsSession) -> None:
    items = plan(wanted(box), look(engine, admin, wanted(box)))
    assert [item.there for item in items] == [False] * 4
    assert [item.calls[0].split()[0] for item in items] == [
        "iam:CreatePolicy", "iam:CreateUser", "iam:AttachUserPolicy", "iam:CreateAccessKey",
    ]  # fmt: skip
    assert not any(call.startswith("Create") for call in box.calls.operations())


def test_what_is_there_is_left_and_the_rest_made(box: Box, engine: Engine, admin: AwsSession, iam: IAMClient) -> None:
    iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(least_privilege()))
    iam.create_user(UserName="AWSBYOKKeycontrolUser")
    box.calls.clear()
    set_up(engine, admin, wanted(box))
    assert {"CreatePolicy", "CreateUser"} & set(box.calls.operations()) == set()


def test_another_policy_of_the_name_is_replaced_only_knowingly(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    arn = iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(guide_policy()))["Policy"]["Arn"]
    with pytest.raises(ConflictError, match="says something else"):
        set_up(engine, admin, wanted(box))
    assert [user["UserName"] for user in iam.list_users()["Users"]] == []
    set_up(engine, admin, wanted(box, update_policy=True))
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"


def test_a_policy_without_room_for_a_version_is_said_to_be_full(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    arn = iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(guide_policy()))["Policy"]["Arn"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy_text(guide_policy()), SetAsDefault=True)
    with pytest.raises(RefusedError, match="5 versions"):
        set_up(engine, admin, wanted(box, update_policy=True))


def test_two_access_keys_leave_no_room_and_none_is_deleted(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    iam.create_user(UserName="AWSBYOKKeycontrolUser")
    made = [iam.create_access_key(UserName="AWSBYOKKeycontrolUser")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    with pytest.raises(RefusedError, match="2 access keys") as refused:
        set_up(engine, admin, wanted(box))
    assert all(key in refused.value.detail for key in made)
    assert sorted(access_keys(iam)) == sorted(made)
    set_up(engine, admin, wanted(box, delete_unused=made[0]))
    assert made[0] not in access_keys(iam)


def test_a_used_access_key_is_not_deleted(box: Box, engine: Engine, admin: AwsSession, iam: IAMClient) -> None:
    first = set_up(engine, admin, wanted(box))
    with pytest.raises(KctuiError):
        set_up(
            engine, admin, Setup("second", REGION, least_privilege(), box.endpoint, delete_unused=first.access_key_id)
        )
    assert first.access_key_id in access_keys(iam)


@pytest.mark.parametrize("call", ["CreatePolicy", "CreateUser", "AttachUserPolicy", "CreateAccessKey"])
def test_a_denied_call_is_named_and_the_next_run_goes_on(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, call: str
) -> None:
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"iam:{call}"):
        set_up(engine, admin, wanted(box))
    assert CspAccountList(engine.store).count() == 0
    account = set_up(engine, admin, wanted(box))
    assert access_keys(iam) == [account.access_key_id]


READING = [
    "GetPolicy",
    "GetPolicyVersion",
    "ListPolicyVersions",
    "GetUser",
    "ListAttachedUserPolicies",
    "ListAccessKeys",
]


@pytest.mark.parametrize("call", READING)
def test_a_denied_look_is_named_with_the_administrators_remedy_and_changes_nothing(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, call: str
) -> None:
    iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(guide_policy()))
    iam.create_user(UserName="AWSBYOKKeycontrolUser")
    box.calls.clear()
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"iam:{call}") as refused:
        set_up(engine, admin, wanted(box, update_policy=True))
    assert f"Give the administrator's profile the permission iam:{call}" in refused.value.remedy
    assert not any(made.startswith(("Create", "Attach", "Delete")) for made in box.calls.operations())


def test_a_denied_look_at_the_use_of_a_key_deletes_none(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    iam.create_user(UserName="AWSBYOKKeycontrolUser")
    key = iam.create_access_key(UserName="AWSBYOKKeycontrolUser")["AccessKey"]["AccessKeyId"]
    box.faults.add("GetAccessKeyLastUsed", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="iam:GetAccessKeyLastUsed"):
        set_up(engine, admin, wanted(box, delete_unused=key))
    assert access_keys(iam) == [key]


def test_an_administrators_unknown_key_is_the_profiles(box: Box, engine: Engine, admin: AwsSession) -> None:
    key = AccessKey("AKIAIOSFODNN7EXAMPLE", Secret("x" * 40))
    with (
        asking(engine, key, REGION, box.endpoint) as unknown,
        pytest.raises(AwsRefusedError, match="credentials") as refused,
    ):
        look(engine, unknown, wanted(box))
    assert "Check the administrator's profile" in refused.value.remedy


@pytest.mark.parametrize("call", ["CreatePolicy", "CreateUser", "AttachUserPolicy", "CreatePolicyVersion"])
def test_a_lost_answer_whose_effect_is_there_is_no_failure(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, call: str
) -> None:
    if call == "CreatePolicyVersion":
        iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(guide_policy()))
    box.faults.add(call, FaultKind.LOST_REPLY)
    account = set_up(engine, admin, wanted(box, update_policy=True))
    found = look(engine, admin, wanted(box))
    assert found.policy is not None
    assert (found.policy_is_wanted, found.attached, found.known) == (True, True, account)
    assert found.policy.versions == (2 if call == "CreatePolicyVersion" else 1)


def test_a_policy_that_says_something_else_is_not_taken_for_a_lost_answer(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    class Quicker:
        """Makes another policy of the name as ours is about to be made."""

        def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
            if (name, state) == ("CreatePolicy", StepState.INTENDED):
                iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(guide_policy()))

        def progress(self, done: int, total: int, what: str) -> None:
            """Of no interest."""

    with pytest.raises(AwsRefusedError, match="EntityAlreadyExists"):
        set_up(engine, admin, wanted(box), Quicker())
    assert iam.list_users()["Users"] == []


def test_the_policy_is_for_the_path_of_a_user_who_is_there(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    iam.create_user(UserName="AWSBYOKKeycontrolUser", Path="/service/kms/")
    account = set_up(engine, admin, wanted(box))
    key = iam.create_access_key(UserName="AWSBYOKKeycontrolUser")["AccessKey"]
    own = boto3.client(
        "iam", region_name=REGION, endpoint_url=box.endpoint, aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )  # fmt: skip
    assert {each["AccessKeyId"] for each in own.list_access_keys()["AccessKeyMetadata"]} == {
        account.access_key_id, key["AccessKeyId"],
    }  # fmt: skip
    assert all(item.there for item in plan(wanted(box), look(engine, admin, wanted(box))))


def test_a_path_stands_in_the_policy_as_it_is_written_and_not_as_a_pattern() -> None:
    arn = "arn:aws:iam::111122223333:user/a*b/$c?/AWSBYOKKeycontrolUser"
    resources = [name for each in of_user(least_privilege(), arn)["Statement"] for name in each["Resource"]]
    assert "arn:aws:iam::*:user/a${*}b/${$}c${?}/${aws:username}" in resources
    assert of_user(least_privilege(), "arn:aws:iam::111122223333:user/plain") == least_privilege()
    assert of_user(guide_policy(), arn) == guide_policy()


def test_the_difference_to_another_policy_is_shown_and_the_same_in_another_order_is_none(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    turned = least_privilege()
    turned["Statement"] = [each | {"Action": each["Action"][::-1]} for each in reversed(turned["Statement"])]
    arn = iam.create_policy(PolicyName="aws-byok-policy", PolicyDocument=policy_text(turned))["Policy"]["Arn"]
    assert look(engine, admin, wanted(box)).policy_is_wanted
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy_text(guide_policy()), SetAsDefault=True)
    with pytest.raises(ConflictError, match="says something else") as refused:
        set_up(engine, admin, wanted(box))
    lines = [line.strip() for line in refused.value.detail.split("\n")]
    assert {"--- there", "+++ wanted"} <= set(lines)
    assert any(line.startswith("-") and '"kms:*"' in line for line in lines)


@pytest.mark.parametrize("call", ["CreatePolicy", "CreateUser", "AttachUserPolicy", "CreateAccessKey"])
def test_a_lost_answer_leaves_no_access_key_that_nobody_knows(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient, call: str
) -> None:
    box.faults.add(call, FaultKind.LOST_REPLY)
    try:
        account = set_up(engine, admin, wanted(box))
    except KctuiError:
        account = set_up(engine, admin, wanted(box))
    assert access_keys(iam) == [account.access_key_id]


def test_a_new_access_key_is_waited_for(box: Box, engine: Engine, admin: AwsSession, iam: IAMClient) -> None:
    box.faults.new_access_key_seconds = 0.3
    assert set_up(engine, admin, wanted(box)).access_key_id in access_keys(iam)


def test_a_key_that_cannot_be_kept_is_deleted_again(
    box: Box, engine: Engine, admin: AwsSession, iam: IAMClient
) -> None:
    box.faults.new_access_key_seconds = 60
    with pytest.raises(AwsRefusedError):
        set_up(engine, admin, wanted(box))
    assert access_keys(iam) == []


def test_a_name_that_is_taken_is_refused_before_aws_is_changed(
    box: Box, engine: Engine, admin: AwsSession, aws_account: BoxKey
) -> None:
    secret = Secret(aws_account.secret_access_key)
    add_account(engine, NewAccount("bank", aws_account.access_key_id, secret, REGION, box.endpoint))
    box.calls.clear()
    with pytest.raises(ConflictError, match="bank already"):
        set_up(engine, admin, wanted(box))
    assert not any(call.startswith("Create") for call in box.calls.operations())


def test_the_secret_is_nowhere_but_sealed(box: Box, engine: Engine, admin: AwsSession) -> None:
    account = set_up(engine, admin, wanted(box))
    place = secret_access_key_place(account)
    with engine.keyring.open(account.group_id, place, account.sealed_secret_access_key) as secret:
        plain = secret.reveal()
    assert len(plain) == 40
    for file in engine.home.root.iterdir():
        assert plain not in file.read_bytes()


@pytest.mark.parametrize("values", [{"policy_name": "a b"}, {"user_name": "x" * 65}, {"user_name": "a/b"}])
def test_names_that_iam_does_not_take_are_refused(box: Box, values: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        check_setup(wanted(box, **values))


def test_the_policies_fit_into_a_managed_policy() -> None:
    for document in (guide_policy(), least_privilege("aws-us-gov", "111122223333")):
        assert len(policy_text(document)) < LONGEST_POLICY


@pytest.mark.parametrize("tags", [{"aws:x": "y"}, {"a": "y" * 257}, {"a": "b,c"}, {"Team": "a", "team": "b"}])
def test_tags_that_iam_does_not_take_are_refused(box: Box, tags: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_setup(wanted(box, tags=tags))
    assert refused.value.field == "tags"


def test_iam_takes_fifty_tags_and_no_more(box: Box) -> None:
    tags = {f"kctui:{n}": "" for n in range(50)}
    assert check_setup(wanted(box, tags=tags)).tags == tags
    with pytest.raises(InvalidInputError, match="too many"):
        check_setup(wanted(box, tags=tags | {"one": "more"}))
