"""Requests are held to botocore's service model, aliases, tags and descriptions to AWS's rules."""

import json
import re
import string
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from types_boto3_kms import KMSClient

from kctui.demo.box import Box
from kctui.demo.box.protocol import service_model

from .support import call, make_key, refused, send

ALIAS_LETTERS = string.ascii_letters + string.digits + ":/_-"


@pytest.fixture(scope="module")
def key_id(shared_kms: KMSClient) -> str:
    return make_key(shared_kms, Origin="AWS_KMS")


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("DescribeKey", {}, "Value null at 'keyId' failed to satisfy constraint: Member must not be null"),
        ("DescribeKey", {"KeyId": ""}, "Member must have length greater than or equal to 1"),
        ("DescribeKey", {"KeyId": "x" * 2049}, "Member must have length less than or equal to 2048"),
        ("CreateKey", {"KeySpec": "AES"}, "Member must satisfy enum value set: [RSA_2048,"),
        ("ListKeys", {"Limit": 1001}, "Member must have value less than or equal to 1000"),
        ("CreateAlias", {"AliasName": "alias/ä", "TargetKeyId": "x"}, "regular expression pattern"),
        ("CreateKey", {"Tags": [{"TagKey": "a"}]}, "at 'tags.1.member.tagValue'"),
        ("CreateKey", {"Description": "x" * 8193}, "at 'description'"),
        ("DescribeKey", {"KeyId": "x", "Nonsense": 1}, "at 'nonsense'"),
    ],
)
def test_violations_are_worded_as_aws_does(box: Box, operation: str, members: dict[str, object], message: str) -> None:
    status, answer = send(box, operation, json.dumps(members).encode())
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["message"].startswith("1 validation error detected: ")
    assert message in answer["message"]


def test_every_violation_is_counted(box: Box) -> None:
    _, answer = send(box, "CreateAlias", b"{}")
    assert answer["message"].startswith("2 validation errors detected: ")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"KeyId": 1}', b'{"KeyId": {}}', b'{"KeyId": "x", "GrantTokens": "y"}']
)
def test_wrong_json_types_do_not_deserialise(box: Box, body: bytes) -> None:
    assert send(box, "DescribeKey", body)[1]["__type"] == "SerializationException"


def test_a_blob_is_base64(box: Box, key_id: str) -> None:
    body = json.dumps({"KeyId": key_id, "Plaintext": "not base64!"}).encode()
    assert send(box, "Encrypt", body)[1]["__type"] == "SerializationException"


def test_dates_travel_as_seconds(box: Box, key_id: str) -> None:
    _, answer = send(box, "DescribeKey", json.dumps({"KeyId": key_id}).encode())
    assert isinstance(answer["KeyMetadata"]["CreationDate"], float)


def test_an_unknown_operation_is_unknown(box: Box) -> None:
    assert send(box, "InventKey", b"{}")[1]["__type"] == "UnknownOperationException"


@pytest.mark.parametrize("operation", ["DescribeCustomKeyStores", "Encapsulate", "CreateCustomKeyStore"])
def test_operations_the_box_lacks_are_unsupported(box: Box, operation: str) -> None:
    assert send(box, operation, b"{}")[1]["__type"] == "UnsupportedOperationException"


def test_every_pattern_of_the_model_compiles() -> None:
    model = service_model("kms")
    patterns = [model.shape_for(name).metadata.get("pattern") for name in model.shape_names]
    assert [re.compile(each) for each in patterns if each]


def test_every_answer_has_a_request_id(kms: KMSClient) -> None:
    headers = kms.list_keys()["ResponseMetadata"]["HTTPHeaders"]
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-requestid"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from(ALIAS_LETTERS + "ä .*"), min_size=1, max_size=40))
def test_alias_names_are_taken_by_the_pattern(kms: KMSClient, key_id: str, tail: str) -> None:
    alias = f"alias/{tail}"
    fits = re.fullmatch("[a-zA-Z0-9:/_-]+", tail) is not None and not tail.startswith("aws/")
    taken = True
    try:
        kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    except kms.exceptions.ClientError:
        taken = False
    else:
        kms.delete_alias(AliasName=alias)
    assert taken == fits


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_tags_are_taken_by_their_letters(kms: KMSClient, key_id: str, tag: str, value: str) -> None:
    def fits(text: str) -> bool:
        return all(unicodedata.category(each)[0] in "LZN" or each in "_.:/=+-@" for each in text)

    taken = True
    try:
        kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": tag, "TagValue": value}])
    except kms.exceptions.TagException:
        taken = False
    else:
        kms.untag_resource(KeyId=key_id, TagKeys=[tag])
    assert taken == (fits(tag) and fits(value) and not tag.lower().startswith("aws:"))


