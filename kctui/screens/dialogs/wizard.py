"""The wizard: one screen a step, Back and Continue in one place, nothing lost by going back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Select, Static, TextArea

from kctui.core.errors import ErrorKind, InvalidInputError, KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe
from kctui.screens.dialogs.base import DialogButton, Facts, Failure
from kctui.screens.dialogs.fields import Field
from kctui.screens.dialogs.message import MessageDialog, Question
from kctui.screens.dialogs.steps import StepLog, WorkingDialog

KEYS_IN_FORM = "Enter: next field   Esc: leave"
KEYS_BEFORE_APPLY = "Tab Enter: Apply   Esc: leave"
REVIEW = "Review"
BETWEEN = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
KEYS_READ = "PgUp PgDn: read it all"
WORKING = "Working; a step is not broken off."
STOPPABLE = "Esc: stop making it"


@dataclass(frozen=True)
class Outcome:
    """What a wizard made: the id of the new row, and what to show of it. Without facts the wizard closes."""

    row_id: str
    title: str = ""
    facts: Sequence[tuple[str, str]] = ()


class Step(VerticalScroll, can_focus=True):
    """One screen of a wizard. Subclasses compose fields, and check them when the user goes on."""

    DEFAULT_CSS = """
    Step { height: 1fr; width: 1fr; display: none; }
    Step > .words { height: auto; width: 1fr; margin-bottom: 1; }
    """

    keys = ""
    """What to say of the keys, where it is not the usual."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.step_title = title

    @property
    def fields(self) -> list[Field]:
        """The fields that are shown."""
        return [field for field in self.query(Field) if field.display]

    def check(self) -> None:
        """Raise InvalidInputError, which names the field, when the user may not go on."""


