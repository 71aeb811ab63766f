"""The HSMs, on a page of their own: which tokens, what they can do, how it stands with them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import Static

from kctui.core.text import shorten
from kctui.screens.dialogs.base import Dialog, DialogButton
from kctui.screens.dialogs.message import MessageDialog
from kctui.screens.hsm_wording import HsmSeen, consent_facts, probed_words, token_facts, use_words
from kctui.screens.widgets.bars import WIDE
from kctui.screens.widgets.columns import Column, Tone
from kctui.screens.widgets.row_messages import RowHighlighted, RowsFailed
from kctui.screens.widgets.row_table import RowTable
from kctui.screens.widgets.sections import Fact, Section, draw
from kctui.screens.widgets.threads import AskFailed, in_thread
from kctui.screens.wording import number

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import HsmRow

_MODULE = 26
NOTHING = (
    "No HSM is here yet: key material is made in software, on this host.",
    "",
    "An HSM is a token behind a PKCS#11 module: of CloudHSM, nShield, Luna,",
    "SoftHSM and the like. docs/hsm.md says by vendor how one is set up.",
)
BEGIN = "Add HSM: press c to begin"
KEYS = "Enter: test   c Add   n New PIN   x Remove   Esc: back"
KEYS_NARROW = "Enter: test   Esc: back"
_NAMES = {"add": "Add HSM", "test": "Test", "pin": "New PIN", "remove": "Remove"}


NO_ROW = "there is no HSM to act on"


@dataclass
class HsmsRead(Message):
    """How it stands with the HSMs."""

    hsms: tuple[HsmSeen, ...]


class HsmsScreen(Dialog[None]):
    """Lists the HSMs. hsms: as far as they are known already. unlocked: whether anything can be done with them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,t,T", "do('test')", "Test", show=False),
        Binding("c", "do('add')", "Add", show=False),
        Binding("n", "do('pin')", "New PIN", show=False),
        Binding("x", "do('remove')", "Remove", show=False),
        Binding("q", "leave", "Leave", show=False),
    ]
    DEFAULT_CSS = """
    HsmsScreen .hsm { height: 11; width: 1fr; }
    HsmsScreen.-tall .hsm { height: 12; padding-top: 1; }
    """

    def __init__(
        self, engine: "Engine", hsms: Sequence[HsmSeen], clock: Callable[[], datetime], *, unlocked: bool
    ) -> None:
        super().__init__("HSMs")
        self._engine = engine
        self._clock = clock
        self._unlocked = unlocked
        self._seen = {hsm.row.id: hsm for hsm in hsms}

    def compose_body(self) -> ComposeResult:
        """The table, and what is known of the row."""
        columns: tuple[Column[HsmRow], ...] = (
            Column("", "Name", 14, lambda row: row.name, grow=2, most=32),
            Column("", "Token", 14, lambda row: row.token_label, grow=2, most=32),
            Column("", "Module", _MODULE, lambda row: shorten(row.module, _MODULE), from_width=100),
            Column("", "Key Sets", 8, lambda row: number(row.key_sets), right=True),
            Column("", "State", 26, self._state, tone=self._tone, ages=True),
        )
        table = RowTable(columns, lambda row: row.id)
        table.empty = [Content(line) for line in NOTHING]
        begin = f"Add HSM: {self._refusal}" if self._refusal else BEGIN
        table.empty += [Content(""), Content.styled(begin, "bold $accent")]
        yield table
        yield Static("", classes="hsm", markup=False)

    def buttons(self) -> Iterable[DialogButton]:
        """What can be done, and the way back."""
        for name, words in _NAMES.items():
            yield DialogButton(words, name)
        yield DialogButton("Close", "close")

    def on_mount(self) -> None:
        """Read the list; the focus is on it."""
        self.table.focus()
        self.read_again()
        self._enable()

    @property
    def table(self) -> "RowTable[HsmRow]":
        """The table."""
        return self.query_one(RowTable)

    @property
    def hsm(self) -> HsmSeen | None:
        """The HSM under the cursor."""
        row = self.table.row
        return None if row is None else self._seen.get(row.id)

    def show_tokens(self, hsms: Sequence[HsmSeen]) -> None:
        """Show how it stands with the tokens now."""
        self._seen = {hsm.row.id: hsm for hsm in hsms}
        self.table.refresh()
        self._draw()

    def read_again(self) -> None:
        """Read the list anew, and how it stands with the tokens."""
        from kctui.core.lists import HsmList
        from kctui.screens.reading import read_hsms

        engine = self._engine
        self.table.read_again(HsmList(engine.store))
        in_thread(self, "read the HSMs", lambda: read_hsms(engine), HsmsRead)

    @on(HsmsRead)
    def _read(self, message: HsmsRead) -> None:
        self.show_tokens(message.hsms)

    @on(AskFailed)
    @on(RowsFailed)
    def _not_read(self, message: "AskFailed | RowsFailed") -> None:
        message.stop()
        self.app.push_screen(MessageDialog.of(message.error))

    @on(RowHighlighted)
    def _highlighted(self) -> None:
        self._enable()
        self._draw()

    # What is known of the row

    def _state(self, row: "HsmRow") -> str:
        hsm = self._seen.get(row.id)
        return hsm.state_since(self._clock()) if hsm else ""

    def _tone(self, row: "HsmRow") -> Tone:
        hsm = self._seen.get(row.id)
        return hsm.tone if hsm else Tone.PLAIN

    @on(Resize)
    def _resized(self) -> None:
        self._enable()
        self._draw()

    def _draw(self) -> None:
        hsm, shown = self.hsm, self.query_one(".hsm", Static)
        if hsm is None:
            shown.update("")
            return
        from kctui.core.pkcs11.findings import Conformance

        now, row = self._clock(), hsm.row
        state = hsm.state_since(now) + (f": {hsm.said}" if hsm.said else "")
        facts = (
            *token_facts(row),
            Fact("Used by", use_words(row)),
            Fact("State", state, hsm.tone),
            *consent_facts(row, Conformance.from_json(row.conformance)),
            Fact("Probed", f"{probed_words(row.probed_at, now)}: {hsm.can}"),
        )
        shown.update(draw(Section("", facts), max(20, self.size.width - 4)))

    # What can be done

    @property
    def _refusal(self) -> str:
        if not self._unlocked:
            return "the vault is locked: unlock it first"
        return "kctui runs read-only" if self._engine.read_only else ""

    def _refused(self, name: str) -> str:
        """Why something cannot be done now; empty where it can. Testing changes nothing."""
        if name == "test" and self._unlocked:
            return "" if self.table.row else NO_ROW
        return self._refusal or ("" if name == "add" or self.table.row else NO_ROW)

    def _enable(self) -> None:
        for name in _NAMES:
            self.button(name).disabled = bool(self._refused(name))
        self.hint(KEYS if self.size.width >= WIDE else KEYS_NARROW)

    def action_do(self, name: str) -> None:
        """Do it, or say why not."""
        if reason := self._refused(name):
            self.hint(f"{_NAMES[name]}: {reason}")
        elif self.is_current:
            self._do(name)

    def press(self, button: str) -> None:
        """As the keys do."""
        if button in _NAMES:
            self.action_do(button)
        else:
            self.action_leave()

    def _do(self, name: str) -> None:
        row = self.table.row
        if name == "add":
            from kctui.screens.dialogs.add_hsm import AddHsmWizard

            self.app.push_screen(AddHsmWizard(self._engine), lambda _: self.read_again())
        elif row is None:
            return
        elif name == "test":
            from kctui.screens.dialogs.test_hsm import TestHsmDialog

            self.app.push_screen(TestHsmDialog(self._engine, row, self._clock), lambda _: self.read_again())
        elif name == "pin":
            from kctui.screens.dialogs.new_pin import NewPinWizard

            self.app.push_screen(NewPinWizard(self._engine, row, self._clock), lambda _: self.read_again())
        else:
            from kctui.screens.dialogs.remove_hsm import remove_hsm_dialog

            self.app.push_screen(remove_hsm_dialog(self._engine, row), lambda _: self.read_again())
