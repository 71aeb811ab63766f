"""Lists page by key: every page holds what sorting everything would put there, at any size, either way."""

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from kctui.core.lists import (
    AccountSort,
    CloudKeyList,
    CloudKeyQuery,
    CloudKeyRow,
    CloudKeySort,
    CspAccountList,
    KeySetList,
    KeySetSort,
)
from kctui.core.model import AdminGroup, CloudKey, CspAccount, KeySet, Schedule, new_id
from kctui.core.paging import Cursor, Paged
from kctui.core.store import Store
from kctui.core.words import CloudStatus, KeySource, ScheduleKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 100_000
SIZES = (1, 3, 50)


def add_frame(session: Session) -> None:
    """A group, an account and two Key Sets: ids `set-a` and `set-b`."""
    session.add(AdminGroup(id="group", name="Cloud Admin Group", sealed_audit_key=b""))
    session.flush()
    session.add(
        CspAccount(
            id="account", name="bank", group_id="group", access_key_id="AKIA", sealed_secret_access_key=b"",
            region="eu-central-1", partition="aws", aws_account_id="111122223333", caller_arn="arn",
        )
    )  # fmt: skip
    session.flush()
    for name in ("set-a", "set-b"):
        session.add(KeySet(id=name, name=name, csp_account_id="account", group_id="group"))
    session.flush()


def add_keys(session: Session, keys: list[dict[str, Any]]) -> None:
    common = {"csp_account_id": "account", "key_set_id": "set-a", "region": "eu-central-1"}
    for values in keys:
        due = values.pop("due_at", None)
        key = CloudKey(**{**common, **values})
        session.add(key)
        if due is not None:
            session.add(Schedule(kind=ScheduleKind.ROTATE_CLOUD_KEY, target_id=key.id, every_days=30, due_at=due))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'keys.db'}")
    opened.migrate()
    with opened.write() as session:
        add_frame(session)
    yield opened
    opened.close()


def forwards(listed: Paged[Any], limit: int) -> list[Any]:
    """Every row, walking from the first page by `after`; each page but the first knows the way back."""
    page = listed.page(limit=limit)
    rows, first = list(page.rows), True
    while True:
        assert (page.before is None) == first
        if page.after is None:
            return rows
        page, first = listed.page(after=page.after, limit=limit), False
        rows += page.rows


def backwards(listed: Paged[Any], limit: int) -> list[Any]:
    """Every row, walking from the last page by `before`."""
    page = listed.page(last=True, limit=limit)
    rows, final = list(page.rows), True
    while True:
        assert (page.after is None) == final
        if page.before is None:
            return rows
        page, final = listed.page(before=page.before, limit=limit), False
        rows = [*page.rows, *rows]


LAST, NEVER_SEEN = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
IN_PYTHON: dict[CloudKeySort, Any] = {
    CloudKeySort.NAME: lambda row: row.name,
    CloudKeySort.DESCRIPTION: lambda row: row.description,
    CloudKeySort.SOURCE: lambda row: row.key_source.value,
    CloudKeySort.EXPIRES: lambda row: row.expires_at or LAST,
    CloudKeySort.ROTATES: lambda row: row.rotates_at or LAST,
    CloudKeySort.STATUS: lambda row: row.cloud_status.value,
    CloudKeySort.SEEN: lambda row: row.status_seen_at or NEVER_SEEN,
}

moments = st.one_of(st.none(), st.integers(0, 3).map(lambda days: NOW + timedelta(days=days)))
some_keys = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "B", "b", "a/b", "Z", "z-1"]),
            "description": st.sampled_from(["", "Aurora", "ärzte"]),
            "key_source": st.sampled_from(KeySource),
            "cloud_status": st.sampled_from(CloudStatus),
            "expires_at": moments,
            "status_seen_at": moments,
            "due_at": moments,
            "key_set_id": st.sampled_from(["set-a", "set-b"]),
            "region": st.sampled_from(["eu-central-1", "us-east-1"]),
        }
    ),
    max_size=12,
)


