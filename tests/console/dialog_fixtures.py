"""The fixtures of the dialogs' tests: an unlocked engine, AWS in a box, Key Sets."""

from collections.abc import Iterator

import pytest

from kctui.core.accounts import NewAccount, add_account
from kctui.core.engine import Engine
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import KeySetList, KeySetRow
from kctui.core.model import CspAccount, RegionName
from kctui.core.secret import Secret
from kctui.core.timing import Timing
from kctui.demo.box import Box

REGION = "us-east-1"


@pytest.fixture
def dialog_engine(engine: Engine) -> Engine:
    """The unlocked engine, which waits for a box and not for AWS, nor for AWS's quotas."""
    engine.timing = Timing(settle=0.3, patience=1.0, first_pause=0.02, longest_pause=0.1)
    engine.clients.quotas.factor = 1000
    return engine


@pytest.fixture
def aws_box() -> Iterator[Box]:
    """AWS in a box."""
    with Box.start() as box:
        yield box


@pytest.fixture
def key_set(dialog_engine: Engine, aws_box: Box) -> KeySetRow:
    """A Key Set that rotates every 180 days, whose CSP Account is the box's root."""
    secret = Secret(aws_box.root.secret_access_key)
    new = NewAccount("awsbyokkeycontrol", aws_box.root.access_key_id, secret, REGION, aws_box.endpoint)
    add_account(dialog_engine, new)
    create_key_set(dialog_engine, NewKeySet("awsbyokkeyset", "awsbyokkeycontrol", "for the tests", 180))
    return KeySetList(dialog_engine.store).page().rows[0]


@pytest.fixture
def fixed_key_set(dialog_engine: Engine) -> KeySetRow:
    """A Key Set whose every word is always the same, for pictures; nothing of it reaches AWS."""
    group_id = next(iter(dialog_engine.keyring.groups))
    with dialog_engine.store.write() as session:
        for name, region in (("awsbyokkeycontrol", "us-east-1"), ("research", "eu-central-1")):
            account = CspAccount(
                name=name,
                group_id=group_id,
                access_key_id="AKIAIOSFODNN7EXAMPLE",
                sealed_secret_access_key=b"sealed",
                region=region,
                partition="aws",
                aws_account_id="111122223333",
                caller_arn="arn:aws:iam::111122223333:user/AWSBYOKKeycontrolUser",
            )
            session.add(account)
        session.add(RegionName(partition="aws", region="eu-central-1", long_name="Europe (Frankfurt)"))
        session.add(RegionName(partition="aws", region="us-east-1", long_name="US East (N. Virginia)"))
    create_key_set(dialog_engine, NewKeySet("awsbyokkeyset", "awsbyokkeycontrol", "for the pictures", 180))
    return KeySetList(dialog_engine.store).page().rows[0]
