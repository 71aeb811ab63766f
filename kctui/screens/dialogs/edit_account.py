"""Edit CSP Account: the steps of Add CSP Account, filled in. Only what changed for AWS is asked of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from kctui.core.errors import InvalidInputError
from kctui.core.observer import Observer
from kctui.screens.dialogs.account_steps import AccountDetails, AccountSchedule
from kctui.screens.dialogs.create_account import AccountWizard
from kctui.screens.dialogs.fields import at_field
from kctui.screens.dialogs.wizard import Outcome

if TYPE_CHECKING:
    from kctui.core.account_changes import AccountEdit
    from kctui.core.engine import Engine
    from kctui.core.lists import CspAccountRow


class EditAccountWizard(AccountWizard):
    """Edits a CSP Account. Refused when the row changed since it was read."""

    def __init__(self, engine: "Engine", row: "CspAccountRow") -> None:
        details = AccountDetails([row.group], row)
        super().__init__("Edit CSP Account", engine, details, AccountSchedule(row.rotation_days))
        self._row = row

    def work(self) -> Callable[[Observer], Outcome]:
        """Write it, after AWS was asked where it must be."""
        from kctui.core.account_changes import AccountEdit

        details, engine, row = self._details, self._engine, self._row
        edit = AccountEdit(
            name=details.account_name.value,
            description=details.description.value,
            region=details.region_name,
            endpoint_url=details.endpoint.value or None,
            rotation_days=self._schedule.days,
            credential=details.credential() if details.other_credential else None,
        )
        return lambda observer: _edit(engine, row, edit, observer)


def _edit(engine: "Engine", row: "CspAccountRow", edit: "AccountEdit", observer: Observer) -> Outcome:
    from kctui.core.account_changes import NameTakenError, edit_account
    from kctui.core.aws.credentials import wipe

    try:
        edited = edit_account(engine, row.id, edit, revision=row.revision, observer=observer)
    except NameTakenError as error:
        raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error
    finally:
        if edit.credential is not None:
            wipe(edit.credential)
    asked = edit.credential is not None or (edit.region, edit.endpoint_url) != (row.region, row.endpoint_url)
    facts = [
        ("CSP Account", edited.name),
        ("AWS account", edited.aws_account_id),
        ("Credential of", edited.caller_arn),
        ("Region", edited.region),
    ]
    return Outcome(row.id, f"CSP Account {edited.name} is edited", facts if asked else ())