def check_every_walk(store: Store, query: CloudKeyQuery) -> list[CloudKeyRow]:
    """All walks of a query give the same rows, those that Python would give."""
    listed = CloudKeyList(store, query)
    everything = forwards(CloudKeyList(store, CloudKeyQuery(query.key_set_id, query.region, query.text)), 1000)
    wanted = sorted(everything, key=lambda row: (IN_PYTHON[query.sort](row), row.id), reverse=query.descending)
    assert listed.count() == len(wanted)
    for size in SIZES:
        assert forwards(listed, size) == wanted
        assert backwards(listed, size) == wanted
    return wanted


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=some_keys)
def test_every_walk_gives_what_sorting_everything_gives(store: Store, keys: list[dict[str, Any]]) -> None:
    with store.write() as session:
        session.execute(sa.delete(CloudKey))
        session.execute(sa.delete(Schedule))
        add_keys(session, [dict(values) for values in keys])
    for sort in CloudKeySort:
        for descending in (False, True):
            found = check_every_walk(store, CloudKeyQuery(sort=sort, descending=descending))
            assert len(found) == len(keys)
    only = check_every_walk(store, CloudKeyQuery("set-a", "us-east-1", sort=CloudKeySort.EXPIRES))
    assert len(only) == sum(key["key_set_id"] == "set-a" and key["region"] == "us-east-1" for key in keys)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("sort", CloudKeySort)
def test_every_walk_is_the_same_on_postgresql(postgres_keys: Store, sort: CloudKeySort, zone: str) -> None:
    with postgres_keys.engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {postgres_keys.url.database} SET timezone TO '{zone}'"))
    postgres_keys.engine.dispose()
    for descending in (False, True):
        assert len(check_every_walk(postgres_keys, CloudKeyQuery(sort=sort, descending=descending))) == 20


@pytest.fixture(scope="session")
def postgres_keys(postgres_server: Any) -> Iterator[Store]:
    address = postgres_server.address(postgres_server.create_database())
    opened = Store(address.replace("postgresql://", "postgresql+psycopg://", 1))
    opened.migrate()
    with opened.write() as session:
        add_frame(session)
        moments = [None, NOW, NOW + timedelta(days=1), None]
        add_keys(
            session,
            [
                {
                    "name": f"key-{n % 7}",
                    "description": "Aurora" * (n % 2),
                    "cloud_status": list(CloudStatus)[n % 3],
                    "expires_at": moments[n % 4],
                    "status_seen_at": moments[n % 3],
                    "due_at": moments[n % 2],
                }
                for n in range(20)
            ],
        )
    yield opened
    opened.close()


def test_a_page_of_an_empty_list_has_no_way_on(store: Store) -> None:
    page = CloudKeyList(store, CloudKeyQuery()).page()
    assert (page.rows, page.before, page.after) == ((), None, None)


def test_a_cursor_stays_good_when_its_row_is_gone(store: Store) -> None:
    with store.write() as session:
        add_keys(session, [{"id": f"id-{n}", "name": f"key-{n}"} for n in range(9)])
    listed = CloudKeyList(store, CloudKeyQuery())
    cursor = listed.page(limit=4).after
    with store.write() as session:
        session.delete(session.get_one(CloudKey, "id-3"))
    assert [row.name for row in listed.page(after=cursor, limit=3).rows] == ["key-4", "key-5", "key-6"]


