"""Import Cloud Keys: the keys that are in AWS and in no Key Set; some or all of them become CloudKeys."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kctui.core.errors import CancelledError, KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe
from kctui.core.words import StepState
from kctui.screens.dialogs.base import DialogButton, Failure
from kctui.screens.dialogs.steps import ProgressReported, WorkingDialog
from kctui.screens.widgets.check_table import CheckChanged, CheckEntered, CheckTable
from kctui.screens.widgets.columns import Column
from kctui.screens.wording import STATUS_TONES, number

if TYPE_CHECKING:
    from kctui.core.adopting import ImportReport, KeyOutcome
    from kctui.core.engine import Engine
    from kctui.core.importable import ImportableKey
    from kctui.core.lists import KeySetRow

_TOLD_SECONDS = 0.1
_KEYS = "Space: choose   a: all or none"
_WORDS = "Chosen keys become CloudKeys of Key Source AWS. Nothing changes in AWS."
_NONE = "There is no customer managed key here that is not managed already."


class ImportKeysDialog(WorkingDialog[bool]):
    """Reads the list, lets the user choose, imports. Dismissed with True when there are new CloudKeys, else False.

    The reading and the import can be stopped between two keys. guard: see `CreateCloudKeyWizard`.
    """

    DEFAULT_CSS = """
    ImportKeysDialog .choice, ImportKeysDialog .result { height: 1fr; width: 1fr; display: none; }
    ImportKeysDialog .words { height: 1; width: 1fr; margin-bottom: 1; text-style: dim; }
    ImportKeysDialog .note { height: 2; width: 1fr; text-style: dim; }
    ImportKeysDialog .outcome { height: auto; width: 1fr; }
    ImportKeysDialog .progress { height: 1; width: 1fr; }
    """

    def __init__(
        self,
        engine: "Engine",
        key_set: "KeySetRow",
        region: str,
        *,
        guard: Callable[[Observer], Observer] = lambda observer: observer,
    ) -> None:
        super().__init__("Import Cloud Keys", f"{key_set.name} · {region}")
        self._engine = engine
        self._key_set = key_set
        self._where = region
        self._guard = guard
        self._stop = threading.Event()
        self._imported = False
        self._table: CheckTable[ImportableKey] = CheckTable(_COLUMNS, lambda one: one.reason is not None)

    def compose_body(self) -> ComposeResult:
        """What is under way; the choice; what came of it. One of them is shown."""
        yield Static("", classes="progress", markup=False)
        with Vertical(classes="choice"):
            yield Static(_WORDS, classes="words", markup=False)
            yield self._table
            yield Static("", classes="note", markup=False)
        with VerticalScroll(classes="result"):
            yield Static("", classes="outcome", markup=False)
            yield Failure()

    def buttons(self) -> Iterable[DialogButton]:
        """Cancel, and Import."""
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton("Import", "import", main=True, width=14)

    def on_mount(self) -> None:
        """Read the list."""
        self.button("import").disabled = True
        self.button("cancel").focus()
        self._show(".progress")
        self._progress(f"Reading the keys of {self._where}")

        def read(observer: Observer) -> "list[ImportableKey]":
            from kctui.core.importable import importable_keys

            return importable_keys(self._engine, self._key_set.name, self._where, self._watched(observer))

        self.begin(read)

    # What the user does

    def press(self, button: str) -> None:
        """Import, or leave."""
        if button == "import" and self._table.checked and not self.running:
            self._import()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave; while something runs, stop it after the present key."""
        if self.running:
            self._stop.set()
            self.hint("Stopping after the present key")
        else:
            self.dismiss(self._imported)

    @on(CheckChanged)
    def _chosen_changed(self) -> None:
        chosen, every = len(self._table.checked), len(self._table.rows)
        self.button("import").disabled = not chosen
        self.hint(f"{number(chosen)} of {number(every)} chosen   {_KEYS}")
        one = self._table.row
        self.query_one(".note", Static).update(Content(safe(_note(one))) if one else "")

    @on(CheckEntered)
    def _chosen_enough(self) -> None:
        if self._table.checked:
            self.button("import").focus()

    def _import(self) -> None:
        wanted = [one.key_id for one in self._table.chosen]
        self.button("import").disabled = True
        self.button("cancel").say("Stop")
        self.button("cancel").focus()
        self._show(".progress")
        self._progress(f"Importing {number(len(wanted))} keys")
        self.hint("")

        def work(observer: Observer) -> "ImportReport":
            from kctui.core.adopting import import_keys

            return import_keys(self._engine, self._key_set.name, self._where, wanted, self._watched(observer))

        self.begin(work)

    def _watched(self, observer: Observer) -> Observer:
        return self._guard(_Stoppable(observer, self._stop))

    # What the thread says

    @on(ProgressReported)
    def _progressed(self, message: ProgressReported) -> None:
        if message.what and self.running:
            self._progress(f"{number(message.done)} of {number(message.total)}   {safe(message.what)}")

    def done(self, result: object) -> None:
        """Show the list, or what became of the keys."""
        if isinstance(result, list):
            self._offer(result)
        else:
            self._show_report(result)  # type: ignore[arg-type] # the other piece of work

    def failed(self, error: KctuiError) -> None:
        """Leave where the user stopped it; else show what is wrong."""
        if isinstance(error, CancelledError):
            self.dismiss(self._imported)
            return
        self._show(".result")
        self.query_one(Failure).show(error)
        self._only_close()

    def _offer(self, keys: "Sequence[ImportableKey]") -> None:
        if not keys:
            self._show(".result")
            self.query_one(".outcome", Static).update(_NONE)
            self._only_close()
            return
        self._show(".choice")
        self._table.show(keys)
        self._table.focus()

    def _show_report(self, report: "ImportReport") -> None:
        self._imported = bool(report.imported)
        self._show(".result")
        self.query_one(".outcome", Static).update(_report_content(report, self._key_set.name))
        if report.error is not None:
            self.query_one(Failure).show(report.error)
        self._only_close()
        self.query_one(".result", VerticalScroll).can_focus = True

    def _only_close(self) -> None:
        self.button("import").display = False
        self.button("cancel").say("Close")
        self.button("cancel").focus()
        self.hint("")

    def _show(self, which: str) -> None:
        for name in (".progress", ".choice", ".result"):
            self.query_one(name, Widget).display = name == which

    def _progress(self, words: str) -> None:
        self.query_one(".progress", Static).update(Content(f"… {words}"))


