"""Edit CloudKey: Details, Access, Schedule, Review."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.observer import Observer
from kctui.screens.dialogs.access_step import KnownPrincipals
from kctui.screens.dialogs.edit_steps import EditAccess, EditDetails, EditReview, EditSchedule, PolicyChoice
from kctui.screens.dialogs.wizard import Outcome, Step, Wizard

if TYPE_CHECKING:
    from kctui.core.details import CloudKeyDetails
    from kctui.core.engine import Engine
    from kctui.core.operations import CloudKeyEdit, EditPlan, PolicyState


@dataclass(frozen=True)
class Wish:
    """What was typed and chosen. adopt, overwrite: the policy in KMS, as it was shown."""

    edit: "CloudKeyEdit"
    adopt: "PolicyState | None"
    overwrite: "PolicyState | None"


@dataclass
class PolicyRead(Message):
    """What KMS has for a policy, or why it could not be asked."""

    state: "PolicyState | None"
    error: KctuiError | None = None


@dataclass
class PlanMade(Message):
    """What the edit comes to, or why it cannot be; asked: which look at the review it is."""

    asked: int
    plan: "EditPlan | None"
    error: KctuiError | None = None


class EditCloudKeyWizard(Wizard):
    """Edits a CloudKey. Dismissed with its id, or None. Refused where the row changed since it was read.

    guard: puts between the operation and this dialog what keeps it from beginning another step when the process has
    to end (see `hangup`).
    """

    def __init__(
        self,
        engine: "Engine",
        details: "CloudKeyDetails",
        *,
        guard: Callable[[Observer], Observer] = lambda observer: observer,
    ) -> None:
        super().__init__("Edit CloudKey")
        self._engine = engine
        self._row = details.row
        self._guard = guard
        self._details = EditDetails(details)
        self._access = EditAccess(KnownPrincipals(engine, details.row.account_id), details)
        self._schedule = EditSchedule(details)
        self._review = EditReview()
        self._reviews = 0

    def steps(self) -> Sequence[Step]:
        """The guide's three, and a look at what changes."""
        return [self._details, self._access, self._schedule, self._review]

    def on_mount(self) -> None:
        """Ask KMS for the key policy meanwhile."""
        super().on_mount()
        self.run_worker(self._read_policy, thread=True, name="policy", description="key policy")

    def _read_policy(self) -> None:
        from kctui.core.operations import policy_state

        try:
            self.post_message(PolicyRead(policy_state(self._engine, self._row.id)))
        except KctuiError as error:
            self.post_message(PolicyRead(None, error))

    @on(PolicyRead)
    def _policy_read(self, message: PolicyRead) -> None:
        if message.state is not None:
            self._access.show_state(message.state)
        elif message.error is not None:
            self._access.policy.show_error(message.error)

    # The review

    def show_step(self, index: int) -> None:
        """On the review, work out what changes; Apply waits for it."""
        super().show_step(index)
        if self.current is not self._review:
            return
        wish = self.wish()
        self._reviews += 1
        asked = self._reviews
        self._review.clear()
        self.button("continue").disabled = True
        self.run_worker(
            lambda: self._plan_in_thread(wish, asked), thread=True, name="review", description="what changes"
        )

    def _plan_in_thread(self, wish: Wish, asked: int) -> None:
        from kctui.core.operations import plan_edit

        overwrite = wish.overwrite.text if wish.overwrite else None
        try:
            plan = plan_edit(self._engine, self._row.id, wish.edit, overwrite=overwrite, adopted=wish.adopt)
        except KctuiError as error:
            self.post_message(PlanMade(asked, None, error))
        else:
            self.post_message(PlanMade(asked, plan))

    @on(PlanMade)
    def _plan_made(self, message: PlanMade) -> None:
        if message.asked != self._reviews or self.current is not self._review:
            return
        error = message.error
        if isinstance(error, InvalidInputError) and self.point_out(error):
            return
        if error is not None or message.plan is None:
            self._review.show_error(error or KctuiError("Nothing is known of what changes"))
            return
        adopted = self._access.policy.choice is PolicyChoice.ADOPT
        self._review.show_plan(message.plan, adopted=adopted)
        self.button("continue").disabled = not (message.plan.changes or adopted)

    # Apply

    def wish(self) -> Wish:
        """What was typed and chosen. Raises InvalidInputError."""
        from kctui.core.operations import KEEP, CloudKeyEdit

        details, access = self._details, self._access
        edit = CloudKeyEdit(
            details.description.value if details.description.changed else KEEP,
            access.administrators if access.edited else KEEP,
            access.users if access.edited else KEEP,
            details.tags if details.tags_field.changed else KEEP,
            self._schedule.rotation.days,
        )
        state, choice = access.policy.state, access.policy.choice
        return Wish(
            edit,
            state if choice is PolicyChoice.ADOPT else None,
            state if choice is PolicyChoice.OVERWRITE else None,
        )

    def work(self) -> Callable[[Observer], Outcome]:
        """Edit it, and look at what the database says of it then."""
        wish, engine, row_id, revision, guard = self.wish(), self._engine, self._row.id, self._row.revision, self._guard
        return lambda observer: _edit(engine, row_id, wish, revision, guard(observer))


def _edit(engine: "Engine", row_id: str, wish: Wish, revision: int, observer: Observer) -> Outcome:
    from kctui.core.lists import cloud_key_row
    from kctui.core.operations import adopt_policy, edit_cloud_key

    if wish.adopt is not None:
        adopt_policy(engine, row_id, seen=wish.adopt.text, revision=revision)
        revision = cloud_key_row(engine.store, row_id).revision
    overwrite = wish.overwrite.text if wish.overwrite else None
    edit_cloud_key(engine, row_id, wish.edit, overwrite=overwrite, revision=revision, observer=observer)
    row = cloud_key_row(engine.store, row_id)
    facts = [
        ("CloudKey", row.name),
        ("KeyId", row.kms_key_id or ""),
        ("Key Set", row.key_set),
        ("Region", row.region),
    ]
    return Outcome(row.id, f"CloudKey {row.name} is edited", facts)
