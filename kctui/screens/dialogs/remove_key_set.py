"""Remove Key Set: what it is, then the field; the button is dead until the name is exact."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.observer import Observer
from kctui.screens.dialogs.base import DialogButton, Facts, Failure
from kctui.screens.dialogs.fields import TextField
from kctui.screens.dialogs.steps import WorkingDialog

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import KeySetRow

_WORDS = "The Key Set has no CloudKeys. Removing it changes nothing in AWS, and cannot be undone."
_KEYS = "Enter: to the button   Esc: leave"


class RemoveKeySetDialog(WorkingDialog[bool]):
    """Removes a Key Set. Dismissed with True when it did. Refused when the row changed since it was read."""

    DEFAULT_CSS = """
    RemoveKeySetDialog .words { height: auto; width: 1fr; margin-bottom: 1; }
    RemoveKeySetDialog Facts { margin-bottom: 1; }
    RemoveKeySetDialog Failure { margin-top: 1; }
    """

    def __init__(self, engine: "Engine", row: "KeySetRow") -> None:
        super().__init__("Remove Key Set")
        self._engine = engine
        self._row = row
        hint = "The button waits for the exact name."
        self._field = TextField("confirmation", "Type Key Set Name", required=True, hint=hint)

    def compose_body(self) -> ComposeResult:
        """What happens, to what, and the field."""
        row = self._row
        with VerticalScroll(can_focus=False):
            yield Static(Content(_WORDS), classes="words")
            yield Facts(
                [
                    ("Key Set", row.name),
                    ("Description", row.description or "–"),
                    ("CSP Account", row.account),
                    ("Admin Group", row.group),
                    ("CloudKeys", f"{row.cloud_keys:,}"),
                ]
            )
            yield self._field
            yield Failure()

    def buttons(self) -> Iterable[DialogButton]:
        """Cancel, and Remove."""
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton("Remove", "remove", danger=True, width=14)

    def on_mount(self) -> None:
        """The focus is on the field."""
        self.hint(_KEYS)
        self.button("remove").disabled = True
        self._field.input.focus()

    @property
    def _exact(self) -> bool:
        return self._field.input.value == self._row.name

    @on(Input.Changed)
    def _typed(self) -> None:
        self.button("remove").disabled = not self._exact

    @on(Input.Submitted)
    def _entered(self) -> None:
        """Enter in the field never removes: on an empty one it leaves; of a wrong name the audit log is told."""
        if not self._field.input.value:
            self.action_leave()
        elif self._exact:
            self.button("remove").focus()
        elif self._field.complaint is None:
            self._ask()

    def press(self, button: str) -> None:
        """Remove, or leave."""
        if button == "remove" and self._exact:
            if self._ask():
                self.button("remove").disabled = self._field.input.disabled = True
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave, but not in the middle."""
        if not self.running:
            self.dismiss(False)

    def _ask(self) -> bool:
        """Ask the core, which refuses a wrong name."""
        engine, row, typed = self._engine, self._row, self._field.input.value

        def work(_observer: Observer) -> None:
            from kctui.core.key_set_changes import remove_key_set

            remove_key_set(engine, row.id, confirmation=typed, revision=row.revision)

        return self.begin(work)

    def done(self, result: object) -> None:
        """It is gone."""
        self.dismiss(True)

    def failed(self, error: KctuiError) -> None:
        """Say why not. After a wrong name one may go on typing; else it is looked at anew before another try."""
        if not self._exact:
            remedy = "Nothing was done."
            self._field.complain(InvalidInputError("The name does not match", remedy=remedy, field=self._field.key))
            return
        self.query_one(Failure).show(error)
        self.button("remove").display = False
        self.button("cancel").say("Close")
        self.button("cancel").focus()
        self.hint("")
