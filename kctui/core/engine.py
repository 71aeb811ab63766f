"""The engine: one home, opened; unlocked when somebody's passphrase opens it. Both front ends stand on it."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from sqlmodel import Session, col, func, select

from kctui.core import keyring as keys
from kctui.core.audit import AuditEvent, AuditLog
from kctui.core.errors import ConfigurationError, LockedError, RefusedError, TamperedError, UnlockError
from kctui.core.keyring import Keyring
from kctui.core.log import open_log
from kctui.core.model import Operator
from kctui.core.paths import Home
from kctui.core.secret import Secret
from kctui.core.settings import Settings, check_database_url, load_settings, save_settings
from kctui.core.store import Store, open_store
from kctui.core.words import AuditCategory, AuditType

if TYPE_CHECKING:
    from kctui.core.pkcs11.tokens import Tokens

FIRST_GROUP = "Cloud Admin Group"
FAILED_UNLOCKS_ALARM = 3
# Two hosts that fail at once count twice (PostgreSQL; SQLite has one writer). Rows that only refer to it go on.
_ALONE = {"key_share": True}

AskPassphrase = Callable[[str], Secret]


class Engine:
    """An open home. Thread-safe for reading; operations take their own locks (see `operations.journal`)."""

    def __init__(self, home: Home, settings: Settings, store: Store, *, read_only: bool = False) -> None:
        from kctui.core.aws.clients import Clients
        from kctui.core.timing import Timing

        self.home = home
        self.settings = settings
        self.store = store
        self.read_only = read_only
        self.log, self._log_file = open_log(home)
        self.audit = AuditLog(store, self.log)
        self.clients = Clients(self)
        self.timing = Timing()
        self._tokens: Tokens | None = None
        self._making_tokens = threading.Lock()
        self._keyring: Keyring | None = None

    @classmethod
    def open(cls, home: Home, *, read_only: bool = False) -> Self:
        """Open an initialised home. Raises NotInitialisedError, ConfigurationError or StoreError."""
        settings = load_settings(home)
        store = open_store(home, settings)
        try:
            return cls(home, settings, store, read_only=read_only)
        except BaseException:
            store.close()
            raise

    @classmethod
    def initialise(
        cls,
        home: Home,
        *,
        operator: str,
        passphrase: Secret,
        group: str = FIRST_GROUP,
        database: str | None = None,
        unix_group: str | None = None,
    ) -> Self:
        """Make a home with its first operator and Admin Group, and give it unlocked.

        Raises ConfigurationError where there is one already; what it made is removed when it fails half-way.
        """
        if home.initialised:
            raise ConfigurationError(
                f"There is a kctui home at {home.root} already",
                remedy="Use it, or name another with --home DIR. Nothing was changed.",
            )
        settings = Settings(database=check_database_url(database))
        keys.check_name(operator, "an operator", "operator")
        keys.check_name(group, "an Admin Group", "group")
        from kctui.core.operator_keys import check_passphrase

        check_passphrase(passphrase)
        home.create(unix_group)
        if not settings.database and home.database.exists():
            raise ConfigurationError(
                f"{home.database} exists, but {home.config.name} does not",
                remedy="This is half of a home. Put config.toml back, or move the database away by hand.",
            )
        store = Store(settings.database_url(home), home)
        with ExitStack() as undo:
            undo.callback(_remove_half_a_home, home, store)
            undo.callback(store.close)
            store.migrate()
            engine = cls(home, settings, store)
            undo.callback(engine.close)
            with store.write() as session:
                engine._enrol_first(session, operator, passphrase, group)
                # In the transaction, so that neither is there without the other: a second try meets no operator.
                undo.callback(home.config.unlink, missing_ok=True)
                save_settings(home, settings)
            undo.pop_all()
        return engine

    @property
    def unlocked(self) -> bool:
        """Whether the vault is open."""
        return self._keyring is not None

    @property
    def keyring(self) -> Keyring:
        """The open keyring. Raises LockedError."""
        if self._keyring is None:
            raise LockedError(
                "The vault is locked", remedy="Unlock it with your passphrase, or name a --passphrase-file."
            )
        return self._keyring

    @property
    def tokens(self) -> "Tokens":
        """The tokens of HSMs. python-pkcs11 is loaded with the first one."""
        with self._making_tokens:
            if self._tokens is None:
                from kctui.core.pkcs11.tokens import Tokens

                self._tokens = Tokens(self)
            return self._tokens

    def operators(self) -> list[str]:
        """The names of the enrolled operators."""
        with self.store.read() as session:
            return list(session.exec(select(Operator.name).order_by(col(Operator.name))))

    def unlock(self, operator: str, passphrase: Secret, *, quietly: bool = False) -> None:
        """Open the vault for an operator. Takes about 0.2 s. Raises UnlockError, NotFoundError or TamperedError.

        Every try is in the audit log, without which it stays shut; the third failure in a row is CRITICAL, and so
        is what was tampered with. Read-only, nothing is written. quietly: without the entry of success.
        """
        with self.store.read() as session:
            row = keys.find_operator(session, operator)
            found: Keyring | UnlockError | TamperedError
            try:
                found = keys.open_keyring(session, row, passphrase)
            except (UnlockError, TamperedError) as error:
                found = error
        if isinstance(found, UnlockError):
            raise self._failed_unlock(row.id, operator)
        if isinstance(found, TamperedError):
            self._note_tampering(operator, found)
            raise found
        try:
            if not self.read_only:
                self._note_unlock(found, quietly=quietly)
        except BaseException:
            found.wipe()
            raise
        self.lock()
        self._keyring = self.audit.keyring = found

    def lock(self) -> None:
        """Forget every key, every AWS client made with them, and every login to a token."""
        self.clients.forget()
        if self._keyring is not None:
            self._keyring.wipe()
        self._keyring = self.audit.keyring = None
        # Last: a token may keep us waiting.
        if self._tokens is not None:
            self._tokens.forget()

    def close(self) -> None:
        """Lock, and let go of database and log."""
        self.lock()
        self.store.close()
        with suppress(OSError):  # a full disk: each entry is in the database
            self._log_file.close()

    def require_writable(self, what: str) -> None:
        """Raise RefusedError in read-only mode."""
        if self.read_only:
            raise RefusedError(f"{what} is refused: kctui runs read-only", remedy="Start it without --read-only.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _enrol_first(self, session: Session, operator: str, passphrase: Secret, group: str) -> None:
        """Enrol the first operator with an Admin Group, and open the vault for them."""
        self.store.lock_audit(session)  # two hosts may try at once
        if session.exec(select(func.count()).select_from(Operator)).one():
            raise ConfigurationError(
                "This database belongs to a kctui home already",
                remedy="To join it from this host, copy its config.toml into this home.",
            )
        first = keys.enrol(session, operator, passphrase)
        keys.create_group(session, group, first)
        self._keyring = self.audit.keyring = keys.open_keyring(session, first, passphrase)
        self.audit.record(
            session,
            AuditEvent(
                AuditType.INFORMATION,
                AuditCategory.SYSTEM,
                f"Initialised {self.home.root} with operator {operator} in {group}",
                {"Operator": operator, "Admin Group": group},
            ),
        )

    def _note_unlock(self, keyring: Keyring, *, quietly: bool) -> None:
        with self.store.write() as session:
            row = session.get_one(Operator, keyring.operator_id, with_for_update=_ALONE)
            failed, row.failed_unlocks = row.failed_unlocks, 0
            if quietly:
                return
            before = f", after {failed} failed tries" if failed else ""
            # With the keys that are about to be the engine's, so that the entry is keyed.
            AuditLog(self.store, self.log, keyring).record(
                session,
                AuditEvent(
                    AuditType.INFORMATION,
                    AuditCategory.VAULT,
                    f"Unlocked by {keyring.operator}{before}",
                    {"Operator": keyring.operator},
                ),
            )

    def _note_tampering(self, operator: str, error: TamperedError) -> None:
        if self.read_only:
            return
        self.audit.note(
            AuditEvent(
                AuditType.CRITICAL,
                AuditCategory.VAULT,
                f"Unlock stopped for {operator}, the vault was tampered with: {error.title}",
                {"Operator": operator},
                operator=operator,
            )
        )

    def _failed_unlock(self, operator_id: str, operator: str) -> UnlockError:
        title = f"The passphrase does not open {operator}'s key"
        remedy = "Try again. Nobody can recover a passphrase; another member can admit a new operator."
        if self.read_only:
            return UnlockError(title, detail="kctui runs read-only: the try is not in the audit log.", remedy=remedy)
        with self.store.write() as session:
            row = session.get_one(Operator, operator_id, with_for_update=_ALONE)
            row.failed_unlocks += 1
            failed = row.failed_unlocks
            times = "once" if failed == 1 else f"{failed} times"
            alarm = failed >= FAILED_UNLOCKS_ALARM
            self.audit.record(
                session,
                AuditEvent(
                    AuditType.CRITICAL if alarm else AuditType.WARNING,
                    AuditCategory.VAULT,
                    f"Unlock failed {times} for {operator}",
                    {"Operator": operator},
                    operator=operator,
                ),
            )
        return UnlockError(
            title,
            detail=f"Failed {times if failed == 1 else times + ' in a row'}; each try is in the audit log.",
            remedy=remedy,
        )


def _remove_half_a_home(home: Home, store: Store) -> None:
    """Remove the database that this initialisation made; a server's was rolled back, and is not ours to drop."""
    if store.is_sqlite and not home.initialised:
        for name in ("", "-wal", "-shm"):
            home.database.with_name(home.database.name + name).unlink(missing_ok=True)
