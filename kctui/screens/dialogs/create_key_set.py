"""Create Key Set: Details, CSP Account, HSM, Schedule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kctui.core import validation
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe
from kctui.core.words import RotationMethod
from kctui.screens.dialogs.add_hsm import AddHsmWizard
from kctui.screens.dialogs.base import DialogButton, Facts
from kctui.screens.dialogs.create_account import CreateAccountWizard
from kctui.screens.dialogs.fields import Field, TextField, at_field
from kctui.screens.dialogs.hsm_choice import HsmStep
from kctui.screens.dialogs.message import MessageDialog
from kctui.screens.dialogs.schedule import KEYS_BESIDE_CHOICES, RotationMethodField, RotationSchedule
from kctui.screens.dialogs.wizard import Outcome, Step, Wizard
from kctui.screens.hsm_wording import HsmSeen

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.key_sets import NewKeySet
    from kctui.core.lists import CspAccountRow

NO_ACCOUNT = "There is no CSP Account yet. A Key Set holds the CloudKeys of one: add it first."
_PAGE = 200


@dataclass
class AccountsRead(Message):
    """The CSP Accounts there are; `choose` is the id of the one to choose."""

    accounts: "tuple[CspAccountRow, ...]"
    choose: str | None


@dataclass
class HsmsRead(Message):
    """The HSMs there are; `choose` is the id of the one to choose."""

    hsms: tuple[HsmSeen, ...]
    choose: str | None


@dataclass
class ListFailed(Message):
    """The CSP Accounts or the HSMs cannot be read."""

    error: KctuiError


class KeySetDetails(Step):
    """Name and Description."""

    def __init__(self, facts: Sequence[tuple[str, str]], name: str = "", description: str = "") -> None:
        super().__init__("Details")
        self._facts = facts
        self.set_name = TextField("name", "Name", safe(name), required=True)
        self.description = TextField("description", "Description", safe(description))

    def compose(self) -> ComposeResult:
        """What is not asked for, and the fields."""
        yield Facts(self._facts)
        yield Static("")
        yield self.set_name
        yield self.description

    def check(self) -> None:
        """What can be said without the database."""
        from kctui.core.keyring import check_name

        check_name(self.set_name.value, "a Key Set")
        validation.check_description(self.description.value)


class AccountStep(Step):
    """Pick a CSP Account, or add one."""

    keys = "Enter: go on   Tab: add an account"
    DEFAULT_CSS = """
    AccountStep > Field > Horizontal > OptionList { width: 1fr; height: auto; max-height: 14; }
    AccountStep > Horizontal { height: 1; margin-top: 1; }
    AccountStep > Horizontal > .label { width: 23; }
    """

    def __init__(self) -> None:
        super().__init__("CSP Account")
        self._list = OptionList(compact=True)
        self._rows: tuple[CspAccountRow, ...] = ()
        self._field = Field("account", "CSP Account", self._list, required=True)

    def compose(self) -> ComposeResult:
        """The accounts, and the way to another."""
        yield self._field
        with Horizontal():
            yield Static("", classes="label")
            yield DialogButton("Add CSP Account", "add-account")

    @property
    def chosen(self) -> "CspAccountRow | None":
        """The account under the cursor."""
        place = self._list.highlighted
        return None if place is None else self._rows[place]

    def offer(self, rows: "tuple[CspAccountRow, ...]", choose: str | None) -> None:
        """Show the accounts, with the cursor on the wanted one."""
        keep = choose or (self.chosen.id if self.chosen else None)
        self._rows = rows
        self._list.clear_options()
        self._list.add_options([Option(_account_line(row)) for row in rows])
        places = [place for place, row in enumerate(rows) if row.id == keep]
        self._list.highlighted = (places or [0])[0] if rows else None
        self._list.can_focus = bool(rows)
        self._field.accept()
        self._field.hint(Content("" if rows else NO_ACCOUNT))

    def check(self) -> None:
        """One must be chosen."""
        if self.chosen is None:
            raise InvalidInputError(
                "There is no CSP Account to choose", remedy="Add one with the button below.", field="account"
            )


class ScheduleStep(Step):
    """The schedule that new CloudKeys inherit, and how Rotate Now works. present: the schedule that there is."""

    keys = KEYS_BESIDE_CHOICES
    DEFAULT_CSS = """
    ScheduleStep > RotationSchedule { margin-bottom: 1; }
    Dialog.-tall ScheduleStep > RotationSchedule { margin-bottom: 0; }
    """

    def __init__(self, present: str | None = None, method: RotationMethod = RotationMethod.IN_PLACE) -> None:
        super().__init__("Schedule")
        self.schedule = RotationSchedule(present=present)
        self.method = RotationMethodField(method)

    def compose(self) -> ComposeResult:
        """The guide's sentence, and the choice."""
        yield Static(Content("Default CloudKey rotation schedule presented during CloudKey creation."), classes="words")
        yield self.schedule
        yield self.method

    def check(self) -> None:
        """A number of days must be one."""
        _ = self.schedule.days


