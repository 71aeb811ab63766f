"""The fixtures of HSMs for the dialogs' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kctui.core.engine import Engine
from kctui.core.hsms import add_hsm
from kctui.core.model import Hsm
from tests.console.hsm_rows import Slots
from tests.hsm.tokens import SoftHsm, SoftToken


@pytest.fixture
def bastion(dialog_engine: Engine, soft_token: SoftToken) -> Hsm:
    """The HSM bastion, on a token of SoftHSM."""
    return add_hsm(dialog_engine, soft_token.new_hsm(name="bastion"))


@pytest.fixture
def slots(softhsm: SoftHsm, tmp_path: Path) -> Iterator[Slots]:
    """The slots, with their tokens in them again after the test."""
    made = Slots(softhsm.tokens, tmp_path / "away")
    yield made
    made.put_back()
