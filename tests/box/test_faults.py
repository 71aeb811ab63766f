"""What goes wrong on command."""

import threading
import time

import pytest
from botocore.exceptions import ConnectionClosedError, HTTPClientError
from types_boto3_kms import KMSClient

from kctui.demo.box import Box, FaultKind

from .support import Clients, call, imported_key, make_key, parameters, refused, root

ANSWERS = {
    FaultKind.THROTTLE: "ThrottlingException",
    FaultKind.INTERNAL: "KMSInternalException",
    FaultKind.DEPENDENCY_TIMEOUT: "DependencyTimeoutException",
    FaultKind.NOT_FOUND: "NotFoundException",
    FaultKind.ACCESS_DENIED: "AccessDeniedException",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_fault_answers_instead_of_the_service(box: Box, kms: KMSClient, kind: FaultKind) -> None:
    box.faults.add("DescribeKey", kind)
    with refused(ANSWERS[kind]):
        kms.describe_key(KeyId=make_key(kms))


def test_a_fault_strikes_as_often_as_told(box: Box, kms: KMSClient) -> None:
    key_id = make_key(kms)
    box.faults.add("DescribeKey", FaultKind.THROTTLE, times=2, skip=1)
    assert kms.describe_key(KeyId=key_id)
    for _ in range(2):
        with refused("ThrottlingException"):
            kms.describe_key(KeyId=key_id)
    assert kms.describe_key(KeyId=key_id)


def test_a_fault_of_another_operation_does_not_strike(box: Box, kms: KMSClient) -> None:
    box.faults.add("CreateKey", FaultKind.THROTTLE)
    assert kms.list_keys()


def test_a_star_strikes_any_operation(box: Box, kms: KMSClient) -> None:
    box.faults.add("*", FaultKind.INTERNAL)
    with refused("KMSInternalException"):
        kms.list_keys()


def test_a_fault_strikes_other_services_in_their_words(box: Box, clients: Clients) -> None:
    box.faults.add("ListUsers", FaultKind.THROTTLE)
    with refused("Throttling"):
        clients.iam.list_users()


def test_a_fault_may_be_for_one_service(box: Box, clients: Clients) -> None:
    box.faults.add("*", FaultKind.THROTTLE, service="iam")
    assert clients.kms.list_keys()


def test_before_a_dropped_connection_nothing_happened(box: Box, kms: KMSClient, name: str) -> None:
    key_id = make_key(kms)
    box.faults.add("CreateAlias", FaultKind.TIMEOUT_BEFORE)
    with pytest.raises(ConnectionClosedError):
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
    assert kms.list_aliases(KeyId=key_id)["Aliases"] == []


def test_before_a_lost_reply_the_effect_happened(box: Box, kms: KMSClient, name: str) -> None:
    key_id = make_key(kms)
    box.faults.add("CreateAlias", FaultKind.LOST_REPLY)
    with pytest.raises(ConnectionClosedError):
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
    assert [each["AliasName"] for each in kms.list_aliases(KeyId=key_id)["Aliases"]] == [f"alias/{name}"]


def test_an_error_is_lost_like_any_reply(box: Box, kms: KMSClient) -> None:
    box.faults.add("DescribeKey", FaultKind.LOST_REPLY)
    with pytest.raises(ConnectionClosedError):
        kms.describe_key(KeyId="alias/missing")


def test_a_lost_reply_of_another_service(box: Box, clients: Clients, name: str) -> None:
    box.faults.add("CreateUser", FaultKind.LOST_REPLY)
    with pytest.raises(ConnectionClosedError):
        clients.iam.create_user(UserName=name)
    assert clients.iam.get_user(UserName=name)


def test_a_lost_create_key_leaves_an_orphan_with_its_tag(box: Box, kms: KMSClient, name: str) -> None:
    before = {key["KeyId"] for each in kms.get_paginator("list_keys").paginate() for key in each["Keys"]}
    box.faults.add("CreateKey", FaultKind.LOST_REPLY)
    with pytest.raises(ConnectionClosedError):
        make_key(kms, Tags=[{"TagKey": "operation", "TagValue": name}])
    after = {key["KeyId"] for each in kms.get_paginator("list_keys").paginate() for key in each["Keys"]}
    (orphan,) = after - before
    assert kms.list_resource_tags(KeyId=orphan)["Tags"][0]["TagValue"] == name


def test_a_slow_answer_is_an_answer(box: Box, kms: KMSClient) -> None:
    box.faults.add("ListKeys", FaultKind.SLOW, seconds=0.1)
    started = time.monotonic()
    assert kms.list_keys()
    assert time.monotonic() - started >= 0.1


def test_closing_the_box_releases_who_hangs() -> None:
    box = Box.start()
    kms = root(box).kms
    box.faults.add("ListKeys", FaultKind.TIMEOUT_BEFORE, seconds=600)
    outcome: list[BaseException] = []

    def hang() -> None:
        try:
            kms.list_keys()
        except HTTPClientError as error:
            outcome.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while box.faults.waiting():
        time.sleep(0.005)
    box.close()
    thread.join(timeout=5)
    kms.close()
    assert len(outcome) == 1


def test_clearing_forgets_faults_and_rules(box: Box, kms: KMSClient) -> None:
    box.faults.add("*", FaultKind.THROTTLE, times=100)
    box.faults.quotas = True
    box.faults.clear()
    assert (box.faults.waiting(), box.faults.quotas) == ([], False)


def test_parameters_for_import_are_given_once_a_second(box: Box, kms: KMSClient) -> None:
    key_id = make_key(kms)
    box.faults.quotas = True
    parameters(kms, key_id)
    with refused("ThrottlingException"):
        parameters(kms, key_id)
    box.clock.advance(1)
    assert parameters(kms, key_id)


def test_five_keys_are_made_a_second(box: Box, kms: KMSClient) -> None:
    box.faults.quotas = True
    box.clock.advance(10)
    for _ in range(5):
        make_key(kms)
    with refused("ThrottlingException"):
        make_key(kms)


def test_quotas_are_per_region_and_account(own_box: Box) -> None:
    own_box.faults.quotas = True
    here = root(own_box)
    for clients in (here, here.elsewhere("eu-west-1")):
        for _ in range(5):
            make_key(clients.kms)


def test_a_new_key_is_not_seen_at_once(box: Box, kms: KMSClient) -> None:
    box.faults.consistency_seconds = 5
    key_id = make_key(kms)
    for operation in ("DescribeKey", "ListResourceTags"):
        with refused("NotFoundException"):
            call(kms, operation, KeyId=key_id)
    listed = {key["KeyId"] for each in kms.get_paginator("list_keys").paginate() for key in each["Keys"]}
    assert key_id not in listed
    box.clock.advance(6)
    assert kms.describe_key(KeyId=key_id)


def test_calls_are_on_record(box: Box, kms: KMSClient) -> None:
    request_id = kms.list_keys()["ResponseMetadata"]["RequestId"]
    last = list(box.calls)[-1]
    assert (last.service, last.operation, last.account, last.region, last.request_id, last.outcome) == (
        "kms",
        "ListKeys",
        box.account_id,
        "us-east-1",
        request_id,
        "OK",
    )


def test_refusals_are_on_record(box: Box, kms: KMSClient) -> None:
    with refused("NotFoundException"):
        kms.describe_key(KeyId="alias/missing")
    assert list(box.calls)[-1].outcome == "NotFoundException"


def test_dropped_connections_are_on_record(box: Box, kms: KMSClient) -> None:
    box.faults.add("ListKeys", FaultKind.LOST_REPLY)
    with pytest.raises(ConnectionClosedError):
        kms.list_keys()
    assert list(box.calls)[-1].outcome == "dropped"


def test_errors_of_moto_are_on_record(box: Box, clients: Clients) -> None:
    with refused("NoSuchEntity"):
        clients.iam.get_user(UserName="missing")
    assert list(box.calls)[-1].outcome == "NoSuchEntity"


def test_a_mistake_in_the_box_is_an_internal_error(
    box: Box, kms: KMSClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key_id, _ = imported_key(kms)
    monkeypatch.setattr("kctui.demo.box.kms.crypto.seal", lambda *_: 1 / 0)
    with refused("KMSInternalException"):
        kms.encrypt(KeyId=key_id, Plaintext=b"x")
    assert "the box failed at kms Encrypt" in caplog.text
