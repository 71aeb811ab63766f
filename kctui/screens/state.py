"""What the console stands on at this moment: the one thing that decides which actions are possible."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kctui.core.lists import CloudKeyRow, CspAccountRow, KeySetRow
    from kctui.core.model import AuditEntry
    from kctui.screens.hsm_wording import HsmSeen

Row: TypeAlias = "CloudKeyRow | KeySetRow | CspAccountRow | AuditEntry"


class Tab(StrEnum):
    """The tabs, by the name that `--tab` takes."""

    KEY_SETS = "key-sets"
    CLOUD_KEYS = "cloud-keys"
    CSP_ACCOUNTS = "csp-accounts"
    AUDIT = "audit"

    @property
    def words(self) -> str:
        """Give the tab's name."""
        return _TITLES[self]

    @property
    def short_words(self) -> str:
        """Give the tab's name where the line is narrow."""
        return _SHORT_TITLES.get(self, _TITLES[self])


_TITLES = {
    Tab.KEY_SETS: "Key Sets",
    Tab.CLOUD_KEYS: "CloudKeys",
    Tab.CSP_ACCOUNTS: "CSP Accounts",
    Tab.AUDIT: "Audit Log",
}
_SHORT_TITLES = {Tab.CSP_ACCOUNTS: "Accounts", Tab.AUDIT: "Audit"}


@dataclass(frozen=True)
class Overview:
    """What is read once and again after each change: what the pickers, the header and the steps show."""

    accounts: "tuple[CspAccountRow, ...]" = ()
    key_sets: "tuple[KeySetRow, ...]" = ()
    hsms: "tuple[HsmSeen, ...]" = ()
    cloud_keys: int = 0
    audit_entries: int = 0
    open_operations: int = 0
    regions_in_use: tuple[str, ...] = ()
    region_names: Mapping[str, str] = field(default_factory=dict)

    def account(self, account_id: str) -> "CspAccountRow | None":
        """Give the account of that id."""
        return next((account for account in self.accounts if account.id == account_id), None)

    def key_set(self, key_set_id: str | None) -> "KeySetRow | None":
        """Give the Key Set of that id."""
        return next((key_set for key_set in self.key_sets if key_set.id == key_set_id), None)

    def hsm(self, name: str | None) -> "HsmSeen | None":
        """Give the HSM of that name."""
        return next((hsm for hsm in self.hsms if hsm.row.name == name), None)


@dataclass(frozen=True)
class ConsoleState:
    """Everything that an action's availability may ask.

    row: the one under the cursor. key_set, region: what the pickers of CloudKeys say (None: all).
    refreshing: how far a refresh is, or other work in the background. stoppable: it can be stopped. notice: what
    went wrong last, until something else goes right.
    audit_check: what the last check of the audit log found.
    """

    tab: Tab = Tab.CLOUD_KEYS
    row: "Row | None" = None
    key_set: "KeySetRow | None" = None
    region: str | None = None
    opened: bool = False
    unlocked: bool = False
    read_only: bool = False
    operator: str = ""
    group: str = ""
    refreshing: str = ""
    stoppable: bool = False
    notice: str = ""
    audit_check: str = ""
    overview: Overview = Overview()

    @property
    def account(self) -> "CspAccountRow | None":
        """Give the CSP Account that the row, or else the chosen Key Set, belongs to; else the only one."""
        accounts = self.overview.accounts
        if self.tab is Tab.CSP_ACCOUNTS:
            wanted = getattr(self.row, "id", None)
        elif self.tab is Tab.AUDIT:
            wanted = None
        else:
            wanted = getattr(self.row, "account_id", None) or getattr(self.key_set, "account_id", None)
        if wanted is not None and (found := self.overview.account(wanted)):
            return found
        return accounts[0] if len(accounts) == 1 else None

    @property
    def hsm(self) -> "HsmSeen | None":
        """Give the HSM of the Key Set that is looked at: the row, the row's, or else the chosen one; None for none."""
        key_set: Row | None = None
        if self.tab is Tab.KEY_SETS:
            key_set = self.row
        elif self.tab is Tab.CLOUD_KEYS:
            key_set = self.overview.key_set(getattr(self.row, "key_set_id", None)) or self.key_set
        return self.overview.hsm(getattr(key_set, "hsm", None))

    @property
    def as_of(self) -> datetime | None:
        """Give when AWS last answered for what is shown."""
        account = self.account
        if account is not None:
            return account.reached_at
        return max((a.reached_at for a in self.overview.accounts if a.reached_at), default=None)

    @property
    def unreachable(self) -> "CspAccountRow | None":
        """Give the account of what is shown if AWS does not answer for it."""
        account = self.account
        return account if account is not None and account.unreachable_since is not None else None
