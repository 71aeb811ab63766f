"""Who may do what: identity policies, key policies and grants together."""

import json

import pytest
from types_boto3_kms import KMSClient

from .support import Clients, allow, call, deny, imported_key, make_key, new_user, policy, refused

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def statement(principal: object, *actions: str, effect: str = "Allow", **more: object) -> dict[str, object]:
    return {
        "Effect": effect,
        "Principal": {"AWS": principal},
        "Action": list(actions),
        "Resource": "*",
        **more,
    }


FOR_ROOT = statement(ROOT, "kms:*")


def user_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def key_with(clients: Clients, *statements: dict[str, object]) -> str:
    key_id, _ = imported_key(clients.kms)
    clients.kms.put_key_policy(KeyId=key_id, Policy=policy(FOR_ROOT, *statements))
    return key_id


def encrypts(clients: Clients, key_id: str) -> bool:
    return bool(clients.kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"])


def test_the_default_policy_lets_identity_policies_decide(clients: Clients, name: str) -> None:
    key_id, _ = imported_key(clients.kms)
    assert encrypts(new_user(clients, name, allow("kms:Encrypt")), key_id)


def test_without_any_permission_access_is_denied_by_name(clients: Clients, name: str) -> None:
    key_id, _ = imported_key(clients.kms)
    with refused("AccessDeniedException") as caught:
        encrypts(new_user(clients, name), key_id)
    assert caught.value.response["Error"]["Message"] == (
        f"User: {user_arn(name)} is not authorized to perform: kms:Encrypt on resource: "
        f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key_id} because no identity-based policy allows the "
        "kms:Encrypt action"
    )


def test_a_principal_named_in_the_key_policy_needs_nothing_else(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    assert encrypts(user, key_with(clients, statement(user_arn(name), "kms:Encrypt")))


def test_a_key_policy_without_the_account_keeps_identity_policies_out(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("kms:*"))
    key_id, _ = imported_key(clients.kms)
    only_root = {"ArnEquals": {"aws:PrincipalArn": ROOT}}
    clients.kms.put_key_policy(KeyId=key_id, Policy=policy(statement(ROOT, "kms:*", Condition=only_root)))
    with refused("AccessDeniedException") as caught:
        encrypts(user, key_id)
    assert "because no resource-based policy allows" in str(caught.value)


@pytest.mark.parametrize("where", ["identity", "key"])
def test_an_explicit_deny_wins(clients: Clients, name: str, where: str) -> None:
    denying = [deny("kms:Encrypt")] if where == "identity" else []
    user = new_user(clients, name, allow("kms:*"), *denying)
    rule = statement(user_arn(name), "kms:Encrypt", effect="Deny" if where == "key" else "Allow")
    with refused("AccessDeniedException") as caught:
        encrypts(user, key_with(clients, rule))
    kind = "an identity-based" if where == "identity" else "a resource-based"
    assert f"with an explicit deny in {kind} policy" in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (allow("kms:Encrypt"), True),
        (allow("kms:En*"), True),
        (allow("KMS:ENCRYPT"), True),
        (allow("kms:?ncrypt"), True),
        (allow("*"), True),
        (allow("kms:Decrypt"), False),
        (allow("kms:*", resource="arn:aws:kms:*:*:key/*"), True),
        (allow("kms:*", resource="arn:aws:kms:eu-west-1:*:key/*"), False),
        ({"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": ["kms:Enc*"], "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": "kms:*", "NotResource": "arn:aws:kms:*:*:key/*"}, False),
        (allow("kms:*", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}), True),
        (allow("kms:*", Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}), False),
        (allow("kms:*", Condition={"StringLike": {"aws:RequestedRegion": ["eu-*", "us-*"]}}), True),
        (allow("kms:*", Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}}), False),
        (allow("kms:*", Condition={"BoolIfExists": {"kms:GrantIsForAWSResource": "true"}}), True),
        (allow("kms:*", Condition={"Null": {"kms:ViaService": "true"}}), True),
        (allow("kms:*", Condition={"StringEquals": {"kms:KeyOrigin": "EXTERNAL"}}), True),
        (allow("kms:*", Condition={"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "a"}}), False),
    ],
)
def test_identity_policies_are_evaluated(
    clients: Clients, name: str, rule: dict[str, object], *, allowed: bool
) -> None:
    user = new_user(clients, name, rule)
    key_id, _ = imported_key(clients.kms)
    if allowed:
        assert encrypts(user, key_id)
    else:
        with refused("AccessDeniedException"):
            encrypts(user, key_id)


def test_policies_of_groups_count(clients: Clients, name: str) -> None:
    user, iam = new_user(clients, name), clients.iam
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="own", PolicyDocument=policy(allow("kms:ListKeys")))
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert user.kms.list_keys()


