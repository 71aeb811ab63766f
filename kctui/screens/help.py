"""The help: every key, from the registry, and what a terminal may need to know."""

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from kctui.actions import ACTIONS, key_words
from kctui.screens.widgets.rule import TitleRule

_KEY_WIDTH = 14
_TITLE_WIDTH = 20
_TABLE_KEYS = (
    ("↑ ↓  k j", "Move", "Go to the row before or the next one."),
    ("PgUp PgDn", "Page", "Go a screenful up or down."),
    ("g  G", "Ends", "Go to the first or the last row of the whole list."),
    ("Tab", "Focus", "Go from the table to the filter and back."),
    ("Esc", "Back", "Leave a screen, a dialog or the filter."),
)
_NOTES = (
    'Times are UTC. A key can be another one: lines `action = "key"` under [keys] in config.toml.',
    "Copying sends the text to the terminal (OSC 52), which must allow it; tmux: `set -s set-clipboard on`.",
    "NO_COLOR and ESCDELAY are heeded. Every action is also a command: `kctui --help`.",
)


class HelpText(Static):
    """The list, drawn for the width there is."""

    DEFAULT_CSS = """
    HelpText { width: 1fr; height: auto; }
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__("", markup=False)
        self._keys = keys

    @on(Resize)
    def _draw(self) -> None:
        width = self.size.width
        lines = [line for told in _TABLE_KEYS for line in _lines(*told, width)]
        lines.append(Content(""))
        for name, action in ACTIONS.items():
            keys = "  ".join(key_words(self._keys[name])) or "menu"
            lines += _lines(keys, action.title, action.description, width)
        lines.append(Content(""))
        for note in (*_NOTES, f"The actions' names in config.toml: {' '.join(ACTIONS)}"):
            lines += Content.styled(note, "dim").wrap(max(1, width))
        self.update(Content("\n").join(lines))


class HelpScreen(ModalScreen[None]):
    """The keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "leave", "Back", show=False),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen VerticalScroll { height: 1fr; width: 1fr; padding: 0 2; }
    HelpScreen TitleRule { margin: 0 2; }
    HelpScreen .hint { height: 1; width: 1fr; padding: 0 2; }
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The list, which scrolls."""
        yield TitleRule("Help")
        with VerticalScroll():
            yield HelpText(self._keys)
        yield Static("↑ ↓ scroll   Esc back", classes="hint", markup=False)

    def on_mount(self) -> None:
        """The arrows scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, lines: int) -> None:
        """Scroll."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


def _lines(keys: str, title: str, told: str, width: int) -> list[Content]:
    """A key, what it does, and the description, which goes on below itself."""
    head = Content.styled(f"{keys:<{_KEY_WIDTH}}", "bold $accent") + Content(f"{title:<{_TITLE_WIDTH}}")
    first, *others = Content.styled(told, "dim").wrap(max(10, width - _KEY_WIDTH - _TITLE_WIDTH))
    return [head + first, *(Content(" " * (_KEY_WIDTH + _TITLE_WIDTH)) + line for line in others)]
