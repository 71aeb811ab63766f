"""AWS in a box for the tests of the core: one box a worker, an AWS account of its own for each test."""

from collections.abc import Iterator
from itertools import count

import pytest
from types_boto3_iam.client import IAMClient
from types_boto3_kms.client import KMSClient

from kctui.core import accounts
from kctui.core.aws import credentials
from kctui.core.aws.clients import AwsSession
from kctui.core.engine import Engine
from kctui.core.secret import Secret
from kctui.demo.box import AccessKey, Box
from tests.core.operations import REGION, iam_client, kms_client, know_regions, make_quick, with_key_set

_aws_accounts = count(200_000_000_001)


@pytest.fixture(scope="session")
def box() -> Iterator[Box]:
    with Box.start() as started:
        yield started


@pytest.fixture
def aws_account(box: Box) -> Iterator[AccessKey]:
    """A new AWS account's root access key; faults and clock are put back afterwards."""
    yield box.add_account(str(next(_aws_accounts)))
    box.faults.clear()
    box.clock.reset()


@pytest.fixture
def root(box: Box, engine: Engine, aws_account: AccessKey) -> AccessKey:
    """That account, known to the engine as CSP Account `bank` with Key Set `payroll`."""
    with_key_set(engine, box, aws_account)
    box.calls.clear()
    return aws_account


@pytest.fixture
def kms(box: Box, root: AccessKey) -> Iterator[KMSClient]:
    """KMS as an application in that account sees it."""
    client = kms_client(box, root)
    yield client
    client.close()


@pytest.fixture
def admin(engine: Engine, box: Box, aws_account: AccessKey) -> Iterator[AwsSession]:
    """An administrator's session in an AWS account that the engine does not know."""
    make_quick(engine)
    know_regions(engine)
    key = credentials.AccessKey(aws_account.access_key_id, Secret(aws_account.secret_access_key))
    with accounts.asking(engine, key, REGION, box.endpoint) as session:
        yield session


@pytest.fixture
def iam(box: Box, aws_account: AccessKey) -> Iterator[IAMClient]:
    """IAM as that account's root user sees it."""
    client = iam_client(box, aws_account)
    yield client
    client.close()
