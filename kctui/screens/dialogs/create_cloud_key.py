"""Create CloudKey: Details, Access, Schedule, Review."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message
from textual.widgets import Input

from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, NotFoundError
from kctui.core.observer import Observer
from kctui.core.words import KeySpec
from kctui.screens.dialogs.access_step import AccessStep, KnownPrincipals
from kctui.screens.dialogs.cloud_key_steps import CloudKeyDetails, CloudKeySchedule, ReviewStep
from kctui.screens.dialogs.fields import at_field
from kctui.screens.dialogs.wizard import Outcome, Step, Wizard

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import KeySetRow
    from kctui.core.operations import NewCloudKey


@dataclass
class NameLookedUp(Message):
    """What the database says of a name; taken: where it is, else empty."""

    name: str
    taken: str


@dataclass
class SpecsRefused(Message):
    """The key specs that the Key Set makes no key material of in this region, each with the reason."""

    specs: Mapping[KeySpec, InvalidInputError]


@dataclass
class CallsKnown(Message):
    """The AWS calls to come for what was typed, or why there are none; asked: which look at the review it is."""

    asked: int
    calls: list[str]
    error: KctuiError | None = None


class CreateCloudKeyWizard(Wizard):
    """Creates a CloudKey in a Key Set and region, to AVAILABLE. Dismissed with its id, or None.

    guard: puts between the operation and this dialog what keeps it from beginning another step when the
    process has to end (see `hangup`).
    """

    def __init__(
        self,
        engine: "Engine",
        key_set: "KeySetRow",
        region: str,
        *,
        guard: Callable[[Observer], Observer] = lambda observer: observer,
    ) -> None:
        super().__init__("Create CloudKey")
        self._guard = guard
        self._engine = engine
        self._key_set = key_set
        self._where = region
        self._details = CloudKeyDetails(key_set.name, region, key_set.hsm)
        self._access = AccessStep(KnownPrincipals(engine, key_set.account_id))
        self._schedule = CloudKeySchedule(key_set.rotation_days)
        self._review = ReviewStep()
        self._looking_up = False
        self._reviews = 0

    def steps(self) -> Sequence[Step]:
        """The guide's three, and a look at all of it."""
        return [self._details, self._access, self._schedule, self._review]

    def on_mount(self) -> None:
        """Find out meanwhile which key specs are not to be had here."""
        super().on_mount()
        self.run_worker(self._refused_in_thread, thread=True, name="key specs", description="what the HSM can make")

    def _refused_in_thread(self) -> None:
        from kctui.core.operations import refused_specs

        # Where that cannot be told now, the review tells.
        with suppress(KctuiError):
            self.post_message(SpecsRefused(refused_specs(self._engine, self._key_set.name, self._where)))

    @on(SpecsRefused)
    def _refused(self, message: SpecsRefused) -> None:
        self._details.kind.refuse(message.specs)

    # The name, as it is typed

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.input is self._details.key_name.input:
            self._details.name_changed()
            self._look_up()

    def _look_up(self) -> None:
        """Ask the database for the name; one question at a time, the last one for what stands there last."""
        name = self._details.name_to_look_up()
        if name and not self._looking_up:
            self._looking_up = True
            self.run_worker(lambda: self._look_up_in_thread(name), thread=True, name="name", description="alias free?")

    def _look_up_in_thread(self, name: str) -> None:
        try:
            taken = where_taken(self._engine, name, self._key_set, self._where)
        except KctuiError as error:
            taken = error.title
        self.post_message(NameLookedUp(name, taken))

    @on(NameLookedUp)
    def _looked_up(self, message: NameLookedUp) -> None:
        self._looking_up = False
        if message.name == self._details.key_name.value:
            self._details.show_verdict(message.taken)
        else:
            self._look_up()

    # The review

    def show_step(self, index: int) -> None:
        """On the review, ask for the AWS calls to come; Apply waits for them."""
        super().show_step(index)
        if self.current is self._access:
            self._access.say_use(self._details.kind.usage)
        if self.current is not self._review:
            return
        new = self.new()
        self._reviews += 1
        asked = self._reviews
        self._review.show_facts(new, inherited=self._schedule.rotation.inherited)
        self.button("continue").disabled = True
        self.run_worker(
            lambda: self._calls_in_thread(new, asked), thread=True, name="review", description="AWS calls to come"
        )

    def _calls_in_thread(self, new: "NewCloudKey", asked: int) -> None:
        try:
            calls = checked(self._engine, new)
        except KctuiError as error:
            self.post_message(CallsKnown(asked, [], error))
        else:
            self.post_message(CallsKnown(asked, calls))

    @on(CallsKnown)
    def _calls_known(self, message: CallsKnown) -> None:
        if message.asked != self._reviews or self.current is not self._review:
            return
        error = message.error
        if isinstance(error, InvalidInputError) and self.point_out(error):
            return
        self._review.show_calls(message.calls, error)
        self.button("continue").disabled = error is not None

    # Apply

    def new(self) -> "NewCloudKey":
        """What was typed. Raises InvalidInputError."""
        from kctui.core.operations import NewCloudKey

        return NewCloudKey(
            name=self._details.key_name.value,
            key_set=self._key_set.name,
            region=self._where,
            description=self._details.description.value,
            administrators=self._access.administrators,
            users=self._access.users,
            rotation_days=self._schedule.rotation.days,
            expires_at=self._schedule.expires_at,
            key_spec=self._details.kind.spec,
            key_usage=self._details.kind.usage,
        )

    def work(self) -> Callable[[Observer], Outcome]:
        """Create it, and look at what the database says of it then."""
        new, engine, guard = self.new(), self._engine, self._guard
        return lambda observer: create(engine, new, guard(observer))


def where_taken(engine: "Engine", name: str, key_set: "KeySetRow", region: str) -> str:
    """Where the name is taken, as far as the database knows; empty where it is free."""
    from kctui.core.lists import find_cloud_key
    from kctui.core.operations import NewCloudKey, check_new_cloud_key

    try:
        check_new_cloud_key(engine, NewCloudKey(name, key_set.name, region))
    except ConflictError:
        try:
            holder = find_cloud_key(engine.store, name, region=region)
        except (ConflictError, NotFoundError):
            return f"taken in {region}"
        return f"taken in {region}, Key Set {holder.key_set}"
    except InvalidInputError:
        return ""
    return ""


def checked(engine: "Engine", new: "NewCloudKey") -> list[str]:
    """The AWS calls to come. A taken name is an error of the field."""
    from kctui.core.operations import check_new_cloud_key

    try:
        return check_new_cloud_key(engine, new)
    except ConflictError as error:
        raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error


def create(engine: "Engine", new: "NewCloudKey", observer: Observer) -> Outcome:
    """Create it, and say what came of it."""
    from kctui.core.lists import cloud_key_row
    from kctui.core.operations import create_cloud_key

    checked(engine, new)
    row = cloud_key_row(engine.store, create_cloud_key(engine, new, observer))
    facts = [
        ("CloudKey", row.name),
        ("KeyId", row.kms_key_id or ""),
        ("Alias", row.alias or ""),
        ("Key Set", row.key_set),
        ("Region", row.region),
        ("Cloud Status", f"{row.cloud_status.glyph} {row.cloud_status.value}"),
    ]
    return Outcome(row.id, f"CloudKey {row.name} is created", facts)
