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
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll_page(1)", "Page down", show=False),
        Binding("pageup", "scroll_page(-1)", "Page up", show=False),
        Binding("g,home", "scroll_end(False)", "Top", show=False),
        Binding("G,end", "scroll_end(True)", "End", show=False),
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
        with VerticalScroll(can_focus=False):
            yield Static("", markup=False)
        yield Static("← → other pages   ↑ ↓ scroll   Esc back", classes="hint", markup=False)

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

    def action_scroll(self, lines: int) -> None:
        """Scroll."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, pages: int) -> None:
        """Scroll by a screenful."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)

    def action_scroll_end(self, end: bool) -> None:
        """Scroll to an end."""
        scroll = self.query_one(VerticalScroll)
        if end:
            scroll.scroll_end(animate=False)
        else:
            scroll.scroll_home(animate=False)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)
