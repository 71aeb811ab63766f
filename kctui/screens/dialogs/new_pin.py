"""New PIN: the PIN that the token has now, tried once, and kept in place of the one there is."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.observer import Observer
from kctui.screens.dialogs.hsm_steps import HsmWizard, tested
from kctui.screens.dialogs.wizard import Outcome, Step

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import HsmRow


class NewPinWizard(HsmWizard):
    """Gives an HSM another PIN, which was changed on its token."""

    def __init__(self, engine: "Engine", row: "HsmRow", clock: Callable[[], datetime]) -> None:
        super().__init__(f"New PIN of {row.name}")
        self._engine = engine
        self._row = row
        self._clock = clock

    def steps(self) -> Sequence[Step]:
        """The PIN alone."""
        return [self.pin_step]

    def work(self) -> Callable[[Observer], Outcome]:
        """Try it, keep it, and test the HSM with it."""
        from kctui.core.hsms import test_hsm

        engine, row, clock, pin = self._engine, self._row, self._clock, self.pin_step.pin()

        def run(observer: Observer) -> Outcome:
            with pin:
                test = test_hsm(engine, row.name, observer, new_pin=pin)
            title = f"HSM {row.name} has its new PIN"
            return tested(row.name, test, sha1=row.sha1_allowed, now=clock(), title=title, row_id=row.id)

        return run
