"""The database is durable, whole or untouched, and says in words what is wrong with it."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, func, select

from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, StoreError, StoreUnreachableError
from kctui.core.model import RegionName
from kctui.core.paths import Home
from kctui.core.settings import Settings
from kctui.core.store import Store, open_store
from tests.core.unprivileged import run_held_back


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    opened = Store(f"sqlite:///{home.database}", home)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, store: Store) -> Iterator[Store]:
    """A store of each kind."""
    if request.param == "sqlite":
        yield store
        return
    opened = Store(request.getfixturevalue("postgres_url"))
    opened.migrate()
    yield opened
    opened.close()


def a_region(name: str = "eu-central-1", long_name: str = "Europe (Frankfurt)") -> RegionName:
    return RegionName(partition="aws", region=name, long_name=long_name)


def regions(session: Session) -> int:
    return session.exec(select(func.count()).select_from(RegionName)).one()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)]
)
def test_sqlite_is_durable_and_checks_its_references(store: Store, pragma: str, value: object) -> None:
    for _ in range(2):
        with store.read() as session:
            assert session.connection().exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_written_block_is_there_for_others(either: Store) -> None:
    with either.write() as session:
        session.add(a_region())
    with either.read() as session:
        assert regions(session) == 1


def test_a_block_that_fails_leaves_nothing(either: Store) -> None:
    def write_and_fail() -> None:
        with either.write() as session:
            session.add(a_region())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with either.read() as session:
        assert regions(session) == 0


def test_reading_writes_nothing(either: Store) -> None:
    with either.read() as session:
        session.add(a_region())
        session.flush()
    with either.read() as session:
        assert regions(session) == 0


def test_a_reader_keeps_one_view_while_others_write(either: Store) -> None:
    with either.read() as session:
        assert regions(session) == 0
        with either.write() as writer:
            writer.add(a_region())
        assert regions(session) == 0


def test_a_reference_to_nothing_is_refused(engine: Engine) -> None:
    with pytest.raises(ConflictError), engine.store.write() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO membership VALUES ('no-group', 'nobody', 1, x'00', '2026-01-01 00:00:00')"
        )


def test_what_must_be_unique_is_a_conflict(either: Store) -> None:
    with either.write() as session:
        session.add(a_region())
    with pytest.raises(ConflictError), either.write() as session:
        session.add(a_region())


def test_writers_wait_for_each_other(either: Store) -> None:
    with either.write() as session:
        session.add(a_region(long_name="0"))

    def count(_: int) -> None:
        for _ in range(10):
            with either.write() as session:
                row = session.exec(select(RegionName).with_for_update()).one()
                row.long_name = str(int(row.long_name) + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with either.read() as session:
        assert session.exec(select(RegionName.long_name)).one() == "40"


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    with store.write() as writer:
        writer.add(a_region())
        writer.flush()
        with store.read() as session:
            assert regions(session) == 0


def test_a_database_held_by_another_process_says_so_and_what_to_do(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kctui.core.store.BUSY_SECONDS", 0.05)
    store = Store(f"sqlite:///{home.database}", home)
    other = sqlite3.connect(home.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="held by another process") as refused, store.write() as session:
        session.add(a_region("waiting-1"))
    assert "try again" in refused.value.remedy
    other.close()
    with store.write() as session:
        session.add(a_region())
    store.close()


def test_a_corrupt_file_says_so(home: Home) -> None:
    home.database.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreError, match="is damaged") as refused:
        open_store(home, Settings())
    assert "restore the last backup" in refused.value.remedy


def test_a_damaged_page_says_so(home: Home, store: Store) -> None:
    with store.write() as session:
        session.add_all(a_region(f"xx-central-{n}", "x" * 500) for n in range(100))
    store.close()
    size = home.database.stat().st_size
    with home.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with pytest.raises(StoreError, match="is damaged"), store.read() as session:
        session.exec(select(RegionName)).all()


def test_a_damaged_file_is_found_by_its_own_check(home: Home, store: Store) -> None:
    assert store.check_integrity() is None
    with store.write() as session:
        session.add_all(a_region(f"xx-central-{n}", "x" * 500) for n in range(100))
    store.close()
    with home.database.open("r+b") as file:
        file.seek(-4096 + 8, 2)
        file.write(b"\xa5" * 64)
    assert store.check_integrity() is not None


def test_a_missing_database_is_not_made_anew(home: Home) -> None:
    home.database.unlink()
    with pytest.raises(StoreError, match="is missing"):
        open_store(home, Settings())
    assert not home.database.exists()


READ_ONLY = """
    import sys
    from pathlib import Path
    from kctui.core.errors import StoreError
    from kctui.core.model import RegionName
    from kctui.core.paths import Home
    from kctui.core.settings import Settings
    from kctui.core.store import open_store

    try:
        store = open_store(Home(Path(sys.argv[1])), Settings())
        with store.write() as session:
            session.add(RegionName(partition="aws", region="eu-central-1", long_name=""))
    except StoreError as error:
        print(error.title, "|", error.remedy)
