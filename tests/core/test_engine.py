"""The engine: a home is made once, unlocked by passphrase, and every try is in the audit log."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from kctui.core.aws.credentials import AccessKey
from kctui.core.engine import FIRST_GROUP, Engine
from kctui.core.errors import (
    ConfigurationError,
    InvalidInputError,
    KctuiError,
    LockedError,
    NotFoundError,
    NotInitialisedError,
    RefusedError,
    StoreError,
    TamperedError,
    UnlockError,
)
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.keyring import Keyring
from kctui.core.model import AdminGroup, AuditEntry, CspAccount, Operator
from kctui.core.paths import Home
from kctui.core.secret import Secret
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType
from tests.conftest import OPERATOR, PASSPHRASE, stretch_little
from tests.core.rows import add_account

WRONG = "not the right passphrase"


def entries(engine: Engine) -> list[AuditEntry]:
    with engine.store.read() as session:
        return list(session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))))


def fail_to_unlock(engine: Engine) -> UnlockError:
    with pytest.raises(UnlockError) as refused:
        engine.unlock(OPERATOR, Secret(WRONG))
    return refused.value


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home as `initialise` leaves it, closed."""
    home = Home(tmp_path_factory.mktemp("fresh") / "some" / "home")
    with Engine.initialise(home, operator=OPERATOR, passphrase=Secret(PASSPHRASE)) as engine:
        assert engine.unlocked
        assert engine.operators() == [OPERATOR]
        assert [group.name for group in engine.keyring.groups.values()] == [FIRST_GROUP]
    return home


def test_a_new_home_protects_its_operator_with_todays_parameters(fresh: Home) -> None:
    with Engine.open(fresh) as engine, engine.store.read() as session:
        operator = session.exec(select(Operator)).one()
    assert operator.kdf_memory_kib >= 64 * 1024
    assert operator.kdf_passes >= 3


def test_a_new_home_says_in_its_log_who_made_it(fresh: Home) -> None:
    with Engine.open(fresh) as engine:
        [entry] = entries(engine)
    assert (entry.type, entry.category, entry.operator) == (AuditType.INFORMATION, AuditCategory.SYSTEM, OPERATOR)
    assert str(fresh.root) in entry.message


def test_every_file_of_a_new_home_is_private(fresh: Home) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in fresh.root.iterdir()}
    assert modes == dict.fromkeys(("config.toml", "kctui.db", "kctui.log"), 0o600)
    assert stat.S_IMODE(fresh.root.stat().st_mode) == 0o700
    assert fresh.loose_files() == []


def test_every_file_of_an_open_home_is_private(engine: Engine) -> None:
    with engine.store.write() as session:
        add_account(engine, session, "bank")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in engine.home.root.iterdir()}
    assert modes == {0o600}


def test_a_second_initialisation_is_refused_and_changes_nothing(home: Home) -> None:
    before = {path: path.read_bytes() for path in home.root.iterdir()}
    with pytest.raises(ConfigurationError, match="already"):
        Engine.initialise(home, operator="mallory", passphrase=Secret(PASSPHRASE))
    assert {path: path.read_bytes() for path in home.root.iterdir()} == before


def test_a_database_without_its_configuration_is_not_taken_for_a_new_home(home: Home) -> None:
    home.config.unlink()
    before = home.database.read_bytes()
    with pytest.raises(ConfigurationError, match=r"kctui\.db exists, but config\.toml does not"):
        Engine.initialise(home, operator="mallory", passphrase=Secret(PASSPHRASE))
    assert home.database.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"operator": "al/ice"}, InvalidInputError),
        ({"group": ""}, InvalidInputError),
        ({"passphrase": Secret("short")}, InvalidInputError),
        ({"database": "sqlite:///elsewhere.db"}, InvalidInputError),
        ({"database": "postgresql+psycopg://user:secret@db/kctui"}, InvalidInputError),
        ({"unix_group": "no-such-group"}, ConfigurationError),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_an_initialisation_that_is_refused_makes_nothing(
    tmp_path: Path, arguments: dict[str, object], error: type[Exception]
) -> None:
    home = Home(tmp_path / "home")
    wanted = {"operator": OPERATOR, "passphrase": Secret(PASSPHRASE), **arguments}
    with pytest.raises(error):
        Engine.initialise(home, **wanted)  # type: ignore[arg-type]
    assert not home.root.exists()


