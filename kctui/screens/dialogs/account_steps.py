"""The steps of a CSP Account: Details, with the credential, and Schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Select, Static

from kctui.core import validation
from kctui.core.errors import InvalidInputError
from kctui.core.words import CredentialKind
from kctui.screens.dialogs.base import Facts
from kctui.screens.dialogs.fields import ChoiceField, Field, SecretField, TextField
from kctui.screens.dialogs.schedule import KEYS_BESIDE_CHOICES, RotationSchedule
from kctui.screens.dialogs.wizard import Step

if TYPE_CHECKING:
    from kctui.core.aws.credentials import Credential, Source
    from kctui.core.lists import CspAccountRow, RegionChoice

ANOTHER_REGION = ""
PARTITIONS = ("aws", "aws-us-gov", "aws-cn")
_FIRST_REGION = "us-east-1"
_KINDS = (
    ("Access key of an IAM user", CredentialKind.ACCESS_KEY),
    ("Profile of ~/.aws", CredentialKind.PROFILE),
    ("Role of this EC2 instance", CredentialKind.INSTANCE_ROLE),
)
SCHEDULE = (
    "When the access key is due to be rotated, and again so long after. Nothing is rotated now: from that day on "
    "kctui shows it as due, and Rotate Credentials rotates it."
)
NO_SCHEDULE = "There is no access key to rotate: this credential is renewed where it comes from."


@dataclass
class RegionsKnown(Message):
    """The regions that some account has shown before."""

    choices: "list[RegionChoice]"


class AccountDetails(Step):
    """Name, credential, region. row: the CSP Account that is edited, None for a new one."""

    def __init__(self, groups: Sequence[str], row: "CspAccountRow | None" = None) -> None:
        super().__init__("Details")
        self._row = row
        self._groups = groups
        self.account_name = TextField("name", "Name", row.name if row else "", required=True)
        self.description = TextField("description", "Description", row.description if row else "")
        self.kind = ChoiceField("credential", "Credential", list(_KINDS), value=_source_kind(row), required=True)
        self.access_key_id = TextField(
            "access_key_id", "Access key id", row.access_key_id if row else "", required=True,
            example="AKIAIOSFODNN7EXAMPLE",
        )  # fmt: skip
        # What is there already stays, until another is typed.
        self.secret = SecretField("secret_access_key", "Secret access key", required=row is None)
        self.profile = TextField(
            "profile", "Profile", (row.profile if row else None) or "", required=True, example="default"
        )
        self.role_arn = TextField(
            "role_arn",
            "Role to assume",
            (row.role_arn if row else None) or "",
            example="none: an ARN, where there is one",
        )
        self.external_id = TextField("external_id", "External id", (row.external_id if row else None) or "")
        self.known_region = ChoiceField("known_region", "Region", [("", ANOTHER_REGION)], required=True)
        self.typed_region = TextField(
            "region", "Region", row.region if row else "", required=True, example=_FIRST_REGION
        )
        self.endpoint = TextField(
            "endpoint_url", "Endpoint URL", (row.endpoint_url if row else None) or "",
            hint="Only for a VPC or FIPS endpoint, or an emulator.",
        )  # fmt: skip
        # Who is in one group only has nothing to choose, and an account stays in its group.
        self._group_choice = (
            ChoiceField("group", "Admin Group", [(name, name) for name in groups]) if len(groups) > 1 else None
        )

    def compose(self) -> ComposeResult:
        """The fields, in the guide's order."""
        yield self.account_name
        yield self.description
        yield self.kind
        yield self.access_key_id
        yield self.secret
        yield self.profile
        yield self.role_arn
        yield self.external_id
        yield self.known_region
        yield self.typed_region
        yield self.endpoint
        yield self._group_choice or Facts([("Admin Group", "".join(self._groups))])

    def on_mount(self) -> None:
        """Until regions are known, one is typed."""
        self.known_region.display = False
        if self._row is not None and self._row.access_key_id:
            self.secret.hint(Content("Kept as it is. Type one only to replace it."))
        self._show_kind()

    def offer_regions(self, choices: "Sequence[RegionChoice]") -> None:
        """Offer what is known, and to type another."""
        names = [choice.region for choice in choices]
        present = self._row.region if self._row else _FIRST_REGION
        if not choices or self.typed_region.changed or (self._row is not None and present not in names):
            return
        offered = [(str(choice), choice.region) for choice in choices]
        first = present if present in names else names[0]
        self.known_region.offer([*offered, ("Another region", ANOTHER_REGION)], first)
        self.known_region.display = True
        self.typed_region.display = False

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        if event.select is self.known_region.select and self.known_region.display:
            self.typed_region.display = self.known_region.value == ANOTHER_REGION
        elif event.select is self.kind.select:
            self._show_kind()

    def _show_kind(self) -> None:
        shown: dict[CredentialKind, tuple[Field, ...]] = {
            CredentialKind.ACCESS_KEY: (self.access_key_id, self.secret),
            CredentialKind.PROFILE: (self.profile,),
            CredentialKind.INSTANCE_ROLE: (),
        }
        for field in (self.access_key_id, self.secret, self.profile):
            field.display = field in shown[self.kind.value]

    @property
    def region_name(self) -> str:
        """The region, chosen or typed."""
        return self.typed_region.value if self.typed_region.display else self.known_region.value

    @property
    def group(self) -> str | None:
        """The Admin Group, where there is a choice."""
        return self._group_choice.value if self._group_choice else None

    @property
    def has_access_key(self) -> bool:
        """Whether the credential is, or begins with, an access key."""
        return self.kind.value is CredentialKind.ACCESS_KEY

    @property
    def other_credential(self) -> bool:
        """Whether another credential than the row's is asked for."""
        row = self._row
        if row is None or self.kind.value is not _source_kind(row):
            return True
        if (self.role_arn.value, self.external_id.value) != (row.role_arn or "", row.external_id or ""):
            return True
        if self.has_access_key:
            return self.secret.filled or self.access_key_id.value != row.access_key_id
        return self.kind.value is CredentialKind.PROFILE and self.profile.value != row.profile

    def credential(self) -> "Credential":
        """What was filled in, with a copy of the secret, which whoever gets it wipes."""
        from kctui.core.aws.credentials import AccessKey, AssumedRole, InstanceRole, Profile

        source: Source
        if self.has_access_key:
            source = AccessKey(self.access_key_id.value, self.secret.secret())
        else:
            source = Profile(self.profile.value) if self.kind.value is CredentialKind.PROFILE else InstanceRole()
        role, external_id = self.role_arn.value, self.external_id.value or None
        return AssumedRole(role, external_id, source) if role else source

    def check(self) -> None:
        """What can be said without AWS."""
        from kctui.core.keyring import check_name

        check_name(self.account_name.value, "a CSP Account")
        validation.check_description(self.description.value)
        self._check_source()
        if self.role_arn.value:
            validation.check_role_arn(self.role_arn.value)
        validation.check_external_id(self.external_id.value)
        if self.external_id.value and not self.role_arn.value:
            raise InvalidInputError("An external id goes with a role to assume", field="role_arn")
        validation.check_region(self.region_name)
        validation.check_endpoint_url(self.endpoint.value or None)

    def _check_source(self) -> None:
        if self.kind.value is CredentialKind.PROFILE:
            validation.check_profile(self.profile.value)
        if not self.has_access_key:
            return
        validation.check_access_key_id(self.access_key_id.value)
        if self.other_credential and not self.secret.filled:
            remedy = "It is sealed for what it was added with." if self._row else ""
            title = "Type the secret access key again" if self._row else "The secret access key is empty"
            raise InvalidInputError(title, remedy=remedy, field="secret_access_key")


class AccountSchedule(Step):
    """When the access key is due to be rotated."""

    def __init__(self, present: int | None = None) -> None:
        super().__init__("Schedule")
        self._words = Static("", classes="words", markup=False)
        self._schedule = RotationSchedule(present=None if present is None else f"{present}d")

    def compose(self) -> ComposeResult:
        """What it means, and the choice."""
        yield self._words
        yield self._schedule

    def offer(self, *, access_key: bool) -> None:
        """Offer a schedule where there is an access key."""
        self._schedule.display = access_key
        self.keys = KEYS_BESIDE_CHOICES if access_key else ""
        self._words.update(SCHEDULE if access_key else NO_SCHEDULE)

    @property
    def days(self) -> int | None:
        """The schedule. Raises InvalidInputError at the number of days."""
        return self._schedule.days if self._schedule.display else None

    def check(self) -> None:
        """The number of days."""
        _ = self.days


def _source_kind(row: "CspAccountRow | None") -> CredentialKind:
    """What signs in first."""
    if row is None or row.access_key_id:
        return CredentialKind.ACCESS_KEY
    return CredentialKind.PROFILE if row.profile else CredentialKind.INSTANCE_ROLE
