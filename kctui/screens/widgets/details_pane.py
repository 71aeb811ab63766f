"""The details of the row under the cursor: pages side by side, one shown."""

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from kctui.screens.widgets.sections import Section, draw


def page_titles(sections: Sequence[Section], at: int, width: int) -> Content:
    """Draw the pages' titles on a rule; the one that is shown is bold and underlined."""
    line = Content(" ")
    for i, section in enumerate(sections):
        line += Content.styled(section.title, "bold underline $accent" if i == at else "dim") + Content("   ")
    return line + Content.styled("─" * max(0, width - line.cell_length), "dim")


class PageTitles(Widget):
    """The titles of the pages, a line."""

    DEFAULT_CSS = """
    PageTitles { height: 1; width: 1fr; background: $background; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sections: Sequence[Section] = ()
        self._at = 0

    def show(self, sections: Sequence[Section], at: int) -> None:
        """Show these titles."""
        self._sections, self._at = sections, at
        self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        return page_titles(self._sections, self._at, self.size.width)


class DetailsPane(Widget):
    """The pages below the table."""

    DEFAULT_CSS = """
    DetailsPane { height: 8; width: 1fr; background: $background; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sections: Sequence[Section] = ()
        self._title = ""

    @property
    def at(self) -> int:
        """Give the page that is shown. A page stays chosen by its title from row to row."""
        return next((i for i, section in enumerate(self._sections) if section.title == self._title), 0)

    @property
    def page(self) -> str:
        """Give the title of the page that is shown."""
        return self._sections[self.at].title if self._sections else ""

    def show(self, sections: Sequence[Section]) -> None:
        """Show another row, or more of the same."""
        self._sections = sections
        self.refresh()

    def turn(self, by: int) -> None:
        """Show another page."""
        if self._sections:
            self._title = self._sections[(self.at + by) % len(self._sections)].title
            self.refresh()

    def render(self) -> Content:
        """Draw the titles and the page."""
        width, height = self.size
        if not self._sections:
            return page_titles((), 0, width)
        return Content("\n").join(
            [
                page_titles(self._sections, self.at, width),
                draw(self._sections[self.at], width, max(1, height - 1)),
            ]
        )
