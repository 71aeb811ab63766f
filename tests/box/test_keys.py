"""Keys by name, described, listed, deleted; and when they were last used (AWS KMS API Reference)."""

from datetime import timedelta

import pytest
from types_boto3_kms import KMSClient

from kctui.demo.box import Box

from .support import Clients, call, imported_key, make_key, refused, state

DAY = 86_400
MISSING = "12345678-1234-1234-1234-123456789012"


@pytest.fixture(scope="module")
def key_id(shared_kms: KMSClient) -> str:
    return make_key(shared_kms, Origin="AWS_KMS")


def arn(kms: KMSClient, key_id: str) -> str:
    return kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]


@pytest.mark.parametrize("days", [7, 30])
def test_deletion_waits_7_to_30_days(kms: KMSClient, box: Box, days: int) -> None:
    answer = kms.schedule_key_deletion(KeyId=make_key(kms), PendingWindowInDays=days)
    assert answer["PendingWindowInDays"] == days
    assert abs(answer["DeletionDate"] - box.clock.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_deletion_waits_30_days_by_default(kms: KMSClient) -> None:
    assert kms.schedule_key_deletion(KeyId=make_key(kms))["PendingWindowInDays"] == 30


@pytest.mark.parametrize("days", [0, 1, 6, 31, 365, 366])
def test_other_waiting_periods_are_refused(kms: KMSClient, days: int) -> None:
    with refused("ValidationException"):
        kms.schedule_key_deletion(KeyId=make_key(kms), PendingWindowInDays=days)


def test_scheduling_answers_the_arn_and_the_state(kms: KMSClient) -> None:
    key_id = make_key(kms)
    answer = kms.schedule_key_deletion(KeyId=key_id)
    assert (answer["KeyId"], answer["KeyState"]) == (arn(kms, key_id), "PendingDeletion")


def test_cancelling_answers_the_arn(kms: KMSClient) -> None:
    key_id = make_key(kms)
    kms.schedule_key_deletion(KeyId=key_id)
    assert kms.cancel_key_deletion(KeyId=key_id)["KeyId"] == arn(kms, key_id)


def test_after_the_waiting_period_the_key_is_gone(kms: KMSClient, box: Box) -> None:
    key_id = make_key(kms)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    box.clock.advance(8 * DAY)
    with refused("NotFoundException"):
        kms.describe_key(KeyId=key_id)


def test_the_aliases_of_a_deleted_key_are_gone(kms: KMSClient, box: Box, name: str) -> None:
    key_id = make_key(kms)
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    box.clock.advance(8 * DAY)
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=make_key(kms))


def test_material_may_expire_while_deletion_waits(kms: KMSClient, box: Box) -> None:
    key_id, _ = imported_key(kms)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=30)
    box.clock.advance(20 * DAY)
    assert state(kms, key_id) == "PendingDeletion"


@pytest.mark.parametrize("form", ["id", "arn", "alias", "alias arn"])
def test_describe_key_takes_every_form_of_key_id(kms: KMSClient, name: str, form: str) -> None:
    key_id = make_key(kms)
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
    key_arn = arn(kms, key_id)
    forms = {
        "id": key_id,
        "arn": key_arn,
        "alias": f"alias/{name}",
        "alias arn": key_arn.replace(f"key/{key_id}", f"alias/{name}"),
    }
    assert kms.describe_key(KeyId=forms[form])["KeyMetadata"]["KeyId"] == key_id


@pytest.mark.parametrize(
    "operation", ["EnableKey", "GetKeyPolicy", "ScheduleKeyDeletion", "ListResourceTags", "GetKeyLastUsage"]
)
def test_other_operations_refuse_aliases(kms: KMSClient, name: str, operation: str) -> None:
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=make_key(kms))
    with refused("NotFoundException"):
        call(kms, operation, KeyId=f"alias/{name}")


@pytest.mark.parametrize(
    "key_name",
    [
        MISSING,
        "no-uuid",
        "alias/not-there",
        f"arn:aws:kms:eu-west-1:111122223333:key/{MISSING}",
        f"arn:aws:kms:us-east-1:444455556666:key/{MISSING}",
        f"arn:aws-cn:kms:us-east-1:111122223333:key/{MISSING}",
        "arn:aws:kms:us-east-1:111122223333:alias/not-there",
    ],
)
def test_keys_of_elsewhere_and_nowhere_are_not_found(kms: KMSClient, key_name: str) -> None:
    with refused("NotFoundException"):
        kms.describe_key(KeyId=key_name)


