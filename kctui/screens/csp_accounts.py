"""The tab CSP Accounts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kctui.screens.state import ConsoleState, Overview, Tab
from kctui.screens.tab_view import Query, TabView
from kctui.screens.widgets.columns import Column, Tone
from kctui.screens.widgets.sections import Fact, Section
from kctui.screens.widgets.window import Source
from kctui.screens.wording import ago, moment, number

if TYPE_CHECKING:
    from datetime import datetime

    from kctui.core.engine import Engine
    from kctui.core.lists import CspAccountRow
    from kctui.core.paging import Cursor

_CREDENTIALS = {
    "ACCESS_KEY": "access key",
    "PROFILE": "profile",
    "INSTANCE_ROLE": "role of the EC2 instance",
    "ASSUME_ROLE": "assumed role",
}


class CspAccountsView(TabView):
    """CSP Accounts."""

    tab = Tab.CSP_ACCOUNTS
    things: ClassVar[str] = "CSP Account"
    first_sort = "CSP Account Name"
    sorts = ("CSP Account Name", "Description", "AWS account", "Region")

    def columns(self) -> Sequence[Column["CspAccountRow"]]:
        """Say what the table shows."""
        return (
            Column("CSP Account Name", "CSP Account Name", 22, lambda row: row.name, grow=2, most=48),
            Column("Description", "Description", 16, lambda row: row.description, grow=3, from_width=116),
            Column("AWS account", "AWS account", 12, lambda row: row.aws_account_id),
            Column("Region", "Region", 14, lambda row: row.region),
            Column("", "Key Sets", 8, lambda row: number(row.key_sets), right=True, from_width=92),
            Column("", "AWS", 21, self._reach, tone=_reach_tone, ages=True),
        )

    def _reach(self, row: "CspAccountRow") -> str:
        now = self.clock()
        if row.unreachable_since is not None:
            return f"! no answer for {ago(row.unreachable_since, now)}"
        return "– never reached" if row.reached_at is None else f"✓ {ago(row.reached_at, now)} ago"

    def source(self, engine: "Engine", query: Query) -> Source[Any]:
        """Make the list for a query."""
        from kctui.core.lists import AccountSort, CspAccountList

        return CspAccountList(engine.store, query.text, AccountSort(query.sort), descending=query.descending)

    def place(self, engine: "Engine", overview: Overview, row_id: str) -> "Cursor | None":
        """Find a CSP Account in the list sorted by name."""
        from kctui.core.paging import Cursor

        account = overview.account(row_id)
        return Cursor(account.name, row_id) if account else None

    def copyable(self, row: "CspAccountRow") -> tuple[str, str]:
        """The AWS account's number."""
        return row.aws_account_id, "AWS account"

    def total(self, state: ConsoleState) -> int | None:
        """How many CSP Accounts there are."""
        return len(state.overview.accounts)

    def sections(self, row: "CspAccountRow", details: object) -> Sequence[Section]:
        """Details, Access and Schedule."""
        reach = [Fact("AWS answered", moment(row.reached_at))]
        if row.unreachable_since is not None:
            reach += [
                Fact("No answer since", moment(row.unreachable_since), Tone.ATTENTION),
                Fact("Because", row.unreachable_reason or "–"),
            ]
        return (
            Section(
                "Details",
                (
                    Fact("Name", row.name),
                    Fact("Description", row.description or "–"),
                    Fact("Admin Group", row.group),
                    Fact("AWS account", row.aws_account_id),
                    Fact("Region", row.region),
                    Fact("Partition", row.partition),
                    Fact("Key Sets", number(row.key_sets)),
                    Fact("Created", moment(row.created_at)),
                    *reach,
                ),
            ),
            Section(
                "Access",
                (
                    Fact("Credential", _CREDENTIALS.get(row.credential_kind.value, row.credential_kind.value)),
                    *_signs_in(row),
                    Fact("Identity", row.caller_arn, whole=True),
                    Fact("Endpoint", row.endpoint_url or "AWS's own"),
                ),
            ),
            Section("Schedule", _schedule(row, self.clock())),
        )


def _reach_tone(row: "CspAccountRow") -> Tone:
    if row.unreachable_since is not None:
        return Tone.ATTENTION
    return Tone.PLAIN if row.reached_at else Tone.DIM


def _signs_in(row: "CspAccountRow") -> list[Fact]:
    """With what it signs in. Never its secret."""
    if row.access_key_id:
        facts = [Fact("Access key id", row.access_key_id, whole=True), Fact("Secret key", "sealed in the vault")]
    elif row.profile:
        facts = [Fact("Profile", row.profile)]
    else:
        facts = [Fact("Signs in with", "the role of the EC2 instance that kctui runs on")]
    if row.role_arn:
        facts += [Fact("Role", row.role_arn, whole=True), Fact("External id", row.external_id or "–")]
    return facts


def _schedule(row: "CspAccountRow", now: "datetime") -> tuple[Fact, ...]:
    from kctui.core.validation import rotation_text

    if not row.access_key_id:
        return (Fact("Rotation", "none: there is no access key"),)
    due = Fact("Due", "Never")
    if row.rotates_at is not None:
        overdue = row.rotates_at <= now
        due = Fact("Due", moment(row.rotates_at), Tone.ATTENTION if overdue else Tone.PLAIN)
    last = moment(row.credential_rotated_at) if row.credential_rotated_at else "never by kctui"
    return (Fact("Rotation", rotation_text(row.rotation_days)), due, Fact("Last rotated", last))
