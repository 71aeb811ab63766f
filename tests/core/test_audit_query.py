"""The filters of the audit log: the same entries on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kctui.core.lists import AuditList, AuditObject, AuditQuery
from kctui.core.model import AuditEntry
from kctui.core.store import Store
from kctui.core.words import AuditCategory, AuditType

AT = datetime(2026, 11, 23, tzinfo=UTC)
HOSTILE = "a\"}' OR 1=1 --\x1b]0;owned\x07\\%_ä\N{SNOWMAN}"
ENTRIES: tuple[tuple[AuditType, AuditCategory, str | None, str, dict[str, str]], ...] = (
    (AuditType.INFORMATION, AuditCategory.SYSTEM, "alice", "Initialised", {"Operator": "alice"}),
    (AuditType.INFORMATION, AuditCategory.KEY_SET, "alice", "Created", {"Key Set": "payroll", "CSP Account": "bank"}),
    (AuditType.INFORMATION, AuditCategory.CLOUD_KEY, "bob", "Created", {"CloudKey": "payroll", "KeyId": "k-1"}),
    (AuditType.WARNING, AuditCategory.CLOUD_KEY, "bob", "Refused", {"CloudKey": "payroll-2"}),
    (AuditType.CRITICAL, AuditCategory.VAULT, None, "Unlock failed", {}),
    (AuditType.ERROR, AuditCategory.CLOUD_KEY, "Bob", HOSTILE, {"CloudKey": HOSTILE, 'odd "=\' kind': "x=y"}),
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Six entries, an hour apart, on either database."""
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    opened = Store(url)
    opened.migrate()
    with opened.write() as session:
        for number, (weight, category, operator, message, objects) in enumerate(ENTRIES, 1):
            session.add(
                AuditEntry(
                    seq=number,
                    time=AT + timedelta(hours=number),
                    type=weight,
                    category=category,
                    operator=operator,
                    message=message,
                    objects=objects,
                    previous_hash="0" * 64,
                    hash=f"{number:064}",
                )
            )
    yield opened
    opened.close()


def found(store: Store, **wanted: Any) -> list[int | None]:
    listed = AuditList(store, AuditQuery(**wanted, newest_first=False))
    rows = [row.seq for row in listed.page().rows]
    assert listed.count() == len(rows)
    pages, page = [], listed.page(limit=1)
    while page.rows:
        pages += [row.seq for row in page.rows]
        if page.after is None:
            break
        page = listed.page(after=page.after, limit=1)
    assert pages == rows
    return rows


def at(hours: float) -> datetime:
    return AT + timedelta(hours=hours)


def test_each_filter_leaves_what_it_says_on_either_database(store: Store) -> None:
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"type": AuditType.INFORMATION}, [1, 2, 3]),
        ({"category": AuditCategory.CLOUD_KEY}, [3, 4, 6]),
        ({"operator": "bob"}, [3, 4]),
        ({"text": "CREATED"}, [2, 3]),
        ({"text": HOSTILE}, [6]),
        ({"since": at(3)}, [3, 4, 5, 6]),
        ({"until": at(3)}, [1, 2]),
        ({"since": at(2), "until": at(4)}, [2, 3]),
        ({"since": at(2).astimezone(), "until": at(2.5)}, [2]),
        ({"object": AuditObject("payroll")}, [2, 3]),
        ({"object": AuditObject("payroll", "CloudKey")}, [3]),
        ({"object": AuditObject("payroll", "key-set")}, [2]),
        ({"object": AuditObject("bank", "csp account")}, [2]),
        ({"object": AuditObject("payroll", "Operator")}, []),
        ({"object": AuditObject("PAYROLL")}, []),
        ({"object": AuditObject("payrol")}, []),
        ({"object": AuditObject("%")}, []),
        ({"object": AuditObject(HOSTILE)}, [6]),
        ({"object": AuditObject("x=y", "odd \"=' kind")}, [6]),
        ({"object": AuditObject("payroll"), "operator": "bob", "type": AuditType.INFORMATION, "since": at(1)}, [3]),
    ]
    assert [(wanted, found(store, **wanted)) for wanted, _ in cases] == cases


def test_an_object_is_read_from_its_name_with_or_without_its_kind() -> None:
    assert [AuditObject.parse(text) for text in ("payroll-db", "CloudKey=payroll-db", " Key Set = a=b ", "=a=b")] == [
        AuditObject("payroll-db"),
        AuditObject("payroll-db", "CloudKey"),
        AuditObject("a=b", "Key Set"),
        AuditObject("a=b"),
    ]
    assert [AuditObject.parse(text) for text in ("", "  ", "CloudKey=", "=")] == [None] * 4
