"""Upload to Cloud, Enable CloudKey, Disable CloudKey: operations on a key that is there."""

from collections.abc import Callable
from datetime import datetime

from kctui.core.aws.kms import Kms
from kctui.core.clock import now
from kctui.core.errors import RefusedError
from kctui.core.observer import Observer
from kctui.core.operations.importing import confirm, import_version, kms_of, prove_copy, versions_of
from kctui.core.operations.journal import Answer, Run
from kctui.core.operations.runner import Undone
from kctui.core.words import CloudStatus, MaterialState, OperationState


class _NothingToUndo:
    """Before the first effect a refusal leaves the key as it was; from then on there is only going on."""

    effects: frozenset[str]

    def can_undo(self, run: Run) -> bool:
        """Only while nothing was done."""
        return not run.may_have_happened(self.effects)

    def undo(self, run: Run, observer: Observer) -> Undone:
        """End as FAILED."""
        return Undone(OperationState.FAILED)


class Upload(_NothingToUndo):
    """Import our copy of every version again; all are proven before the first is sent."""

    effects = frozenset(f"ImportKeyMaterial {number}" for number in range(1, 27))

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        key = run.key()
        kms = kms_of(run.engine, key)
        versions = [v for v in versions_of(run.engine, key.id) if v.material_state is not MaterialState.NON_CURRENT]
        for version in versions:
            prove_copy(run, observer, version)
        text = run.operation.parameters.get("expires_at")
        valid_to = datetime.fromisoformat(text) if text else None
        if valid_to is not None and valid_to <= now():
            raise RefusedError(
                f"The expiration date of {key.name} has passed",
                detail=f"It was {valid_to.date().isoformat()}; AWS deleted the material then.",
                remedy="Upload it with a new expiration, or with none.",
            )
        for version in versions:
            import_version(run, observer, kms, key, version, valid_to)
        confirm(run, observer, kms, CloudStatus.AVAILABLE, before=CloudStatus.NOT_AVAILABLE)


class Enable(_NothingToUndo):
    """EnableKey, and a look at what came of it."""

    effects = frozenset({"EnableKey"})

    def finish(self, run: Run, observer: Observer) -> None:
        """Do every step that is not done."""
        _switch(run, observer, "EnableKey", lambda kms, key_id: kms.enable(key_id), CloudStatus.AVAILABLE)


class Disable(_NothingToUndo):
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
    confirm(run, observer, kms, expected, before=before)
