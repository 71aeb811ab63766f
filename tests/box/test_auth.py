"""Who signed, and with what (IAM User Guide, "Signature Version 4")."""

import dataclasses
import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import botocore.auth
import pytest
from botocore.exceptions import ClientError

from kctui.demo.box import Box

from .support import Clients, Who, allow, deny, new_user, policy, refused, root, send

UNKNOWN = Who("AKIAUNKNOWNUNKNOWN22", "x" * 40)


def probe(clients: Clients, service: str) -> object:
    """Make one harmless call of a service."""
    match service:
        case "kms":
            return clients.kms.list_keys()
        case "iam":
            return clients.iam.list_users()
        case "sts":
            return clients.sts.get_caller_identity()
        case "ec2":
            return clients.ec2.describe_regions()
        case _:
            return clients.ssm.get_parameter(Name="/aws/service/global-infrastructure/regions/us-east-1/longName")


SERVICES = ("kms", "iam", "sts", "ec2", "ssm")
UNKNOWN_CODES = {
    "kms": "UnrecognizedClientException",
    "iam": "InvalidClientTokenId",
    "sts": "InvalidClientTokenId",
    "ec2": "AuthFailure",
    "ssm": "UnrecognizedClientException",
}
WRONG_CODES = {
    "kms": "InvalidSignatureException",
    "iam": "SignatureDoesNotMatch",
    "sts": "SignatureDoesNotMatch",
    "ec2": "AuthFailure",
    "ssm": "InvalidSignatureException",
}


@pytest.mark.parametrize("service", SERVICES)
def test_the_root_key_signs_for_every_service(clients: Clients, service: str) -> None:
    assert probe(clients, service)


@pytest.mark.parametrize("service", SERVICES)
def test_an_unknown_access_key_is_refused(box: Box, service: str) -> None:
    with refused(UNKNOWN_CODES[service]):
        probe(Clients(box, UNKNOWN), service)


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_secret_is_refused(box: Box, service: str) -> None:
    with refused(WRONG_CODES[service]):
        probe(Clients(box, Who(box.root.access_key_id, "wrong")), service)


@pytest.mark.parametrize("service", SERVICES)
def test_an_inactive_access_key_is_refused(clients: Clients, name: str, service: str) -> None:
    user = new_user(clients, name, allow("*"))
    clients.iam.update_access_key(UserName=name, AccessKeyId=user.who.access_key_id, Status="Inactive")
    with refused(UNKNOWN_CODES[service]):
        probe(user, service)


def test_a_deleted_access_key_is_unknown(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("*"))
    clients.iam.delete_access_key(UserName=name, AccessKeyId=user.who.access_key_id)
    with refused("UnrecognizedClientException"):
        user.kms.list_keys()


def test_a_token_that_belongs_to_no_key_is_refused(box: Box) -> None:
    who = Who(box.root.access_key_id, box.root.secret_access_key, "token")
    with refused("UnrecognizedClientException"):
        Clients(box, who).kms.list_keys()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_of_another_time_is_refused(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    kms = clients.kms
    moved = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moved)
    with refused("InvalidSignatureException"):
        kms.list_keys()


def test_the_boxs_clock_does_not_age_signatures(clients: Clients) -> None:
    clients.box.clock.advance(86_400)
    assert clients.kms.list_keys()


def test_a_request_without_signature_is_refused(box: Box) -> None:
    request = urllib.request.Request(box.endpoint, data=b"{}", headers={"X-Amz-Target": "TrentService.ListKeys"})
    with pytest.raises(HTTPError) as caught, urllib.request.urlopen(request):
        pass
    with caught.value as error:
        assert json.loads(error.read())["__type"] == "MissingAuthenticationTokenException"


def test_a_body_changed_on_the_way_is_refused(clients: Clients) -> None:
    kms = clients.kms

    def change(request: object, **_: object) -> None:
        request.body = b'{"Limit": 2}'  # type: ignore[attr-defined]  # botocore's prepared request

    kms.meta.events.register("before-send.kms.*", change)
    with refused("InvalidSignatureException"):
        kms.list_keys(Limit=1)


def test_a_signature_for_another_service_is_refused(box: Box) -> None:
    _, answer = send(box, "ListKeys", b"{}", service="s3")
    assert (answer["__type"], "'kms'" in answer["message"]) == ("InvalidSignatureException", True)


def role_trusting(clients: Clients, name: str, *trust: dict[str, object]) -> str:
    iam = clients.iam
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(*trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(allow("kms:ListKeys")))
    return arn


def trusting(principal: str, **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **more}


