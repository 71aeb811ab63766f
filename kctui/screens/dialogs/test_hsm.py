"""Test HSM: log in to its token, find its key-encryption key, and show what a probe found of it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kctui.core.errors import KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe
from kctui.screens.dialogs.base import DialogButton, Facts, Failure
from kctui.screens.dialogs.hsm_steps import HsmOutcome, tested
from kctui.screens.dialogs.steps import StepLog, WorkingDialog
from kctui.screens.widgets.findings import FindingsTable

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import HsmRow

KEYS = "↑ ↓ scroll   p Probe again   Esc: back"


class TestHsmDialog(WorkingDialog[None]):
    """Tests an HSM at once. What was probed before holds while library, token and firmware are as they were."""

    __test__ = False  # its name is no test's
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "probe", "Probe again", show=False),
        Binding("q", "leave", "Leave", show=False),
    ]
    DEFAULT_CSS = """
    TestHsmDialog VerticalScroll.found { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; }
    TestHsmDialog .outcome { height: auto; width: 1fr; margin: 1 0; }
    TestHsmDialog Failure { margin-top: 1; }
    """

    def __init__(self, engine: "Engine", row: "HsmRow", clock: Callable[[], datetime]) -> None:
        super().__init__(f"Test HSM {row.name}", row.token_label)
        self._engine = engine
        self._row = row
        self._clock = clock

    def compose_body(self) -> ComposeResult:
        """Steps, outcome, what was found."""
        with VerticalScroll(classes="found"):
            yield StepLog()
            yield Static("", classes="outcome", markup=False)
            yield Facts()
            yield FindingsTable()
            yield Failure()

    def buttons(self) -> Iterable[DialogButton]:
        """Probe again, and the way back."""
        yield DialogButton("Probe again", "probe")
        yield DialogButton("Close", "close", main=True)

    def on_mount(self) -> None:
        """Begin; the arrows scroll."""
        self.query_one(".found").focus()
        self._test(again=False)

    def action_probe(self) -> None:
        """Probe it anew, whatever held before."""
        self._test(again=True)

    def press(self, button: str) -> None:
        """Probe again, or leave."""
        if button == "probe":
            self.action_probe()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave; a test that goes on is not waited for, since it leaves nothing behind."""
        self.dismiss(None)

    def _test(self, *, again: bool) -> None:
        if self.running:
            return
        self.query_one(StepLog).clear()
        self.query_one(Failure).clear()
        self._show(None)
        engine, row, clock = self._engine, self._row, self._clock

        def run(observer: Observer) -> HsmOutcome:
            from kctui.core.hsms import test_hsm

            test = test_hsm(engine, row.name, observer, again=again)
            title = f"HSM {row.name} can be used"
            return tested(row.name, test, sha1=row.sha1_allowed, now=clock(), title=title, row_id=row.id)

        self.begin(run)
        self.button("probe").disabled = True
        self.hint("Working")

    def done(self, result: object) -> None:
        """Show what was found."""
        if not isinstance(result, HsmOutcome):
            raise TypeError("a test gives an HsmOutcome")
        self._show(result)
        self._ended()

    def failed(self, error: KctuiError) -> None:
        """Show why it cannot be used."""
        self.query_one(StepLog).break_off()
        self.query_one(Failure).show(error)
        self._ended()

    def _ended(self) -> None:
        self.button("probe").disabled = False
        self.hint(KEYS)

    def _show(self, outcome: HsmOutcome | None) -> None:
        words = self.query_one(".outcome", Static)
        words.update(Content.styled(f"✓ {safe(outcome.title)}", "bold $success") if outcome else "")
        self.query_one(Facts).show(outcome.facts if outcome else ())
        self.query_one(FindingsTable).show(outcome.findings if outcome else None)
        words.display = self.query_one(Facts).display = outcome is not None
