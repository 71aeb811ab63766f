"""The screens of Edit CloudKey, each filled with what is there."""

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Select, Static

from kctui.core import validation
from kctui.core.clock import rfc3339
from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.text import safe
from kctui.screens.dialogs.access_step import AccessStep, InlineButton, KnownPrincipals
from kctui.screens.dialogs.base import LABEL_WIDTH, Facts, Failure
from kctui.screens.dialogs.fields import ChoiceField, LinesField, TextField
from kctui.screens.dialogs.json_view import TextView
from kctui.screens.dialogs.schedule import KEYS_BESIDE_CHOICES, RotationSchedule
from kctui.screens.dialogs.wizard import REVIEW, Step

if TYPE_CHECKING:
    from kctui.core.details import CloudKeyDetails
    from kctui.core.operations import EditPlan, PolicyState


class EditDetails(Step):
    """Description and tags."""

    keys = "Tab: next field   Esc: leave"

    def __init__(self, details: "CloudKeyDetails") -> None:
        super().__init__("Details")
        row = details.row
        self._facts = [("CloudKey", row.name), ("Key Set", row.key_set), ("Region", row.region)]
        self.description = TextField("description", "Description", safe(row.description))
        lines = [f"{name}={value}" for name, value in sorted(details.tags.items())]
        self.tags_field = LinesField(
            "tags", "Tags", "\n".join(lines), hint="KEY=VALUE, one a line. The tags of kctui itself are not listed."
        )

    def compose(self) -> ComposeResult:
        """Which key it is, and the fields."""
        yield Facts(self._facts)
        yield Static("")
        yield self.description
        yield self.tags_field

    @property
    def tags(self) -> dict[str, str]:
        """The tags. Raises InvalidInputError, naming the line."""
        found: dict[str, str] = {}
        for number, line in self.tags_field.entries:
            name, equals, value = line.partition("=")
            if not equals or not name or name in found:
                raise InvalidInputError(
                    f"Line {number}: {line!r} is not a tag", remedy="Write KEY=VALUE, each key once.", field="tags"
                )
            found[name] = value
        return found

    def check(self) -> None:
        """What can be said without AWS."""
        if self.description.changed:
            validation.check_description(self.description.value)
        _ = self.tags


class PolicyChoice(StrEnum):
    """What to do with a key policy that is not as kctui wrote it, or not of the console's shape."""

    LEAVE = "leave"
    ADOPT = "adopt"
    OVERWRITE = "overwrite"


_WORDS = {
    PolicyChoice.LEAVE: "Leave it, and do not change who is let in",
    PolicyChoice.ADOPT: "Adopt it as it is in KMS",
    PolicyChoice.OVERWRITE: "Overwrite it with the lists below",
}