"""


def test_a_file_that_may_not_be_written_says_so(home: Home) -> None:
    home.database.chmod(0o400)
    said = run_held_back(READ_ONLY, home.root)
    assert "may not be written" in said
    assert "owner and mode" in said


def test_a_file_that_may_not_be_read_says_so(home: Home) -> None:
    home.database.chmod(0)
    assert "cannot be opened" in run_held_back(READ_ONLY, home.root)


def test_a_directory_that_may_not_be_written_says_so(home: Home) -> None:
    home.root.chmod(0o500)
    said = run_held_back(READ_ONLY, home.root)
    home.root.chmod(0o700)
    assert "cannot be opened" in said or "may not be written" in said


def test_a_full_disk_says_so_and_keeps_nothing_of_the_transaction(store: Store) -> None:
    with store.write() as session:
        session.add(a_region("before-1"))
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full or failing") as refused, store.write() as session:
        session.add_all(a_region(f"after-{n}", "x" * 4000) for n in range(20))
    assert "df -h" in refused.value.remedy
    with store.read() as session:
        assert list(session.exec(select(RegionName.region))) == ["before-1"]


FULL = """
    import resource, sys
    from pathlib import Path
    from sqlmodel import select
    from kctui.core.errors import StoreError
    from kctui.core.model import RegionName
    from kctui.core.paths import Home
    from kctui.core.settings import Settings
    from kctui.core.store import open_store

    home = Home(Path(sys.argv[1]))
    store = open_store(home, Settings())
    size = home.database.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
    try:
        with store.write() as session:
            session.add_all(RegionName(partition="aws", region=f"r-{n}", long_name="x" * 4000) for n in range(500))
    except StoreError as error:
        print(error.title)
    with store.read() as session:
        print(len(session.exec(select(RegionName)).all()))
"""


def test_a_log_that_cannot_grow_says_so_and_keeps_nothing_of_the_transaction(home: Home) -> None:
    said, kept = run_held_back(FULL, home.root).splitlines()
    assert "full or failing" in said
    assert kept == "0"


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    store = Store("postgresql+psycopg://postgres@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnreachableError) as refused, store.read() as session:
        session.exec(select(RegionName)).all()
    assert "127.0.0.1:1" in refused.value.title
    store.close()


def test_a_server_without_that_database_says_so(postgres_url: str) -> None:
    store = Store(postgres_url + "_not")
    with pytest.raises(StoreUnreachableError) as refused:
        store.schema()
    assert "does not exist" in refused.value.detail
    store.close()


def test_a_password_in_a_url_is_not_shown() -> None:
    store = Store("postgresql+psycopg://postgres:hunter2@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnreachableError) as refused:
        store.schema()
    assert "hunter2" not in refused.value.title + refused.value.detail
    store.close()


def test_a_database_of_something_else_is_told_apart(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(StoreError, match="not a kctui database"), store.read() as session:
        session.exec(select(RegionName)).all()
    store.close()


def test_sessions_give_back_their_connections(either: Store) -> None:
    for _ in range(30):
        with either.read() as session:
            regions(session)
    assert isinstance(either.engine.pool, sa.pool.QueuePool)
    assert either.engine.pool.checkedout() == 0
