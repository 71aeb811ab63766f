"""The tab Audit Log: filters that add up and can be cleared, exports that keep other files, everything recorded."""

import json
from pathlib import Path
from threading import Event

import pytest
from textual.widgets import Select

from kctui.core import audit_export
from kctui.core.errors import RefusedError
from kctui.core.observer import Silent
from kctui.core.paths import Home
from kctui.screens.audit_log import AuditLogView
from kctui.screens.dialogs.audit_export import AuditExportDialog, Cancellable
from kctui.screens.dialogs.audit_filter import AuditFilterDialog
from kctui.screens.dialogs.message import Question
from kctui.screens.main import MainScreen
from kctui.screens.state import Tab
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS
from tests.console.conftest import Shell, StartShell
from tests.console.dialog_driver import field, fill, push

pytest_plugins = ["tests.console.audit_entries"]


async def filter_by(shell: Shell, button: str = "apply", **wanted: str) -> None:
    """Open the dialog, fill it, and press a button."""
    await shell.press("F")
    assert isinstance(shell.app.screen, AuditFilterDialog)
    for key, value in wanted.items():
        if key in {"type", "category"}:
            select = field(shell.pilot, key).editor
            assert isinstance(select, Select)
            select.value = value
        else:
            await fill(shell.pilot, key, value)
    await push(shell.pilot, button)
    await shell.settle()


def shown(shell: Shell) -> list[int | None]:
    view = shell.main.view
    assert isinstance(view, AuditLogView)
    return [row.seq for row in view.table._window.rows]


def list_line(shell: Shell) -> str:
    return shell.text.splitlines()[3]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"type": "WARNING"}, [7]),
        ({"category": "CLOUD KEY"}, [8, 7, 5]),
        ({"user": "carol"}, [8, 7]),
        ({"object": "payroll-db"}, [7, 5]),
        ({"object": "Key Set=awsbyokkeyset"}, [4]),
        ({"since": "1h"}, [8, 7, 6]),
        ({"until": "2026-11-22"}, [4, 3, 2, 1]),
        ({"since": "2026-11-23 11:03:11", "until": "2026-11-23 11:51:11 UTC"}, [7, 6]),
        ({"text": "refused"}, [7]),
        ({"category": "CLOUD KEY", "user": "carol", "since": "10min", "text": "upload"}, [8]),
    ],
)
async def test_filters_leave_what_they_say(
    start: StartShell, logged: Home, wanted: dict[str, str], left: list[int]
) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, **wanted)
        assert shown(shell) == left
        assert f"{len(left)} of 8" in list_line(shell)


async def test_the_line_says_what_is_asked_and_escape_clears_all_of_it(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, type="ERROR", object="CloudKey=payroll-legacy", since="7d", text="upload")
        assert "ERROR · CloudKey=payroll-legacy · since 7d / upload" in list_line(shell)
        await shell.press("escape")
        assert (shown(shell), "since" in list_line(shell), "upload" in list_line(shell)) == (
            [8, 7, 6, 5, 4, 3, 2, 1],
            False,
            False,
        )


async def test_clear_all_clears_and_cancel_changes_nothing(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, user="bob")
        await filter_by(shell, "cancel", user="carol")
        assert shown(shell) == [6]
        await filter_by(shell, "clear")
        assert len(shown(shell)) == 8


async def test_the_dialog_opens_with_what_is_asked_already(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, type="WARNING", user="carol", until="1min")
        await filter_by(shell, "apply")
        assert shown(shell) == [7]


async def test_nothing_that_fits_is_said(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, user="nobody", text="upload")
        assert "No entry fits the filters. Esc clears them." in shell.text


@pytest.mark.parametrize(
    ("wanted", "key", "said"),
    [
        ({"since": "yesterday"}, "since", "is not a time"),
        ({"until": "2026-02-30"}, "until", "is not a time"),
        ({"since": "1h", "until": "2h"}, "until", "ends before it begins"),
    ],
)
async def test_a_time_that_cannot_be_read_is_said_at_its_field(
    start: StartShell, logged: Home, wanted: dict[str, str], key: str, said: str
) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, **wanted)
        complaint = field(shell.pilot, key).complaint
        assert complaint is not None
        assert said in complaint.title
        await shell.press("escape")
        assert len(shown(shell)) == 8


async def test_a_hostile_filter_is_shown_safely(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, object=HOSTILE)
        assert shell.main.view.filtered
        assert not set(HOSTILE_CHARACTERS) & set(shell.text)


async def test_filter_by_and_export_are_of_this_tab_only(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.CLOUD_KEYS, read_only=True) as shell:
        await shell.press("escape")
        for key in ("F", "w"):
            await shell.press(key)
            assert isinstance(shell.app.screen, MainScreen)
        assert "in the tab Audit Log only" in shell.text


async def test_an_entry_opens_to_every_field_of_it(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape", "j", "j", "j", "enter")
        text = shell.text
        for words in ("Create CloudKey payroll-db", "CLOUD KEY", "KeyId", "10.1.4.7", "bastion", "000000000021"):
            assert words in text
        await shell.press("right")
        for words in ("Time as hashed", "2026-11-23T02:03:11.000000+00:00", "Previous hash", "Keyed check"):
            assert words in shell.text


async def test_the_document_of_an_entry_is_what_its_hash_is_made_of(
    start: StartShell, logged: Home, passphrase: str
) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True, passphrase=passphrase) as shell:
        view, row = shell.main.view, shell.main.state.row
        document = view.document(row, None)
        assert document == audit_export.entry_record(row)  # type: ignore[arg-type] # the tab's rows are entries


