"""A connection with a token that survives: what was lost is found, opened and logged in to again.

Each job runs whole in the PKCS#11 thread, and leaves nothing behind. One that finds the token, the session or the
login gone is done once more from its beginning on a new session; if the token does not come back by that, once more
after the module was initialised anew, for a service behind it that was restarted.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from pkcs11 import Session
from pkcs11 import exceptions as p11
from pkcs11.attributes import AttributeMapper

from kctui.core.errors import KctuiError
from kctui.core.observer import Observer
from kctui.core.pkcs11.errors import (
    HsmBusyError,
    HsmUnreachableError,
    LoginFaultError,
    PinLockedError,
    PinRefusedError,
    TokenGoneError,
    explain,
    explained,
    login_fault,
    spends_no_try,
)
from kctui.core.pkcs11.functions import Functions
from kctui.core.pkcs11.module import Module, TokenInfo, Where, load, require_pin_tries
from kctui.core.pkcs11.worker import PATIENCE, in_thread, in_thread_watched, queued, wait_for
from kctui.core.secret import Secret
from kctui.core.words import TokenState

Result = TypeVar("Result")
CKA_NSS_DB = 0xD5A0DB00
CLOSING_PATIENCE = 5.0


class _Mapper(AttributeMapper):
    """python-pkcs11's attributes, and the one that NSS wants of a private EC key."""

    def pack_attribute(self, attribute: Any, value: Any) -> bytes:
        if attribute == CKA_NSS_DB:
            return bytes(value)
        return bytes(super().pack_attribute(attribute, value))


@dataclass(frozen=True)
class Opened:
    """An open, logged-in session, for one job. generation: of the module, as it was opened."""

    session: Session
    module: Module
    info: TokenInfo
    where: Where
    generation: int

    @property
    def outdated(self) -> bool:
        """Whether the module was initialised anew since: the session's handle may be another one's by now."""
        return self.generation != self.module.generation

    @property
    def functions(self) -> Functions:
        """The module's own functions."""
        return self.module.functions

    @property
    def handle(self) -> int:
        """The session's handle."""
        handle: Any = self.session
        return int(handle.handle)

    def require_present(self) -> None:
        """Raise TokenGoneError where the token is gone: some modules say only GeneralError then."""
        self.module.find(self.where)
        if not self.functions.logged_in(self.handle):
            raise p11.UserNotLoggedIn


class Connection:
    """One token, with the PIN that opens it. pin: asked for at each login.

    After a login that failed it tries none any more: whoever has another PIN makes a new connection. state, said: how
    the last job went, for the header.
    """

    def __init__(self, where: Where, pin: Callable[[], Secret]) -> None:
        self.where = where
        self._pin = pin
        self._opened: Opened | None = None
        self._refusal: PinRefusedError | PinLockedError | LoginFaultError | None = None
        self.state = TokenState.NOT_ASKED
        self.said = ""

    def run(self, job: Callable[[Opened], Result], what: str, *, patience: float = PATIENCE) -> Result:
        """Run a job on the token. what: what it does, for errors: "making a key". Raises KctuiError."""
        return in_thread(lambda: self._noted(job, what), patience=patience)

    def run_watched(
        self, job: Callable[[Opened], Result], what: str, observer: Observer, told: str, *, patience: float
    ) -> Result:
        """As `run`, with progress; the observer may cancel."""
        return in_thread_watched(lambda: self._noted(job, what), observer, told, patience=patience)

    def check(self, *, patience: float = PATIENCE) -> TokenInfo:
        """Look whether the token is there and logged in; connect where it is not."""
        try:
            return self.run(_look, "looking at the token", patience=patience)
        except HsmBusyError:
            raise
        except KctuiError:
            # A token that refuses even that is not simply there, whatever was before.
            if self.state is TokenState.CONNECTED:
                self.state = TokenState.FAULTY
            raise

    def begin_anew(self) -> None:
        """Let the module forget what it holds in memory, so that the next job sees what the token really kept.

        Every session of the module ends by that; their connections begin anew as well, when they are used.
        """

        def again() -> None:
            self._drop()
            load(self.where.module, self.where.init_args).reinitialise()

        in_thread(again)

    def close(self) -> None:
        """Close the session, which ends the login where it is the last one of this process with the token.

        It is closed even where that is not waited for. Raises HsmUnreachableError after five seconds.
        """
        wait_for(self.closing(), patience=CLOSING_PATIENCE)

    def closing(self) -> "Future[None]":
        """Close the session, as soon as the thread comes to it."""
        return queued(self._drop)

    def _noted(self, job: Callable[[Opened], Result], what: str) -> Result:
        try:
            result = self._surviving(job, what)
        except KctuiError as error:
            self.state, self.said = _state_of(error, self.state), error.title
            raise
        self.state, self.said = TokenState.CONNECTED, ""
        return result

    def _surviving(self, job: Callable[[Opened], Result], what: str) -> Result:
        try:
            return self._once(job, what)
        except TokenGoneError:
            self._drop()
        try:
            return self._once(job, what)
        except TokenGoneError:
            self._drop()
            load(self.where.module, self.where.init_args).reinitialise()
        return self._once(job, what)

    def _once(self, job: Callable[[Opened], Result], what: str) -> Result:
        with explained(what):
            opened = self._connected()
            try:
                return job(opened)
            except (p11.GeneralError, p11.FunctionFailed):
                opened.require_present()
                raise

    def _connected(self) -> Opened:
        if self._refusal is not None:
            raise self._refusal
        if self._opened is not None:
            if not self._opened.outdated and self._opened.functions.logged_in(self._opened.handle):
                return self._opened
            self._drop()
        module = load(self.where.module, self.where.init_args)
        token, info = module.find(self.where)
        require_pin_tries(info)
        session = token.open(rw=True, attribute_mapper=_Mapper())
        opened = Opened(session, module, info, self.where, module.generation)
        try:
            self._log_in(opened)
        except BaseException:
            _close(session)
            raise
        self._opened = opened
        return opened

    def _log_in(self, opened: Opened) -> None:
        """Log in with our PIN. Where another session of this process is logged in, any PIN would seem right."""
        if opened.functions.logged_in(opened.handle):
            opened.functions.logout(opened.handle)
        with self._pin() as pin:
            if not len(pin):
                raise PinRefusedError("The PIN is empty", remedy="An empty PIN would count as a wrong one.")
            try:
                opened.functions.login(opened.handle, pin)
            except p11.PKCS11Error as error:
                if spends_no_try(error):
                    raise
                refusal = explain(error, "logging in")
                if not isinstance(refusal, PinRefusedError | PinLockedError):
                    refusal = login_fault(error)
                self._refusal = refusal
                raise refusal from error

    def _drop(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None and not opened.outdated:
            _close(opened.session)


def _look(opened: Opened) -> TokenInfo:
    opened.require_present()
    return opened.module.find(opened.where)[1]


def _close(session: Session) -> None:
    with contextlib.suppress(p11.PKCS11Error):  # it may be gone already
        session.close()


def _state_of(error: KctuiError, before: TokenState) -> TokenState:
    match error:
        case PinLockedError():
            return TokenState.PIN_LOCKED
        case PinRefusedError() | LoginFaultError():
            return TokenState.PIN_REFUSED
        case HsmBusyError():
            return before
        case HsmUnreachableError():
            return TokenState.NOT_THERE
    return before if before is TokenState.CONNECTED else TokenState.FAULTY