class Crumbs(Widget):
    """The wizard's title and its steps on a rule; the present one is bold, the others dim."""

    DEFAULT_CSS = """
    Crumbs { height: 2; width: 1fr; }
    """
    at = reactive(0)

    def __init__(self, title: str, steps: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._names = steps

    def render(self) -> Content:
        """Two lines."""
        line = Content.styled(self._title, "bold") + Content("    ")
        for place, name in enumerate(self._names):
            if place:
                line += Content("  ") + Content.styled(BETWEEN, "dim") + Content("  ")
            line += Content.styled(name, "bold $accent" if place == self.at else "dim")
        return Content("\n").join([line, Content.styled("─" * self.size.width, "dim")])


class ResultStep(VerticalScroll):
    """The screen after the last step: the steps of the work as they happen, then what came of it, and `parts`."""

    DEFAULT_CSS = """
    ResultStep { height: 1fr; width: 1fr; display: none; scrollbar-size-vertical: 1; }
    ResultStep > StepLog { max-height: 60%; }
    ResultStep > .outcome { height: auto; width: 1fr; margin: 1 0; }
    ResultStep > Failure { margin-top: 1; }
    """

    def __init__(self, parts: Iterable[Widget]) -> None:
        super().__init__()
        self._parts = parts

    def compose(self) -> ComposeResult:
        """Steps, outcome, failure."""
        yield StepLog()
        yield Static("", classes="outcome", markup=False)
        yield Facts()
        yield from self._parts
        yield Failure()

    def clear(self) -> None:
        """Begin anew."""
        self.query_one(StepLog).clear()
        self._show_made(Content(), [])
        self.query_one(Failure).clear()

    def show_outcome(self, outcome: Outcome) -> None:
        """Say what was made."""
        self._show_made(Content.styled(f"✓ {safe(outcome.title)}", "bold $success"), outcome.facts)

    def _show_made(self, title: Content, facts: Sequence[tuple[str, str]]) -> None:
        words, table = self.query_one(".outcome", Static), self.query_one(Facts)
        words.update(title)
        table.show(facts)
        words.display = table.display = bool(facts)


class Wizard(WorkingDialog[str | None]):
    """A form in steps. `steps` makes the screens, `work` gathers what was typed into the work to be done.

    It is dismissed with the new row's id, or None.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter_step", "Go on", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]
    result_title = ""
    """The name of the screen after Apply, where it is more than the end of the last step."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.at = 0
        self.outcome: Outcome | None = None
        self._steps: list[Step] = []
        self._applied = False

    def steps(self) -> Sequence[Step]:
        """The screens, in their order."""
        raise NotImplementedError

    def work(self) -> Callable[[Observer], Outcome]:
        """What Apply does, with everything that was typed; called in a thread, so without widgets."""
        raise NotImplementedError

    def head(self) -> Widget:
        """The title and the steps."""
        self._steps = list(self.steps())
        titles = [step.step_title for step in self._steps]
        names = [title if title == REVIEW else f"{number} {title}" for number, title in enumerate(titles, 1)]
        return Crumbs(self.dialog_title, [*names, self.result_title] if self.result_title else names)

    def compose_body(self) -> ComposeResult:
        """Every step, one of them shown; all of them live until the end, so that nothing is lost."""
        yield from self._steps
        yield ResultStep(self.result_parts())

    def result_parts(self) -> Iterable[Widget]:
        """What stands below what was made, where there is more of it."""
        return ()

    def buttons(self) -> Iterable[DialogButton]:
        """Back, Cancel, Continue."""
        yield DialogButton("Back", "back", width=12)
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton("Continue", "continue", main=True, width=15)

    def on_mount(self) -> None:
        """Show the first step."""
        self.show_step(0)

    @property
    def focus_chain(self) -> list[Widget]:
        """Tab comes to Continue before Back and Cancel, though those stand left of it: on is where one mostly goes."""
        chain = super().focus_chain
        # Those of the bar alone: a step's own button, such as Add HSM, keeps its place.
        buttons = [w for w in chain if isinstance(w, DialogButton) and w.id in {"back", "cancel", "continue"}]
        on = [button for button in buttons if button.id == "continue"]
        return [w for w in chain if w not in buttons] + on + [button for button in buttons if button not in on]

    @property
    def current(self) -> Step:
        """The step that is shown, or was before Apply."""
        return self._steps[self.at]

    @property
    def changed(self) -> bool:
        """Whether anything would be lost by leaving."""
        return self.outcome is None and any(field.changed for field in self.query(Field))

    def show_step(self, index: int) -> None:
        """Show a step, with the focus on its first field."""
        self.at = index
        self._show(self.current)
        last = index == len(self._steps) - 1
        self.button("continue").say("Apply" if last else "Continue")
        self._enable(back=index > 0, cancel=True, go=True)
        editors = self._editors()
        # Without a field the step itself takes the focus, never Apply: a second Enter must not go through two.
        self.current.can_focus = not editors
        self.set_focus(editors[0] if editors else self.current)
        self.hint(self.current.keys or (KEYS_BEFORE_APPLY if last and not editors else KEYS_IN_FORM))

    def _show(self, shown: Step | ResultStep) -> None:
        for screen in (*self._steps, self.query_one(ResultStep)):
            screen.display = screen is shown
        after = isinstance(shown, ResultStep) and bool(self.result_title)
        self.query_one(Crumbs).at = self.at + after

    def _enable(self, *, back: bool, cancel: bool, go: bool) -> None:
        for name, enabled in (("back", back), ("cancel", cancel), ("continue", go)):
            self.button(name).disabled = not enabled

    def _editors(self) -> list[Widget]:
        """What takes the focus in this step, in order."""
        kinds = (Input, Select, TextArea, OptionList, Button)
        shown = [w for w in self.current.query("*") if isinstance(w, kinds) and w.focusable and _displayed(w)]
        return [w for w in shown if not (isinstance(w, OptionList) and isinstance(w.parent, Select))]

    # Going on and back

    def press(self, button: str) -> None:
        """Back, Cancel or Continue."""
        if self.running and not (self.stoppable and button == "cancel"):
            return
        match button:
            case "back":
                self._go_back()
            case "cancel":
                self.action_leave()
            case "continue":
                self.go_on()

    def action_leave(self) -> None:
        """Esc and Cancel: at once where nothing would be lost, else after a question."""
        if self.stoppable:
            self.stop()
        elif self.running:
            self.hint(WORKING)
        elif self.outcome is not None:
            self.dismiss(self.outcome.row_id)
        elif self.changed:
            words = "What was typed here would be lost."
            question = Question(self.dialog_title, words, yes="Discard", no="Keep")
            self.app.push_screen(question, self._answered_discard)
        else:
            self.dismiss(None)

    def _answered_discard(self, discard: bool | None) -> None:
        if discard and self.is_attached:
            self.dismiss(None)

    def _go_back(self) -> None:
        if self._applied:
            self._applied = False
            self.show_step(self.at)
        elif self.at > 0:
            self.show_step(self.at - 1)

    def go_on(self) -> None:
        """Check this step, then show the next one, or apply."""
        if self.running:
            return
        if self.outcome is not None:
            self.dismiss(self.outcome.row_id)
            return
        for field in self.current.fields:
            field.accept()
        try:
            self.current.check()
        except InvalidInputError as error:
            if not self.point_out(error):
                self.app.push_screen(MessageDialog.of(error))
            return
        if self.at < len(self._steps) - 1:
            self.show_step(self.at + 1)
        else:
            self._apply()

    def point_out(self, error: InvalidInputError) -> bool:
        """Show an error under its field, on its step. False where no step has that field."""
        for index, step in enumerate(self._steps):
            for field in step.fields:
                if field.key == error.field:
                    if index != self.at or self._applied:
                        self._applied = False
                        self.show_step(index)
                    field.complain(error)
                    field.editor.focus()
                    return True
        return False

    def action_enter_step(self) -> None:
        """Enter on a step without fields goes on; it never applies."""
        if self.focused is self.current and self.at < len(self._steps) - 1:
            self.go_on()

    def action_page(self, by: int) -> None:
        """Scroll what is shown, wherever the focus is."""
        shown: VerticalScroll = self.query_one(ResultStep) if self._applied else self.current
        (shown.scroll_page_down if by > 0 else shown.scroll_page_up)(animate=False)

    def entered(self, field: Input) -> bool:
        """Enter in a field: to the next one, or on. At once, since the next key may be waiting behind it."""
        editors = self._editors()
        place = editors.index(field) if field in editors else len(editors)
        following = editors[place + 1 :]
        if following:
            self.set_focus(following[0])
        else:
            self.go_on()
        return True

    # Applying

    def _apply(self) -> None:
        work = self.work()
        result = self.query_one(ResultStep)
        result.clear()
        if not self.begin(work):
            return
        self._applied = True
        self._show(result)
        self._enable(back=False, cancel=False, go=False)
        self.hint(WORKING)
        result.focus()

    def show_stoppable(self) -> None:
        """Cancel stops the making of key material, and nothing that comes after it."""
        if not self.stoppable and self.focused is self.button("cancel"):
            self.query_one(ResultStep).focus()
        self.button("cancel").disabled = not self.stoppable
        self.hint(STOPPABLE if self.stoppable else WORKING)

    def done(self, result: object) -> None:
        """Show what was made, or close."""
        if not isinstance(result, Outcome):
            raise TypeError("a wizard's work gives an Outcome")
        self.outcome = result
        if not result.facts:
            self.dismiss(result.row_id)
            return
        self.query_one(ResultStep).show_outcome(result)
        self.button("continue").say("Close")
        self._enable(back=False, cancel=False, go=True)
        self.hint("")
        self.button("continue").focus()

    def failed(self, error: KctuiError) -> None:
        """Show the error: under its field where it has one, else where the work was shown."""
        if isinstance(error, InvalidInputError) and self.point_out(error):
            return
        result = self.query_one(ResultStep)
        result.query_one(StepLog).break_off()
        result.query_one(Failure).show(error)
        # What stopped half-way is for recovery: a second try from here would make a second one.
        again = error.kind is not ErrorKind.NEEDS_RECOVERY
        self.button("continue").say("Try again")
        self._enable(back=again, cancel=True, go=again)
        self.hint("Back: correct it   Esc: leave" if again else "Esc: leave")
        self.button("back" if again else "cancel").focus()


def _displayed(widget: Widget) -> bool:
    """Whether it is shown, with all that it stands in."""
    return all(parent.display for parent in widget.ancestors_with_self if isinstance(parent, Widget))
