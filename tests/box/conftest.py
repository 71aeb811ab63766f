"""One box for the whole run: tests keep apart by using fresh keys and names."""

import uuid
from collections.abc import Iterator

import pytest
from types_boto3_kms import KMSClient

from kctui.demo.box import Box

from .support import Clients, root


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Box]:
    with Box.start() as box:
        yield box


@pytest.fixture
def box(shared_box: Box) -> Iterator[Box]:
    """The shared box, on real time and without faults before and after each test."""
    yield shared_box
    shared_box.faults.clear()
    shared_box.clock.reset()


@pytest.fixture
def own_box() -> Iterator[Box]:
    """A box that no other test sees."""
    with Box.start() as box:
        yield box


@pytest.fixture
def clients(box: Box) -> Clients:
    return root(box)


@pytest.fixture(scope="session")
def shared_kms(shared_box: Box) -> Iterator[KMSClient]:
    client = root(shared_box).kms
    yield client
    client.close()


@pytest.fixture
def kms(box: Box, shared_kms: KMSClient) -> KMSClient:
    """KMS as the account's root user sees it."""
    return shared_kms


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"n{uuid.uuid4().hex[:16]}"
