"""What every dialog has: an opaque page, a title on a rule, a body, buttons in one place; Esc leaves."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Static
from textual.widgets.button import ButtonVariant

from kctui.core.errors import KctuiError
from kctui.core.text import safe
from kctui.screens.widgets.rule import TitleRule

ResultT = TypeVar("ResultT")
LABEL_WIDTH = 22


class DialogButton(Button):
    """A button of one line. The main one stands in round brackets, so that no colour is needed to tell it."""

    def __init__(
        self,
        words: str,
        id: str,  # noqa: A002 -- Textual's own name
        *,
        main: bool = False,
        danger: bool = False,
        width: int = 0,
    ) -> None:
        variant: ButtonVariant = "error" if danger else "primary" if main else "default"
        super().__init__(Content(), variant=variant, id=id, compact=True)
        self._main = main or danger
        self.say(words)
        # In the widget itself: other words must not move the buttons beside it.
        self.styles.width = max(width, len(words) + 6)
        self.styles.min_width = 0
        self.styles.height = 1
        self.styles.padding = 0
        self.styles.margin = (0, 0, 0, 1)

    def say(self, words: str) -> None:
        """Give the button other words."""
        self.words = words
        self.label = Content(f"( {safe(words)} )" if self._main else f"[ {safe(words)} ]")


class Dialog(ModalScreen[ResultT], Generic[ResultT]):
    """A modal page. Subclasses give `compose_body` and `buttons`, and answer `press` and `action_leave`."""

    # Textual declares these without ClassVar.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("left", "turn(-1)", "Button before", show=False),
        Binding("right", "turn(1)", "Next button", show=False),
    ]
    DEFAULT_CSS = """
    Dialog { background: $background; color: $foreground; align: center top; overflow: hidden; }
    Dialog:ansi { background: $background; }
    Dialog > .page { width: 100%; height: 100%; padding: 0 2; background: $background; }
    Dialog.-tall > .page { padding: 1 2; }
    Dialog.-wide > .page { max-width: 116; }
    Dialog .body { height: 1fr; width: 1fr; }
    Dialog.-tall .body { padding-top: 1; }
    Dialog .foot { height: 1; width: 1fr; }
    Dialog .foot > .hint { width: 1fr; height: 1; text-style: dim; }
    Dialog .foot > .buttons { width: auto; height: 1; }
    Dialog.-tall Field { margin-bottom: 1; }
    Dialog.-tall LinesField PlainTextArea { height: 8; }
    """

    def __init__(self, title: str, right: str = "") -> None:
        super().__init__()
        self.dialog_title = title
        self._right = right

    def compose(self) -> ComposeResult:
        """The page."""
        with Vertical(classes="page"):
            yield self.head()
            with Vertical(classes="body"):
                yield from self.compose_body()
            with Horizontal(classes="foot"):
                yield Static("", classes="hint", markup=False)
                with Horizontal(classes="buttons"):
                    yield from self.buttons()

    def head(self) -> Widget:
        """The title on its rule."""
        return TitleRule(self.dialog_title, self._right)

    def compose_body(self) -> ComposeResult:
        """What stands between the rule and the buttons."""
        yield from ()

    def buttons(self) -> Iterable[DialogButton]:
        """The buttons, from left to right."""
        return ()

    def press(self, button: str) -> None:
        """Answer the button of this id. A lone button leaves."""
        self.action_leave()

    def action_leave(self) -> None:
        """Esc: leave without doing anything."""
        self.dismiss(None)

    def action_turn(self, by: int) -> None:
        """Left and right move among the buttons that can be pressed."""
        if isinstance(self.focused, DialogButton):
            ready = [b for b in self.query(DialogButton) if not b.disabled and b.display]
            ready[(ready.index(self.focused) + by) % len(ready)].focus()

    def button(self, button: str) -> DialogButton:
        """One of the buttons."""
        return self.query_one(f"#{button}", DialogButton)

    def hint(self, words: str) -> None:
        """Say something beside the buttons."""
        self.query_one(".hint", Static).update(Content(safe(words)))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id and not event.button.disabled:
            self.press(event.button.id)


class Facts(Static):
    """Labels and values in two columns; long values wrap in theirs. Every text is made safe."""

    DEFAULT_CSS = """
    Facts { width: 1fr; height: auto; }
    """

    def __init__(self, facts: Sequence[tuple[str, str]] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(facts_table(facts), id=id)

    def show(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show other facts."""
        self.update(facts_table(facts))


def facts_table(facts: Sequence[tuple[str, str]]) -> Table:
    """Two columns without lines."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=LABEL_WIDTH, no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in facts:
        table.add_row(Text(safe(label), style="dim"), Text(safe(value)))
    return table


class Failure(Static):
    """What went wrong, the facts of it, and what to do; not there while nothing is wrong."""

    DEFAULT_CSS = """
    Failure { height: auto; width: 1fr; display: none; }
    """

    def __init__(self, error: KctuiError | None = None) -> None:
        super().__init__(failure_content(error) if error else "", markup=False)
        self.display = error is not None

    def show(self, error: KctuiError) -> None:
        """Show an error."""
        self.update(failure_content(error))
        self.display = True

    def clear(self) -> None:
        """Show nothing."""
        self.update("")
        self.display = False


def failure_content(error: KctuiError) -> Content:
    """An error's title, detail and remedy, a paragraph each."""
    parts = [Content.styled(f"✕ {safe(error.title)}", "bold $error")]
    parts += [Content(safe(line)) for line in error.detail.splitlines() if line.strip()]
    if error.remedy:
        parts.append(Content(f"→ {safe(error.remedy)}"))
    return Content("\n").join(parts)
