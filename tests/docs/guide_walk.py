"""The table of docs/guide.md, and walking its console paths through the real console."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from textual.widgets import OptionList

from kctui.actions import ACTIONS, TABS
from kctui.screens.choice import ChoiceScreen
from kctui.screens.dialogs.base import Dialog
from tests.console.conftest import Shell
from tests.console.dialog_driver import field, paste

PAGE = Path(__file__).parents[2] / "docs" / "guide.md"
Fill = Callable[["Walk"], Awaitable[None]]


_BUTTONS = {"Apply": "continue", "Import": "import"}


@dataclass(frozen=True)
class Row:
    """One row: the guide's number and procedure, the path's words, the command's, and what is true afterwards."""

    number: str
    procedure: str
    path: tuple[str, ...]
    command: str
    afterwards: str

    @property
    def name(self) -> str:
        """What the row is called."""
        return f"{self.number} {self.procedure}"


def rows() -> list[Row]:
    """The rows of the table."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\| \d", line)]
    found = []
    for line in lines:
        number, procedure, path, command, afterwards = (cell.strip() for cell in line.strip("|").split("|"))
        words = tuple(word.strip() for word in path.split("›")) if path else ()
        found.append(Row(number, procedure, words, command.strip("`"), afterwards))
    return found


def whole_commands() -> list[str]:
    """The commands of the page's block, continued lines joined."""
    [block] = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


class Walk:
    """Follows a path word by word. Each word must be on the screen when it is used."""

    def __init__(self, shell: Shell, region: str) -> None:
        self.shell = shell
        self.region = region

    async def follow(self, row: Row, fills: dict[str, Fill]) -> None:
        """Walk a row's path to its end, with what is typed on each step, and close what it opened."""
        tab, actions, action, *steps = row.path
        number = [each.words for each in TABS].index(tab) + 1
        self.sees(tab)
        await self.shell.press(str(number))
        self.sees(actions)
        await self.shell.press("a")
        await self.choose(action)
        while isinstance(self.shell.app.screen, ChoiceScreen):
            await self.choose(self.region)
        *pages, last = steps
        for place, word in enumerate(pages):
            if place:
                await self.push("continue")
            self.sees(word)
            if word in fills:
                await fills[word](self)
        if last in fills:
            await fills[last](self)
        self.sees(f"( {last} )")
        await self.push(_BUTTONS.get(last, "go"))
        while isinstance(self.shell.app.screen, Dialog):
            await self.shell.press("escape")

    async def choose(self, words: str) -> None:
        """Choose what is listed under these words."""
        self.sees(words)
        screen = self.shell.app.screen
        assert isinstance(screen, ChoiceScreen), f"no list with {words}"
        options = screen.query_one(OptionList)
        wanted = next((name for name, action in ACTIONS.items() if action.title == words), words)
        options.highlighted = next(i for i, option in enumerate(options.options) if option.id == wanted)
        await self.shell.press("enter")

    async def push(self, button: str) -> None:
        """Press a button that can be pressed."""
        screen = self.shell.app.screen
        assert isinstance(screen, Dialog)
        assert not screen.button(button).disabled, f"{button} is dead: {self.shell.text}"
        screen.button(button).press()
        await self.shell.settle()

    async def fill(self, **values: str) -> None:
        """Type into fields."""
        for key, text in values.items():
            editor = field(self.shell.pilot, key).editor
            editor.focus()
            await self.shell.press("end", "ctrl+u")
            await paste(self.shell.pilot, text)
        await self.shell.settle()

    def sees(self, words: str) -> None:
        """Demand that the words are on the screen."""
        assert words in self.shell.text, f"{words} is not on the screen:\n{self.shell.text}"
