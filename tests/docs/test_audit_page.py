"""The check of an export that the page shows finds what it should."""

import re
import subprocess
import sys
from pathlib import Path

from kctui.core.audit import AuditEvent
from kctui.core.audit_export import ExportFormat, export_lines
from kctui.core.engine import Engine
from kctui.core.lists import AuditList, AuditQuery
from kctui.core.words import AuditCategory, AuditType

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def checked(export: str) -> "subprocess.CompletedProcess[str]":
    """Run the page's program on an export."""
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return subprocess.run([sys.executable, "-c", program], input=export, capture_output=True, text=True, check=False)


def test_an_export_is_checked_without_kctui(engine: Engine) -> None:
    for _ in range(3):
        engine.audit.note(AuditEvent(AuditType.INFORMATION, AuditCategory.SYSTEM, "Ärzte"))
    pieces: list[str] = []
    export_lines(engine.store, AuditQuery(), ExportFormat.JSONL, pieces.append)
    export = "".join(pieces)
    head = AuditList(engine.store, AuditQuery()).page(limit=1).rows[0].hash
    assert checked(export).stdout == f"{head}\n"
    lines = export.splitlines(keepends=True)
    assert checked(export.replace("\\u00c4rzte", "Arzte", 1)).stderr == "wrong at entry 2\n"
    assert checked("".join([lines[0], *lines[2:]])).stderr == "wrong at entry 3\n"