def test_managed_policies_count(clients: Clients, name: str) -> None:
    user, iam = new_user(clients, name), clients.iam
    document = policy(allow("kms:ListKeys"))
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    assert user.kms.list_keys()


def test_policy_variables_are_filled_in(clients: Clients, name: str) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    user = new_user(clients, name, allow("iam:ListAccessKeys", resource=own))
    assert user.iam.list_access_keys()["AccessKeyMetadata"]
    with refused("AccessDenied"):
        user.iam.list_access_keys(UserName="another")


def test_create_key_with_tags_needs_tag_resource(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("kms:CreateKey"))
    with refused("AccessDeniedException"):
        user.kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])


def test_create_alias_is_asked_for_alias_and_key(clients: Clients, name: str) -> None:
    key_id = make_key(clients.kms)
    user = new_user(clients, name, allow("kms:CreateAlias", resource=f"arn:aws:kms:*:*:key/{key_id}"))
    with refused("AccessDeniedException") as caught:
        user.kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
    assert f":alias/{name} because" in str(caught.value)


def test_services_refuse_in_their_own_words(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    with refused("AccessDenied"):
        user.iam.list_users()
    with refused("UnauthorizedOperation"):
        user.ec2.describe_regions()
    with refused("AccessDeniedException"):
        user.ssm.get_parameter(Name="/aws/service/global-infrastructure/regions/us-east-1/longName")


def test_the_guides_policy_suffices(clients: Clients, name: str) -> None:
    user = new_user(
        clients,
        name,
        allow("iam:GetUser", "iam:ListUsers", "iam:ListAccessKeys", "iam:CreateAccessKey"),
        allow("iam:DeleteAccessKey", "iam:UpdateAccessKey", "kms:*"),
        allow("ec2:DescribeRegions", "ssm:GetParameter"),
    )
    made = user.iam.create_access_key()["AccessKey"]
    user.iam.update_access_key(AccessKeyId=made["AccessKeyId"], Status="Inactive")
    user.iam.delete_access_key(AccessKeyId=made["AccessKeyId"])
    assert user.iam.get_user()["User"]["UserName"] == name
    assert user.ec2.describe_regions()["Regions"]
    assert user.kms.create_key(Origin="EXTERNAL")


def test_the_default_key_policy_is_awss(kms: KMSClient) -> None:
    document = json.loads(kms.get_key_policy(KeyId=make_key(kms))["Policy"])
    assert document["Id"] == "key-default-1"
    assert document["Statement"] == [{"Sid": "Enable IAM User Permissions", **FOR_ROOT, "Action": "kms:*"}]


def test_a_policy_comes_back_as_it_was_put(kms: KMSClient) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": FOR_ROOT}, indent=3)
    key_id = make_key(kms, Policy=text)
    assert kms.get_key_policy(KeyId=key_id)["Policy"] == text


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        "{}",
        policy({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}),
        policy({**FOR_ROOT, "Effect": "Maybe"}),
        policy({**FOR_ROOT, "Nonsense": 1}),
        policy({each: FOR_ROOT[each] for each in FOR_ROOT if each != "Action"}),
        policy({each: FOR_ROOT[each] for each in FOR_ROOT if each != "Resource"}),
        policy(FOR_ROOT, statement(user_arn("nobody"), "kms:Encrypt")),
        policy(FOR_ROOT, statement("arn:aws:iam::999988887777:root", "kms:Encrypt")),
        policy({**FOR_ROOT, "Condition": {"Nonsense": {"a": "b"}}}),
    ],
)
def test_malformed_policies_are_refused(kms: KMSClient, document: str) -> None:
    with refused("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=make_key(kms), Policy=document)


def test_a_policy_that_locks_the_caller_out_is_refused(kms: KMSClient) -> None:
    with refused("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=make_key(kms), Policy=policy(statement(ROOT, "kms:Encrypt")))


def test_a_user_may_not_lock_itself_out(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("kms:*"))
    locked = policy(FOR_ROOT, statement(user_arn(name), "kms:PutKeyPolicy", effect="Deny"))
    with refused("MalformedPolicyDocumentException"):
        user.kms.create_key(Policy=locked)


def test_the_lockout_check_can_be_bypassed(kms: KMSClient) -> None:
    key_id = make_key(kms)
    locked = policy(statement(ROOT, "kms:DescribeKey"))
    kms.put_key_policy(KeyId=key_id, Policy=locked, BypassPolicyLockoutSafetyCheck=True)
    with refused("AccessDeniedException"):
        kms.get_key_policy(KeyId=key_id)


def test_a_policy_has_32_kilobytes_at_most(kms: KMSClient) -> None:
    long = policy({**FOR_ROOT, "Sid": "x" * 33_000})
    with refused("LimitExceededException"):
        kms.put_key_policy(KeyId=make_key(kms), Policy=long)


def test_the_only_policy_is_called_default(kms: KMSClient) -> None:
    key_id = make_key(kms)
    assert kms.list_key_policies(KeyId=key_id)["PolicyNames"] == ["default"]
    with refused("NotFoundException"):
        kms.get_key_policy(KeyId=key_id, PolicyName="other")


def test_a_grant_lets_its_grantee(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    key_id, _ = imported_key(clients.kms)
    clients.kms.create_grant(KeyId=key_id, GranteePrincipal=user_arn(name), Operations=["Encrypt"])
    assert encrypts(user, key_id)


def test_a_revoked_grant_lets_nobody(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    key_id, _ = imported_key(clients.kms)
    grant = clients.kms.create_grant(KeyId=key_id, GranteePrincipal=user_arn(name), Operations=["Encrypt"])["GrantId"]
    clients.kms.revoke_grant(KeyId=key_id, GrantId=grant)
    with refused("AccessDeniedException"):
        encrypts(user, key_id)


def test_a_grants_encryption_context_binds(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    key_id, _ = imported_key(clients.kms)
    clients.kms.create_grant(
        KeyId=key_id,
        GranteePrincipal=user_arn(name),
        Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"app": "one"}},
    )
    assert call(user.kms, "Encrypt", KeyId=key_id, Plaintext=b"x", EncryptionContext={"app": "one", "more": "1"})
    with refused("AccessDeniedException"):
        encrypts(user, key_id)


def test_a_grant_of_the_same_name_is_made_once(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    made = {
        kms.create_grant(KeyId=key_id, GranteePrincipal=ROOT, Operations=["Decrypt"], Name="one")["GrantId"]
        for _ in range(2)
    }
    assert len(made) == len(kms.list_grants(KeyId=key_id)["Grants"]) == 1


def test_a_grantee_may_retire_its_grant(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    key_id, _ = imported_key(clients.kms)
    token = clients.kms.create_grant(
        KeyId=key_id, GranteePrincipal=user_arn(name), Operations=["Encrypt", "RetireGrant"]
    )["GrantToken"]
    user.kms.retire_grant(GrantToken=token)
    assert clients.kms.list_grants(KeyId=key_id)["Grants"] == []


def test_retirable_grants_are_listed_by_principal(clients: Clients, name: str) -> None:
    new_user(clients, name)
    key_id, _ = imported_key(clients.kms)
    clients.kms.create_grant(
        KeyId=key_id, GranteePrincipal=ROOT, RetiringPrincipal=user_arn(name), Operations=["Decrypt"]
    )
    listed = clients.kms.list_retirable_grants(RetiringPrincipal=user_arn(name))["Grants"]
    assert [each["RetiringPrincipal"] for each in listed] == [user_arn(name)]


def test_grant_operations_must_fit_the_key(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms, "HMAC_256")
    with refused("ValidationException"):
        kms.create_grant(KeyId=key_id, GranteePrincipal=ROOT, Operations=["Encrypt"])


def test_unknown_grant_tokens_are_refused(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("InvalidGrantTokenException"):
        kms.encrypt(KeyId=key_id, Plaintext=b"x", GrantTokens=["nonsense"])
