"""A PIN is spent once: whatever C_Login answers, it is not sent again until somebody gives one."""

import threading
from collections.abc import Iterator

import pytest
from pkcs11 import exceptions as p11

from kctui.core.errors import KctuiError
from kctui.core.pkcs11.connection import Opened
from kctui.core.pkcs11.errors import HsmBusyError, LoginFaultError, PinRefusedError
from kctui.core.pkcs11.functions import Functions
from kctui.core.pkcs11.tokens import Tokens
from kctui.core.pkcs11.worker import queued
from kctui.core.secret import Secret
from kctui.core.words import TokenState
from tests.hsm.conftest import Vault


class Logins:
    """Counts C_Login, and lets the module answer something to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.answer: p11.PKCS11Error | None = None
        real = Functions.login

        def login(functions: Functions, session: int, pin: Secret) -> None:
            self.count += 1
            if self.answer is not None:
                raise self.answer
            real(functions, session, pin)

        monkeypatch.setattr(Functions, "login", login)


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> Logins:
    return Logins(monkeypatch)


@pytest.fixture
def fresh(soft_vault: Vault) -> Iterator[Vault]:
    soft_vault.engine.tokens.forget()
    yield soft_vault
    soft_vault.engine.tokens.forget()


@pytest.mark.parametrize(
    "answer",
    [
        p11.PinIncorrect(), p11.PinLenRange(), p11.PinExpired(), p11.DeviceError(), p11.FunctionFailed(),
        p11.GeneralError(), p11.TokenNotRecognised(), p11.PKCS11Error("code 0x80000001"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_login_that_failed_is_not_repeated_here_or_by_any_other_process(
    fresh: Vault, logins: Logins, answer: p11.PKCS11Error
) -> None:
    logins.answer = answer
    for _ in range(2):
        with pytest.raises((PinRefusedError, LoginFaultError)):
            fresh.engine.tokens.check(fresh.hsm)
    assert fresh.hsm.pin_refused_at is not None
    with pytest.raises(PinRefusedError):
        Tokens(fresh.engine).check(fresh.hsm)  # as another process would
    assert logins.count == 1


@pytest.mark.parametrize("answer", [p11.DeviceRemoved(), p11.TokenNotPresent(), p11.SessionHandleInvalid()])
def test_a_login_that_never_came_to_the_pin_refuses_none(fresh: Vault, logins: Logins, answer: p11.PKCS11Error) -> None:
    logins.answer = answer
    with pytest.raises(KctuiError):
        fresh.engine.tokens.check(fresh.hsm)
    assert fresh.hsm.pin_refused_at is None
    logins.answer = None
    fresh.engine.tokens.check(fresh.hsm)


def test_after_the_module_was_initialised_anew_no_earlier_session_is_used(fresh: Vault, logins: Logins) -> None:
    fresh.engine.tokens.check(fresh.hsm)

    def begin_anew(opened: Opened) -> None:
        opened.module.reinitialise()

    fresh.engine.tokens.run(fresh.hsm, begin_anew, "initialising")
    fresh.engine.tokens.check(fresh.hsm)
    assert logins.count == 2


def test_an_hsm_that_is_busy_with_another_job_is_not_called_unreachable(fresh: Vault) -> None:
    fresh.engine.tokens.check(fresh.hsm)
    gate: list[Opened] = []
    free = threading.Event()
    held = queued(free.wait)
    try:
        with pytest.raises(HsmBusyError, match="was busy"):
            fresh.engine.tokens.run(fresh.hsm, gate.append, "waiting", patience=0.05)
    finally:
        free.set()
    held.result(5)
    fresh.engine.tokens.check(fresh.hsm)
    assert gate == []
    assert fresh.hsm.unreachable_since is None
    assert fresh.engine.tokens.state(fresh.hsm.id)[0] is TokenState.CONNECTED
