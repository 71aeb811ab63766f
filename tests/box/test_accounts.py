"""IAM, STS, EC2 and SSM as the product needs them; accounts and boxes kept apart."""

import pytest
from types_boto3_iam import IAMClient

from kctui.demo.box import Box

from .support import Clients, Who, allow, deny, make_key, new_user, policy, refused, root

OTHER = "444455556666"


@pytest.fixture
def iam(clients: Clients) -> IAMClient:
    return clients.iam


def other_account(box: Box) -> Clients:
    key = box.add_account(OTHER)
    return Clients(box, Who(key.access_key_id, key.secret_access_key))


def test_root_is_told_who_it_is(clients: Clients) -> None:
    identity = clients.sts.get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == ("111122223333", "arn:aws:iam::111122223333:root")


def test_a_user_is_told_who_it_is(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    expected = clients.iam.get_user(UserName=name)["User"]
    identity = user.sts.get_caller_identity()
    assert (identity["UserId"], identity["Arn"]) == (expected["UserId"], expected["Arn"])


def test_get_caller_identity_cannot_be_denied(clients: Clients, name: str) -> None:
    assert new_user(clients, name, deny("sts:*")).sts.get_caller_identity()


def test_users_have_two_access_keys_at_most(iam: IAMClient, name: str) -> None:
    iam.create_user(UserName=name)
    for _ in range(2):
        iam.create_access_key(UserName=name)
    with refused("LimitExceeded"):
        iam.create_access_key(UserName=name)


def test_a_user_rotates_its_own_access_key(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("iam:*"))
    made = user.iam.create_access_key()["AccessKey"]
    fresh = Clients(clients.box, Who(made["AccessKeyId"], made["SecretAccessKey"]))
    fresh.iam.update_access_key(AccessKeyId=user.who.access_key_id, Status="Inactive")
    fresh.iam.delete_access_key(AccessKeyId=user.who.access_key_id)
    assert [each["AccessKeyId"] for each in fresh.iam.list_access_keys()["AccessKeyMetadata"]] == [made["AccessKeyId"]]


def test_root_rotates_its_own_access_key(own_box: Box) -> None:
    clients = root(own_box)
    made = clients.iam.create_access_key()["AccessKey"]
    with refused("LimitExceeded"):
        clients.iam.create_access_key()
    fresh = Clients(own_box, Who(made["AccessKeyId"], made["SecretAccessKey"]))
    fresh.iam.update_access_key(AccessKeyId=clients.who.access_key_id, Status="Inactive")
    with refused("UnrecognizedClientException"):
        clients.kms.list_keys()
    fresh.iam.delete_access_key(AccessKeyId=clients.who.access_key_id)
    assert len(fresh.iam.list_access_keys()["AccessKeyMetadata"]) == 1


def test_root_has_no_user_name(iam: IAMClient) -> None:
    user = iam.get_user()["User"]
    assert user["Arn"] == "arn:aws:iam::111122223333:root"
    assert "UserName" not in user


def test_the_use_of_an_access_key_is_on_record(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("kms:ListKeys"))
    user.kms.list_keys()
    used = clients.iam.get_access_key_last_used(AccessKeyId=user.who.access_key_id)
    assert used["AccessKeyLastUsed"]["ServiceName"] == "kms"


def test_a_path_is_part_of_the_arn(iam: IAMClient, name: str) -> None:
    arn = iam.create_user(UserName=name, Path="/byok/")["User"]["Arn"]
    assert arn == f"arn:aws:iam::111122223333:user/byok/{name}"


def test_the_regions_are_those_an_account_has(clients: Clients) -> None:
    regions = {each["RegionName"]: each for each in clients.ec2.describe_regions()["Regions"]}
    assert {"us-east-1", "eu-central-1"} <= set(regions)
    assert not {"af-south-1", "cn-north-1", "us-gov-west-1"} & set(regions)
    assert regions["us-east-1"]["Endpoint"] == "ec2.us-east-1.amazonaws.com"


def test_all_regions_include_those_to_opt_in_to(clients: Clients) -> None:
    regions = clients.ec2.describe_regions(AllRegions=True)["Regions"]
    status = {each["RegionName"]: each["OptInStatus"] for each in regions}
    assert (status["af-south-1"], status["us-east-1"]) == ("not-opted-in", "opt-in-not-required")


def test_regions_are_filtered(clients: Clients) -> None:
    found = clients.ec2.describe_regions(Filters=[{"Name": "region-name", "Values": ["eu-west-*"]}])
    assert [each["RegionName"] for each in found["Regions"]] == ["eu-west-1", "eu-west-2", "eu-west-3"]


def test_an_invented_region_is_refused(clients: Clients) -> None:
    with refused("InvalidParameterValue"):
        clients.ec2.describe_regions(RegionNames=["mars-north-1"])


@pytest.mark.parametrize(
    ("region", "long_name"), [("us-east-1", "US East (N. Virginia)"), ("eu-central-1", "Europe (Frankfurt)")]
)
def test_regions_have_long_names(clients: Clients, region: str, long_name: str) -> None:
    parameter = clients.ssm.get_parameter(Name=f"/aws/service/global-infrastructure/regions/{region}/longName")
    assert parameter["Parameter"]["Value"] == long_name


def test_an_invented_parameter_is_not_found(clients: Clients) -> None:
    with refused("ParameterNotFound"):
        clients.ssm.get_parameter(Name="/aws/service/global-infrastructure/regions/mars-1/longName")


def test_an_own_parameter_is_kept_by_moto(clients: Clients, name: str) -> None:
    clients.ssm.put_parameter(Name=f"/{name}", Value="kept", Type="String")
    assert clients.ssm.get_parameter(Name=f"/{name}")["Parameter"]["Value"] == "kept"


def test_simulation_tells_what_a_user_may_do(clients: Clients, name: str) -> None:
    new_user(clients, name, allow("kms:*"), deny("kms:ScheduleKeyDeletion"))
    results = clients.iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::111122223333:user/{name}",
        ActionNames=["kms:CreateKey", "kms:ScheduleKeyDeletion", "iam:GetUser"],
    )["EvaluationResults"]
    assert [(each["EvalActionName"], each["EvalDecision"]) for each in results] == [
        ("kms:CreateKey", "allowed"),
        ("kms:ScheduleKeyDeletion", "explicitDeny"),
        ("iam:GetUser", "implicitDeny"),
    ]


