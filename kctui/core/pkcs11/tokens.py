"""The tokens of an unlocked engine: a connection for each HSM, made when it is first needed."""

import threading
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING

from kctui.core.clock import now
from kctui.core.errors import KctuiError, LockedError, StoreError
from kctui.core.model import Hsm
from kctui.core.observer import Observer
from kctui.core.pkcs11 import worker
from kctui.core.pkcs11.connection import CLOSING_PATIENCE, Connection, Opened, Result
from kctui.core.pkcs11.errors import (
    HsmBusyError,
    HsmChangedError,
    HsmUnreachableError,
    LoginFaultError,
    PinRefusedError,
)
from kctui.core.pkcs11.module import TokenInfo, Where, resolve
from kctui.core.sealing import Place
from kctui.core.secret import Secret
from kctui.core.words import TokenState

if TYPE_CHECKING:
    from kctui.core.engine import Engine


def pin_place(hsm: Hsm) -> Place:
    """Where the PIN is sealed. It opens only beside what it was given for.

    Whoever writes the database can so neither have another library loaded, nor another token or key-encryption key
    used, nor give a consent.
    """
    bound = (
        hsm.module,
        hsm.init_args or "",
        hsm.token_label,
        hsm.token_serial,
        str(hsm.slot),
        hsm.kek_id,
        f"sha1={hsm.sha1_allowed} export={hsm.export_allowed}",
    )
    return Place("hsm", hsm.id, "sealed_pin", bound)


def where_of(hsm: Hsm) -> Where:
    """Which token an HSM is."""
    return Where(hsm.module, hsm.token_label, hsm.token_serial, hsm.slot, hsm.init_args)