def test_an_existing_key_is_not_found_in_another_region(kms: KMSClient, clients: Clients, key_id: str) -> None:
    with refused("NotFoundException"):
        clients.elsewhere("eu-west-1").kms.describe_key(KeyId=key_id)


def test_another_accounts_key_is_not_found(kms: KMSClient, own_box: Box, key_id: str) -> None:
    with refused("NotFoundException"):
        kms.describe_key(KeyId=f"arn:aws:kms:us-east-1:999900001111:key/{key_id}")


def test_an_arn_that_is_none_is_invalid(kms: KMSClient) -> None:
    with refused("InvalidArnException"):
        kms.describe_key(KeyId="arn:aws:s3:::bucket")


def test_create_key_answers_the_metadata_that_describe_key_answers(kms: KMSClient) -> None:
    created = kms.create_key(Description="one")["KeyMetadata"]
    assert kms.describe_key(KeyId=created["KeyId"])["KeyMetadata"] == created


@pytest.mark.parametrize(
    ("spec", "member"),
    [
        ("SYMMETRIC_DEFAULT", "EncryptionAlgorithms"),
        ("HMAC_256", "MacAlgorithms"),
        ("ECC_NIST_P256", "SigningAlgorithms"),
    ],
)
def test_metadata_lists_the_algorithms_of_the_usage(kms: KMSClient, spec: str, member: str) -> None:
    metadata = call(kms, "DescribeKey", KeyId=make_key(kms, spec))["KeyMetadata"]
    assert {each for each in metadata if each.endswith("Algorithms")} == {member}


def test_asymmetric_keys_need_a_usage(kms: KMSClient) -> None:
    with refused("ValidationException"):
        kms.create_key(KeySpec="RSA_2048")


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("SYMMETRIC_DEFAULT", "SIGN_VERIFY"),
        ("HMAC_256", "ENCRYPT_DECRYPT"),
        ("ECC_NIST_P256", "ENCRYPT_DECRYPT"),
        ("ECC_SECG_P256K1", "KEY_AGREEMENT"),
        ("RSA_2048", "KEY_AGREEMENT"),
    ],
)
def test_a_usage_must_fit_the_spec(kms: KMSClient, spec: str, usage: str) -> None:
    with refused("ValidationException"):
        make_key(kms, spec, KeyUsage=usage)


@pytest.mark.parametrize(
    "members",
    [
        {"MultiRegion": True},
        {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1"},
        {"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "x"},
    ],
)
def test_what_the_box_lacks_is_unsupported(kms: KMSClient, members: dict[str, object]) -> None:
    with refused("UnsupportedOperationException"):
        call(kms, "CreateKey", **members)


def test_a_key_is_tagged_from_its_first_moment(kms: KMSClient) -> None:
    key_id = make_key(kms, Tags=[{"TagKey": "operation", "TagValue": "1"}])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "operation", "TagValue": "1"}]


def test_the_description_is_replaced(kms: KMSClient, key_id: str) -> None:
    kms.update_key_description(KeyId=key_id, Description="new")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == "new"


def test_a_key_without_use_has_an_empty_last_usage(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    answer = kms.get_key_last_usage(KeyId=key_id)
    assert answer["KeyLastUsage"] == {}
    assert answer["KeyCreationDate"] <= answer["TrackingStartDate"]


@pytest.mark.parametrize("operation", ["Encrypt", "GenerateDataKey"])
def test_the_last_successful_operation_is_on_record(kms: KMSClient, operation: str) -> None:
    key_id, _ = imported_key(kms)
    members: dict[str, object] = {"Plaintext": b"x"} if operation == "Encrypt" else {"KeySpec": "AES_256"}
    answer = call(kms, operation, KeyId=key_id, **members)
    last = kms.get_key_last_usage(KeyId=key_id)["KeyLastUsage"]
    assert (last["Operation"], last["KmsRequestId"]) == (operation, answer["ResponseMetadata"]["RequestId"])


def test_re_encrypt_counts_for_both_keys(kms: KMSClient) -> None:
    (source, _), (destination, _) = imported_key(kms), imported_key(kms)
    blob = kms.encrypt(KeyId=source, Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=destination)
    last = [kms.get_key_last_usage(KeyId=each)["KeyLastUsage"] for each in (source, destination)]
    assert [each["Operation"] for each in last] == ["ReEncrypt", "ReEncrypt"]
    assert last[0]["CloudTrailEventId"] != last[1]["CloudTrailEventId"]


def test_a_failed_operation_does_not_count(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    kms.disable_key(KeyId=key_id)
    with refused("DisabledException"):
        kms.encrypt(KeyId=key_id, Plaintext=b"x")
    assert kms.get_key_last_usage(KeyId=key_id)["KeyLastUsage"] == {}
