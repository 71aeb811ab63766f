"""Add CSP Account: the credentials of one AWS account, tried before they are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Select

from kctui.core import validation
from kctui.core.errors import ConflictError, InvalidInputError
from kctui.core.observer import Observer
from kctui.screens.dialogs.base import Facts
from kctui.screens.dialogs.fields import ChoiceField, SecretField, TextField, at_field
from kctui.screens.dialogs.wizard import Outcome, Step, Wizard

if TYPE_CHECKING:
    from kctui.core.accounts import NewAccount
    from kctui.core.engine import Engine
    from kctui.core.lists import RegionChoice

ANOTHER_REGION = ""
_PARTITIONS = ("aws", "aws-us-gov", "aws-cn")
_FIRST_REGION = "us-east-1"


@dataclass
class RegionsKnown(Message):
    """The regions that some account has shown before."""

    choices: "list[RegionChoice]"


class AccountDetails(Step):
    """Name, access key, region."""

    def __init__(self, groups: Sequence[str]) -> None:
        super().__init__("Details")
        self._groups = groups
        self.account_name = TextField("name", "Name", required=True)
        self.description = TextField("description", "Description")
        self.access_key_id = TextField("access_key_id", "Access key id", required=True, example="AKIAIOSFODNN7EXAMPLE")
        self.secret = SecretField("secret_access_key", "Secret access key", required=True)
        self.known_region = ChoiceField("known_region", "Region", [("", ANOTHER_REGION)], required=True)
        self.typed_region = TextField("region", "Region", required=True, example=_FIRST_REGION)
        self.endpoint = TextField(
            "endpoint_url", "Endpoint URL", hint="Only for a VPC or FIPS endpoint, or an emulator."
        )
        # Who is in one group only has nothing to choose.
        self._group_choice = (
            ChoiceField("group", "Admin Group", [(name, name) for name in groups]) if len(groups) > 1 else None
        )

    def compose(self) -> ComposeResult:
        """The fields, in the guide's order."""
        yield self.account_name
        yield self.description
        yield self.access_key_id
        yield self.secret
        yield self.known_region
        yield self.typed_region
        yield self.endpoint
        yield self._group_choice or Facts([("Admin Group", "".join(self._groups))])

    def on_mount(self) -> None:
        """Until regions are known, one is typed."""
        self.known_region.display = False

    def offer_regions(self, choices: "Sequence[RegionChoice]") -> None:
        """Offer what is known, and to type another."""
        if not choices or self.typed_region.changed:
            return
        names = [choice.region for choice in choices]
        offered = [(str(choice), choice.region) for choice in choices]
        first = _FIRST_REGION if _FIRST_REGION in names else names[0]
        self.known_region.offer([*offered, ("Another region", ANOTHER_REGION)], first)
        self.known_region.display = True
        self.typed_region.display = False

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        if event.select is self.known_region.select and self.known_region.display:
            self.typed_region.display = self.known_region.value == ANOTHER_REGION

    @property
    def region_name(self) -> str:
        """The region, chosen or typed."""
        return self.typed_region.value if self.typed_region.display else self.known_region.value

    @property
    def group(self) -> str | None:
        """The Admin Group, where there is a choice."""
        return self._group_choice.value if self._group_choice else None

    def check(self) -> None:
        """What can be said without AWS."""
        from kctui.core.keyring import check_name

        check_name(self.account_name.value, "a CSP Account")
        validation.check_description(self.description.value)
        validation.check_access_key_id(self.access_key_id.value)
        if not self.secret.filled:
            raise InvalidInputError("The secret access key is empty", field="secret_access_key")
        validation.check_region(self.region_name)
        validation.check_endpoint_url(self.endpoint.value or None)


class CreateAccountWizard(Wizard):
    """Adds a CSP Account; AWS is asked whose credential it is before anything is kept."""

    result_title = "Test"

    def __init__(self, engine: "Engine") -> None:
        super().__init__("Add CSP Account")
        self._engine = engine
        groups = engine.keyring.groups.values() if engine.unlocked else ()
        self._details = AccountDetails([group.name for group in groups])

    def steps(self) -> Sequence[Step]:
        """One screen: the credential schedule is not part of it."""
        return [self._details]

    def on_mount(self) -> None:
        """Ask for the known regions meanwhile."""
        super().on_mount()
        self.run_worker(self._read_regions, thread=True, name="regions", description="known regions")

    def _read_regions(self) -> None:
        from kctui.core.lists import region_choices

        store = self._engine.store
        known = [choice for partition in _PARTITIONS for choice in region_choices(store, partition)]
        self.post_message(RegionsKnown(known))

    @on(RegionsKnown)
    def _regions_known(self, message: RegionsKnown) -> None:
        self._details.offer_regions(message.choices)

    def work(self) -> Callable[[Observer], Outcome]:
        """Add it, and say whose credential it is."""
        from kctui.core.accounts import NewAccount

        details, engine = self._details, self._engine
        new = NewAccount(
            name=details.account_name.value,
            access_key_id=details.access_key_id.value,
            secret_access_key=details.secret.secret(),
            region=details.region_name,
            endpoint_url=details.endpoint.value or None,
            description=details.description.value,
            group=details.group,
        )
        return lambda observer: _add(engine, new, observer)


def _add(engine: "Engine", new: "NewAccount", observer: Observer) -> Outcome:
    from kctui.core.accounts import add_account, check_new_account
    from kctui.core.lists import region_choices

    with new.secret_access_key:
        try:
            check_new_account(engine, new)
        except ConflictError as error:
            raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error
        account = add_account(engine, new, observer)
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