def test_one_server_database_belongs_to_one_home(tmp_path: Path, postgres_url: str) -> None:
    first = Home(tmp_path / "first")
    Engine.initialise(first, operator=OPERATOR, passphrase=Secret(PASSPHRASE), database=postgres_url).close()
    with pytest.raises(ConfigurationError, match="belongs to a kctui home already"):
        Engine.initialise(
            Home(tmp_path / "second"), operator="mallory", passphrase=Secret(PASSPHRASE), database=postgres_url
        )
    assert not first.database.exists()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_initialisation_that_cannot_write_its_configuration_can_be_tried_again(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    database = request.getfixturevalue("postgres_url") if kind == "postgresql" else None
    home = Home(tmp_path / "home")
    home.create()
    in_the_way = home.config.with_name("config.toml.new")
    in_the_way.mkdir()
    with pytest.raises(StoreError):
        Engine.initialise(home, operator=OPERATOR, passphrase=Secret(PASSPHRASE), database=database)
    assert not home.initialised
    in_the_way.rmdir()
    with Engine.initialise(home, operator=OPERATOR, passphrase=Secret(PASSPHRASE), database=database) as engine:
        assert engine.operators() == [OPERATOR]
        assert len(entries(engine)) == 1


def test_an_initialisation_that_cannot_be_committed_leaves_no_configuration(tmp_path: Path, postgres_url: str) -> None:
    home, store = Home(tmp_path / "home"), Store(postgres_url)
    store.migrate()
    with store.write() as session:
        session.connection().execute(
            sa.text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;"
                "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON operator DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    store.close()
    with pytest.raises(StoreError):
        Engine.initialise(home, operator=OPERATOR, passphrase=Secret(PASSPHRASE), database=postgres_url)
    assert not home.initialised


def test_another_host_joins_a_server_database_with_its_configuration(tmp_path: Path, postgres_url: str) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    Engine.initialise(first, operator=OPERATOR, passphrase=Secret(PASSPHRASE), database=postgres_url).close()
    second.create()
    second.config.write_text(first.config.read_text())
    with Engine.open(second) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE))
        check = engine.audit.verify()
    assert (check.intact, check.entries, check.keyed) == (True, 2, 2)


def test_what_is_no_home_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(NotInitialisedError):
        Engine.open(Home(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_an_unlock_is_in_the_audit_log_with_who_and_whence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50022 10.0.0.4 22")
    with Engine.open(home) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE))
        last = entries(engine)[-1]
    assert (last.type, last.category, last.message) == (AuditType.INFORMATION, AuditCategory.VAULT, "Unlocked by alice")
    assert (last.operator, last.ssh_client, last.mac is None) == (OPERATOR, "198.51.100.7", False)


def test_failed_unlocks_are_in_the_audit_log_and_the_third_is_critical(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50022 10.0.0.4 22")
    with Engine.open(home) as engine:
        for _ in range(4):
            fail_to_unlock(engine)
        written = entries(engine)[-4:]
    assert [(entry.type, entry.message) for entry in written] == [
        (AuditType.WARNING, "Unlock failed once for alice"),
        (AuditType.WARNING, "Unlock failed 2 times for alice"),
        (AuditType.CRITICAL, "Unlock failed 3 times for alice"),
        (AuditType.CRITICAL, "Unlock failed 4 times for alice"),
    ]
    assert {(entry.operator, entry.ssh_client, entry.category) for entry in written} == {
        (OPERATOR, "198.51.100.7", AuditCategory.VAULT)
    }


def test_failures_are_counted_over_processes(home: Home) -> None:
    said = []
    for _ in range(3):
        with Engine.open(home) as engine:
            said.append(fail_to_unlock(engine).detail)
    assert "3 times in a row" in said[-1]


def test_a_success_says_how_often_it_failed_before_and_counts_anew(home: Home) -> None:
    with Engine.open(home) as engine:
        for _ in range(2):
            fail_to_unlock(engine)
        engine.unlock(OPERATOR, Secret(PASSPHRASE))
        assert entries(engine)[-1].message == "Unlocked by alice, after 2 failed tries"
        fail_to_unlock(engine)
        assert entries(engine)[-1].message == "Unlock failed once for alice"


def test_a_failed_unlock_leaves_the_engine_locked(home: Home) -> None:
    with Engine.open(home) as engine:
        fail_to_unlock(engine)
        assert not engine.unlocked
        with pytest.raises(LockedError):
            _ = engine.keyring


def refuse_audit_entries(engine: Engine) -> None:
    """What a full disk does, at the worst moment: the keys are open, the entry cannot be written."""
    with engine.store.write() as session:
        session.connection().execute(
            sa.text("CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'full'); END")
        )


def test_an_unlock_that_cannot_be_written_down_opens_nothing(home: Home) -> None:
    with Engine.open(home) as engine:
        refuse_audit_entries(engine)
        with pytest.raises(KctuiError) as refused:
            engine.unlock(OPERATOR, Secret(PASSPHRASE))
        assert not engine.unlocked
        assert engine.audit.keyring is None
    [keyring] = [step.frame.f_locals["found"] for step in refused.traceback if step.name == "unlock"]
    assert isinstance(keyring, Keyring)
    assert keyring.groups == {}


def test_tampering_met_at_unlock_is_critical_in_the_audit_log(home: Home) -> None:
    with Engine.open(home) as engine:
        with engine.store.write() as session:
            session.exec(select(AdminGroup)).one().sealed_audit_key = b""
        with pytest.raises(TamperedError) as refused:
            engine.unlock(OPERATOR, Secret(PASSPHRASE))
        last = entries(engine)[-1]
        assert not engine.unlocked
    assert (last.type, last.category, last.operator) == (AuditType.CRITICAL, AuditCategory.VAULT, OPERATOR)
    assert refused.value.title in last.message


def test_failures_at_once_are_all_counted(tmp_path: Path, postgres_url: str) -> None:
    home, tries = Home(tmp_path / "home"), 12
    with Engine.initialise(home, operator=OPERATOR, passphrase=Secret(PASSPHRASE), database=postgres_url) as engine:
        stretch_little(engine)
    with Engine.open(home) as engine:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: fail_to_unlock(engine), range(tries)))
        with engine.store.read() as session:
            assert session.exec(select(Operator.failed_unlocks)).one() == tries


