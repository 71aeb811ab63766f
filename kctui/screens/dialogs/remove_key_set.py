"""Remove Key Set: what it is, then the field; the button is dead until the name is exact."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from kctui.core.errors import KctuiError
from kctui.core.observer import Observer
from kctui.screens.dialogs.base import DialogButton, Facts, Failure
from kctui.screens.dialogs.fields import TextField
from kctui.screens.dialogs.steps import WorkingDialog

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import KeySetRow

_WORDS = "The Key Set has no CloudKeys. Removing it changes nothing in AWS, and cannot be undone."
_KEYS = "Type the name   Esc: leave"


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
        self._field = TextField("confirmation", "Type Key Set Name", required=True)

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
        self.hint("Tab Tab Enter: Remove   Esc: leave" if self._exact else _KEYS)

    @on(Input.Submitted)
    def _entered(self) -> None:
        """Enter never removes: on the empty field it leaves, after the name it goes on to Cancel."""
        if not self._field.input.value:
            self.action_leave()
        elif self._exact:
            self.button("cancel").focus()
        else:
            self.hint("That is another name   Esc: leave")

    def press(self, button: str) -> None:
        """Remove, or leave."""
        if button == "remove" and self._exact:
            self._remove()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave, but not in the middle."""
        if not self.running:
            self.dismiss(False)

    def _remove(self) -> None:
        engine, row, typed = self._engine, self._row, self._field.input.value

        def work(_observer: Observer) -> None:
            from kctui.core.key_set_changes import remove_key_set

            remove_key_set(engine, row.id, confirmation=typed, revision=row.revision)

        if self.begin(work):
            self.button("remove").disabled = self._field.input.disabled = True

    def done(self, result: object) -> None:
        """It is gone."""
        self.dismiss(True)

    def failed(self, error: KctuiError) -> None:
        """Say why not; it is looked at anew before another try."""
        self.query_one(Failure).show(error)
        self.button("remove").display = False
        self.button("cancel").say("Close")
        self.button("cancel").focus()
        self.hint("")
