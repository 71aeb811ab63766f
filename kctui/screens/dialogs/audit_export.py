"""Export: the entries of the audit log that the filter leaves, into a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Select, Static

from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError
from kctui.core.observer import Observer
from kctui.core.text import safe, shorten
from kctui.core.words import StepState
from kctui.screens.dialogs.base import DialogButton, Facts, Failure
from kctui.screens.dialogs.fields import ChoiceField, Field, TextField
from kctui.screens.dialogs.message import Question
from kctui.screens.dialogs.steps import StepLog, WorkingDialog
from kctui.screens.widgets.threads import in_thread
from kctui.screens.wording import number

if TYPE_CHECKING:
    from kctui.core.audit_export import Exported
    from kctui.core.engine import Engine
    from kctui.core.lists import AuditQuery

_FORMS = (("JSON Lines: an entry a line, for programs", "jsonl"), ("CSV: for spreadsheets", "csv"))


@dataclass
class EntriesCounted(Message):
    """So many entries the filter leaves."""

    count: int


class Cancellable:
    """An observer that passes progress on, until it is to stop: then it refuses, and no file is left."""

    def __init__(self, inner: Observer, cancelled: Event) -> None:
        self._inner = inner
        self._cancelled = cancelled

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Pass a step on."""
        self._inner.step(name, state, detail, request_id)

    def progress(self, done: int, total: int, what: str) -> None:
        """Pass progress on, or stop."""
        if self._cancelled.is_set():
            raise RefusedError("The export was cancelled", remedy="No file was written.")
        self._inner.progress(done, total, what)


class AuditExportDialog(WorkingDialog[bool]):
    """Asks for format and file, and writes it in a thread. Dismissed with True when it was written, else False."""

    DEFAULT_CSS = """
    AuditExportDialog Facts { margin-bottom: 1; }
    AuditExportDialog StepLog { margin-top: 1; }
    AuditExportDialog .outcome { height: auto; width: 1fr; display: none; margin-top: 1; }
    AuditExportDialog Failure { margin-top: 1; }
    """

    def __init__(self, engine: "Engine", query: "AuditQuery", filter_words: str, now: datetime) -> None:
        super().__init__("Export", "Audit Log")
        self._engine = engine
        self._query = query
        self._words = filter_words or "none: the whole log"
        self._written = False
        self._cancelled = Event()
        self._form = ChoiceField("form", "Format", _FORMS)
        self._file = TextField(
            "file", "File", f"~/kctui-audit-{now:%Y%m%d-%H%M%S}.jsonl", required=True, hint="A new file of mode 0600."
        )

    def compose_body(self) -> ComposeResult:
        """What is exported, the fields, and what comes of it."""
        with VerticalScroll(can_focus=False):
            yield Facts(self._facts(None))
            yield self._form
            yield self._file
            yield StepLog()
            yield Failure()
            yield Static("", classes="outcome", markup=False)

    def buttons(self) -> Iterable[DialogButton]:
        """Cancel and Export."""
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton("Export", "go", main=True, width=14)

    def on_mount(self) -> None:
        """Count the entries meanwhile."""
        self.hint("Enter: export   Tab: next   Esc: leave")
        self._file.editor.focus()
        store, query = self._engine.store, self._query

        def count() -> int:
            from kctui.core.lists import AuditList

            return AuditList(store, query).count()

        in_thread(self, "count entries", count, EntriesCounted)

    @on(EntriesCounted)
    def _counted(self, message: EntriesCounted) -> None:
        self.query_one(Facts).show(self._facts(message.count))

    def _facts(self, count: int | None) -> list[tuple[str, str]]:
        return [("Entries", f"{number(count)}, oldest first, with their hashes"), ("Filter", self._words)]

    @on(Select.Changed)
    def _other_form(self) -> None:
        name, dot, suffix = self._file.value.rpartition(".")
        if dot and suffix in {"csv", "jsonl"} and suffix != self._form.value:
            self._file.input.value = f"{name}.{self._form.value}"

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.press("go")

    def press(self, button: str) -> None:
        """Begin, or leave."""
        if button == "go" and not self._written:
            self._start()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave; while it is written, stop that first."""
        if self.running:
            self._cancelled.set()
            self.hint("Stopping")
        else:
            self.dismiss(self._written)

    def _start(self, *, replaces: bool = False) -> None:
        if self.running:
            return
        for field in self.query(Field):
            field.accept()
        try:
            file = _path(self._file.value)
        except InvalidInputError as error:
            self._complain(error)
            return
        engine, query, form, cancelled = self._engine, self._query, self._form.value, self._cancelled

        def write(observer: Observer) -> object:
            from kctui.core.audit_export import ExportFormat, export_file

            watched = Cancellable(observer, cancelled)
            return export_file(engine.store, query, ExportFormat(form), file, replaces=replaces, observer=watched)

        cancelled.clear()
        self.query_one(StepLog).clear()
        self.query_one(Failure).clear()
        self._enable(False)
        self.hint("Working   Esc: stop")
        self.begin(write)

    def _enable(self, ready: bool) -> None:
        self.button("go").disabled = not ready
        self._form.disabled = self._file.disabled = not ready

    def _complain(self, error: InvalidInputError) -> None:
        self._file.complain(error)
        self._file.editor.focus()

    def done(self, result: object) -> None:
        """Say what was written."""
        self._written = True
        made: Exported = result  # type: ignore[assignment] # what `_start` writes gives one
        many = "1 entry is" if made.entries == 1 else f"{number(made.entries)} entries are"
        facts = [f"{many} written to {self._file.value}"]
        if made.entries:
            facts.append(f"  from entry {number(made.first)} to {number(made.last)}, head {shorten(made.head, 24)}")
        first, *rest = (safe(fact) for fact in facts)
        outcome = self.query_one(".outcome", Static)
        outcome.update(Content("\n").join([Content.styled(f"✓ {first}", "bold $success"), *map(Content, rest)]))
        outcome.display = True
        self.query_one(StepLog).clear()
        self.button("go").display = False
        self.button("cancel").say("Close")
        self.button("cancel").focus()
        self.hint("")

    def failed(self, error: KctuiError) -> None:
        """Ask where a file is in the way; else say what went wrong."""
        self._enable(True)
        self.query_one(StepLog).clear()
        self.hint("Enter: export   Tab: next   Esc: leave")
        self._file.editor.focus()
        if isinstance(error, ConflictError) and _path(self._file.value).is_file():
            words = f"{error.title}.\n\nIts content would be lost."
            question = Question("Replace the file", words, yes="Replace", no="Keep")
            self.app.push_screen(question, self._answered)
        else:
            self.query_one(Failure).show(error)

    def _answered(self, replaces: bool | None) -> None:
        if replaces:
            self._start(replaces=True)


def _path(text: str) -> Path:
    """The file a user names. Raises InvalidInputError."""
    remedy = "Name a new file, such as ~/audit.jsonl."
    if not text:
        raise InvalidInputError("A file is needed", remedy=remedy, field="file")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise InvalidInputError(f"{text!r} names a user that is not known", remedy=remedy, field="file") from None
