"""The name that is typed before anything that hurts: compared exactly, and a wrong one told of in the audit log."""

from contextlib import suppress
from dataclasses import dataclass, field

from kctui.core.audit import AuditEvent
from kctui.core.engine import Engine
from kctui.core.errors import RefusedError, StoreError
from kctui.core.words import AuditCategory, AuditType


@dataclass(frozen=True)
class Confirmation:
    """What must be typed, and for what. what: "Remove from Cloud". kind: of the thing, "CloudKey". name: exactly this.

    objects: what the audit entry names besides. group_id: the Admin Group that it is about.
    """

    what: str
    kind: str
    name: str
    category: AuditCategory
    group_id: str
    objects: dict[str, str] = field(default_factory=dict)

    def fits(self, typed: str) -> bool:
        """Whether this is the name, to the letter."""
        return typed == self.name

    def require(self, engine: Engine, typed: str) -> None:
        """Raise RefusedError for any other name, which the audit log then tells of."""
        if self.fits(typed):
            return
        if not engine.read_only:
            event = AuditEvent(
                AuditType.WARNING,
                self.category,
                f"{self.what} of {self.name} refused: wrong name typed",
                {self.kind: self.name, **self.objects},
                group_id=self.group_id,
            )
            with suppress(StoreError):
                engine.audit.note(event)
        raise RefusedError(
            f"{self.what} of {self.name} is refused: the name does not match",
            detail=f"Typed: {typed}",
            remedy=f"Type the name of the {self.kind} exactly. Nothing was done.",
        )
