"""The fixtures of HSMs: tokens of SoftHSM, each test's its own, in one folder for a worker."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kctui.core.engine import Engine
from kctui.core.hsms import add_hsm
from kctui.core.model import Hsm
from tests.console.hsm_rows import MODULE, PIN, Token

_SO_PIN = "12345678"
_VARIABLE = "SOFTHSM2_CONF"


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tokens: one for a worker, since a process initialises a module once."""
    if not Path(MODULE).exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is not installed")
    present = Path(os.environ.get(_VARIABLE, "/nowhere"))
    if present.is_relative_to(tmp_path_factory.getbasetemp()):
        line = next(line for line in present.read_text().splitlines() if line.startswith("directories.tokendir"))
        return Path(line.partition("=")[2].strip())
    folder = tmp_path_factory.mktemp("softhsm")
    tokens, configuration = folder / "tokens", folder / "softhsm2.conf"
    tokens.mkdir()
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    os.environ[_VARIABLE] = str(configuration)
    return tokens


@pytest.fixture
def make_token(softhsm: Path) -> Callable[[str], Token]:
    """Initialise a token."""

    def make(label: str) -> Token:
        before = set(softhsm.iterdir())
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", _SO_PIN, "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True)
        return Token(label, (set(softhsm.iterdir()) - before).pop())

    return make


@pytest.fixture
def token(make_token: Callable[[str], Token], request: pytest.FixtureRequest) -> Token:
    """A token of the test's own."""
    return make_token(f"t{abs(hash(request.node.nodeid)) % 10**12}")


@pytest.fixture
def softhsm_hsm(dialog_engine: Engine, token: Token) -> Hsm:
    """An HSM on that token."""
    return add_hsm(dialog_engine, token.new())
