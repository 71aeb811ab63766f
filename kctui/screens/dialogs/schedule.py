"""The rotation schedule: the guide's choices, or a number of days."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Select

from kctui.core.errors import InvalidInputError
from kctui.core.validation import parse_rotation, rotation_text
from kctui.core.words import RotationMethod
from kctui.screens.dialogs.fields import ChoiceField, TextField, at_field

OWN_DAYS = "days"
KEYS_BESIDE_CHOICES = "Tab: next field   Enter: choose   Esc: leave"
_USUAL = ("never", "30d", "180d", "365d")


class RotationSchedule(Vertical):
    """Never, 30, 180, 365 days, or a number of days; `inherit` puts what the Key Set says first.

    present: the schedule that there is, such as "90d".
    """

    DEFAULT_CSS = """
    RotationSchedule { height: auto; width: 1fr; }
    """

    def __init__(self, *, inherit: str | None = None, present: str | None = None) -> None:
        super().__init__()
        choices = [(rotation_text(parse_rotation(text)).capitalize(), text) for text in _USUAL]
        if inherit is not None:
            own = rotation_text(parse_rotation(inherit))
            choices.insert(0, (f"As the Key Set: {own}", f"key-set:{inherit}"))
        choices.append(("A number of days", OWN_DAYS))
        chosen = OWN_DAYS if present is not None and present not in _USUAL else present
        days = present.removesuffix("d") if present is not None and chosen == OWN_DAYS else ""
        self._choice = ChoiceField("rotation_schedule", "Rotation Schedule", choices, value=chosen, required=True)
        self._days = TextField("rotation_days", "Days", days, required=True, example="90")

    def compose(self) -> ComposeResult:
        """The choice, and the number where that is chosen."""
        yield self._choice
        yield self._days

    def on_mount(self) -> None:
        """The number is there where it is chosen."""
        self._days.display = self._choice.value == OWN_DAYS

    @on(Select.Changed)
    def _chosen(self) -> None:
        self._days.display = self._choice.value == OWN_DAYS

    @property
    def inherited(self) -> bool:
        """Whether the Key Set's schedule is taken."""
        return self._choice.value.startswith("key-set:")

    @property
    def days(self) -> int | None:
        """The schedule. Raises InvalidInputError at the number of days."""
        chosen = self._choice.value
        if chosen != OWN_DAYS:
            return parse_rotation(chosen.removeprefix("key-set:"))
        try:
            days = parse_rotation(self._days.value)
        except InvalidInputError as error:
            raise at_field(error, "rotation_days") from error
        if days is None:
            raise InvalidInputError("That is not a number of days", remedy="Type one.", field="rotation_days")
        return days


class RotationMethodField(ChoiceField[RotationMethod]):
    """How Rotate Now works, with what the chosen way does below it."""

    def __init__(self, method: RotationMethod = RotationMethod.IN_PLACE) -> None:
        choices = [(each.value.capitalize(), each) for each in RotationMethod]
        super().__init__("rotation_method", "Rotate Now", choices, value=method, required=True, hint=method.told)

    @on(Select.Changed)
    def _chosen(self) -> None:
        self.hint(Content(self.value.told))
