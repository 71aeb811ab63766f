"""The last known Cloud Status, read straight from the database: light, without unlocking, without writing.

It imports neither SQLModel nor boto3, so that a prompt, a cron job or a login banner can afford it.
"""

import contextlib
import importlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from kctui.core.errors import ConfigurationError, NotFoundError, StoreError, StoreUnreachableError
from kctui.core.paths import Home
from kctui.core.settings import load_settings
from kctui.core.words import CloudStatus, KeySource

BUSY_SECONDS = 10
_NAMED_TABLES = ("cloud_key", "key_set", "csp_account", "operator")
_STATUS = """
SELECT k.name, s.name, a.name, k.region, k.cloud_status, k.status_seen_at, k.expires_at, k.deletion_date,
       k.key_source, a.unreachable_since
FROM cloud_key k JOIN key_set s ON s.id = k.key_set_id JOIN csp_account a ON a.id = k.csp_account_id
"""


@dataclass(frozen=True)
class StatusRow:
    """One CloudKey. unreachable_since: since when its CSP Account does not answer."""

    name: str
    key_set: str
    account: str
    region: str
    cloud_status: CloudStatus
    status_seen_at: datetime | None
    expires_at: datetime | None
    deletion_date: datetime | None
    key_source: KeySource
    unreachable_since: datetime | None


@dataclass(frozen=True)
class StatusReport:
    """The CloudKeys by Key Set, region and name."""

    rows: tuple[StatusRow, ...]


class _Query(Protocol):
    """Runs one SELECT with `?` for its parameters."""

    def __call__(self, sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]: ...


def read_status(home: Home, *, key_set: str | None = None, region: str | None = None) -> StatusReport:
    """Read it. Raises NotInitialisedError, ConfigurationError, StoreError, or NotFoundError for the Key Set."""
    wanted: list[str] = []
    parameters: list[str] = []
    with _reading(home) as query:
        if key_set is not None:
            if not query("SELECT 1 FROM key_set WHERE name = ?", (key_set,)):
                raise NotFoundError(f"There is no Key Set {key_set}", remedy="`kctui keyset list` shows what there is.")
            wanted.append("s.name = ?")
            parameters.append(key_set)
        if region is not None:
            wanted.append("k.region = ?")
            parameters.append(region)
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        found = query(f"{_STATUS}{where} ORDER BY s.name, k.region, k.name, k.created_at", parameters)
    return StatusReport(tuple(_row(values) for values in found))


def known_names(home: Home, table: str) -> list[str]:
    """The names in one table, sorted: what a shell may complete."""
    if table not in _NAMED_TABLES:
        raise ValueError(f"no names are kept in {table}")
    with _reading(home) as query:
        return [str(name) for (name,) in query(f"SELECT DISTINCT name FROM {table} ORDER BY name")]  # noqa: S608


def _row(values: tuple[Any, ...]) -> StatusRow:
    name, key_set, account, region, status, seen_at, expires_at, deletion_date, source, silent_since = values
    return StatusRow(
        name=name,
        key_set=key_set,
        account=account,
        region=region,
        cloud_status=CloudStatus(status),
        status_seen_at=_moment(seen_at),
        expires_at=_moment(expires_at),
        deletion_date=_moment(deletion_date),
        key_source=KeySource(source),
        unreachable_since=_moment(silent_since),
    )


def _moment(value: object) -> datetime | None:
    """A date as SQLite keeps it (UTC, as text without a zone) or as PostgreSQL gives it."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@contextlib.contextmanager
def _reading(home: Home) -> Iterator[_Query]:
    settings = load_settings(home)
    with _postgresql(settings.database) if settings.database else _sqlite(home) as query:
        yield query


@contextlib.contextmanager
def _sqlite(home: Home) -> Iterator[_Query]:
    where = home.database
    if not where.is_file():
        raise StoreError(
            f"The database {where} is missing",
            remedy="Restore it from a backup: a new one would not hold your key material.",
        )
    try:
        with contextlib.closing(_connect_sqlite(home)) as connection:
            connection.execute("BEGIN")

            def query(sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
                return connection.execute(sql, parameters).fetchall()

            yield query
    except sqlite3.Error as error:
        raise _explain(str(where), error) from error


def _connect_sqlite(home: Home) -> sqlite3.Connection:
    """A connection that cannot write. Where not even the WAL's index can be made, the file is all there is."""
    uri = f"file:{quote(str(home.database))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            # Who holds it may be writing: what the file alone says could be torn.
            raise
        wal = home.database.with_name(home.database.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _postgresql(url: str) -> Iterator[_Query]:
    try:
        psycopg = importlib.import_module("psycopg")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "The database is PostgreSQL, and its driver is not installed",
            remedy="pip install 'kctui[postgres]'",
        ) from None
    try:
        address = url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(address, connect_timeout=BUSY_SECONDS) as connection:
            connection.read_only = True

            def query(sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
                rows: list[tuple[Any, ...]] = connection.execute(sql.replace("?", "%s"), list(parameters)).fetchall()
                return rows

            yield query
    except psycopg.Error as error:
        raise StoreUnreachableError(
            f"The database {url} does not answer as it should",
            detail=str(error).strip(),
            remedy="Check that the server runs and lets you in (`psql` with the same URL).",
        ) from error


def _explain(where: str, error: sqlite3.Error) -> StoreError:
    said = str(error)
    for words, title, remedy in _FAILURES:
        if any(word in said for word in words):
            return StoreError(title.format(where=where), detail=said, remedy=remedy.format(where=where))
    return StoreError(
        f"The database {where} cannot be used", detail=said, remedy="Run `kctui doctor` to see what is wrong."
    )


_FAILURES = (
    (
        ("locked",),
        "The database {where} is held by another process",
        "Another kctui is writing; try again in a moment. `fuser {where}` names who holds it.",
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
    (
        ("unable to open", "readonly", "disk I/O"),
        "The database {where} cannot be opened",
        "Check that you may read it and its directory, and that the disk is sound.",
    ),
)