def assumed(clients: Clients, arn: str, **more: str) -> Clients:
    credentials = clients.sts.assume_role(RoleArn=arn, RoleSessionName="session", **more)["Credentials"]  # type: ignore[arg-type]
    return dataclasses.replace(
        clients,
        who=Who(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]),
    )


def test_an_assumed_role_has_the_roles_permissions(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("sts:AssumeRole"))
    arn = role_trusting(clients, name, trusting("arn:aws:iam::111122223333:root"))
    session = assumed(user, arn)
    assert session.kms.list_keys()
    with refused("AccessDeniedException"):
        session.kms.create_key()


def test_an_assumed_role_is_a_session(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("sts:AssumeRole"))
    session = assumed(user, role_trusting(clients, name, trusting("111122223333")))
    identity = session.sts.get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::111122223333:assumed-role/{name}/session"


def test_a_role_may_be_assumed_by_whom_it_names(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    arn = role_trusting(clients, name, trusting(f"arn:aws:iam::111122223333:user/{name}"))
    assert assumed(user, arn).kms.list_keys()


def test_a_role_may_not_be_assumed_by_others(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("sts:AssumeRole"))
    arn = role_trusting(clients, name, trusting("arn:aws:iam::111122223333:user/somebody"))
    with refused("AccessDenied"):
        assumed(user, arn)


def test_trusting_the_account_needs_the_users_own_policy(clients: Clients, name: str) -> None:
    user = new_user(clients, name)
    arn = role_trusting(clients, name, trusting("111122223333"))
    with refused("AccessDenied"):
        assumed(user, arn)


def test_an_external_id_is_required_where_the_trust_policy_says_so(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("sts:AssumeRole"))
    condition = {"StringEquals": {"sts:ExternalId": "secret"}}
    arn = role_trusting(clients, name, trusting("111122223333", Condition=condition))
    with refused("AccessDenied"):
        assumed(user, arn)
    assert assumed(user, arn, ExternalId="secret").kms.list_keys()


def test_root_cannot_assume_roles(clients: Clients, name: str) -> None:
    with refused("AccessDenied"):
        assumed(clients, role_trusting(clients, name, trusting("111122223333")))


def test_a_missing_role_is_denied(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("sts:AssumeRole"))
    with refused("AccessDenied"):
        assumed(user, "arn:aws:iam::111122223333:role/missing")


def test_a_session_policy_narrows_the_role(clients: Clients, name: str) -> None:
    user = new_user(clients, name, allow("sts:AssumeRole"))
    arn = role_trusting(clients, name, trusting("111122223333"))
    session = assumed(user, arn, Policy=policy(deny("kms:ListKeys")))
    with refused("AccessDeniedException"):
        session.kms.list_keys()


def test_a_role_of_another_account_is_assumed_across(own_box: Box, name: str) -> None:
    other_root = own_box.add_account("444455556666")
    other = Clients(own_box, Who(other_root.access_key_id, other_root.secret_access_key))
    arn = role_trusting(other, name, trusting("111122223333"))
    session = assumed(new_user(root(own_box), name, allow("sts:AssumeRole")), arn)
    assert session.sts.get_caller_identity()["Account"] == "444455556666"


def test_an_expired_session_is_refused(clients: Clients, name: str) -> None:
    """Sessions expire by real time, so the test ages moto's record of this one."""
    from moto.sts.models import sts_backends

    user = new_user(clients, name, allow("sts:AssumeRole"))
    session = assumed(user, role_trusting(clients, name, trusting("111122223333")))
    for backends in sts_backends.values():
        for record in backends["aws"].assumed_roles:
            if record.access_key_id == session.who.access_key_id:
                record.expiration -= timedelta(hours=2)
    with refused("ExpiredTokenException"):
        session.kms.list_keys()


def test_a_new_access_key_takes_its_time(box: Box, clients: Clients, name: str) -> None:
    box.faults.new_access_key_seconds = 10
    user = new_user(clients, name, allow("*"))
    with refused("InvalidClientTokenId"):
        user.sts.get_caller_identity()
    box.clock.advance(11)
    assert user.sts.get_caller_identity()["Account"] == box.account_id


def test_verifying_a_signature_is_quick(clients: Clients) -> None:
    """The quickest of many, as other work on the machine only ever adds to it."""
    kms, times = clients.kms, []
    for _ in range(20):
        started = time.perf_counter()
        kms.list_keys(Limit=1)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05


def test_errors_of_boto3_name_the_user(clients: Clients, name: str) -> None:
    with pytest.raises(ClientError, match=rf"User: arn:aws:iam::111122223333:user/{name} is not authorized"):
        new_user(clients, name).kms.list_keys()
