"""Unlocking the vault: the table is covered; an operator, a passphrase field, nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Select, Static

from kctui.core.errors import KctuiError
from kctui.core.secret import Secret
from kctui.core.text import safe
from kctui.screens.reading import read_passphrase_file
from kctui.screens.widgets.rule import TitleRule
from kctui.screens.widgets.secret_input import SecretInput
from kctui.screens.widgets.threads import in_thread

if TYPE_CHECKING:
    from kctui.core.engine import Engine


class UnlockScreen(ModalScreen[bool]):
    """Asks for the passphrase. Dismissed with True when the vault is open, with False to view only."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # v is a letter while the field has the focus, which takes it first.
        Binding("escape,v", "view", "View names and status", show=False),
    ]
    DEFAULT_CSS = """
    UnlockScreen { align: center middle; }
    UnlockScreen Vertical { width: 72; max-width: 100%; height: auto; padding: 0 2; }
    UnlockScreen Horizontal { height: auto; width: 1fr; }
    UnlockScreen .label { width: 14; height: 1; }
    UnlockScreen .operator { height: 1; width: 1fr; }
    UnlockScreen Select { width: 1fr; }
    UnlockScreen SecretInput { width: 1fr; }
    UnlockScreen .told { height: 4; width: 1fr; margin-top: 1; }
    UnlockScreen .hint { height: 1; width: 1fr; }
    """

    @dataclass
    class Opened(Message):
        """The vault is open."""

    @dataclass
    class Refused(Message):
        """It is not."""

        error: KctuiError

    def __init__(
        self,
        engine: "Engine",
        operators: tuple[str, ...],
        chosen: str | None,
        passphrase_file: str | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._operators = operators
        self._chosen = chosen
        self._file = passphrase_file
        self._working = False

    def compose(self) -> ComposeResult:
        """The operator and the field."""
        with Vertical():
            yield TitleRule("The vault is locked")
            with Horizontal():
                yield Static("Operator", classes="label", markup=False)
                if len(self._operators) == 1:
                    yield Static(Content(safe(self._operators[0])), classes="operator")
                else:
                    options = [(Content(safe(name)), name) for name in self._operators]
                    if self._chosen is None:
                        yield Select(options, prompt="choose", compact=True)
                    else:
                        yield Select(options, value=self._chosen, allow_blank=False, compact=True)
            with Horizontal():
                yield Static("Passphrase", classes="label", markup=False)
                yield SecretInput()
            yield Static("", classes="told", markup=False)
            yield Static("Enter unlocks   Esc views names and status only", classes="hint", markup=False)

    def on_mount(self) -> None:
        """The focus is on the field; with a passphrase file there is nothing to type."""
        self.query_one(SecretInput).focus()
        if self._file is not None and self._chosen is not None:
            file = self._file
            self._try(lambda: read_passphrase_file(file))
        elif self._file is not None:
            self._tell("✕ $KCTUI_PASSPHRASE_FILE is set, but not who unlocks: set $KCTUI_OPERATOR.", "$error")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        field = self.query_one(SecretInput)
        if self._working:
            return
        if self._operator() is None:
            self._tell("✕ Choose the operator first.", "$error")
            return
        if field.filled:
            secret = field.take()
            self._try(lambda: secret)

    def _operator(self) -> str | None:
        for select in self.query(Select):
            return None if select.value is Select.NULL else str(select.value)
        return self._chosen or self._operators[0]

    def _try(self, passphrase: Callable[[], Secret]) -> None:
        operator = self._operator()
        if operator is None:
            return
        engine = self._engine
        self._working = True
        self._tell("… opening", "dim")

        def unlock() -> None:
            with passphrase() as secret:
                engine.unlock(operator, secret)

        in_thread(self, "unlock", unlock, lambda _: self.Opened(), self.Refused)

    @on(Opened)
    def _opened(self) -> None:
        self.dismiss(True)

    @on(Refused)
    def _refused(self, message: Refused) -> None:
        self._working = False
        self.query_one(SecretInput).value = ""
        error = message.error
        told = [f"✕ {error.title}", error.detail, error.remedy]
        self._tell("\n".join(safe(line) for line in told if line), "$error")

    def _tell(self, words: str, style: str) -> None:
        first, _, rest = words.partition("\n")
        self.query_one(".told", Static).update(Content.styled(first, style) + Content(f"\n{rest}" if rest else ""))

    def action_view(self) -> None:
        """View names and status; the vault stays locked."""
        if not self._working:
            self.dismiss(False)
