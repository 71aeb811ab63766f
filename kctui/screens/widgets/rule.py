"""A title on a rule: what stands in for boxes."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from kctui.core.text import safe


class TitleRule(Widget):
    """A title, words at the right end of its line, and a rule below.

    Both texts may be foreign: they are made safe here and never parsed as markup.
    """

    DEFAULT_CSS = """
    TitleRule { height: 2; width: 1fr; }
    """

    title = reactive("")
    right = reactive("")

    def __init__(
        self,
        title: str,
        right: str = "",
        *,
        id: str | None = None,  # noqa: A002 -- Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.set_reactive(TitleRule.title, title)
        self.set_reactive(TitleRule.right, right)

    def render(self) -> Content:
        """Two lines of the full width."""
        width = self.size.width
        right = Content(safe(self.right))
        title = Content(safe(self.title)).truncate(max(0, width - right.cell_length - 2), ellipsis=True)
        gap = Content(" " * max(0, width - title.cell_length - right.cell_length))
        rule = Content("─" * width).stylize("dim")
        return Content("\n").join([title.stylize("bold") + gap + right.stylize("dim"), rule])
