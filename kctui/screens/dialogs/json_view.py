"""A document, as it is: read-only, scrolling."""

import json
from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.widgets import Static

from kctui.core.text import safe_lines
from kctui.screens.dialogs.base import Dialog, DialogButton


class DocumentScroll(ScrollableContainer):
    """A text that scrolls with the arrows and with j, k, g and G."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "End", show=False),
    ]
    DEFAULT_CSS = """
    DocumentScroll { width: 1fr; height: 1fr; }
    DocumentScroll > Static { width: auto; height: auto; }
    """


class TextView(Dialog[None]):
    """A text of many lines; nothing in it can be changed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,v", "leave", "Close", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._text = text

    def compose_body(self) -> ComposeResult:
        """The text."""
        with DocumentScroll():
            yield Static(Content(safe_lines(self._text)))

    def buttons(self) -> Iterable[DialogButton]:
        """Close."""
        yield DialogButton("Close", "close", main=True)

    def on_mount(self) -> None:
        """The arrows scroll at once."""
        self.hint("arrows, j k g G scroll   Esc closes")
        self.query_one(DocumentScroll).focus()


class JsonView(TextView):
    """A document as JSON. Dates and enumerations are shown as their text."""

    def __init__(self, title: str, document: object) -> None:
        super().__init__(title, json.dumps(document, indent=2, ensure_ascii=False, default=str))
