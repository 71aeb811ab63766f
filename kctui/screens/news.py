"""What threads tell the main screen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

from kctui.core.errors import KctuiError
from kctui.screens.reading import OpenedHome
from kctui.screens.state import Overview, Tab

if TYPE_CHECKING:
    from kctui.core.accounts import AccountTest
    from kctui.core.audit import AuditCheck
    from kctui.core.details import CloudKeyDetails
    from kctui.core.paging import Cursor
    from kctui.core.recovery import OpenOperation
    from kctui.core.sync import SyncReport
    from kctui.screens.hsm_wording import HsmSeen


@dataclass
class HomeOpened(Message):
    """The home is open."""

    home: OpenedHome


@dataclass
class HomeClosed(Message):
    """The home cannot be opened."""

    error: KctuiError


@dataclass
class Locked(Message):
    """The keys are forgotten, and the tokens logged out of."""


@dataclass
class OverviewRead(Message):
    """What the header and the pickers show has arrived."""

    overview: Overview


@dataclass
class RowFound(Message):
    """Where a new row stands in its tab's list."""

    tab: Tab
    row_id: str
    place: "Cursor | None"
    overview: Overview


@dataclass
class EditWanted(Message):
    """What there is of a CloudKey that is to be edited has arrived."""

    details: "CloudKeyDetails"


@dataclass
class DetailsRead(Message):
    """The details of a row have arrived. wanted_for: what they are shown in."""

    tab: Tab
    row: Any
    details: Any
    wanted_for: str


@dataclass
class Refreshing(Message):
    """How far a refresh is."""

    words: str


@dataclass
class Refreshed(Message):
    """A refresh is done."""

    report: "SyncReport"


@dataclass
class AuditVerified(Message):
    """The chain of the audit log has been checked."""

    check: "AuditCheck"


@dataclass
class AccountTested(Message):
    """AWS has said who the credentials of a CSP Account are."""

    name: str
    test: "AccountTest"


@dataclass
class TokenChecked(Message):
    """A token has been looked at. hsms: how it stands with all of them; None where the database does not say."""

    hsms: "tuple[HsmSeen, ...] | None"


@dataclass
class LeftOpen(Message):
    """The operations that were left half-way."""

    operations: "list[OpenOperation]"