class _Stoppable:
    """An observer that stops the work between two keys, and tells how far it is only as often as one can read."""

    def __init__(self, inner: Observer, stop: threading.Event) -> None:
        self._inner = inner
        self._stop = stop
        self._told_at = 0.0

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Pass it on."""
        self._inner.step(name, state, detail, request_id)

    def progress(self, done: int, total: int, what: str) -> None:
        """Stop, or pass it on."""
        if self._stop.is_set():
            raise CancelledError("Stopped")
        if time.monotonic() - self._told_at >= _TOLD_SECONDS:
            self._told_at = time.monotonic()
            self._inner.progress(done, total, what)


def _note(one: "ImportableKey") -> str:
    if one.reason is not None:
        return f"Cannot be imported: {one.reason}"
    return one.told or (f"Becomes the CloudKey {one.name}" + _described(one))


def _described(one: "ImportableKey") -> str:
    return f" · {one.key.description}" if one.key and one.key.description else ""


def _report_content(report: "ImportReport", key_set: str) -> Content:
    done = len(report.imported)
    keys = "key" if report.asked == 1 else "keys"
    whole = done == report.asked
    first = f"{'✓' if whole else '!'} {number(done)} of {number(report.asked)} {keys} imported into {safe(key_set)}"
    lines = [Content.styled(first, "bold $success" if whole else "bold $warning")]
    if report.cancelled:
        lines.append(Content("  Stopped between two keys. The others are as they were."))
    lines += [_outcome("✕", one, "$error") for one in report.failed]
    lines += [_outcome("!", one, "") for one in report.imported if one.told]
    return Content("\n").join(lines)


def _outcome(glyph: str, one: "KeyOutcome", style: str) -> Content:
    return Content.styled(f"{glyph} {safe(one.name)}", style) + Content.styled(f"\n  {safe(one.told)}", "dim")


_COLUMNS: "tuple[Column[ImportableKey], ...]" = (
    Column("alias", "Alias", 30, lambda one: one.alias or f"–  {one.key_id}", grow=3, most=60),
    Column(
        "status",
        "Cloud Status",
        16,
        lambda one: f"{one.status.glyph} {one.status.value}",
        tone=lambda one: STATUS_TONES[one.status],
    ),
    Column("origin", "Origin", 12, lambda one: one.key.origin if one.key else "–", from_width=72),
    Column("spec", "Key spec", 18, lambda one: one.key.key_spec if one.key else "–", from_width=90),
)
