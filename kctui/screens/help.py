"""The help: every key, from the registry, and what a terminal may need to know."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
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
    'Times are UTC. Every key can be another one: [keys] in config.toml, `action = "key"`; the names are',
    "those in brackets. Copying sends the text to the terminal (OSC 52): the terminal must allow it, and tmux",
    "needs `set -s set-clipboard on`. NO_COLOR and ESCDELAY are heeded. Without a full-screen terminal, every",
    "action is also a command: `kctui --help`.",
)


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
    HelpScreen VerticalScroll > Static { width: 1fr; height: auto; }
    HelpScreen .hint { height: 1; width: 1fr; padding: 0 2; }
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The list, which scrolls."""
        yield TitleRule("Help")
        with VerticalScroll():
            yield Static(self._words(), markup=False)
        yield Static("↑ ↓ scroll   Esc back", classes="hint", markup=False)

    def on_mount(self) -> None:
        """The arrows scroll at once."""
        self.query_one(VerticalScroll).focus()

    def _words(self) -> Content:
        lines = [_line(*told) for told in _TABLE_KEYS]
        lines.append(Content(""))
        for name, action in ACTIONS.items():
            keys = "  ".join(key_words(self._keys[name])) or "menu"
            lines.append(_line(keys, action.title, f"{action.description} [{name}]"))
        lines += [Content(""), Content.styled(" ".join(_NOTES), "dim")]
        return Content("\n").join(lines)

    def action_scroll(self, lines: int) -> None:
        """Scroll."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


def _line(keys: str, title: str, told: str) -> Content:
    return (
        Content.styled(f"{keys:<{_KEY_WIDTH}}", "bold $accent")
        + Content(f"{title:<{_TITLE_WIDTH}}")
        + Content.styled(told, "dim")
    )
