"""The table of docs/guide.md, its commands, and walking its console paths through the real console."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from textual.widgets import OptionList

from kctui.actions import ACTIONS, TABS
from kctui.core.words import CloudStatus
from kctui.screens.choice import ChoiceScreen
from kctui.screens.details import DetailsScreen
from kctui.screens.dialogs.base import Dialog
from kctui.screens.dialogs.fields import ChoiceField
from kctui.screens.dialogs.wizard import Wizard
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


@dataclass(frozen=True)
class Way:
    """How a row is walked in the console: at which row of the tab, and what is typed where, by the path's words."""

    at: str = ""
    fills: tuple[tuple[str, Fill], ...] = ()

    async def fill(self, word: str, walk: "Walk") -> None:
        """Type what belongs to a word of the path."""
        for of, fill in self.fills:
            if of == word:
                await fill(walk)


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
    """The commands of the page's blocks, continued lines joined."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line]


class Walk:
    """Follows a path word by word. Each word must be on the screen when it is used."""

    def __init__(self, shell: Shell, region: str) -> None:
        self.shell = shell
        self.region = region

    async def follow(self, row: Row, way: Way) -> str:
        """Walk a row's path to its end, with what is typed on each step; what the screen says there, and close it."""
        tab, actions, action, *steps = row.path
        self.sees(tab)
        await self.shell.press(str([each.words for each in TABS].index(tab) + 1))
        await self.go_to(way.at)
        self.sees(actions)
        await self.shell.press("a")
        await self.choose(action)
        while isinstance(self.shell.app.screen, ChoiceScreen):
            await self.choose(self.region)
        for place, word in enumerate(steps[:-1]):
            await self.step(word, first=place == 0)
            await way.fill(word, self)
        if steps:
            await way.fill(steps[-1], self)
            self.sees(f"( {steps[-1]} )")
            await self.push(_BUTTONS.get(steps[-1], "go"))
        told = self.shell.text
        assert "✕ " not in told.replace(CloudStatus.PENDING_DELETE.glyph + " PENDING", ""), told
        while isinstance(self.shell.app.screen, Dialog | DetailsScreen):
            await self.shell.press("escape")
        return told

    async def go_to(self, name: str) -> None:
        """Put the cursor on the row of that name; no name, no matter."""
        await self.shell.press("g")
        for _ in range(len(TABS)):
            if not name or getattr(self.shell.main.state.row, "name", "") == name:
                return
            await self.shell.press("down")
        raise AssertionError(f"there is no row {name}:\n{self.shell.text}")

    async def step(self, word: str, *, first: bool) -> None:
        """Go to a step of a wizard; in another dialog, choose what the word says."""
        if not isinstance(self.shell.app.screen, Wizard):
            await self.pick(word)
            return
        if not first:
            await self.push("continue")
        assert self.shell.app.screen.current.step_title == word
        self.sees(word)

    async def pick(self, word: str) -> None:
        """Choose in the dialog's list what begins with a word."""
        [choice] = [
            each for each in self.shell.app.screen.query(ChoiceField)
            if each.display and any(str(words).startswith(word) for words, _ in each.select._options)
        ]  # fmt: skip
        place = next(i for i, (words, _) in enumerate(choice.select._options) if str(words).startswith(word))
        choice.select.focus()
        await self.shell.press("enter", "home", *["down"] * place)
        self.sees(word)
        await self.shell.press("enter")
        self.sees(word)

    async def choose(self, words: str) -> None:
        """Choose what is listed under these words."""
        self.sees(words)
        screen = self.shell.app.screen
        assert isinstance(screen, ChoiceScreen), f"no list with {words}"
        options = screen.query_one(OptionList)
        wanted = next((name for name, action in ACTIONS.items() if action.title == words), words)
        place = next(i for i, option in enumerate(options.options) if option.id == wanted)
        assert not options.options[place].disabled, f"{words} cannot be chosen:\n{self.shell.text}"
        options.highlighted = place
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
