"""Add CSP Account: how to sign in to one AWS account, tried before it is kept."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import on

from kctui.core.errors import ConflictError, InvalidInputError
from kctui.core.observer import Observer
from kctui.screens.dialogs.account_steps import PARTITIONS, AccountDetails, AccountSchedule, RegionsKnown
from kctui.screens.dialogs.fields import at_field
from kctui.screens.dialogs.wizard import Outcome, Step, Wizard

if TYPE_CHECKING:
    from kctui.core.accounts import NewAccount
    from kctui.core.engine import Engine


class AccountWizard(Wizard):
    """The two steps of a CSP Account, new or edited."""

    def __init__(self, title: str, engine: "Engine", details: AccountDetails, schedule: AccountSchedule) -> None:
        super().__init__(title)
        self._engine = engine
        self._details = details
        self._schedule = schedule

    def steps(self) -> Sequence[Step]:
        """The guide's tabs."""
        return [self._details, self._schedule]

    def show_step(self, index: int) -> None:
        """Show a step; only an access key has a schedule."""
        self._schedule.offer(access_key=self._details.has_access_key)
        super().show_step(index)

    def on_mount(self) -> None:
        """Ask for the known regions meanwhile."""
        super().on_mount()
        self.run_worker(self._read_regions, thread=True, name="regions", description="known regions")

    def _read_regions(self) -> None:
        from kctui.core.lists import region_choices

        store = self._engine.store
        known = [choice for partition in PARTITIONS for choice in region_choices(store, partition)]
        self.post_message(RegionsKnown(known))

    @on(RegionsKnown)
    def _regions_known(self, message: RegionsKnown) -> None:
        self._details.offer_regions(message.choices)


class CreateAccountWizard(AccountWizard):
    """Adds a CSP Account; AWS is asked whose credential it is before anything is kept."""

    result_title = "Test"

    def __init__(self, engine: "Engine") -> None:
        groups = engine.keyring.groups.values() if engine.unlocked else ()
        details = AccountDetails([group.name for group in groups])
        super().__init__("Add CSP Account", engine, details, AccountSchedule())

    def work(self) -> Callable[[Observer], Outcome]:
        """Add it, and say whose credential it is."""
        from kctui.core.accounts import NewAccount

        details, engine = self._details, self._engine
        new = NewAccount.of(
            name=details.account_name.value,
            credential=details.credential(),
            region=details.region_name,
            endpoint_url=details.endpoint.value or None,
            description=details.description.value,
            group=details.group,
            rotation_days=self._schedule.days,
        )
        return lambda observer: _add(engine, new, observer)


def _add(engine: "Engine", new: "NewAccount", observer: Observer) -> Outcome:
    from kctui.core.accounts import add_account, check_new_account
    from kctui.core.aws.credentials import wipe
    from kctui.core.lists import region_choices

    try:
        try:
            check_new_account(engine, new)
        except ConflictError as error:
            raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error
        account = add_account(engine, new, observer)
    finally:
        wipe(new.credential)
    found = region_choices(engine.store, account.partition)
    facts = [
        ("CSP Account", account.name),
        ("AWS account", account.aws_account_id),
        ("Credential of", account.caller_arn),
        ("Partition", account.partition),
        ("Region", next((str(c) for c in found if c.region == account.region), account.region)),
        ("Regions known", f"{len(found)}: " + ", ".join(choice.region for choice in found)),
    ]
    return Outcome(account.id, f"CSP Account {account.name} is added", facts)
