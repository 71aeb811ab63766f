"""IAM users and roles of a test's AWS account."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from types_boto3_iam.client import IAMClient

from kctui.demo.box import AccessKey, Box
from tests.core.operations import REGION

USER = "AWSBYOKKeycontrolUser"
ROLE = "kctui"


@contextmanager
def iam_of(box: Box, root: AccessKey) -> Iterator[IAMClient]:
    """IAM as the account's root user sees it."""
    client = boto3.client(
        "iam", region_name=REGION, endpoint_url=box.endpoint,
        aws_access_key_id=root.access_key_id, aws_secret_access_key=root.secret_access_key,
    )  # fmt: skip
    try:
        yield client
    finally:
        client.close()


def statement(actions: list[str]) -> str:
    """A policy that allows exactly these."""
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    })  # fmt: skip


def add_user(box: Box, root: AccessKey, actions: list[str]) -> AccessKey:
    """An IAM user with exactly these permissions."""
    with iam_of(box, root) as iam:
        iam.create_user(UserName=USER)
        iam.put_user_policy(UserName=USER, PolicyName="p", PolicyDocument=statement(actions))
        made = iam.create_access_key(UserName=USER)["AccessKey"]
    return AccessKey(made["AccessKeyId"], made["SecretAccessKey"], root.account_id)


def allow(box: Box, root: AccessKey, actions: list[str]) -> None:
    """Give the user exactly these permissions from now on."""
    with iam_of(box, root) as iam:
        iam.put_user_policy(UserName=USER, PolicyName="p", PolicyDocument=statement(actions))


def add_role(box: Box, root: AccessKey, actions: list[str], external_id: str | None = None) -> str:
    """A role that whoever the account lets may assume; its ARN."""
    trust: dict[str, object] = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{root.account_id}:root"},
    }
    if external_id is not None:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with iam_of(box, root) as iam:
        arn = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.put_role_policy(RoleName=ROLE, PolicyName="p", PolicyDocument=statement(actions))
    return arn
