"""The fields of a form: a label, what takes the value, a hint below it, and the complaint in its place."""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static, TextArea
from textual.widgets.text_area import Edit, EditResult

from kctui.core.errors import InvalidInputError
from kctui.core.secret import Secret
from kctui.core.text import safe, safe_lines
from kctui.screens.dialogs.base import LABEL_WIDTH
from kctui.screens.widgets.secret_input import SecretInput
from kctui.screens.widgets.type_ahead import TypeAheadInput

ChoiceT = TypeVar("ChoiceT", bound=Hashable)


class PlainInput(TypeAheadInput):
    """A line of text. What is pasted loses its control characters: a clipboard may hold anything."""

    DEFAULT_CSS = """
    PlainInput { width: 1fr; }
    """

    def insert_text_at_cursor(self, text: str) -> None:
        """Insert it, made safe."""
        super().insert_text_at_cursor(safe(text))

    def replace(self, text: str, start: int, end: int) -> None:
        """Replace by it, made safe."""
        super().replace(safe(text), start, end)


class PlainTextArea(TextArea):
    """Lines of text, made safe as they come in."""

    def edit(self, edit: Edit) -> EditResult:
        """Make the inserted text safe."""
        edit.text = safe_lines(edit.text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
        return super().edit(edit)


class Field(Vertical):
    """One field of a form. `key` is the name by which an InvalidInputError finds it."""

    DEFAULT_CSS = f"""
    Field {{ height: auto; width: 1fr; }}
    Field > Horizontal {{ height: auto; width: 1fr; }}
    Field > Horizontal > .label {{ width: {LABEL_WIDTH}; height: 1; }}
    Field > .below {{ height: auto; width: 1fr; padding-left: {LABEL_WIDTH + 2}; display: none; text-style: dim; }}
    Field > .below.-complaint {{ color: $error; text-style: none; }}
    """

    def __init__(self, key: str, label: str, editor: Widget, *, required: bool = False, hint: str = "") -> None:
        super().__init__(classes=f"field-{key.replace('_', '-')}")
        self.key = key
        self.editor = editor
        self.complaint: InvalidInputError | None = None
        self._label = f"{label} *" if required else label
        self._hint = Content(hint)
        self._below = Static("", classes="below", markup=False)

    def compose(self) -> ComposeResult:
        """Label and editor in one line, hint or complaint below."""
        with Horizontal():
            yield Static(Content(safe(self._label)), classes="label")
            yield self.editor
        yield self._below

    def on_mount(self) -> None:
        """Show the hint."""
        self._show()

    @property
    def changed(self) -> bool:
        """Whether the user has put anything in."""
        return False

    def hint(self, content: Content) -> None:
        """Show another hint."""
        self._hint = content
        self._show()

    def complain(self, error: InvalidInputError) -> None:
        """Show what is wrong with the value, in the hint's place."""
        self.complaint = error
        self._show()

    def accept(self) -> None:
        """Take the complaint back."""
        if self.complaint is not None:
            self.complaint = None
            self._show()

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed)
    def _edited(self) -> None:
        """A complaint is about a value that stands there no more."""
        self.accept()

    def _show(self) -> None:
        self._below.set_class(self.complaint is not None, "-complaint")
        content = self._hint
        if self.complaint is not None:
            words = " ".join(part for part in (self.complaint.title + ".", self.complaint.remedy) if part)
            content = Content(f"✕ {safe(words)}")
        self._below.update(content)
        self._below.display = bool(content.plain)


class TextField(Field):
    """A line of text."""

    def __init__(
        self, key: str, label: str, value: str = "", *, required: bool = False, hint: str = "", example: str = ""
    ) -> None:
        self.input = PlainInput(value=value, placeholder=example, compact=True, select_on_focus=False)
        # Each blink would be sent through a slow line.
        self.input.cursor_blink = False
        self._at_first = value
        super().__init__(key, label, self.input, required=required, hint=hint)

    @property
    def value(self) -> str:
        """The text, without spaces at its ends."""
        return self.input.value.strip()

    @property
    def changed(self) -> bool:
        """Whether it differs from what stood there first."""
        return self.input.value != self._at_first


