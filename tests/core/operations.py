"""What the tests of operations share: an engine with a CSP Account and a Key Set on a box."""

import dataclasses

import boto3
from types_boto3_iam.client import IAMClient
from types_boto3_kms.client import KMSClient

from kctui.core.accounts import NewAccount, add_account
from kctui.core.engine import Engine
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.model import RegionName
from kctui.core.operations import NewCloudKey
from kctui.core.secret import Secret
from kctui.core.timing import Timing
from kctui.demo.box import AccessKey, Box

REGION = "eu-central-1"
QUICK = Timing(settle=0.3, patience=1.0, first_pause=0.02, longest_pause=0.1)


def make_quick(engine: Engine) -> None:
    """Let the engine wait for a box, not for AWS, and not for AWS's quotas."""
    engine.timing = QUICK
    engine.clients.quotas.factor = 1000


def with_key_set(engine: Engine, box: Box, root: AccessKey) -> None:
    """Add the CSP Account `bank` and the Key Set `payroll`."""
    make_quick(engine)
    know_regions(engine)
    secret = Secret(root.secret_access_key)
    add_account(engine, NewAccount("bank", root.access_key_id, secret, REGION, box.endpoint))
    create_key_set(engine, NewKeySet("payroll", "bank"))


def know_regions(engine: Engine) -> None:
    """Let the store know the regions' long names, which would be asked for one by one."""
    with engine.store.write() as session:
        for region in boto3.Session().get_available_regions("ec2"):
            session.add(RegionName(partition="aws", region=region, long_name=f"Region {region}"))


def new_key(name: str = "payroll-db", **values: object) -> NewCloudKey:
    """A CloudKey to make."""
    return dataclasses.replace(NewCloudKey(name, "payroll", REGION), **values)  # type: ignore[arg-type]


def iam_client(box: Box, root: AccessKey) -> IAMClient:
    """IAM as an administrator sees it."""
    return boto3.client(
        "iam",
        region_name=REGION,
        endpoint_url=box.endpoint,
        aws_access_key_id=root.access_key_id,
        aws_secret_access_key=root.secret_access_key,
    )


def kms_client(box: Box, root: AccessKey, region: str = REGION) -> KMSClient:
    """KMS as an application sees it."""
    return boto3.client(
        "kms",
        region_name=region,
        endpoint_url=box.endpoint,
        aws_access_key_id=root.access_key_id,
        aws_secret_access_key=root.secret_access_key,
    )
