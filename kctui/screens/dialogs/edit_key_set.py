"""Edit Key Set: the steps of Create Key Set that can be answered otherwise, filled in."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kctui.core.errors import InvalidInputError
from kctui.core.observer import Observer
from kctui.screens.dialogs.create_key_set import KeySetDetails, ScheduleStep
from kctui.screens.dialogs.fields import at_field
from kctui.screens.dialogs.wizard import Outcome, Step, Wizard
from kctui.screens.hsm_wording import key_material

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.key_set_changes import KeySetValues
    from kctui.core.lists import KeySetRow


class EditKeySetWizard(Wizard):
    """Edits a Key Set. Refused when the row changed since it was read."""

    def __init__(self, engine: "Engine", row: "KeySetRow") -> None:
        super().__init__("Edit Key Set")
        self._engine = engine
        self._row = row
        facts = [
            ("CSP Account", row.account),
            ("Key material", key_material(row.hsm)),
            ("Admin Group", row.group),
            ("CloudKeys", f"{row.cloud_keys:,}"),
        ]
        present = "never" if row.rotation_days is None else f"{row.rotation_days}d"
        self._details = KeySetDetails(facts, row.name, row.description)
        self._schedule = ScheduleStep(present, row.rotation_method)

    def steps(self) -> Sequence[Step]:
        """Its CSP Account and HSM stay."""
        return [self._details, self._schedule]

    def work(self) -> Callable[[Observer], Outcome]:
        """Write it; there is nothing to show of it but its row."""
        from kctui.core.key_set_changes import KeySetValues

        values = KeySetValues(
            name=self._details.set_name.value,
            description=self._details.description.value,
            rotation_days=self._schedule.schedule.days,
            rotation_method=self._schedule.method.value,
        )
        engine, row = self._engine, self._row
        return lambda _observer: _edit(engine, row, values)


def _edit(engine: "Engine", row: "KeySetRow", values: "KeySetValues") -> Outcome:
    from kctui.core.key_set_changes import edit_key_set
    from kctui.core.key_sets import NameTakenError

    try:
        edit_key_set(engine, row.id, values, revision=row.revision)
    except NameTakenError as error:
        raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error
    return Outcome(row.id)
