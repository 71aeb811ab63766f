"""Who is let in to a key: two lists of ARNs, typed or picked from IAM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from kctui.core import validation
from kctui.core.errors import InvalidInputError
from kctui.core.text import safe
from kctui.core.words import KeyUsage
from kctui.screens.dialogs.base import Dialog
from kctui.screens.dialogs.fields import LinesField
from kctui.screens.dialogs.wizard import Step

if TYPE_CHECKING:
    from kctui.core.aws.principals import Principals
    from kctui.core.engine import Engine

ROOT_ALWAYS = (
    "The AWS account itself always keeps access, through its IAM policies. ARNs of users or roles, one a line."
)


class KnownPrincipals:
    """The users and roles of a CSP Account's AWS account, asked for once a dialog."""

    def __init__(self, engine: "Engine", csp_account_id: str) -> None:
        self._engine = engine
        self._csp_account_id = csp_account_id
        self.known: Principals | None = None

    def read(self) -> "Principals":
        """Ask IAM, unless it was asked before. Blocking. Raises KctuiError."""
        from kctui.core.operations import account_principals

        if self.known is None:
            self.known = account_principals(self._engine, self._csp_account_id)
        return self.known


class InlineButton(Button):
    """A button within a step. It does not belong to those at the foot, which leave the step."""

    def __init__(self, words: str) -> None:
        super().__init__(Content(), compact=True)
        self.say(words)
        # In the widget itself, as the buttons at the foot: Textual's own rules would make it wider.
        self.styles.width = len(words) + 6
        self.styles.min_width = 0
        self.styles.height = 1
        self.styles.padding = 0
        self.styles.margin = 0

    def say(self, words: str) -> None:
        """Give it other words, not longer than the first."""
        self.label = Content(f"[ {safe(words)} ]")


class PrincipalsField(LinesField):
    """A list of ARNs, with the button that picks one from IAM."""

    DEFAULT_CSS = """
    PrincipalsField > .label { width: 1fr; height: 1; }
    PrincipalsField > PlainTextArea {
        width: 1fr; height: 4; border: none; border-left: outer $border-blurred; padding: 0 1;
        background: $background; color: $foreground;
    }
    PrincipalsField > PlainTextArea:focus { border: none; border-left: outer $accent; }
    PrincipalsField > .under { layout: horizontal; height: auto; width: 1fr; }
    PrincipalsField > .under > .below { width: 1fr; height: auto; padding-left: 2; text-style: dim; }
    PrincipalsField > .under > .below.-complaint { color: $error; text-style: none; }
    """

    @dataclass
    class Wanted(Message):
        """The user wants to pick one."""

        field: "PrincipalsField"

    def __init__(self, key: str, label: str, singular: str, values: Sequence[str] = (), *, hint: str) -> None:
        super().__init__(key, label, "\n".join(values), hint=hint)
        self.singular = singular
        self._add = InlineButton(f"Add {singular}")

    def compose(self) -> ComposeResult:
        """Label, list, and under it the hint beside the button."""
        yield Static(Content(safe(self._label)), classes="label")
        yield self.area
        with Horizontal(classes="under"):
            yield self._below
            yield self._add

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.ask()

    def ask(self) -> None:
        """Ask for one from IAM."""
        self.post_message(self.Wanted(self))

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of the list, each once. Raises InvalidInputError, naming the line."""
        found: list[str] = []
        for number, line in self.entries:
            try:
                arn = validation.check_principal_arn(line)
            except InvalidInputError as error:
                title = f"Line {number}: {error.title}"
                raise InvalidInputError(title, remedy=error.remedy, field=self.key) from error
            if arn not in found:
                found.append(arn)
        return tuple(found)

    def add(self, arn: str) -> None:
        """Add one on a line of its own, and put the cursor behind it."""
        lines = [line for _, line in self.entries]
        self.show([*lines, *([] if arn in lines else [arn])])
        self.area.focus()

    def show(self, arns: Sequence[str]) -> None:
        """Show other ARNs."""
        self.area.text = "".join(f"{safe(arn)}\n" for arn in arns)
        self.area.move_cursor(self.area.document.end)


def _use(usage: KeyUsage) -> str:
    return f"They can use the key to {usage.told}."


class AccessStep(Step):
    """Who may administer the key, and who may use it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "add", "Add from IAM", show=False)]
    keys = "F2: add   Tab: next   Esc: leave"

    def __init__(
        self,
        principals: KnownPrincipals,
        administrators: Sequence[str] = (),
        users: Sequence[str] = (),
        *,
        usage: KeyUsage = KeyUsage.ENCRYPT_DECRYPT,
    ) -> None:
        super().__init__("Access")
        self.principals = principals
        self.administrators_field = PrincipalsField(
            "administrators",
            "Administrators",
            "an Administrator",
            administrators,
            hint="They have administrative rights to the key.",
        )
        self.users_field = PrincipalsField("users", "Users", "a User", users, hint=_use(usage))

    def compose(self) -> ComposeResult:
        """Two lists of ARNs."""
        yield Static(Content(ROOT_ALWAYS), classes="words")
        yield self.administrators_field
        yield self.users_field

    def say_use(self, usage: KeyUsage) -> None:
        """Say what the users may do with a key of this usage."""
        self.users_field.hint(Content(_use(usage)))

    @property
    def administrators(self) -> tuple[str, ...]:
        """Their ARNs. Raises InvalidInputError."""
        return self.administrators_field.arns

    @property
    def users(self) -> tuple[str, ...]:
        """Their ARNs. Raises InvalidInputError."""
        return self.users_field.arns

    def check(self) -> None:
        """Every line must be an ARN."""
        _ = self.administrators, self.users

    def action_add(self) -> None:
        """F2: add to the list in which the focus is, else to the first."""
        focused = self.screen.focused
        within = focused is not None and self.users_field in focused.ancestors_with_self
        (self.users_field if within else self.administrators_field).ask()

    @on(PrincipalsField.Wanted)
    def _wanted(self, message: PrincipalsField.Wanted) -> None:
        from kctui.screens.dialogs.principal_picker import PrincipalPicker

        message.stop()
        field = message.field
        if field.area.read_only:
            if isinstance(self.screen, Dialog):
                self.screen.hint("Locked: choose what to do above")
            return

        def take(arn: str | None) -> None:
            if arn is not None and field.is_attached:
                field.add(arn)

        chosen = [line for _, line in field.entries]
        self.app.push_screen(PrincipalPicker(f"Add {field.singular}", self.principals, chosen), take)
