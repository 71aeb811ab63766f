"""Migrations make the tables that the model describes, in one piece or not at all."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from kctui.core import model, store
from kctui.core.errors import StoreError
from kctui.core.paths import Home
from kctui.core.store import SCHEMA_HEAD, Store
from kctui.core.words import RotationMethod


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def empty(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def tables(opened: Store) -> set[str]:
    return set(sa.inspect(opened.engine).get_table_names())


def test_a_fresh_database_is_what_the_model_says(empty: Store) -> None:
    empty.migrate()
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert tables(empty) == {*SQLModel.metadata.tables, "alembic_version"}
    assert model.CloudKey.__tablename__ in tables(empty)


def test_an_empty_database_has_no_schema(empty: Store) -> None:
    assert empty.schema() is None


def test_the_head_that_the_store_names_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_HEAD]


def test_a_migrated_database_is_at_the_head_and_left_alone(empty: Store) -> None:
    empty.migrate()
    empty.migrate()
    assert empty.schema() == SCHEMA_HEAD


OLD_ROWS = (
    "INSERT INTO admin_group (id, name, generation, sealed_audit_key, created_at) VALUES ('g', 'g', 1, '', :now)",
    (
        "INSERT INTO csp_account (id, name, description, group_id, credential_kind, access_key_id,"
        " sealed_secret_access_key, region, partition, aws_account_id, caller_arn, created_at)"
        " VALUES ('a', 'bank', '', 'g', 'ACCESS_KEY', 'AKIA', '', 'eu-central-1', 'aws', '1', 'arn', :now)"
    ),
    (
        "INSERT INTO key_set (id, name, description, csp_account_id, group_id, created_at)"
        " VALUES ('s', 'payroll', '', 'a', 'g', :now)"
    ),
    (
        "INSERT INTO cloud_key (id, key_set_id, csp_account_id, region, name, description, kms_key_id, key_spec,"
        " key_usage, key_source, cloud_status, administrators, users, tags, revision, created_at) VALUES ('k', 's',"
        " 'a', 'eu-central-1', 'payroll-db', '', 'id', 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'KCTUI', 'AVAILABLE',"
        " '[]', '[]', '{}', 1, :now)"
    ),
    (
        "INSERT INTO key_version (id, cloud_key_id, number, kms_key_id, material_state, import_state, created_at)"
        " VALUES ('v', 'k', 1, 'id', 'CURRENT', 'IMPORTED', :now)"
    ),
)


def test_what_the_first_schema_holds_is_carried_on(empty: Store) -> None:
    """With rows that refer to each other: nothing is dropped, and every new column has its value."""
    upgrade(empty, "0001")
    with empty.engine.begin() as connection:
        for row in OLD_ROWS:
            connection.execute(sa.text(row), {"now": "2026-11-01 00:00:00+00"})
    empty.migrate()
    with empty.read() as session:
        account = session.get_one(model.CspAccount, "a")
        key_set = session.get_one(model.KeySet, "s")
        key = session.get_one(model.CloudKey, "k")
        version = session.get_one(model.KeyVersion, "v")
    assert (account.revision, account.rotation_days, account.pending_access_key_id) == (1, None, None)
    assert (key_set.revision, key_set.rotation_method) == (1, RotationMethod.IN_PLACE)
    assert (key.origin, key.rotations_used, key.policy) == ("EXTERNAL", 0, None)
    assert (version.cloud_status, version.rotated_at, version.public_key) == (None, None, None)


def upgrade(opened: Store, revision: str) -> None:
    """Bring a database to an earlier schema."""
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    with opened.engine.execution_options(kctui_write=True).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_migration_that_fails_half_way_leaves_neither_tables_nor_its_record(empty: Store) -> None:
    """`key_set` is made late in the first migration; somebody else's table of that name stops it there."""
    with empty.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE key_set (other INTEGER)"))
    with pytest.raises(StoreError):
        empty.migrate()
    assert tables(empty) - {"alembic_version"} == {"key_set"}
    assert empty.schema() is None


def test_a_failed_migration_succeeds_once_the_reason_is_gone(empty: Store) -> None:
    with empty.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE key_set (other INTEGER)"))
    with pytest.raises(StoreError):
        empty.migrate()
    with empty.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE key_set"))
    empty.migrate()
    assert empty.schema() == SCHEMA_HEAD


def test_a_newer_schema_is_refused_and_left_alone(empty: Store) -> None:
    empty.migrate()
    with empty.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999"):
        empty.migrate()
    assert empty.schema() == "9999"


MIGRATE = """
import sys
from kctui.core.store import Store
from alembic import command

store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store.migrate()
print(store.schema())
"""


def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    program = [sys.executable, "-c", MIGRATE, url]
    here, pipe = Path(__file__).parents[2], subprocess.PIPE
    processes = [subprocess.Popen(program, text=True, cwd=here, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in processes]
    assert [out.strip() for out, _ in said] == [SCHEMA_HEAD] * 3, "\n".join(error for _, error in said)


def test_a_new_database_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal too: SQLite gives that the database's mode at the time."""
    home = Home(tmp_path / "home")
    home.create()
    opened = Store(f"sqlite:///{home.database}", home)
    opened.migrate()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.root.iterdir()}
    opened.close()
    assert modes == dict.fromkeys(("kctui.db", "kctui.db-wal", "kctui.db-shm"), 0o600)