def test_simulation_looks_at_each_resource(clients: Clients, name: str) -> None:
    mine, other = "arn:aws:kms:us-east-1:111122223333:key/1", "arn:aws:kms:us-east-1:111122223333:key/2"
    new_user(clients, name, allow("kms:Encrypt", resource=mine))
    results = clients.iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::111122223333:user/{name}",
        ActionNames=["kms:Encrypt"],
        ResourceArns=[mine, other],
    )["EvaluationResults"]
    assert [each["EvalDecision"] for each in results] == ["allowed", "implicitDeny"]


def test_simulation_is_paged(clients: Clients, name: str) -> None:
    new_user(clients, name)
    pages = clients.iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=f"arn:aws:iam::111122223333:user/{name}",
        ActionNames=[f"kms:A{n}" for n in range(5)],
        PaginationConfig={"PageSize": 2},
    )
    assert [len(each["EvaluationResults"]) for each in pages] == [2, 2, 1]


def test_nobody_cannot_be_simulated(iam: IAMClient) -> None:
    with refused("NoSuchEntity"):
        iam.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::111122223333:user/nobody", ActionNames=["kms:CreateKey"]
        )


@pytest.mark.parametrize("operation", ["get_session_token", "get_federation_token"])
def test_credentials_that_would_sign_nothing_are_not_handed_out(clients: Clients, operation: str) -> None:
    members = {"Name": "x"} if operation == "get_federation_token" else {}
    with refused("InvalidAction"):
        getattr(clients.sts, operation)(**members)


def test_accounts_do_not_share_keys(own_box: Box) -> None:
    key_id = make_key(root(own_box).kms)
    other = other_account(own_box)
    assert other.kms.list_keys()["Keys"] == []
    with refused("NotFoundException"):
        other.kms.describe_key(KeyId=key_id)


def test_accounts_do_not_share_users(own_box: Box, name: str) -> None:
    root(own_box).iam.create_user(UserName=name)
    assert other_account(own_box).iam.list_users()["Users"] == []


def test_each_account_has_its_own_arns(own_box: Box, name: str) -> None:
    arn = other_account(own_box).iam.create_user(UserName=name)["User"]["Arn"]
    assert arn == f"arn:aws:iam::{OTHER}:user/{name}"


def test_boxes_with_the_same_account_do_not_share_users(own_box: Box, clients: Clients, name: str) -> None:
    clients.iam.create_user(UserName=name)
    with refused("NoSuchEntity"):
        root(own_box).iam.get_user(UserName=name)


def test_a_key_of_one_box_is_unknown_to_another(own_box: Box, clients: Clients) -> None:
    with refused("UnrecognizedClientException"):
        Clients(own_box, clients.who).kms.list_keys()


def test_a_closed_box_leaves_nothing_in_moto(name: str) -> None:
    from moto.iam.models import iam_backends

    before = set(iam_backends)
    with Box.start() as box:
        root(box).iam.create_user(UserName=name)
        assert set(iam_backends) != before
    assert set(iam_backends) == before


def test_moto_is_not_left_mocking(clients: Clients) -> None:
    """A client with another endpoint still goes to the network, not to moto."""
    from moto.core.models import botocore_stubber

    assert clients.iam.list_users()
    assert botocore_stubber.enabled is False


def test_a_partition_has_its_own_arns(clients: Clients) -> None:
    created = clients.elsewhere("cn-north-1").kms.create_key()["KeyMetadata"]
    assert created["Arn"].startswith("arn:aws-cn:kms:cn-north-1:")


def test_users_are_known_in_their_partition_only(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("*"))
    with refused("UnrecognizedClientException"):
        user.elsewhere("us-gov-west-1").kms.list_keys()


@pytest.mark.parametrize("account_id", ["1", "abcdefghijkl", "1111222233334", "111122223333"])
def test_account_ids_are_twelve_digits_and_new(own_box: Box, account_id: str) -> None:
    with pytest.raises(ValueError, match="account"):
        own_box.add_account(account_id)


def test_an_account_id_in_a_policy_is_given_back(clients: Clients, name: str) -> None:
    """Moto knows each account under a stand-in, which must never show."""
    document = policy(allow("kms:*", resource="arn:aws:kms:*:111122223333:key/*"))
    clients.iam.create_user(UserName=name)
    clients.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    shown = clients.iam.get_user_policy(UserName=name, PolicyName="own")["PolicyDocument"]
    assert shown["Statement"][0]["Resource"] == "arn:aws:kms:*:111122223333:key/*"  # type: ignore[index]
