"""Everything known of one row, on a screen of its own."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from kctui.screens.widgets.details_pane import PageTitles
from kctui.screens.widgets.rule import TitleRule
from kctui.screens.widgets.sections import Section, draw


class DetailsScreen(ModalScreen[None]):
    """The pages of a row, as long as they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d,enter", "leave", "Back", show=False),
        Binding("right,right_square_bracket,tab", "turn(1)", "Next page", show=False),
        Binding("left,left_square_bracket,shift+tab", "turn(-1)", "Page before", show=False),
        Binding("j", "go('down')", "Down", show=False),
        Binding("k", "go('up')", "Up", show=False),
        Binding("g", "go('home')", "Top", show=False),
        Binding("G", "go('end')", "End", show=False),
    ]
    DEFAULT_CSS = """
    DetailsScreen TitleRule { margin: 0 1; }
    DetailsScreen VerticalScroll { height: 1fr; width: 1fr; padding-top: 1; }
    DetailsScreen VerticalScroll > Static { width: 1fr; height: auto; }
    DetailsScreen .hint { height: 1; width: 1fr; padding: 0 1; }
    """

    def __init__(self, title: str, right: str, sections: Sequence[Section], page: str) -> None:
        super().__init__()
        self._title, self._right = title, right
        self._sections = sections
        self._page = page

    def compose(self) -> ComposeResult:
        """Title, pages, hint."""
        yield TitleRule(self._title, self._right)
        yield PageTitles()
        with VerticalScroll():
            yield Static("", markup=False)
        yield Static("← → other pages   ↑ ↓ scroll   Esc back", classes="hint", markup=False)

    def on_mount(self) -> None:
        """The arrows scroll at once."""
        self.query_one(VerticalScroll).focus()

    def show(self, sections: Sequence[Section]) -> None:
        """Show more of the same row."""
        self._sections = sections
        self._draw()

    @on(Resize)
    def _draw(self) -> None:
        at = next((i for i, section in enumerate(self._sections) if section.title == self._page), 0)
        self.query_one(PageTitles).show(self._sections, at)
        self.query_one("VerticalScroll > Static", Static).update(draw(self._sections[at], max(20, self.size.width - 2)))

    def action_turn(self, by: int) -> None:
        """Show another page."""
        titles = [section.title for section in self._sections]
        at = titles.index(self._page) if self._page in titles else 0
        self._page = titles[(at + by) % len(titles)]
        self._draw()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_go(self, where: str) -> None:
        """Scroll by the keys that the arrows do not know."""
        scroll = self.query_one(VerticalScroll)
        {
            "down": scroll.action_scroll_down,
            "up": scroll.action_scroll_up,
            "home": scroll.action_scroll_home,
            "end": scroll.action_scroll_end,
        }[where]()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)
