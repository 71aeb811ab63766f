"""The database: one engine, short transactions, and every database failure in words.

SQLite runs in WAL with synchronous FULL, so that a commit is on the disk before AWS is told anything.
PostgreSQL serves where several bastion hosts share one state. Nothing outside this file knows which it is.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session

from kctui.core.errors import ConflictError, StoreError, StoreUnreachableError
from kctui.core.paths import Home
from kctui.core.settings import Settings

SCHEMA_HEAD = "0003"
BUSY_SECONDS = 10
_TURN_SECONDS = 0.02
_AUDIT_LOCK = 0x6B637475
_MIGRATION_LOCK = 0x6B637476


class Store:
    """Sessions on one database. `read` never writes; `write` is one transaction that either is whole or was not."""

    def __init__(self, url: str, home: Home | None = None) -> None:
        self.url = sa.make_url(url)
        self.home = home
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = sa.create_engine(self.url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
            self._reading = self.engine
        else:
            self.engine = sa.create_engine(self.url, pool_pre_ping=True, connect_args={"connect_timeout": BUSY_SECONDS})
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading: one consistent view, rolled back at the end."""
        with self._explained(), Session(self._reading, expire_on_commit=False) as session:
            try:
                yield session
            finally:
                # A rollback would expire what was read; the rows are wanted after it.
                session.expunge_all()
                session.rollback()

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A session for one transaction: committed durably at the end of the block, or rolled back whole."""
        engine = self.engine.execution_options(kctui_write=True)
        with self._explained(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def lock_audit(self, session: Session) -> None:
        """Hold the audit log's end until this transaction ends. SQLite's writer lock does so already."""
        if not self.is_sqlite:
            session.connection().execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _AUDIT_LOCK})

    def schema(self) -> str | None:
        """The migration the database is at; None where it is empty."""
        with self._explained(), self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    def migrate(self) -> None:
        """Bring the database to this program's schema. Each migration and its record are one transaction.

        Raises StoreError for a database made by a newer kctui.
        """
        self._make_private()
        at = self.schema()
        if at == SCHEMA_HEAD:
            return
        if at is not None and at > SCHEMA_HEAD:
            raise StoreError(
                f"The database is at schema {at}; this kctui knows {SCHEMA_HEAD}",
                remedy="Use the kctui that made it, or a newer one. Nothing was changed.",
            )
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        writing = self.engine.execution_options(kctui_write=True)
        with self._explained(), self._migrating_alone(), writing.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def check_integrity(self) -> str | None:
        """What the database says of its own health: None, or the first complaint."""
        if not self.is_sqlite:
            return None
        with self._explained(), self.engine.connect() as connection:
            answer = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar_one()
            return None if answer == "ok" else str(answer)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _make_private(self) -> None:
        """Make a new database file with its mode before SQLite does, which gives the same mode to its journal."""
        if not self.is_sqlite or self.home is None or self.home.database.exists():
            return
        try:
            self.home.touch_private(self.home.database)
        except OSError as error:
            raise StoreError(
                f"The database {self.home.database} cannot be made: {error.strerror}",
                remedy="Check the owner and mode of the home directory, and that it is not mounted read-only or full.",
            ) from error

    @contextlib.contextmanager
    def _migrating_alone(self) -> Iterator[None]:
        """Hold other hosts' migrations off. SQLite's writer lock does so already."""
        if self.is_sqlite:
            yield
            return
        with self.engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            yield

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn each database failure into a StoreError with a remedy."""
        try:
            yield
        except IntegrityError as error:
            raise ConflictError(
                "That is already taken, or was removed meanwhile",
                detail=str(error.orig),
                remedy="Refresh, and look at what is there.",
            ) from error
        except (DBAPIError, PoolTimeoutError, sqlite3.DatabaseError) as error:
            raise self._explain(error) from error

    def _explain(self, error: DBAPIError | PoolTimeoutError | sqlite3.DatabaseError) -> StoreError:
        said = str(getattr(error, "orig", None) or error).strip()
        where = str(self.url.database) if self.is_sqlite else self.url.render_as_string(hide_password=True)
        if not self.is_sqlite:
            return StoreUnreachableError(
                f"The database {where} does not answer as it should",
                detail=said,
                remedy="Check that the server runs and lets you in (`psql` with the same URL).",
            )
        for words, title, remedy in _SQLITE_FAILURES:
            if any(word in said for word in words):
                return StoreError(title.format(where=where), detail=said, remedy=remedy.format(where=where))
        return StoreError(
            f"The database {where} cannot be used",
            detail=said,
            remedy="Run `kctui doctor` to see what is wrong.",
        )


_SQLITE_FAILURES = (
    (
        ("database is locked", "database table is locked"),
        "The database {where} is held by another process",
        "Another kctui is writing; try again in a moment. `fuser {where}` names who holds it.",
    ),
    (
        ("database or disk is full", "disk I/O error"),
        "The disk that holds {where} is full or failing",
        "Free some space (`df -h`) and try again. What was committed before is safe.",
    ),
    (
        ("readonly database", "attempt to write"),
        "The database {where} may not be written",
        "Check the owner and mode of the home directory, and that it is not mounted read-only.",
    ),
    (
        ("unable to open database file",),
        "The database {where} cannot be opened",
        "Check that it exists and that you may read and write it and its directory.",
    ),
    (
        ("malformed", "not a database", "file is encrypted", "corrupt"),
        "The database {where} is damaged",
        "Keep a copy of the file as it is, then restore the last backup. Nothing was changed.",
    ),
    (
        ("no such table", "no such column"),
        "The database {where} is not a kctui database of this version",
        "Run `kctui doctor`, or name the right home with --home.",
    ),
)


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's implicit transactions would leave DDL outside of them; `_begin_sqlite` opens each one.
    connection.isolation_level = None
    _use_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    # SQLite's own knows the case of ASCII letters only.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new database to WAL. Two processes that do so at once get no turn from SQLite's own waiting."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_TURN_SECONDS)
        else:
            return


def _lower(value: str | bytes | float | None) -> str | bytes | float | None:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at once: a read that later turns into a write could not wait for it.
    writes = connection.get_execution_options().get("kctui_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def open_store(home: Home, settings: Settings) -> Store:
    """The migrated store of `home`. Raises StoreError or StoreUnreachableError."""
    store = Store(settings.database_url(home), home)
    try:
        if store.is_sqlite and not home.database.is_file():
            raise StoreError(
                f"The database {home.database} is missing",
                remedy="Restore it from a backup: a new one would not hold your key material.",
            )
        store.migrate()
    except BaseException:
        store.close()
        raise
    return store
