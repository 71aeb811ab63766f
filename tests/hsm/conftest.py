"""Homes with an HSM on a real soft token: made and probed once a worker, copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.accounts import NewAccount, add_account
from kctui.core.engine import Engine
from kctui.core.hsms import add_hsm
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.model import Hsm
from kctui.core.paths import Home
from kctui.core.secret import Secret
from kctui.demo.box import AccessKey, Box
from tests.conftest import OPERATOR, PASSPHRASE
from tests.core.operations import REGION, kms_client, know_regions, make_quick, with_key_set
from tests.hsm.tokens import HSM, SoftHsm, SoftToken, nss_token

_aws_accounts = count(400_000_000_001)


@dataclass(frozen=True)
class Kept:
    """An engine with an HSM on a token."""

    engine: Engine
    token: SoftToken

    @property
    def hsm(self) -> Hsm:
        """The HSM as it is in the database now."""
        with self.engine.store.read() as session:
            return session.exec(select(Hsm).where(Hsm.name == HSM)).one()


@dataclass(frozen=True)
class Vault(Kept):
    """With a CSP Account, and two Key Sets: `payroll` on the HSM, `plain` without."""

    box: Box
    root: AccessKey
    kms: KMSClient


@pytest.fixture(scope="session")
def makers(softhsm: SoftHsm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SoftToken]:
    """This worker's token of each maker."""
    return {"SoftHSM": softhsm.token("shared"), "NSS": nss_token(tmp_path_factory.mktemp("nss"))}


@pytest.fixture(params=["SoftHSM", "NSS"])
def token(request: pytest.FixtureRequest, makers: dict[str, SoftToken]) -> SoftToken:
    """The token of each maker in turn."""
    return makers[str(request.param)]


@pytest.fixture(scope="session")
def home_with(template_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Callable[[SoftToken], Home]:
    """A home that has an HSM on a token; made once for each."""
    made: dict[SoftToken, Home] = {}

    def give(token: SoftToken) -> Home:
        if token not in made:
            home = Home(tmp_path_factory.mktemp("with-hsm") / "home")
            shutil.copytree(template_home.root, home.root, copy_function=shutil.copy2)
            with Engine.open(home) as engine:
                engine.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
                add_hsm(engine, token.new_hsm())
            made[token] = home
        return made[token]

    return give


@pytest.fixture(scope="session")
def box() -> Iterator[Box]:
    with Box.start() as started:
        yield started


@pytest.fixture
def kept(home_with: Callable[[SoftToken], Home], token: SoftToken, tmp_path: Path) -> Iterator[Kept]:
    """On the token of each maker in turn; without AWS."""
    with open_vault(home_with(token), tmp_path / "home") as engine:
        yield Kept(engine, token)


@pytest.fixture
def soft_kept(home_with: Callable[[SoftToken], Home], makers: dict[str, SoftToken], tmp_path: Path) -> Iterator[Kept]:
    """On SoftHSM's token; without AWS."""
    with open_vault(home_with(makers["SoftHSM"]), tmp_path / "home") as engine:
        yield Kept(engine, makers["SoftHSM"])


@pytest.fixture
def vault(home_with: Callable[[SoftToken], Home], token: SoftToken, tmp_path: Path, box: Box) -> Iterator[Vault]:
    """On the token of each maker in turn."""
    with open_vault(home_with(token), tmp_path / "home") as engine, with_account(engine, token, box) as vault:
        yield vault


@pytest.fixture
def soft_vault(
    home_with: Callable[[SoftToken], Home], makers: dict[str, SoftToken], tmp_path: Path, box: Box
) -> Iterator[Vault]:
    """On SoftHSM's token."""
    token = makers["SoftHSM"]
    with open_vault(home_with(token), tmp_path / "home") as engine, with_account(engine, token, box) as vault:
        yield vault


@pytest.fixture
def connected(home: Home, tmp_path: Path, box: Box) -> AccessKey:
    """A home with the CSP Account `bank` and the Key Set `payroll`, which has no HSM."""
    root = box.add_account(str(next(_aws_accounts)))
    with Engine.open(home) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
        with_key_set(engine, box, root)
    (tmp_path / "tmp").mkdir()
    return root


def open_vault(template: Home, root: Path) -> Engine:
    """A copy of a home, unlocked."""
    shutil.copytree(template.root, root, copy_function=shutil.copy2)
    engine = Engine.open(Home(root))
    engine.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
    return engine


@contextmanager
def with_account(engine: Engine, token: SoftToken, box: Box) -> Iterator[Vault]:
    """With a new AWS account and the two Key Sets."""
    root = box.add_account(str(next(_aws_accounts)))
    make_quick(engine)
    know_regions(engine)
    add_account(engine, NewAccount("bank", root.access_key_id, Secret(root.secret_access_key), REGION, box.endpoint))
    create_key_set(engine, NewKeySet("payroll", "bank", hsm=HSM))
    create_key_set(engine, NewKeySet("plain", "bank"))
    kms = kms_client(box, root)
    try:
        yield Vault(engine, token, box, root, kms)
    finally:
        kms.close()
        box.faults.clear()
        box.clock.reset()
