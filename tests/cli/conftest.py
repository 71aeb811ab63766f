"""Homes for the command line: made once, copied for each test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kctui.cli import edge
from kctui.core.paths import Home
from kctui.core.process import harden
from kctui.demo.box import Box
from tests.cli.program import PASSPHRASE, Result, connect, copy_home, stock

Cli = Callable[..., Result]


@pytest.fixture(scope="session")
def initialised_template(template_home: Home) -> Path:
    return template_home.root


@pytest.fixture(scope="session")
def stocked_template(initialised_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_home(initialised_template, tmp_path_factory.mktemp("stocked") / "home")
    stock(root)
    return root


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture(autouse=True)
def _no_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the caller's environment, and never a real home."""
    for name in list(os.environ):
        if name.startswith(("KCTUI_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KCTUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def home(initialised_template: Path, tmp_path: Path) -> Path:
    """A home with one operator and nothing else; $KCTUI_HOME names it."""
    return copy_home(initialised_template, tmp_path / "home")


@pytest.fixture
def stocked(stocked_template: Path, tmp_path: Path) -> Path:
    """A home with an account, a Key Set and three CloudKeys; $KCTUI_HOME names it."""
    return copy_home(stocked_template, tmp_path / "home")


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Box]:
    with Box.start() as box:
        yield box


@pytest.fixture(scope="session")
def connected_template(initialised_template: Path, shared_box: Box, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_home(initialised_template, tmp_path_factory.mktemp("connected") / "home")
    connect(root, shared_box)
    return root


@pytest.fixture
def box(shared_box: Box) -> Iterator[Box]:
    """AWS in a box, shared by the tests of a worker: each names its keys after itself."""
    yield shared_box
    shared_box.faults.clear()


@pytest.fixture
def connected(connected_template: Path, box: Box, tmp_path: Path) -> Path:
    """A home whose account `bank` and Key Set `payroll` are on the box; $KCTUI_HOME names it."""
    return copy_home(connected_template, tmp_path / "home")


@pytest.fixture
def unlocking(monkeypatch: pytest.MonkeyPatch, passphrase_file: Path) -> None:
    monkeypatch.setenv("KCTUI_PASSPHRASE_FILE", str(passphrase_file))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run one command line in this process."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        harden()
        code = edge.main(arguments)
        written = capsys.readouterr()
        return Result(code, written.out, written.err)

    return run
