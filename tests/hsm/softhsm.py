"""SoftHSM, for the tests of every folder: one configuration for a worker, and a token for each test that asks."""

import os
from itertools import count

import pytest

from tests.hsm.tokens import SoftHsm, SoftToken

_labels = count(1)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    """This worker's SoftHSM; the module reads where it is when it is loaded."""
    made = SoftHsm(tmp_path_factory.mktemp("softhsm")).make()
    os.environ["SOFTHSM2_CONF"] = str(made.configuration)
    return made


@pytest.fixture
def soft_token(softhsm: SoftHsm) -> SoftToken:
    """A SoftHSM token of the test's own."""
    return softhsm.token(f"own {next(_labels)}")
