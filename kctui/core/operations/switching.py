"""Enable CloudKey, Disable CloudKey: KMS calls that do nothing where it is so already."""

from collections.abc import Callable

from kctui.core.aws.kms import Kms
from kctui.core.observer import Observer
from kctui.core.operations.importing import confirm, kms_of
from kctui.core.operations.journal import Answer, Run
from kctui.core.operations.runner import Undone
from kctui.core.words import CloudStatus, OperationState


class NothingToUndo:
    """Before the first effect a refusal leaves the key as it was; from then on there is only going on."""

    effects: frozenset[str]

    def can_undo(self, run: Run) -> bool:
        """Only while nothing was done."""
        return not run.may_have_happened(self.effects)

    def undo(self, run: Run, observer: Observer) -> Undone:
        """End as FAILED."""
        return Undone(OperationState.FAILED)


class Enable(NothingToUndo):
    """EnableKey, and a look at what came of it."""

    effects = frozenset({"EnableKey"})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        _switch(run, observer, "EnableKey", lambda kms, key_id: kms.enable(key_id), CloudStatus.AVAILABLE)


class Disable(NothingToUndo):
    """DisableKey, and a look at what came of it."""

    effects = frozenset({"DisableKey"})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        _switch(run, observer, "DisableKey", lambda kms, key_id: kms.disable(key_id), CloudStatus.DISABLED)


def _switch(run: Run, observer: Observer, name: str, call: Callable[[Kms, str], str], expected: CloudStatus) -> None:
    """EnableKey and DisableKey do nothing where it is so already: after a lost answer they are sent again."""
    key = run.key()
    kms = kms_of(run.engine, key)
    run.step(name, lambda: Answer(call(kms, key.kms_key_id or "")), observer)
    before = CloudStatus.DISABLED if expected is CloudStatus.AVAILABLE else CloudStatus.AVAILABLE
    confirm(run, observer, kms, {expected}, before={before})
