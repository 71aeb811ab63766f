"""Dialogs that say something, and ask at most yes or no."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kctui.core.errors import KctuiError
from kctui.core.text import safe, safe_lines
from kctui.screens.dialogs.base import Dialog, DialogButton, Failure


class MessageDialog(Dialog[None]):
    """What happened, the facts of it, and what to do. Esc and Enter close it."""

    def __init__(self, title: str, detail: str = "", remedy: str = "") -> None:
        super().__init__("kctui")
        self._error = KctuiError(title, detail=detail, remedy=remedy)

    @classmethod
    def of(cls, error: KctuiError) -> "MessageDialog":
        """The dialog for an error."""
        return cls(error.title, error.detail, error.remedy)

    def compose_body(self) -> ComposeResult:
        """The message, which scrolls where it is long."""
        with VerticalScroll():
            yield Failure(self._error)

    def buttons(self) -> Iterable[DialogButton]:
        """Close."""
        yield DialogButton("Close", "close", main=True)

    def on_mount(self) -> None:
        """Enter closes."""
        self.button("close").focus()


class Question(Dialog[bool]):
    """A question whose safe answer is no: the focus is on it, and Esc means it."""

    DEFAULT_CSS = """
    Question .words { width: 1fr; height: auto; }
    """

    def __init__(self, title: str, words: str, *, yes: str, no: str) -> None:
        super().__init__(title)
        self._words, self._yes, self._no = words, yes, no

    def compose_body(self) -> ComposeResult:
        """The question."""
        yield Static(Content(safe_lines(self._words)), classes="words")

    def buttons(self) -> Iterable[DialogButton]:
        """No, then yes."""
        yield DialogButton(safe(self._no), "no")
        yield DialogButton(safe(self._yes), "yes", danger=True)

    def on_mount(self) -> None:
        """Enter means no."""
        self.button("no").focus()

    def action_leave(self) -> None:
        """Esc means no."""
        self.dismiss(False)

    def press(self, button: str) -> None:
        """Answer."""
        self.dismiss(button == "yes")