class SecretField(Field):
    """A secret. It stays in a Secret once taken, so that a second try does not need it typed again."""

    def __init__(self, key: str, label: str, *, required: bool = False) -> None:
        self.input = SecretInput()
        self.input.compact = True
        self.input.cursor_blink = False
        self.kept: Secret | None = None
        super().__init__(key, label, self.input, required=required)

    @property
    def changed(self) -> bool:
        """Whether there is one."""
        return self.filled

    @property
    def filled(self) -> bool:
        """Whether there is one, typed now or kept."""
        return self.input.filled or self.kept is not None

    def secret(self) -> Secret:
        """A copy for one use: whoever gets it wipes it."""
        if self.input.filled or self.kept is None:
            self.forget()
            self.kept = self.input.take()
            self.hint(Content("Kept for another try. Type it again only to replace it."))
        return Secret(self.kept.reveal())

    def forget(self) -> None:
        """Wipe what is kept."""
        if self.kept is not None:
            self.kept.wipe()
            self.kept = None

    def on_unmount(self) -> None:
        """Nothing is kept beyond the dialog."""
        self.forget()
        self.input.take().wipe()


class LinesField(Field):
    """A list, one entry a line."""

    DEFAULT_CSS = """
    LinesField > Horizontal { layout: vertical; }
    LinesField > .below { padding-left: 2; }
    LinesField > Horizontal > PlainTextArea {
        width: 1fr; height: 4; border: none; border-left: outer $border-blurred; padding: 0 1;
        background: $background; color: $foreground;
    }
    LinesField > Horizontal > PlainTextArea:focus { border: none; border-left: outer $accent; }
    """

    def __init__(self, key: str, label: str, value: str = "", *, hint: str = "") -> None:
        self.area = PlainTextArea(safe_lines(value), highlight_cursor_line=False)
        self.area.cursor_blink = False
        self._at_first = self.area.text
        super().__init__(key, label, self.area, hint=hint)

    @property
    def entries(self) -> list[tuple[int, str]]:
        """The lines that are not empty, each with its number."""
        lines = enumerate(self.area.text.split("\n"), 1)
        return [(number, line.strip()) for number, line in lines if line.strip()]

    @property
    def changed(self) -> bool:
        """Whether anything else stands there than at first."""
        return self.area.text.strip() != self._at_first.strip()


class ChoiceField(Field, Generic[ChoiceT]):
    """A choice out of a few."""

    DEFAULT_CSS = """
    ChoiceField Select { width: 1fr; }
    """

    def __init__(
        self,
        key: str,
        label: str,
        choices: Sequence[tuple[str, ChoiceT]],
        *,
        value: ChoiceT | None = None,
        required: bool = False,
        hint: str = "",
    ) -> None:
        first = choices[0][1] if value is None else value
        options = [(Text(safe(words)), choice) for words, choice in choices]
        self.select: Select[ChoiceT] = Select(options, value=first, allow_blank=False, compact=True)
        self._at_first = first
        super().__init__(key, label, self.select, required=required, hint=hint)

    def offer(self, choices: Sequence[tuple[str, ChoiceT]], value: ChoiceT) -> None:
        """Offer other choices."""
        self._at_first = value
        self.select.set_options([(Text(safe(words)), choice) for words, choice in choices])
        self.select.value = value

    @property
    def value(self) -> ChoiceT:
        """What is chosen."""
        chosen = self.select.selection
        return self._at_first if chosen is None else chosen

    @property
    def changed(self) -> bool:
        """Whether another one is chosen than at first."""
        return self.value != self._at_first


def at_field(error: InvalidInputError, key: str) -> InvalidInputError:
    """The same error, of the form's own field."""
    return InvalidInputError(error.title, detail=error.detail, remedy=error.remedy, field=key)
