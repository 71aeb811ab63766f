"""What every test may use: a home of its own, an engine on it, initialised and unlocked, and a PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from kctui.core.engine import Engine
from kctui.core.keyring import find_operator
from kctui.core.operator_keys import KdfParameters, SealedKeyPair, new_parameters, open_key_pair
from kctui.core.paths import Home
from kctui.core.secret import Secret

pytest_plugins = ["tests.postgres", "tests.hsm.summary", "tests.hsm.softhsm"]

# How long an example takes is the machine's business, not the rule's.
settings.register_profile("kctui", deadline=None)
settings.load_profile("kctui")

OPERATOR = "alice"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def passphrase() -> str:
    return PASSPHRASE


@pytest.fixture(scope="session")
def template_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home initialised once a worker, whose passphrase is stretched so little that each test may unlock."""
    home = Home(tmp_path_factory.mktemp("template") / "home")
    with Engine.initialise(home, operator=OPERATOR, passphrase=Secret(PASSPHRASE)) as engine:
        stretch_little(engine)
    return home


@pytest.fixture
def home(template_home: Home, tmp_path: Path) -> Home:
    """A copy of the initialised home."""
    copy = Home(tmp_path / "home")
    shutil.copytree(template_home.root, copy.root, copy_function=shutil.copy2)
    return copy


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    """An unlocked engine on `home`."""
    with Engine.open(home) as opened:
        opened.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
        yield opened


def stretch_little(engine: Engine) -> None:
    """Stretch the operator's passphrase so little that a test may unlock often."""
    little = KdfParameters(new_parameters().salt, memory_kib=8, passes=1, lanes=1)
    with engine.store.write() as session:
        row = find_operator(session, OPERATOR)
        stored = KdfParameters(row.kdf_salt, row.kdf_memory_kib, row.kdf_passes, row.kdf_lanes)
        pair = SealedKeyPair(row.public_key, row.sealed_private_key, stored)
        key = open_key_pair(row.id, pair, Secret(PASSPHRASE))
        row.sealed_private_key = key.reseal(row.id, Secret(PASSPHRASE), little, row.public_key).sealed_private_key
        row.kdf_salt, row.kdf_memory_kib = little.salt, little.memory_kib
        row.kdf_passes, row.kdf_lanes = little.passes, little.lanes
        key.wipe()