def test_an_unknown_operator_is_not_found(home: Home) -> None:
    with Engine.open(home) as engine, pytest.raises(NotFoundError):
        engine.unlock("nobody", Secret(PASSPHRASE))


def test_locking_wipes_every_key_and_credential(engine: Engine) -> None:
    with engine.store.write() as session:
        add_account(engine, session, "bank")
    with engine.store.read() as session:
        aws = engine.clients.session(session.exec(select(CspAccount)).one())
    [group] = engine.keyring.groups.values()
    credential = aws.credentials.credential
    assert isinstance(credential, AccessKey)
    held = [group.audit_key, *group.keys.values(), credential.secret_access_key]
    assert all(len(secret) for secret in held)
    engine.lock()
    assert [len(secret) for secret in held] == [0, 0, 0]
    assert not engine.unlocked
    assert engine.audit.keyring is None


def test_unlocking_for_another_operator_wipes_the_keys_of_the_first(engine: Engine) -> None:
    [group] = engine.keyring.groups.values()
    engine.unlock(OPERATOR, Secret(PASSPHRASE))
    assert len(group.audit_key) == 0
    assert len(next(iter(engine.keyring.groups.values())).audit_key) == 32


def test_read_only_refuses_what_writes_and_says_how_to_write(home: Home) -> None:
    with Engine.open(home, read_only=True) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE))
        with pytest.raises(RefusedError, match="Create Key Set is refused: kctui runs read-only"):
            create_key_set(engine, NewKeySet("payroll", "bank"))


def test_unlocking_read_only_writes_nothing(home: Home) -> None:
    with Engine.open(home) as engine:
        before = len(entries(engine))
    with Engine.open(home, read_only=True) as engine:
        engine.unlock(OPERATOR, Secret(PASSPHRASE))
        assert len(entries(engine)) == before


def _wrong_passphrase(engine: Engine) -> None:
    assert "read-only" in fail_to_unlock(engine).detail


def _tampered_with(engine: Engine) -> None:
    with engine.store.write() as session:
        session.exec(select(AdminGroup)).one().sealed_audit_key = b""
    with pytest.raises(TamperedError):
        engine.unlock(OPERATOR, Secret(PASSPHRASE))


@pytest.mark.parametrize("fail", [_wrong_passphrase, _tampered_with])
def test_failing_to_unlock_read_only_writes_nothing(home: Home, fail: Callable[[Engine], None]) -> None:
    with Engine.open(home, read_only=True) as engine:
        before = len(entries(engine))
        fail(engine)
        assert len(entries(engine)) == before
        with engine.store.read() as session:
            assert session.exec(select(Operator.failed_unlocks)).one() == 0


def test_the_log_file_holds_events_and_no_secret(engine: Engine) -> None:
    engine.unlock(OPERATOR, Secret(PASSPHRASE))
    fail_to_unlock(engine)
    with engine.store.write() as session:
        add_account(engine, session, "bank", secret=b"wJalrXUtnFEMI/K7MDENG")
    written = engine.home.log.read_text()
    assert "Unlocked by alice" in written
    assert "Unlock failed once for alice" in written
    for secret in (PASSPHRASE, WRONG, "wJalrXUtnFEMI/K7MDENG"):
        assert secret not in written


def test_each_audit_entry_is_a_line_of_the_log_file_with_its_hash(engine: Engine) -> None:
    engine.unlock(OPERATOR, Secret(PASSPHRASE))
    last = entries(engine)[-1]
    line = json.loads(engine.home.log.read_text().splitlines()[-1])
    assert (line["audit"], line["hash"], line["event"]) == (last.seq, last.hash, last.message)
