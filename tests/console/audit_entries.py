"""An audit log whose every word is always the same, for tests and pictures; its chain holds."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from kctui.core.audit import FIRST, entry_hash
from kctui.core.engine import Engine
from kctui.core.model import AuditEntry
from kctui.core.paths import Home
from kctui.core.words import AuditCategory, AuditType
from tests.cli.program import HOSTILE
from tests.console.conftest import KEY_ID, NOW, seed

SOURCE = "10.1.4.7"
ENTRIES: tuple[tuple[int, AuditType, AuditCategory, str, str, dict[str, str]], ...] = (
    (9000, AuditType.INFORMATION, AuditCategory.SYSTEM, "alice", "Initialised /var/lib/kctui with operator alice",
     {"Operator": "alice", "Admin Group": "Cloud Admin Group"}),
    (1500, AuditType.INFORMATION, AuditCategory.VAULT, "alice", "Unlocked by alice", {"Operator": "alice"}),
    (1440, AuditType.INFORMATION, AuditCategory.ACCOUNT, "alice",
     "Created CSP Account awsbyokkeycontrol for AWS account 111122223333 with 17 regions",
     {"CSP Account": "awsbyokkeycontrol"}),
    (1430, AuditType.INFORMATION, AuditCategory.KEY_SET, "alice", "Created Key Set awsbyokkeyset for awsbyokkeycontrol",
     {"Key Set": "awsbyokkeyset", "CSP Account": "awsbyokkeycontrol"}),
    (600, AuditType.INFORMATION, AuditCategory.CLOUD_KEY, "alice", "Create CloudKey payroll-db (us-east-1) is done",
     {"CloudKey": "payroll-db", "KeyId": KEY_ID, "Region": "us-east-1"}),
    (60, AuditType.CRITICAL, AuditCategory.VAULT, "bob", "Unlock failed 3 times for bob", {"Operator": "bob"}),
    (12, AuditType.WARNING, AuditCategory.CLOUD_KEY, "carol",
     "Disable CloudKey of payroll-db refused: the key is being deleted", {"CloudKey": "payroll-db"}),
    (3, AuditType.ERROR, AuditCategory.CLOUD_KEY, "carol", "Upload to Cloud of payroll-legacy was interrupted",
     {"CloudKey": "payroll-legacy", "Note": HOSTILE}),
)  # fmt: skip


@pytest.fixture
def logged(home: Home) -> Home:
    """A home with keys in it, and eight entries in its log."""
    seed(home)
    with Engine.open(home) as engine, engine.store.write() as session:
        for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))):
            session.delete(entry)
        session.flush()
        previous = FIRST
        for number, (minutes, weight, category, operator, message, objects) in enumerate(ENTRIES, 1):
            values: dict[str, Any] = {"type": weight, "category": category, "operator": operator, "message": message}
            entry = AuditEntry(
                seq=number,
                time=NOW - timedelta(minutes=minutes),
                unix_user=operator,
                host="bastion",
                ssh_client=SOURCE,
                objects=objects,
                request_ids=["7f0c4d1e-0000-4000-8000-000000000021"] if "KeyId" in objects else [],
                previous_hash=previous,
                hash="",
                **values,
            )
            entry.hash = previous = entry_hash(entry)
            session.add(entry)
    return home
