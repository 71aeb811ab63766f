"""Choosing one of several, by arrows and Enter: a Key Set, a region, a column to sort by, an action."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kctui.core.text import safe
from kctui.screens.widgets.rule import TitleRule


@dataclass(frozen=True)
class Choice:
    """One of several. reason: why it cannot be chosen now, shown beside it."""

    value: str
    words: str
    beside: str = ""
    reason: str | None = None


class ChoiceScreen(ModalScreen[str | None]):
    """A list to choose from. Dismissed with the choice's value, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", show=False),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]
    DEFAULT_CSS = """
    ChoiceScreen Vertical { width: 1fr; height: 1fr; padding: 0 2; }
    ChoiceScreen OptionList { height: 1fr; width: 1fr; }
    ChoiceScreen .hint { height: 1; width: 1fr; }
    """

    def __init__(self, title: str, choices: Sequence[Choice], current: str | None = None) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._current = current

    def compose(self) -> ComposeResult:
        """The list on its page."""
        wide = max((len(choice.words) for choice in self._choices), default=0) + 3
        with Vertical():
            yield TitleRule(self._title)
            yield OptionList(*(self._option(choice, wide) for choice in self._choices), markup=False)
            yield Static("↑ ↓ choose   Enter takes it   Esc back", classes="hint", markup=False)

    def _option(self, choice: Choice, wide: int) -> Option:
        if choice.reason is not None:
            words = Content(f"{safe(choice.words)}: {safe(choice.reason)}")
        else:
            words = Content(f"{safe(choice.words):<{wide}}") + Content.styled(safe(choice.beside), "dim")
        return Option(words, id=choice.value, disabled=choice.reason is not None)

    def on_mount(self) -> None:
        """The cursor is on what is chosen now, else on the first that can be."""
        options = self.query_one(OptionList)
        values = [choice.value for choice in self._choices]
        possible = [i for i, choice in enumerate(self._choices) if choice.reason is None]
        if self._current in values:
            options.highlighted = values.index(self._current)
        elif possible:
            options.highlighted = possible[0]
        options.focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option.id)

    def action_down(self) -> None:
        """Go down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Go up."""
        self.query_one(OptionList).action_cursor_up()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