FILTERED = ["100%", "1000", "a_b", "aXb", "it's", 'say "so"', "back\\slash", "slash/es", "plain", "Ärzte", "STRASSE"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0%", ["100%"]),
        ("%", ["100%"]),
        ("a_b", ["a_b"]),
        ("_", ["a_b"]),
        ("'", ["it's"]),
        ('"', ['say "so"']),
        ("\\", ["back\\slash"]),
        ("/", ["slash/es"]),
        ("PLAIN", ["plain"]),
        ("strasse", ["STRASSE"]),
        ("Ärzte", ["Ärzte"]),
        ("ärzte", ["Ärzte"]),
        ("ÄRZTE", ["Ärzte"]),
        ("", sorted(FILTERED)),
        ("nothing like it", []),
        ("' OR 1=1 --", []),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_filter_is_taken_literally_and_in_any_case(
    request: pytest.FixtureRequest, store: Store, kind: str, text: str, found: list[str]
) -> None:
    if kind == "postgresql":
        store = request.getfixturevalue("postgres_filtered")
    else:
        with store.write() as session:
            add_keys(session, [{"name": "key", "description": described} for described in FILTERED])
    listed = CloudKeyList(store, CloudKeyQuery(text=text))
    assert sorted(row.description for row in listed.page().rows) == found
    assert listed.count() == len(found)


@pytest.fixture(scope="session")
def postgres_filtered(postgres_server: Any) -> Iterator[Store]:
    address = postgres_server.address(postgres_server.create_database())
    opened = Store(address.replace("postgresql://", "postgresql+psycopg://", 1))
    opened.migrate()
    with opened.write() as session:
        add_frame(session)
        add_keys(session, [{"name": "key", "description": described} for described in FILTERED])
    yield opened
    opened.close()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", KeySetSort)
def test_key_sets_walk_either_way(store: Store, sort: KeySetSort, descending: bool) -> None:
    with store.write() as session:
        for n in range(7):
            description = "x" * (n % 2)
            session.add(KeySet(name=f"set-{n}", description=description, csp_account_id="account", group_id="group"))
        add_keys(session, [{"name": f"key-{n}"} for n in range(3)])
    listed = KeySetList(store, sort=sort, descending=descending)
    rows = forwards(listed, 2)
    assert rows == backwards(listed, 2)
    assert len(rows) == listed.count() == 9
    assert {row.name: row.cloud_keys for row in rows}["set-a"] == 3


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", AccountSort)
def test_accounts_walk_either_way(store: Store, sort: AccountSort, descending: bool) -> None:
    with store.write() as session:
        bank = session.get_one(CspAccount, "account")
        for n in range(6):
            values = {**bank.model_dump(), "id": new_id(), "name": f"bank-{n}", "region": f"r-{n % 2}"}
            session.add(CspAccount(**values))
    listed = CspAccountList(store, sort=sort, descending=descending)
    rows = forwards(listed, 2)
    assert rows == backwards(listed, 2)
    assert len(rows) == listed.count() == 7
    assert {row.name: row.key_sets for row in rows}["bank"] == 2


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A hundred thousand CloudKeys, in two Key Sets and two regions."""
    file = tmp_path_factory.mktemp("many") / "keys.db"
    opened = Store(f"sqlite:///{file}")
    opened.migrate()
    with opened.write() as session:
        add_frame(session)
        add_keys(session, [{"id": "pattern", "name": "pattern", "cloud_status": CloudStatus.AVAILABLE}])
    opened.engine.dispose()
    with sqlite3.connect(file) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(cloud_key)")]
        made = {"id": "printf('%032d', n)", "name": "printf('key-%06d', n)",
                "key_set_id": "CASE WHEN n % 2 THEN 'set-a' ELSE 'set-b' END",
                "region": "CASE WHEN n % 4 < 2 THEN 'eu-central-1' ELSE 'us-east-1' END"}  # fmt: skip
        values = ", ".join(made.get(column, column) for column in columns)
        connection.execute(
            f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {MANY - 1})"
            f"INSERT INTO cloud_key SELECT {values} FROM cloud_key, c"
        )
    connection.close()
    yield opened
    opened.close()


QUERIES = [CloudKeyQuery(), CloudKeyQuery("set-a"), CloudKeyQuery("set-a", "us-east-1")]
MIDDLE = Cursor("key-050000", "")


@pytest.mark.parametrize("where", [{}, {"last": True}, {"after": MIDDLE}, {"before": MIDDLE}], ids=str)
@pytest.mark.parametrize("query", QUERIES, ids=["all", "set", "set-and-region"])
def test_a_page_of_a_hundred_thousand_takes_as_long_as_one_of_ten(
    many: Store, query: CloudKeyQuery, where: dict[str, Any]
) -> None:
    listed = CloudKeyList(many, query)
    assert len(listed.page(limit=200, **where).rows) == 200
    took = []
    for _ in range(3):
        began = time.perf_counter()
        listed.page(limit=10, **where)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.1


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("query", QUERIES, ids=["all", "set", "set-and-region"])
def test_a_page_by_name_comes_from_an_index_without_sorting(
    many: Store, query: CloudKeyQuery, descending: bool
) -> None:
    asked: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    sa.event.listen(many.engine, "before_cursor_execute", keep)
    sort = CloudKeyQuery(query.key_set_id, query.region, sort=CloudKeySort.NAME, descending=descending)
    CloudKeyList(many, sort).page(after=MIDDLE, limit=10)
    sa.event.remove(many.engine, "before_cursor_execute", keep)
    statement, parameters = next((sql, given) for sql, given in asked if "cloud_key" in sql)
    with many.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any("cloud_key" in step and "USING INDEX ix_cloud_key" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_a_hundred_thousand_are_counted(many: Store) -> None:
    assert CloudKeyList(many, CloudKeyQuery()).count() == MANY