async def export(shell: Shell, file: Path, form: str = "jsonl", button: str = "go") -> None:
    await shell.press("w")
    assert isinstance(shell.app.screen, AuditExportDialog)
    select = field(shell.pilot, "form").editor
    assert isinstance(select, Select)
    select.value = form
    await shell.settle()
    await fill(shell.pilot, "file", str(file))
    await push(shell.pilot, button)
    await shell.settle()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_what_the_filter_leaves_is_exported_even_read_only_and_locked(
    start: StartShell, logged: Home, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"audit.{form}"
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, category="CLOUD KEY", text="payroll-db")
        await export(shell, file, form)
        assert "✓ 2 entries are written to" in shell.text
        assert "from entry 5 to 7, head" in shell.text
        await push(shell.pilot, "cancel")
        assert isinstance(shell.app.screen, MainScreen)
    lines = file.read_text().splitlines()
    assert len(lines) == 2 + (form == "csv")
    if form == "jsonl":
        assert [json.loads(line)["seq"] for line in lines] == [5, 7]


async def test_the_dialog_says_what_it_will_export(start: StartShell, logged: Home) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await filter_by(shell, user="carol", text="payroll")
        await shell.press("w")
        assert "2, oldest first, with their hashes" in shell.text
        assert "user carol · text payroll" in shell.text
        assert "~/kctui-audit-20261123-120311.jsonl" in shell.text
        select = field(shell.pilot, "form").editor
        assert isinstance(select, Select)
        select.value = "csv"
        await shell.settle()
        assert "~/kctui-audit-20261123-120311.csv" in shell.text


@pytest.mark.parametrize("answer", ["no", "yes"])
async def test_a_file_that_is_there_is_replaced_only_after_a_question(
    start: StartShell, logged: Home, tmp_path: Path, answer: str
) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text("mine")
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await export(shell, file)
        assert isinstance(shell.app.screen, Question)
        assert (shell.app.focused is shell.app.screen.query_one("#no"), file.read_text()) == (True, "mine")
        await push(shell.pilot, answer)
        await shell.settle()
        assert isinstance(shell.app.screen, AuditExportDialog)
        assert ("8 entries are written" in shell.text) == (answer == "yes")
    assert (file.read_text() == "mine") == (answer == "no")


@pytest.mark.parametrize(
    ("name", "said"), [("", "A file is needed"), ("~nobody-of-this-name/a", "names a user that is not known")]
)
async def test_a_name_that_is_none_is_said_at_the_field(start: StartShell, logged: Home, name: str, said: str) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape", "w")
        await fill(shell.pilot, "file", name)
        await push(shell.pilot, "go")
        complaint = field(shell.pilot, "file").complaint
        assert complaint is not None
        assert said in complaint.title


async def test_a_place_that_cannot_be_written_is_said_and_another_one_can_be_tried(
    start: StartShell, logged: Home, tmp_path: Path
) -> None:
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        await export(shell, tmp_path / "missing" / "audit.jsonl")
        assert "cannot be written: No such file or directory" in " ".join(shell.text.split())
        await fill(shell.pilot, "file", str(tmp_path / "audit.jsonl"))
        await push(shell.pilot, "go")
        await shell.settle()
        assert "8 entries are written" in shell.text
        assert "cannot be written" not in shell.text


async def test_an_export_under_way_can_be_stopped_and_leaves_no_file(
    start: StartShell, logged: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PAGE", 1)
    asked = Event()
    entry_line = audit_export.entry_record

    def slow(entry: object) -> dict[str, object]:
        assert asked.wait(20)
        return entry_line(entry)  # type: ignore[arg-type] # it is called with an entry

    monkeypatch.setattr(audit_export, "entry_record", slow)
    async with start(logged, tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape", "w")
        await fill(shell.pilot, "file", str(tmp_path / "audit.jsonl"))
        await shell.pilot.press("enter")
        await shell.pilot.pause()
        await shell.pilot.press("escape")
        asked.set()
        await shell.settle()
        assert isinstance(shell.app.screen, AuditExportDialog)
        assert "✕ The export was cancelled" in shell.text
    assert [found for found in tmp_path.iterdir() if "audit" in found.name] == []


def test_an_observer_that_is_to_stop_refuses() -> None:
    stop = Event()
    watched = Cancellable(Silent(), stop)
    watched.progress(1, 2, "entries")
    stop.set()
    with pytest.raises(RefusedError):
        watched.progress(2, 2, "entries")


async def test_what_verifying_found_stays_below_the_table(start: StartShell, logged: Home) -> None:
    async with start(logged, (80, 24), tab=Tab.AUDIT, read_only=True) as shell:
        await shell.press("escape")
        assert "chain not checked yet" in shell.text.splitlines()[-2]
        shell.main.action_do("verify_audit")
        await shell.settle()
        assert "chain" in shell.text.splitlines()[-2]
        assert "checked 12:03" in shell.text.splitlines()[-2]
        await filter_by(shell, user="carol")
        assert "checked 12:03" in shell.text.splitlines()[-2]