class PolicyPanel(Vertical):
    """How the key policy in KMS stands to what kctui wrote, and what to do where it differs."""

    DEFAULT_CSS = f"""
    PolicyPanel {{ height: auto; width: 1fr; margin-bottom: 1; }}
    PolicyPanel > Horizontal {{ height: auto; width: 1fr; }}
    PolicyPanel > Horizontal > .label {{ width: {LABEL_WIDTH + 2}; height: 1; text-style: dim; }}
    PolicyPanel > Horizontal > .standing {{ width: 1fr; height: auto; }}
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.state: PolicyState | None = None
        self._standing = Static("asking KMS", classes="standing", markup=False)
        self._view = InlineButton("View difference")
        # F3 presses it: the focus belongs to the lists.
        self._view.can_focus = False
        choices = [(words, choice) for choice, words in _WORDS.items()]
        self._choice: ChoiceField[PolicyChoice] = ChoiceField("policy", "What to do", choices)

    def compose(self) -> ComposeResult:
        """The standing and the button on one line, the choice below."""
        with Horizontal():
            yield Static("Key policy", classes="label", markup=False)
            yield self._standing
            yield self._view
        yield self._choice

    def on_mount(self) -> None:
        """Nothing to choose until KMS has answered."""
        self._view.display = self._choice.display = False

    @property
    def choice(self) -> PolicyChoice:
        """What is chosen."""
        return self._choice.value if self._choice.display else PolicyChoice.LEAVE

    def show(self, state: "PolicyState") -> None:
        """Show what KMS said."""
        from kctui.core.operations import Standing

        self.state = state
        custom = state.access is None
        words, attention = state.standing.value, state.standing is not Standing.AS_WRITTEN or custom
        if custom:
            words += ", custom"
        if state.deleted:
            number = len(state.deleted)
            words += f", names {number} deleted {'principal' if number == 1 else 'principals'}"
        self._standing.update(Content.styled(f"{'!' if attention else '✓'} {words}", "$warning" if attention else ""))
        self._view.say("View difference" if state.difference else "View policy")
        self._view.display = True
        if attention:
            offered = [PolicyChoice.LEAVE, PolicyChoice.OVERWRITE]
            if state.standing is not Standing.AS_WRITTEN:
                offered.insert(1, PolicyChoice.ADOPT)
            self._choice.offer([(_WORDS[choice], choice) for choice in offered], PolicyChoice.LEAVE)
        self._choice.display = attention

    def show_error(self, error: KctuiError) -> None:
        """KMS could not be asked."""
        self._standing.update(Content.styled(f"! not read: {safe(error.title)}", "$warning"))

    def view(self) -> None:
        """Show the difference, else the policy."""
        from kctui.core.aws.policy_difference import pretty

        if self.state is not None:
            title = f"Key policy of {self._name}"
            self.app.push_screen(TextView(title, self.state.difference or pretty(self.state.text)))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.view()


class EditAccess(AccessStep):
    """Who is let in, under what is true of the key policy now."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f3", "view", "View the policy", show=False)]
    keys = "F2: add   F3: view policy"

    def __init__(self, principals: KnownPrincipals, details: "CloudKeyDetails") -> None:
        super().__init__(principals, details.administrators, details.users, usage=details.row.key_usage)
        self._ours = (details.administrators, details.users)
        self.policy = PolicyPanel(details.row.name)
        self._adopted = False

    def compose(self) -> ComposeResult:
        """The policy, and the lists."""
        yield self.policy
        yield self.administrators_field
        yield self.users_field

    def show_state(self, state: "PolicyState") -> None:
        """Show what KMS said of the policy."""
        self.policy.show(state)
        self._lock()

    @on(Select.Changed)
    def _chosen(self) -> None:
        """With the policy adopted, the lists are those in it."""
        state, choice = self.policy.state, self.policy.choice
        if state is None:
            return
        administrators, users = self._ours
        if choice is PolicyChoice.ADOPT:
            access = state.access
            administrators, users = (access.administrators, access.users) if access else ((), ())
        if (choice is PolicyChoice.ADOPT) != self._adopted:
            self._adopted = choice is PolicyChoice.ADOPT
            self.administrators_field.show(administrators)
            self.users_field.show(users)
        self._lock()

    def _lock(self) -> None:
        """The lists of a custom policy cannot be edited; nor those of one that is to be left as somebody made it."""
        from kctui.core.operations import Standing

        state, choice = self.policy.state, self.policy.choice
        if state is None:
            return
        as_it_is = state.standing is Standing.AS_WRITTEN or choice is PolicyChoice.ADOPT
        free = choice is PolicyChoice.OVERWRITE or (as_it_is and state.access is not None)
        for field in (self.administrators_field, self.users_field):
            field.area.read_only = not free

    def action_view(self) -> None:
        """F3: show the difference, or the policy."""
        self.policy.view()

    def check(self) -> None:
        """What is in the lists need be sound only where they are written."""
        if self.edited:
            super().check()

    @property
    def edited(self) -> bool:
        """Whether the lists are to be written."""
        fields = (self.administrators_field, self.users_field)
        if self.policy.choice is PolicyChoice.OVERWRITE:
            return True
        return any(field.changed and not field.area.read_only for field in fields)


class EditSchedule(Step):
    """When it rotates."""

    keys = KEYS_BESIDE_CHOICES

    def __init__(self, details: "CloudKeyDetails") -> None:
        super().__init__("Schedule")
        row = details.row
        days = row.rotation_days
        self.rotation = RotationSchedule(present="never" if days is None else f"{days}d")
        self._facts = [
            ("Rotates", rfc3339(row.rotates_at) if row.rotates_at else "Never"),
            ("Expiration", rfc3339(row.expires_at) if row.expires_at else "Never"),
        ]

    def compose(self) -> ComposeResult:
        """The schedule, and what it is now."""
        yield Static(Content("Define a schedule for which the CloudKey will be rotated."), classes="words")
        yield self.rotation
        yield Static("")
        yield Facts(self._facts)
        yield Static("")
        yield Static(Content.styled("A new schedule counts from today. The expiration changes with an upload.", "dim"))

    def check(self) -> None:
        """It must be sound."""
        _ = self.rotation.days


class EditReview(Step):
    """What changes, and the AWS calls to come."""

    DEFAULT_CSS = """
    EditReview > .changes { height: auto; width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__(REVIEW)
        self._changes = Static("", classes="changes", markup=False)
        self._failure = Failure()

    def compose(self) -> ComposeResult:
        """Changes, calls, and why it cannot be."""
        yield self._changes
        yield self._failure

    def clear(self) -> None:
        """While it is worked out."""
        self._changes.update("")
        self._failure.clear()

    def show_plan(self, plan: "EditPlan", *, adopted: bool) -> None:
        """Show what changes."""
        lines = [Content("The key policy in KMS is adopted as it is.")] if adopted else []
        for change in plan.changes:
            lines.append(Content.styled(safe(change.what[0].upper() + change.what[1:]), "bold"))
            lines += [Content.styled(f"  - {safe(text)}", "dim") for text in change.gone]
            lines += [Content(f"  + {safe(text)}") for text in change.new]
        if plan.calls:
            lines += [Content(""), Content.styled("AWS calls to come", "dim")]
            lines += [Content(f"{number} {safe(call)}") for number, call in enumerate(plan.calls, 1)]
        if plan.policy:
            lines += [Content(""), Content.styled("How the key policy changes", "dim")]
            lines += [_difference_line(line) for line in plan.policy.split("\n")]
        self._changes.update(Content("\n").join(lines or [Content("Nothing is changed.")]))

    def show_error(self, error: KctuiError) -> None:
        """Show why it cannot be."""
        self._failure.show(error)


def _difference_line(line: str) -> Content:
    style = {"+": "$success", "-": "$error"}.get(line[:1], "dim")
    return Content.styled(safe(line), style)
