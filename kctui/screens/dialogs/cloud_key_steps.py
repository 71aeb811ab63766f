"""The screens of Create CloudKey."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Select, Static

from kctui.core import validation
from kctui.core.clock import rfc3339
from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.text import safe
from kctui.core.words import MADE_SPECS, KeySpec, KeyUsage, key_spec_words
from kctui.screens.dialogs.base import Facts, Failure
from kctui.screens.dialogs.fields import ChoiceField, TextField, at_field
from kctui.screens.dialogs.schedule import KEYS_BESIDE_CHOICES, RotationSchedule
from kctui.screens.dialogs.wizard import REVIEW, Step

if TYPE_CHECKING:
    from kctui.core.operations import NewCloudKey

_SERVICES = "Not for services of AWS; rotates by a new KMS key."
_FOR_GOOD = "It cannot be changed once the key is made."
NEVER = "never"
A_DATE = "date"


class KeyKind(Vertical):
    """What kind of key it becomes: the usages follow the spec, and are a choice only where there are several."""

    DEFAULT_CSS = """
    KeyKind { height: auto; width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._spec = ChoiceField("key_spec", "Key spec", [(spec.value, spec) for spec in MADE_SPECS], required=True)
        self._usage = ChoiceField("key_usage", "Key usage", _usages(MADE_SPECS[0]), required=True, hint=_FOR_GOOD)
        self._only = Facts()
        self.refused: Mapping[KeySpec, InvalidInputError] = {}

    def compose(self) -> ComposeResult:
        """The spec, and its usage in the same place, chosen or told."""
        yield self._spec
        yield self._usage
        yield self._only

    def on_mount(self) -> None:
        """Tell the usage of the first spec."""
        self._follow()

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        if event.select is self._spec.select:
            usages = self.spec.usages
            self._usage.offer(_usages(self.spec), self.usage if self.usage in usages else usages[0])
        self._follow()

    def _follow(self) -> None:
        self._usage.display = len(self.spec.usages) > 1
        self._only.display = not self._usage.display
        self._only.show([("Key usage", self.spec.usages[0].told)])
        if self.spec in self.refused:
            self._spec.hint(Content.styled(safe(self.refused[self.spec].title), "bold $warning"))
        else:
            self._spec.hint(Content("" if self.spec is KeySpec.SYMMETRIC_DEFAULT else _SERVICES))

    def refuse(self, refused: Mapping[KeySpec, InvalidInputError]) -> None:
        """Take note of the key specs that the Key Set makes no key material of, and say so of the chosen one."""
        self.refused = refused
        self._follow()

    def check(self) -> None:
        """Raise InvalidInputError, with the reason, for one of them."""
        if self.spec in self.refused:
            raise self.refused[self.spec]

    @property
    def spec(self) -> KeySpec:
        """What is chosen."""
        return self._spec.value

    @property
    def usage(self) -> KeyUsage:
        """What is chosen, or the only one there is."""
        return self._usage.value


def _usages(spec: KeySpec) -> list[tuple[str, KeyUsage]]:
    return [(usage.told, usage) for usage in spec.usages]


class CloudKeyDetails(Step):
    """Name, Description and kind; below the name, the alias it becomes."""

    keys = "Tab: next field   Esc: leave"

    def __init__(self, key_set: str, region: str, hsm: str | None = None) -> None:
        super().__init__("Details")
        where = f"{key_set} · HSM {hsm}" if hsm else key_set
        self._facts = [("Type", "AWS"), ("Key Set", where), ("Region", region)]
        self.key_name = TextField("name", "Name", required=True)
        self.description = TextField("description", "Description")
        self.kind = KeyKind()
        self._taken = ""

    def compose(self) -> ComposeResult:
        """Where it will be, the fields, and its kind."""
        yield Facts(self._facts)
        yield Static("")
        yield self.key_name
        yield self.description
        yield self.kind

    def name_changed(self) -> None:
        """Say which alias it becomes, before anything is known of it."""
        self._taken = ""
        name = self.key_name.value
        self.key_name.hint(Content(f"→ alias/{safe(name)}" if name else ""))

    def name_to_look_up(self) -> str:
        """The name, where it can be one."""
        try:
            return validation.check_cloud_key_name(self.key_name.value)
        except InvalidInputError:
            return ""

    def show_verdict(self, taken: str) -> None:
        """Say whether the alias is free."""
        self._taken = taken
        alias = f"→ alias/{safe(self.key_name.value)}, "
        self.key_name.hint(
            Content(alias) + Content.styled(safe(taken), "bold $warning") if taken else Content(alias + "free")
        )

    def check(self) -> None:
        """What can be said without AWS."""
        name = validation.check_cloud_key_name(self.key_name.value)
        if self._taken:
            raise InvalidInputError(f"alias/{name} is {self._taken}", remedy="Choose another name.", field="name")
        validation.check_description(self.description.value)
        self.kind.check()


class CloudKeySchedule(Step):
    """When it rotates, and when its key material expires."""

    keys = KEYS_BESIDE_CHOICES

    def __init__(self, key_set_days: int | None) -> None:
        super().__init__("Schedule")
        inherit = NEVER if key_set_days is None else f"{key_set_days}d"
        self.rotation = RotationSchedule(inherit=inherit)
        self._expiration = ChoiceField(
            "expiration", "Expiration", [("Never", NEVER), ("Choose a date", A_DATE)], required=True
        )
        self._date = TextField(
            "expires",
            "Date",
            required=True,
            example="YYYY-MM-DD",
            hint="The end of that day, UTC; at most 365 days ahead.",
        )

    def compose(self) -> ComposeResult:
        """The guide's sentences, each with its choice."""
        yield Static(Content("Define a schedule for which the CloudKey will be rotated."), classes="words")
        yield self.rotation
        yield Static("")
        yield Static(Content("Define when the CloudKey should be expired."), classes="words")
        yield self._expiration
        yield self._date

    def on_mount(self) -> None:
        """No date yet."""
        self._date.display = False

    @on(Select.Changed)
    def _chosen(self) -> None:
        self._date.display = self._expiration.value == A_DATE

    @property
    def expires_at(self) -> datetime | None:
        """The expiration. Raises InvalidInputError at the date."""
        if self._expiration.value == NEVER:
            return None
        moment = validation.parse_expiry(self._date.value)
        if moment is None:
            raise at_field(InvalidInputError("That is not a date", remedy="Type one, as 2027-03-01."), "expires")
        return moment

    def check(self) -> None:
        """Both must be sound."""
        _ = self.rotation.days, self.expires_at


class ReviewStep(Step):
    """Everything that was typed, and the AWS calls to come."""

    DEFAULT_CSS = """
    ReviewStep > .calls { height: auto; width: 1fr; margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__(REVIEW)
        self._facts = Facts()
        self._calls = Static("", classes="calls", markup=False)
        self._failure = Failure()

    def compose(self) -> ComposeResult:
        """Facts, calls, and why it cannot be."""
        yield self._facts
        yield self._calls
        yield self._failure

    def show_facts(self, new: "NewCloudKey", *, inherited: bool) -> None:
        """Repeat what was typed."""
        rotation = validation.rotation_text(new.rotation_days)
        self._facts.show(
            [
                ("Key Set", f"{new.key_set} (AWS)"),
                ("Region", new.region),
                ("Name", new.name),
                ("Alias", new.alias),
                ("Description", new.description or "–"),
                ("Key spec", key_spec_words(new.key_spec, new.usage)),
                *_listed("Administrators", new.administrators),
                *_listed("Users", new.users),
                ("Rotation Schedule", f"{rotation}, as the Key Set" if inherited else rotation),
                ("Expiration", rfc3339(new.expires_at) if new.expires_at else "Never"),
            ]
        )
        self._calls.update("")
        self._failure.clear()

    def show_calls(self, calls: Sequence[str], error: KctuiError | None) -> None:
        """Show the AWS calls to come, or why there will be none."""
        if error is not None:
            self._failure.show(error)
            return
        lines = [Content.styled("AWS calls to come", "dim")]
        lines += [Content(f"{number} {safe(call)}") for number, call in enumerate(calls, 1)]
        self._calls.update(Content("\n").join(lines))


def _listed(label: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """A label with its values, a line each."""
    if not values:
        return [(label, "none besides the account")]
    return [(label if place == 0 else "", value) for place, value in enumerate(values)]