class CreateKeySetWizard(Wizard):
    """Creates a Key Set; a CSP Account and an HSM can be added on the way."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__("Create Key Set")
        self._engine = engine
        groups = engine.keyring.groups.values() if engine.unlocked else ()
        names = [group.name for group in groups]
        group = names[0] if len(names) == 1 else "that of the CSP Account"
        self._details = KeySetDetails([("Type", "AWS"), ("Admin Group", group)])
        self._account = AccountStep()
        self._hsm = HsmStep()
        self._schedule = ScheduleStep()

    def steps(self) -> Sequence[Step]:
        """The guide's four."""
        return [self._details, self._account, self._hsm, self._schedule]

    def on_mount(self) -> None:
        """Read the accounts and the HSMs meanwhile."""
        super().on_mount()
        self._read_accounts(None)
        self._read_hsms(None)

    def show_step(self, index: int) -> None:
        """Show a step. Only HSMs of the CSP Account's Admin Group can be chosen."""
        self._hsm.offer_to(self._group)
        super().show_step(index)

    @property
    def _group(self) -> str | None:
        chosen = self._account.chosen
        return chosen.group if chosen else None

    def press(self, button: str) -> None:
        """Add CSP Account and Add HSM, besides the wizard's own buttons."""
        if button not in {"add-account", "add-hsm"}:
            super().press(button)
        elif self.app.screen is self and button == "add-account":
            self.app.push_screen(CreateAccountWizard(self._engine), self._account_added)
        elif self.app.screen is self:
            self.app.push_screen(AddHsmWizard(self._engine, self._group), self._hsm_added)

    def _hsm_added(self, hsm_id: str | None) -> None:
        if hsm_id is not None:
            self._read_hsms(hsm_id)

    def _read_hsms(self, choose: str | None) -> None:
        self.run_worker(lambda: self._hsms_in_thread(choose), thread=True, name="hsms", description="HSMs")

    def _hsms_in_thread(self, choose: str | None) -> None:
        from kctui.screens.reading import read_hsms

        try:
            hsms = read_hsms(self._engine)
        except KctuiError as error:
            self.post_message(ListFailed(error))
        else:
            self.post_message(HsmsRead(hsms, choose))

    @on(HsmsRead)
    def _hsms_read(self, message: HsmsRead) -> None:
        self._hsm.offer(message.hsms, message.choose)
        if self.current is self._hsm and self.app.screen is self:
            self.show_step(self.at)

    def _account_added(self, account_id: str | None) -> None:
        if account_id is not None:
            self._read_accounts(account_id)

    def _read_accounts(self, choose: str | None) -> None:
        self.run_worker(
            lambda: self._accounts_in_thread(choose), thread=True, name="accounts", description="CSP Accounts"
        )

    def _accounts_in_thread(self, choose: str | None) -> None:
        from kctui.core.lists import CspAccountList

        accounts = CspAccountList(self._engine.store)
        try:
            page = accounts.page(limit=_PAGE)
            rows = list(page.rows)
            while page.after is not None:
                page = accounts.page(after=page.after, limit=_PAGE)
                rows += page.rows
        except KctuiError as error:
            self.post_message(ListFailed(error))
        else:
            self.post_message(AccountsRead(tuple(rows), choose))

    @on(AccountsRead)
    def _accounts_read(self, message: AccountsRead) -> None:
        self._account.offer(message.accounts, message.choose)
        if self.current is self._account and self.app.screen is self:
            self.show_step(self.at)

    @on(ListFailed)
    def _list_failed(self, message: ListFailed) -> None:
        self.app.push_screen(MessageDialog.of(message.error))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.go_on()

    def work(self) -> Callable[[Observer], Outcome]:
        """Create it; there is nothing to show of it but its row."""
        from kctui.core.key_sets import NewKeySet

        chosen = self._account.chosen
        new = NewKeySet(
            name=self._details.set_name.value,
            account=chosen.name if chosen else "",
            description=self._details.description.value,
            rotation_days=self._schedule.schedule.days,
            rotation_method=self._schedule.method.value,
            hsm=self._hsm.chosen,
        )
        engine = self._engine
        return lambda _observer: _create(engine, new)


def _create(engine: "Engine", new: "NewKeySet") -> Outcome:
    from kctui.core.key_sets import check_new_key_set, create_key_set

    try:
        check_new_key_set(engine, new)
    except ConflictError as error:
        raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error
    return Outcome(create_key_set(engine, new).id)


def _account_line(row: "CspAccountRow") -> Content:
    return Content(f"  {safe(row.name):<24}  {safe(row.aws_account_id):<12}  {safe(row.region)}")
