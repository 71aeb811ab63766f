"""Confirm an operation, and watch it: facts, the steps as they happen, and what is true afterwards."""

from collections.abc import Callable, Iterable, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kctui.core.errors import KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe
from kctui.screens.dialogs.base import DialogButton, Facts, Failure
from kctui.screens.dialogs.steps import StepLog, WorkingDialog


class OperationDialog(WorkingDialog[bool]):
    """Runs an operation once the user says so. Dismissed with True when it was carried out, else False.

    The focus is on Cancel. While it runs nothing leaves the dialog: a step that has begun is not broken off.
    """

    DEFAULT_CSS = """
    OperationDialog .operation { height: 1fr; width: 1fr; }
    OperationDialog .operation > StepLog { margin-top: 1; }
    OperationDialog .operation > Failure { margin-top: 1; }
    OperationDialog .operation > .outcome { margin-top: 1; height: auto; }
    """

    def __init__(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        run: Callable[[Observer], object],
        verb: str,
        right: str = "",
    ) -> None:
        super().__init__(title, right)
        self._facts = facts
        self._work = run
        self._verb = verb
        self.carried_out = False
        self._begun = False

    def compose_body(self) -> ComposeResult:
        """The facts; below them, later, what happens."""
        with VerticalScroll(classes="operation", can_focus=False):
            yield Facts(self._facts)
            yield StepLog()
            yield Failure()
            yield Static("", classes="outcome", markup=False)

    def buttons(self) -> Iterable[DialogButton]:
        """Cancel, and the verb."""
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton(safe(self._verb), "go", main=True, width=14)

    def on_mount(self) -> None:
        """Show what is asked."""
        self.ask()

    def ask(self) -> None:
        """Cancel is the safe default."""
        self.hint("Left and right choose   Enter presses")
        self.button("cancel").focus()

    def press(self, button: str) -> None:
        """Begin, or leave."""
        if button == "go" and not self._begun:
            self.start(self._work)
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave, but never while it runs."""
        if self.stoppable:
            self.stop()
            return
        if not self.running:
            self.dismiss(self.carried_out)
            return
        step = self.query_one(StepLog).last
        self.hint(f"{step or self._verb} is under way: wait.")

    def start(self, work: Callable[[Observer], object]) -> None:
        """Run it; until it has ended there is nothing to press."""
        self._begun = self.begin(work)
        for name in ("cancel", "go"):
            self.button(name).disabled = True
        self.hint("Working")

    def show_stoppable(self) -> None:
        """Cancel stops the making of key material, and nothing that comes after it."""
        self.button("cancel").disabled = not self.stoppable
        self.hint("Esc: stop making it" if self.stoppable else "Working")

    def done(self, result: object) -> None:
        """Say so, and let the user read the steps."""
        self.carried_out = True
        self.query_one(".outcome", Static).update(
            Content.styled(f"✓ {safe(self.dialog_title)} is done", "bold $success")
        )
        self.ended()

    def failed(self, error: KctuiError) -> None:
        """Show what is true now, and what to do."""
        self.query_one(StepLog).break_off()
        self.query_one(Failure).show(error)
        self.ended()

    def ended(self) -> None:
        """Nothing is left but to close."""
        self.button("go").display = False
        close = self.button("cancel")
        close.say("Close")
        close.disabled = False
        close.focus()
        self.hint("")
