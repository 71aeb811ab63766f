"""Confirm what hurts: what it would do and what depends on it, then the name, typed exactly; then its steps.

Account, region, what depends on it and what can be undone stand above the field. The button is dead until the panel
has been read and the name is exact; Enter in the field never runs anything.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe, safe_lines
from kctui.screens.dialogs.base import DialogButton, Failure, failure_content
from kctui.screens.dialogs.fields import Field, TextField
from kctui.screens.dialogs.labelled import Labelled, LabelledTexts
from kctui.screens.dialogs.operation import OperationDialog
from kctui.screens.dialogs.steps import StepLog
from kctui.screens.widgets.threads import in_thread

if TYPE_CHECKING:
    from kctui.core.consequences import Line

Facts = Sequence[tuple[str, str]]
LOOKING = "… looking at what it would do, and at what depends on it"
KEYS_IN_FIELD = "Enter: to the button   Esc: leave"
KEYS_AT_BUTTONS = "Left and right choose   Enter presses"
KEYS_LONG = "PgUp PgDn: read it all   Esc: leave"


def _nothing() -> Facts:
    return ()


@dataclass(frozen=True)
class Offer:
    """What may be done next, in the same dialog: a question, and the verb of its button."""

    question: str
    verb: str
    run: "Callable[[Observer], Done]"


@dataclass(frozen=True)
class Done:
    """How it ended: one sentence that is true now, and what is offered next."""

    words: str
    offer: Offer | None = None


@dataclass(frozen=True)
class Panel:
    """What was looked at, and what runs once it is confirmed. Every text may be foreign.

    words: what will happen. refusal: why it cannot be done. now: what is true after it ran or failed; called in the
    thread of the work.
    """

    words: str
    facts: Facts
    run: Callable[[Observer], Done]
    lines: "Sequence[Line]" = ()
    refusal: KctuiError | None = None
    now: Callable[[], Facts] = _nothing


@dataclass(frozen=True)
class TypedName:
    """The name to type. kind: of the thing, "CloudKey". refuse: tells the audit log of a wrong one, and raises."""

    kind: str
    name: str
    refuse: Callable[[str], None]


@dataclass(frozen=True)
class _Ended:
    done: Done | None
    error: KctuiError | None
    now: Facts


@dataclass
class _Looked(Message):
    """The panel has been read, or why it cannot be. number: of the look; only the last one counts."""

    number: int
    panel: Panel | None
    error: KctuiError | None = None


@dataclass
class _NameRefused(Message):
    """A wrong name was typed; the audit log knows of it."""

    error: KctuiError | None


class ConfirmDialog(OperationDialog):
    """Asks, and runs. Dismissed with True when it was carried out, else False.

    look: the panel, or what reads it; that is called in a thread, while the dialog says so. name: None where nothing
    needs to be typed: then the focus is on Cancel. fields: above the name. Subclasses whose fields change what would
    happen override `looking` and `asked`, those whose fields only change what is run `working`. leave: the word for
    going without doing it, where Cancel would be mistaken for the verb.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]
    DEFAULT_CSS = """
    ConfirmDialog .operation { scrollbar-size-vertical: 1; }
    ConfirmDialog .operation > Static { width: 1fr; height: auto; }
    ConfirmDialog .operation > .words { margin-bottom: 1; }
    ConfirmDialog .operation > .lines { margin-top: 1; }
    ConfirmDialog .operation > .question { margin-top: 1; }
    ConfirmDialog .operation > .now { margin-top: 1; }
    ConfirmDialog .fields { height: auto; width: 1fr; margin-top: 1; }
    ConfirmDialog.-tall .fields { margin-bottom: 1; }
    """

    def __init__(
        self,
        title: str,
        right: str,
        verb: str,
        look: Panel | Callable[[], Panel] | None = None,
        *,
        name: TypedName | None = None,
        fields: Sequence[Widget] = (),
        leave: str = "Cancel",
    ) -> None:
        super().__init__(title, (), lambda _observer: None, verb, right)
        self._given = look
        self._typed = name
        self._fields = fields
        self._leave = leave
        self._looks = 0
        self._shown_for: object = None
        self._offer: Offer | None = None
        self.panel: Panel | None = None
        self.name_field = TextField(
            "typed_name", f"Type {name.kind} Name" if name else "", hint="The button waits for the exact name."
        )

    # What subclasses say

    def looking(self) -> Panel | Callable[[], Panel]:
        """What reads the panel for what the fields say now; it is called in a thread, so without widgets."""
        if self._given is None:
            raise NotImplementedError
        return self._given

    def asked(self) -> object:
        """What the panel depends on: it is read again when this changes."""
        return None

    def working(self, panel: Panel) -> Callable[[Observer], Done]:
        """What to run. Raises InvalidInputError at a field."""
        return panel.run

    # The page

    def compose_body(self) -> ComposeResult:
        """What it would do; the fields; later, in place of both, what happens."""
        with VerticalScroll(classes="operation", can_focus=False):
            yield Static("", classes="words", markup=False)
            yield LabelledTexts(classes="facts")
            yield LabelledTexts(classes="lines")
            yield StepLog()
            yield Static("", classes="outcome", markup=False)
            yield Failure()
            yield LabelledTexts(classes="now")
            yield Static("", classes="question", markup=False)
        with Vertical(classes="fields"):
            yield from self._fields
            if self._typed:
                yield self.name_field

    def buttons(self) -> Iterable[DialogButton]:
        """Cancel, the verb, and what is offered afterwards."""
        yield DialogButton(self._leave, "cancel", width=12)
        yield DialogButton(safe(self._verb), "go", main=True, danger=self._typed is not None, width=14)
        yield DialogButton("", "offer", main=True, width=14)

    def ask(self) -> None:
        """The focus is on the name, else on Cancel; the panel is read."""
        self.button("offer").display = False
        (self.name_field.input if self._typed else self.button("cancel")).focus()
        self._tell("outcome", Content())
        self._tell("question", Content())
        self.watch(self.query_one(".operation"), "show_vertical_scrollbar", self._say_keys, init=False)
        self._look()

    def action_page(self, by: int) -> None:
        """Scroll what stands above the fields."""
        panel = self.query_one(".operation", VerticalScroll)
        (panel.scroll_page_down if by > 0 else panel.scroll_page_up)(animate=False)

    # Looking

    def _look(self) -> None:
        look = self.looking()
        self._shown_for = self.asked()
        self._looks += 1
        number = self._looks
        if isinstance(look, Panel):
            self._show(look)
            return
        self.panel = None
        self._show_parts(Content.styled(LOOKING, "dim"))
        self._wait_for_name()
        in_thread(
            self,
            f"look at {self.dialog_title}",
            look,
            lambda panel: _Looked(number, panel),
            lambda error: _Looked(number, None, error),
        )

    @on(_Looked)
    def _looked(self, message: _Looked) -> None:
        if message.number != self._looks or self._begun:
            return
        if message.panel is not None:
            self._show(message.panel)
        elif message.error is not None:
            self._show_parts(failure_content(message.error))
            self._refuse()

    def _show(self, panel: Panel) -> None:
        self.panel = panel
        words = failure_content(panel.refusal) if panel.refusal else Content(safe_lines(panel.words))
        self._show_parts(words, panel.facts, panel.lines)
        if panel.refusal is not None:
            self._refuse()
            return
        self.name_field.display = True
        self._wait_for_name()
        self._say_keys()

    def _show_parts(self, words: Content, facts: Facts = (), lines: "Sequence[Line]" = ()) -> None:
        self._tell("words", words)
        self.query_one(".facts", LabelledTexts).show([Labelled(*fact) for fact in facts])
        self.query_one(".lines", LabelledTexts).show([Labelled.of(line) for line in lines])

    def _refuse(self) -> None:
        """It cannot be done: leave only the way out, and what might change it."""
        if self.focused is self.name_field.input:
            self.button("cancel").focus()
        self.name_field.display = False
        self._wait_for_name()
        self.hint("Esc: leave")

    def _say_keys(self) -> None:
        if self._begun or self.panel is None or self.panel.refusal is not None:
            return
        long = self.query_one(".operation", VerticalScroll).show_vertical_scrollbar
        self.hint(KEYS_LONG if long else KEYS_IN_FIELD if self._typed else KEYS_AT_BUTTONS)

    # Typing

    @property
    def _fits(self) -> bool:
        if self.panel is None or self.panel.refusal is not None:
            return False
        return self._typed is None or self.name_field.input.value == self._typed.name

    def _wait_for_name(self) -> None:
        self.button("go").disabled = not self._fits

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self) -> None:
        if self._begun:
            return
        if self.asked() != self._shown_for:
            self._look()
        self._wait_for_name()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is not self.name_field.input or self._typed is None:
            (self.name_field.input if self._typed else self.button("cancel")).focus()
        elif not event.value:
            self.action_leave()
        elif event.value == self._typed.name:
            self._to_button()
        elif self.name_field.complaint is None:
            self._tell_of(self._typed, event.value)

    def _to_button(self) -> None:
        go = self.button("go")
        if go.disabled:
            self.hint("Wait: the key is still looked at." if self.panel is None else "Esc: leave")
        else:
            go.focus()

    def _tell_of(self, name: TypedName, typed: str) -> None:
        self.name_field.complain(
            InvalidInputError("The name does not match", remedy="Nothing was done.", field=self.name_field.key)
        )
        in_thread(self, "tell of a wrong name", lambda: name.refuse(typed), lambda _: _NameRefused(None), _NameRefused)

    # Running

    def press(self, button: str) -> None:
        """Run it, run what is offered, or leave."""
        if button == "offer" and self._offer is not None and self.panel is not None:
            offer, self._offer = self._offer, None
            self._run(offer.run, self.panel)
        elif button == "go" and not self._begun and self._fits and self.panel is not None:
            try:
                work = self.working(self.panel)
            except InvalidInputError as error:
                self._point_out(error)
            else:
                self._run(work, self.panel)
        else:
            self.action_leave()

    def _point_out(self, error: InvalidInputError) -> None:
        for field in self.query(Field):
            if field.key == error.field:
                field.complain(error)
                field.editor.focus()

    def _run(self, work: Callable[[Observer], Done], panel: Panel) -> None:
        self.query_one(".fields").display = False
        self._show_parts(Content(), panel.facts)
        self._tell("outcome", Content())
        self._tell("question", Content())
        self.query_one(".now", LabelledTexts).show(())
        self.button("offer").display = False
        self.start(_reporting(work, panel.now))

    def done(self, result: object) -> None:
        """Say what is true now."""
        if not isinstance(result, _Ended):
            raise TypeError("the work of this dialog gives how it ended")
        if result.error is not None:
            self.query_one(StepLog).break_off()
            self.query_one(Failure).show(result.error)
        elif result.done is not None:
            self.carried_out = True
            self._tell("outcome", Content.styled(f"✓ {safe(result.done.words)}", "bold $success"))
        self.query_one(".now", LabelledTexts).show([Labelled(*fact) for fact in result.now])
        self.ended()
        if result.done is not None and result.done.offer is not None:
            self._show_offer(result.done.offer)
        self.call_after_refresh(self._to_the_end)

    def _show_offer(self, offer: Offer) -> None:
        self._offer = offer
        self._tell("question", Content(safe(offer.question)))
        button = self.button("offer")
        button.say(offer.verb)
        button.display, button.disabled = True, False
        self.hint(KEYS_AT_BUTTONS)

    def _tell(self, name: str, content: Content) -> None:
        part = self.query_one(f".operation > .{name}", Static)
        part.update(content)
        part.display = bool(content.plain)

    def _to_the_end(self) -> None:
        self.query_one(".operation", VerticalScroll).scroll_end(animate=False)


def _reporting(work: Callable[[Observer], Done], now: Callable[[], Facts]) -> Callable[[Observer], _Ended]:
    """Run the work; whether it succeeds or fails, look at what is true then."""

    def run(observer: Observer) -> _Ended:
        done, error = None, None
        try:
            done = work(observer)
        except KctuiError as refusal:
            error = refusal
        facts: Facts = ()
        # What failed may be the store itself: why it failed is the news then.
        with suppress(KctuiError):
            facts = now()
        return _Ended(done, error, facts)

    return run