class Tokens:
    """The connections. One that was locked away with the vault is made anew when it is asked for."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        # Each with the revision of the row that it was made from: another PIN is another revision.
        self._connections: dict[str, tuple[int, Connection]] = {}
        self._failed: dict[str, tuple[TokenState, str]] = {}
        self._lock = threading.Lock()

    def run(self, hsm: Hsm, job: Callable[[Opened], Result], what: str, *, patience: float = worker.PATIENCE) -> Result:
        """Run a job on the token of an HSM, and keep whether it was reached. Raises KctuiError."""
        return self._noting(hsm, lambda connection: connection.run(job, what, patience=patience))

    def run_watched(
        self, hsm: Hsm, job: Callable[[Opened], Result], what: str, observer: Observer, told: str, *, patience: float
    ) -> Result:
        """As `run`, with progress, which the observer may cancel."""
        return self._noting(
            hsm, lambda connection: connection.run_watched(job, what, observer, told, patience=patience)
        )

    def check(self, hsm: Hsm, *, patience: float = worker.PATIENCE) -> TokenInfo:
        """Look whether the token is there, and connect where it is not. Raises KctuiError."""
        return self._noting(hsm, lambda connection: connection.check(patience=patience))

    @property
    def busy(self) -> bool:
        """Whether a job is under way on any token: another one would wait behind it."""
        return worker.busy()

    def state(self, hsm_id: str) -> tuple[TokenState, str]:
        """How the last job of this process on the token of an HSM went, and what was said. Never blocks."""
        if (failed := self._failed.get(hsm_id)) is not None:
            return failed
        kept = self._connections.get(hsm_id)
        return (kept[1].state, kept[1].said) if kept else (TokenState.NOT_ASKED, "")

    def forget(self, hsm_id: str | None = None) -> None:
        """Close the connection of an HSM, or all of them. One that hangs is waited for five seconds in all."""
        with self._lock:
            gone = [self._connections.pop(key) for key in list(self._connections) if hsm_id in {None, key}]
            for key in list(self._failed):
                if hsm_id in {None, key}:
                    del self._failed[key]
        wait([connection.closing() for _, connection in gone], CLOSING_PATIENCE)

    def _noting(self, hsm: Hsm, work: Callable[[Connection], Result]) -> Result:
        connection = self._connection(hsm)
        before = connection.state
        try:
            result = work(connection)
        except HsmBusyError:
            raise
        except (PinRefusedError, LoginFaultError):
            self._note_refusal(hsm)
            raise
        except HsmUnreachableError as error:
            # A job that is not waited for any longer has noted nothing itself.
            connection.state, connection.said = TokenState.NOT_THERE, error.title
            self._note_reach(hsm.id, error)
            raise
        if before is not TokenState.CONNECTED or hsm.unreachable_since is not None:
            self._note_reach(hsm.id, None)
        return result

    def _connection(self, hsm: Hsm) -> Connection:
        try:
            self._require_usable(hsm)
        except KctuiError as error:
            if not isinstance(error, LockedError):
                refused = TokenState.PIN_REFUSED if isinstance(error, PinRefusedError) else TokenState.FAULTY
                self._failed[hsm.id] = refused, error.title
            raise
        self._failed.pop(hsm.id, None)
        outdated = None
        with self._lock:
            kept = self._connections.get(hsm.id)
            if kept is not None and kept[0] < hsm.revision:
                # Another process gave it a new PIN: the connection has the old one, and may have been refused with it.
                outdated, kept = kept[1], None
            if kept is None:
                kept = self._connections[hsm.id] = hsm.revision, self._new_connection(hsm)
        if outdated is not None:
            with suppress(KctuiError):
                outdated.close()
        return kept[1]

    def _require_usable(self, hsm: Hsm) -> None:
        # Before the module is loaded: its path is bound to the PIN, and must be the one that was given.
        self._engine.keyring.open(hsm.group_id, pin_place(hsm), hsm.sealed_pin).wipe()
        resolve(hsm.module)
        if hsm.pin_refused_at is not None:
            raise _refused_before(hsm)

    def _new_connection(self, hsm: Hsm) -> Connection:
        return Connection(where_of(hsm), lambda: self._pin(hsm))

    def _pin(self, hsm: Hsm) -> Secret:
        """The PIN, unless another process was refused with it, or gave another one, since the row was read."""
        with self._engine.store.read() as session:
            row = session.get(Hsm, hsm.id)
        if row is None or row.sealed_pin != hsm.sealed_pin:
            raise HsmChangedError(f"The HSM {hsm.name} was given another PIN meanwhile", remedy="Try again.")
        if row.pin_refused_at is not None:
            raise _refused_before(row)
        return self._engine.keyring.open(hsm.group_id, pin_place(hsm), hsm.sealed_pin)

    def _note_refusal(self, hsm: Hsm) -> None:
        """Keep that this PIN was refused, so that no other process spends a try on it."""
        if self._engine.read_only:
            return
        # What the token said comes first.
        with suppress(StoreError), self._engine.store.write() as session:
            row = session.get(Hsm, hsm.id)
            if row is not None and row.sealed_pin == hsm.sealed_pin:
                row.pin_refused_at = row.pin_refused_at or now()

    def _note_reach(self, hsm_id: str, error: KctuiError | None) -> None:
        if self._engine.read_only:
            return
        try:
            with self._engine.store.write() as session:
                row = session.get(Hsm, hsm_id)
                if row is None:
                    return
                if error is None:
                    row.reached_at, row.unreachable_since, row.unreachable_reason = now(), None, None
                else:
                    row.unreachable_since = row.unreachable_since or now()
                    row.unreachable_reason = error.title
        except StoreError:
            if error is None:
                raise
            # What the token said comes first.


def _refused_before(hsm: Hsm) -> PinRefusedError:
    return PinRefusedError(
        f"The token of the HSM {hsm.name} refused the PIN that the vault has",
        detail=f"That was at {hsm.pin_refused_at:%Y-%m-%d %H:%M} UTC. It is not tried again: a token locks.",
        remedy=f"Give the right one: kctui hsm test {hsm.name} --new-pin",
    )