@pytest.mark.parametrize("alias", ["alias/aws/mine", "myalias", "alias/"])
def test_alias_names_of_aws_and_without_prefix_are_invalid(kms: KMSClient, key_id: str, alias: str) -> None:
    with refused("InvalidAliasNameException"):
        kms.create_alias(AliasName=alias, TargetKeyId=key_id)


def test_an_alias_is_taken_once(kms: KMSClient, key_id: str, name: str) -> None:
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
    with refused("AlreadyExistsException"):
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=make_key(kms))


def test_a_key_has_50_aliases_at_most(kms: KMSClient, name: str) -> None:
    key_id = make_key(kms)
    for n in range(50):
        kms.create_alias(AliasName=f"alias/{name}{n}", TargetKeyId=key_id)
    with refused("LimitExceededException"):
        kms.create_alias(AliasName=f"alias/{name}50", TargetKeyId=key_id)


def test_an_alias_moves_between_keys_of_one_kind(kms: KMSClient, name: str) -> None:
    first, second = make_key(kms), make_key(kms)
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=first)
    kms.update_alias(AliasName=f"alias/{name}", TargetKeyId=second)
    assert kms.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]["KeyId"] == second


@pytest.mark.parametrize(("spec", "usage"), [("HMAC_256", "GENERATE_VERIFY_MAC"), ("RSA_2048", "ENCRYPT_DECRYPT")])
def test_an_alias_does_not_move_to_another_kind(kms: KMSClient, name: str, spec: str, usage: str) -> None:
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=make_key(kms))
    with refused("ValidationException"):
        kms.update_alias(AliasName=f"alias/{name}", TargetKeyId=make_key(kms, spec, KeyUsage=usage))


@pytest.mark.parametrize("operation", ["UpdateAlias", "DeleteAlias"])
def test_a_missing_alias_is_not_found(kms: KMSClient, key_id: str, operation: str) -> None:
    members = {"TargetKeyId": key_id} if operation == "UpdateAlias" else {}
    with refused("NotFoundException"):
        call(kms, operation, AliasName="alias/missing", **members)


def test_an_alias_cannot_point_to_an_alias(kms: KMSClient, name: str) -> None:
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=make_key(kms))
    with refused("NotFoundException"):
        kms.create_alias(AliasName=f"alias/{name}2", TargetKeyId=f"alias/{name}")


@pytest.mark.parametrize("tag", ["aws:mine", "AWS:mine", "what?", "a\nb"])
def test_tag_keys_that_aws_refuses(kms: KMSClient, key_id: str, tag: str) -> None:
    with refused("TagException"):
        kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": tag, "TagValue": ""}])


def test_a_tag_key_comes_once_a_request(kms: KMSClient, key_id: str) -> None:
    with refused("TagException"):
        kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": each} for each in "12"])


def test_a_key_has_50_tags_at_most(kms: KMSClient) -> None:
    key_id = make_key(kms, Tags=[{"TagKey": f"t{n}", "TagValue": ""} for n in range(50)])
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "t1", "TagValue": "replaced"}])
    with refused("TagException"):
        kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "t50", "TagValue": ""}])


def test_tags_are_removed(kms: KMSClient) -> None:
    key_id = make_key(kms, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.untag_resource(KeyId=key_id, TagKeys=["a", "not there"])
    assert [each["TagKey"] for each in kms.list_resource_tags(KeyId=key_id)["Tags"]] == ["b"]


def test_boto3_alone_would_let_the_waiting_period_pass() -> None:
    """The reason why the box checks 7 to 30 itself."""
    shape = service_model("kms").shape_for("PendingWindowInDaysType")
    assert (shape.metadata["min"], shape.metadata["max"]) == (1, 365)
