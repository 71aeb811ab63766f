"""The header's HSM: what it shows of a token that comes and goes, and that it spends no try of a PIN."""

import threading

import pytest

import kctui.screens.hsm_actions
from kctui.core import hsms
from kctui.core.engine import Engine
from kctui.core.model import Hsm, KeySet
from kctui.core.paths import Home
from kctui.core.pkcs11.connection import Connection
from kctui.core.pkcs11.errors import HsmUnreachableError
from kctui.core.pkcs11.tokens import Tokens
from kctui.core.secret import Secret
from kctui.core.words import TokenState
from kctui.screens.hsms import HsmsScreen
from tests.conftest import OPERATOR, PASSPHRASE
from tests.console.conftest import Shell, StartShell
from tests.console.hsm_rows import Slots, change_pin
from tests.hsm.tokens import SoftToken

pytest_plugins = ["tests.console.hsm_fixtures"]
KEY_SET = "b" * 32


@pytest.fixture
def with_hsm(seeded: Home, soft_token: SoftToken) -> Home:
    """The seeded home, whose Key Set awsbyokkeyset has an HSM."""
    with Engine.open(seeded) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
        hsm = hsms.add_hsm(engine, soft_token.new_hsm(name="bastion"))
        with engine.store.write() as session:
            session.get_one(KeySet, KEY_SET).hsm_id = hsm.id
    return seeded


async def look(shell: Shell) -> str:
    """Look at the token, and give the header."""
    shell.main.watch_token(now=True)
    await shell.settle()
    return shell.text.splitlines()[0]


@pytest.mark.parametrize(("size", "name"), [((120, 40), "HSM bastion"), ((80, 24), "HSM")])
async def test_a_token_that_comes_and_goes(
    start: StartShell,
    with_hsm: Home,
    soft_token: SoftToken,
    slots: Slots,
    passphrase: str,
    size: tuple[int, int],
    name: str,
) -> None:
    async with start(with_hsm, size, passphrase=passphrase) as shell:
        await shell.press("2", "G")
        assert f"{name} ✓" in await look(shell)
        slots.take_out()
        assert f"{name} ✕ not there" in await look(shell)
        slots.put_back()
        assert f"{name} ✓" in await look(shell)


async def test_only_the_hsm_of_what_is_looked_at_is_shown(start: StartShell, with_hsm: Home, passphrase: str) -> None:
    async with start(with_hsm, passphrase=passphrase) as shell:
        await shell.press("1")
        header = {}
        for _ in range(2):
            header[getattr(shell.main.state.row, "name", "")] = shell.text.splitlines()[0]
            await shell.press("j")
        assert "HSM bastion ✓" in header["awsbyokkeyset"]
        assert "HSM" not in header["archive"]
        await shell.press("4")
        assert "HSM" not in shell.text.splitlines()[0]


async def test_a_token_is_looked_at_once_in_a_while(
    start: StartShell, with_hsm: Home, passphrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    check = Tokens.check

    def counting(self: Tokens, hsm: Hsm, *, patience: float = 60) -> object:
        looked.append(hsm.name)
        return check(self, hsm, patience=patience)

    monkeypatch.setattr(Tokens, "check", counting)
    async with start(with_hsm, passphrase=passphrase) as shell:
        await shell.press("2", "G", "k", "j", "1", "j", "k", "2", "G")
        assert looked == ["bastion"]
        monkeypatch.setattr(kctui.screens.hsm_actions, "TOKEN_PAUSE", 0.0)
        shell.main.watch_token()
        shell.main.watch_token()
        await shell.settle()
        # One at a time; showing what was seen may begin the next one.
        assert looked.count("bastion") >= 2


async def test_a_refused_pin_is_shown_and_not_tried_again(
    start: StartShell, with_hsm: Home, soft_token: SoftToken, passphrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_pin(soft_token, "11223344")
    tries = []
    log_in = Connection._log_in

    def counting(self: Connection, opened: object) -> None:
        tries.append(1)
        log_in(self, opened)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "_log_in", counting)
    async with start(with_hsm, passphrase=passphrase) as shell:
        await shell.press("2", "G")
        for _ in range(3):
            assert "HSM bastion ✕ PIN refused" in await look(shell)
        assert len(tries) == 1
        # Another process gives the right one.
        with Engine.open(with_hsm) as other:
            other.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
            hsms.test_hsm(other, "bastion", new_pin=Secret("11223344"))
        assert "HSM bastion ✓" in await look(shell)


async def test_locking_forgets_the_token(start: StartShell, with_hsm: Home, passphrase: str) -> None:
    async with start(with_hsm, passphrase=passphrase) as shell:
        await shell.press("2", "G")
        assert "HSM bastion ✓" in shell.text
        await shell.press("L")
        await shell.press("escape")
        assert "locked" in shell.text
        assert "HSM bastion ? not asked" in shell.text
        await shell.press("L")
        await shell.unlock(passphrase)
        assert "HSM bastion ✓" in shell.text


async def test_a_module_that_is_gone_is_faulty(start: StartShell, with_hsm: Home, passphrase: str) -> None:
    with Engine.open(with_hsm) as engine, engine.store.write() as session:
        # Not what the PIN was sealed beside: nothing of it is loaded.
        session.get_one(Hsm, session.get_one(KeySet, KEY_SET).hsm_id).module = "/nowhere/lib.so"
    async with start(with_hsm, passphrase=passphrase) as shell:
        await shell.press("2", "G")
        assert "HSM bastion ! faulty" in await look(shell)


async def test_the_page_of_hsms_looks_at_the_row(
    start: StartShell, with_hsm: Home, slots: Slots, passphrase: str
) -> None:
    async with start(with_hsm, passphrase=passphrase) as shell:
        await shell.press("3", "H")
        assert isinstance(shell.app.screen, HsmsScreen)
        await look(shell)
        assert "✓ connected" in shell.text
        slots.take_out()
        await look(shell)
        assert "✕ not there for" in shell.text
        slots.put_back()
        await look(shell)
        assert "✓ connected" in shell.text
        await shell.press("escape")
        assert len(shell.app.screen_stack) == 1


async def test_a_token_that_hangs_is_not_there_until_it_answers(
    with_hsm: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine.open(with_hsm) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
        with engine.store.read() as session:
            hsm = session.get_one(Hsm, session.get_one(KeySet, KEY_SET).hsm_id)
        engine.tokens.check(hsm)
        states = [engine.tokens.state(hsm.id)[0]]
        go_on = threading.Event()
        with pytest.raises(HsmUnreachableError):
            engine.tokens.run(hsm, lambda _opened: go_on.wait(30), "hanging", patience=0.1)
        busy = [engine.tokens.busy]
        states.append(engine.tokens.state(hsm.id)[0])
        with engine.store.read() as session:
            hsm = session.get_one(Hsm, hsm.id)
        assert hsm.unreachable_since is not None
        go_on.set()
        engine.tokens.check(hsm)
        busy.append(engine.tokens.busy)
        states.append(engine.tokens.state(hsm.id)[0])
        with engine.store.read() as session:
            assert session.get_one(Hsm, hsm.id).unreachable_since is None
        assert busy == [True, False]
        assert states == [TokenState.CONNECTED, TokenState.NOT_THERE, TokenState.CONNECTED]
