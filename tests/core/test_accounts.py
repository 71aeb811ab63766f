"""CSP Accounts: only credentials that AWS knows are kept, and what they may do is told as far as it can be."""

import json
from datetime import timedelta

import boto3
import pytest
from sqlmodel import select

from kctui.core import accounts
from kctui.core.accounts import NewAccount, add_account
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError
from kctui.core.aws.permissions import PERMISSIONS, Finding
from kctui.core.doctor import Verdict, _clock_against
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError
from kctui.core.model import CspAccount
from kctui.core.secret import Secret
from kctui.demo.box import AccessKey, Box
from tests.core.operations import REGION, know_regions, make_quick

NEEDED = [permission.action for permission in PERMISSIONS]


@pytest.fixture
def root(engine: Engine, aws_account: AccessKey) -> AccessKey:
    """An AWS account that the engine does not know yet."""
    make_quick(engine)
    know_regions(engine)
    return aws_account


def new(box: Box, key: AccessKey, **values: str) -> NewAccount:
    given = {"access_key_id": key.access_key_id, "secret": key.secret_access_key, "endpoint_url": box.endpoint} | values
    return NewAccount("bank", given["access_key_id"], Secret(given["secret"]), REGION, given["endpoint_url"])


def user_with(box: Box, root: AccessKey, actions: list[str]) -> AccessKey:
    """An IAM user with exactly these permissions."""
    iam = boto3.client(
        "iam", region_name=REGION, endpoint_url=box.endpoint,
        aws_access_key_id=root.access_key_id, aws_secret_access_key=root.secret_access_key,
    )  # fmt: skip
    iam.create_user(UserName="AWSBYOKKeycontrolUser")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName="AWSBYOKKeycontrolUser", PolicyName="p", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName="AWSBYOKKeycontrolUser")["AccessKey"]
    iam.close()
    return AccessKey(made["AccessKeyId"], made["SecretAccessKey"], root.account_id)


def findings(engine: Engine) -> dict[str, Finding]:
    return {check.permission.action: check.finding for check in accounts.test_account(engine, "bank").permissions}


def kept(engine: Engine) -> list[str]:
    with engine.store.read() as session:
        return list(session.exec(select(CspAccount.name)))


def test_an_account_is_kept_with_what_aws_says_of_it(engine: Engine, box: Box, root: AccessKey) -> None:
    account = add_account(engine, new(box, root))
    assert (account.aws_account_id, account.partition) == (root.account_id, "aws")
    assert account.caller_arn == f"arn:aws:iam::{root.account_id}:root"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"access_key_id": "AKIAIOSFODNN7EXAMPLE"}, "InvalidClientTokenId"),
        ({"secret": "wrong"}, "SignatureDoesNotMatch"),
    ],
)
def test_credentials_that_aws_does_not_know_are_not_kept(
    engine: Engine, box: Box, root: AccessKey, values: dict[str, str], code: str
) -> None:
    with pytest.raises(AwsRefusedError, match=code):
        add_account(engine, new(box, root, **values))
    assert kept(engine) == []


def test_an_endpoint_where_nothing_answers_keeps_nothing(engine: Engine, box: Box, root: AccessKey) -> None:
    with pytest.raises(AwsUnreachableError):
        add_account(engine, new(box, root, endpoint_url="http://127.0.0.1:1"))
    assert kept(engine) == []


def test_plain_http_to_another_machine_is_refused(engine: Engine, box: Box, root: AccessKey) -> None:
    with pytest.raises(InvalidInputError, match="endpoint"):
        add_account(engine, new(box, root, endpoint_url="http://kms.example.net"))


def test_a_second_account_of_one_name_is_refused(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, new(box, root))
    with pytest.raises(ConflictError):
        add_account(engine, new(box, root))


def test_a_user_with_the_documented_permissions_has_them_all(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, new(box, user_with(box, root, [*NEEDED, "iam:SimulatePrincipalPolicy"])))
    assert set(findings(engine).values()) == {Finding.ALLOWED}


def test_what_a_credential_may_not_do_is_named(engine: Engine, box: Box, root: AccessKey) -> None:
    lacking = {"kms:CreateKey", "kms:ListAliases", "ssm:GetParameter"}
    allowed = [action for action in NEEDED if action not in lacking]
    add_account(engine, new(box, user_with(box, root, [*allowed, "iam:SimulatePrincipalPolicy"])))
    found = findings(engine)
    assert {action for action, finding in found.items() if finding is Finding.DENIED} == lacking


def test_what_cannot_be_told_without_doing_it_is_not_claimed(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, new(box, user_with(box, root, NEEDED)))
    found = findings(engine)
    assert found["kms:CreateKey"] is Finding.UNKNOWN
    assert found["kms:ListKeys"] is Finding.ALLOWED


def test_an_account_without_the_right_to_list_regions_knows_its_own(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, new(box, user_with(box, root, ["kms:*"])))
    assert [choice.region for choice in accounts.test_account(engine, "bank").regions] == [REGION]


def test_an_account_that_stops_answering_is_known_since_when_and_why(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, new(box, root))
    with engine.store.write() as session:
        accounts.find_account(session, "bank").reached_at = None
    iam = boto3.client(
        "iam", region_name=REGION, endpoint_url=box.endpoint,
        aws_access_key_id=root.access_key_id, aws_secret_access_key=root.secret_access_key,
    )  # fmt: skip
    iam.update_access_key(AccessKeyId=root.access_key_id, Status="Inactive")
    iam.close()
    with pytest.raises(AwsRefusedError):
        accounts.test_account(engine, "bank")
    with engine.store.read() as session:
        account = accounts.find_account(session, "bank")
    assert account.unreachable_since is not None
    assert "does not know these credentials" in (account.unreachable_reason or "")


def test_the_clock_is_compared_with_aws(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, new(box, root))
    ahead = accounts.test_account(engine, "bank").caller.ahead
    assert ahead is not None
    assert abs(ahead) < timedelta(seconds=5)


@pytest.mark.parametrize(("seconds", "verdict"), [(2, Verdict.OK), (-90, Verdict.WARNING), (280, Verdict.PROBLEM)])
def test_a_clock_that_is_off_is_told_before_aws_refuses_it(seconds: int, verdict: Verdict) -> None:
    assert _clock_against("bank", timedelta(seconds=seconds)).verdict is verdict
