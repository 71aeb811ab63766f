"""The actions on CSP Accounts: edit, rotate credentials, remove; a `do_` method for each name in the registry."""

from typing import TYPE_CHECKING, Any

from kctui.core.observer import Observer
from kctui.screens.key_set_actions import KeySetActions

if TYPE_CHECKING:
    from kctui.core.confirmation import Confirmation
    from kctui.core.engine import Engine
    from kctui.core.lists import CspAccountRow
    from kctui.screens.dialogs.confirm import ConfirmDialog, Done, TypedName

_REMOVED = (
    "The CSP Account and its sealed credential are removed from kctui. Nothing changes in AWS: an access key stays "
    "active there until somebody deactivates it. This cannot be undone."
)


class AccountActions(KeySetActions):
    """What is done to a CSP Account."""

    def do_edit_account(self) -> None:
        """Edit the CSP Account of the row."""
        from kctui.screens.dialogs.edit_account import EditAccountWizard

        row: Any = self.state.row
        self.app.push_screen(EditAccountWizard(self.opened_engine, row), lambda _: self._accounts_changed())

    def do_rotate_credentials(self) -> None:
        """Rotate the access key of the row, when its name is typed."""
        from kctui.core.operations.credential_requests import rotation_of
        from kctui.screens.dialogs.rotate_account import RotateAccountDialog

        row: Any = self.state.row
        engine = self.opened_engine
        name = typed_name(engine, rotation_of(_account(engine, row)))
        dialog = RotateAccountDialog(engine, row, name, self.console.hangup.guard)
        self.app.push_screen(dialog, lambda _: self._accounts_changed())

    def do_remove_account(self) -> None:
        """Remove the CSP Account of the row, when its name is typed."""
        row: Any = self.state.row
        self.app.push_screen(removal(self.opened_engine, row), lambda _: self._accounts_changed())

    def _accounts_changed(self) -> None:
        self.change(notice="")
        self.reread()


def removal(engine: "Engine", row: "CspAccountRow") -> "ConfirmDialog":
    """Remove CSP Account: what it is, then the name."""
    from kctui.core import account_changes
    from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel

    def run(_observer: Observer) -> "Done":
        account_changes.remove_account(engine, row.id, row.name, revision=row.revision)
        return Done(f"The CSP Account {row.name} is removed")

    facts = (
        ("CSP Account", row.name),
        ("Description", row.description or "–"),
        ("AWS account", row.aws_account_id),
        ("Identity", row.caller_arn),
        ("Key Sets", "none"),
    )
    name = typed_name(engine, account_changes.removal(_account(engine, row)))
    return ConfirmDialog("Remove CSP Account", row.aws_account_id, "Remove", Panel(_REMOVED, facts, run), name=name)


def _account(engine: "Engine", row: "CspAccountRow") -> Any:
    from kctui.core.model import CspAccount

    with engine.store.read() as session:
        return session.get_one(CspAccount, row.id)


def typed_name(engine: "Engine", confirmation: "Confirmation") -> "TypedName":
    """The name that the dialog waits for, as the core compares it."""
    from kctui.screens.dialogs.confirm import TypedName

    return TypedName("Account", confirmation.name, lambda typed: confirmation.require(engine, typed))
