"""How the tests drive a dialog and read it: a host that shows it, keys, fields, what is on the screen."""

from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Event
from typing import Any

from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

import kctui.screens
from kctui.screens.dialogs.base import Dialog, DialogButton, Failure
from kctui.screens.dialogs.fields import ChoiceField, Field
from kctui.screens.widgets.theme import KCTUI_THEME

SIZES = [(80, 24), (120, 40)]
REGION = "us-east-1"
ADMINISTRATOR = "arn:aws:iam::111122223333:root"
PASSPHRASE = "correct horse battery staple"
_NO_RESULT: Any = object()


class Host(App[None]):
    """An application that shows one dialog, in the console's own look, and keeps what it gave."""

    CSS_PATH = Path(kctui.screens.__file__).parent / "kctui.tcss"

    def __init__(self, make: Callable[[], Screen[Any]]) -> None:
        super().__init__()
        self.make = make
        self.result: Any = _NO_RESULT
        # Opened as the application ends, which waits for its threads: what holds one back until the picture is taken.
        self.gate = Event()

    def on_mount(self) -> None:
        self.register_theme(KCTUI_THEME)
        self.theme = KCTUI_THEME.name
        self.push_screen(self.make(), self.keep)

    def on_unmount(self) -> None:
        self.gate.set()

    def keep(self, result: Any) -> None:
        self.result = result

    @property
    def open(self) -> bool:
        """Whether the dialog is still there."""
        return self.result is _NO_RESULT

    @property
    def dialog(self) -> Dialog[Any]:
        """The dialog on top."""
        assert isinstance(self.screen, Dialog)
        return self.screen


async def settle(pilot: Pilot[None]) -> None:
    """Wait until every thread has ended and its messages are answered."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def paste(pilot: Pilot[None], text: str) -> None:
    """Paste into what has the focus, as the terminal does."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def push(pilot: Pilot[None], button: str) -> None:
    """Press a button of the dialog on top. (Textual ignores a second Enter on it for a fifth of a second.)"""
    pilot.app.screen.query_one(f"#{button}", DialogButton).press()
    await settle(pilot)


async def fill(pilot: Pilot[None], key: str, text: str) -> None:
    """Replace what stands in a field."""
    editor = field(pilot, key).editor
    editor.focus()
    await pilot.press("end", "ctrl+u")
    if text:
        await paste(pilot, text)


async def choose(pilot: Pilot[None], key: str, value: Hashable) -> None:
    """Choose in a field that has a choice."""
    choice = field(pilot, key)
    assert isinstance(choice, ChoiceField)
    choice.select.value = value
    await settle(pilot)


def field(pilot: Pilot[None], key: str) -> Field:
    """A field of the dialog on top."""
    return next(f for f in pilot.app.screen.query(Field) if f.key == key)


def complaint(pilot: Pilot[None], key: str) -> str:
    """What a field complains of; empty where it does not."""
    found = field(pilot, key).complaint
    return found.title if found else ""


def has_focus(pilot: Pilot[None], key: str) -> bool:
    """Whether a field has the focus."""
    return pilot.app.focused is field(pilot, key).editor


def failure(pilot: Pilot[None]) -> str:
    """The failures that are shown, as text."""
    return "\n".join(text_of(f) for f in pilot.app.screen.query(Failure) if f.is_on_screen and f.display)


def text_of(widget: Widget) -> str:
    """What a widget shows, as text."""
    size = widget.size
    lines = [widget.render_line(y).text.rstrip() for y in range(size.height)]
    return "\n".join(lines)


def seen(pilot: Pilot[None]) -> str:
    """The whole screen, as text."""
    compositor = pilot.app.screen._compositor
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in compositor.render_strips())
