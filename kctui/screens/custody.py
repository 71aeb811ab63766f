"""The dialogs of what is done with key material and KMS keys: remove, upload, delete, call that off, rotate.

What each would do is looked at in the core; what it runs is of the row that was looked at, and refused where that
has changed since.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.availability import KeyAction
from kctui.core.key_use import works_after_upload
from kctui.core.observer import Observer
from kctui.core.words import CloudStatus, KeySpec, RotationMethod
from kctui.screens.wording import moment, status, version_words

if TYPE_CHECKING:
    from kctui.core.consequences import Consequences
    from kctui.core.details import CloudKeyDetails
    from kctui.core.engine import Engine
    from kctui.core.lists import CloudKeyRow
    from kctui.core.operations import Keep
    from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel, TypedName
    from kctui.screens.hangup import Hangup

_CANCELLED = (
    "Are you sure you want to cancel the deletion of the following CloudKey? AWS will not delete the key. It is "
    "DISABLED then: applications can use it again once it is enabled."
)
_UPLOADED = "kctui imports its copy of the key material again, every version of it."

_EXPIRES = (
    "kctui imports its copy of the key material again, every version of it, with the new expiration. When that is "
    "reached, AWS deletes the material; Upload to Cloud brings it back."
)


@dataclass(frozen=True)
class Custody:
    """Makes the dialogs for one CloudKey. row: as it is listed."""

    engine: "Engine"
    row: "CloudKeyRow"
    clock: Callable[[], datetime]
    hangup: "Hangup"

    def removal(self) -> "ConfirmDialog":
        """Remove from Cloud."""
        from kctui.core import operations
        from kctui.core.consequences import consequences
        from kctui.screens.dialogs.confirm import ConfirmDialog, Done

        def look() -> "Panel":
            found = consequences(self.engine, KeyAction.REMOVE, self.row.id)

            def run(observer: Observer) -> "Done":
                operations.remove_from_cloud(
                    self.engine, found.row.id, revision=found.row.revision, observer=self.hangup.guard(observer)
                )
                return Done(f"{found.row.name} is removed from the cloud; Upload to Cloud brings it back")

            return self._panel(found, run)

        return ConfirmDialog("Remove from Cloud", self.row.region, "Remove", look, name=self._name(KeyAction.REMOVE))

    def deletion(self) -> "ConfirmDialog":
        """Delete CloudKey."""
        from kctui.core import operations
        from kctui.core.consequences import consequences
        from kctui.screens.dialogs.confirm import Done
        from kctui.screens.dialogs.custody import DeleteDialog

        def look(days: int) -> "Panel":
            found = consequences(self.engine, KeyAction.DELETE, self.row.id, days=days)

            def run(observer: Observer) -> "Done":
                operations.delete(
                    self.engine,
                    found.row.id,
                    days=days,
                    revision=found.row.revision,
                    observer=self.hangup.guard(observer),
                )
                return Done(f"{found.row.name} waits for its deletion")

            return self._panel(found, run)

        return DeleteDialog(self.row.region, look, self._name(KeyAction.DELETE), self.clock())

    def cancellation(self) -> "ConfirmDialog":
        """Cancel Deletion; then what was deleted may be enabled."""
        from kctui.core import operations
        from kctui.core.consequences import Line, Mark
        from kctui.core.lists import cloud_key_row
        from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Offer, Panel

        row = self.row

        def enable(seen: "CloudKeyRow", observer: Observer) -> "Done":
            operations.enable(self.engine, seen.id, revision=seen.revision, observer=self.hangup.guard(observer))
            return Done(f"{seen.name} is enabled: applications can use it again")

        def run(observer: Observer) -> "Done":
            operations.cancel_deletion(self.engine, row.id, revision=row.revision, observer=self.hangup.guard(observer))
            seen = cloud_key_row(self.engine.store, row.id)
            if seen.cloud_status is not CloudStatus.DISABLED:
                return Done(f"The deletion of {row.name} is cancelled; Upload to Cloud brings its material back")
            question = "The key is DISABLED now. Enable it?"
            offer = Offer(question, "Enable", lambda observer: enable(seen, observer))
            return Done(f"The deletion of {row.name} is cancelled", offer)

        lines = (
            Line(Mark.ATTENTION, "now", status(row, self.clock())),
            Line(Mark.ATTENTION, "deletion", moment(row.deletion_date)),
            Line(Mark.UNDO, "undo", "Delete CloudKey, which begins its time anew"),
        )
        panel = Panel(_CANCELLED, _facts(row), run, lines, now=self._now)
        return ConfirmDialog("Cancel Deletion", row.region, "Cancel Delete", panel, leave="Leave")

    def rotation(self, usual: RotationMethod) -> "ConfirmDialog":
        """Rotate Now. usual: the Key Set's way."""
        from kctui.core import operations
        from kctui.core.consequences import consequences
        from kctui.screens.dialogs.confirm import Done
        from kctui.screens.dialogs.custody import RotateDialog

        symmetric = self.row.key_spec is KeySpec.SYMMETRIC_DEFAULT

        def look(method: RotationMethod) -> "Panel":
            found = consequences(self.engine, KeyAction.ROTATE, self.row.id, method=method)

            def run(observer: Observer) -> "Done":
                operations.rotate(
                    self.engine,
                    found.row.id,
                    method=method,
                    revision=found.row.revision,
                    observer=self.hangup.guard(observer),
                )
                return Done(f"{found.row.name} is rotated")

            return self._panel(found, run, rotated=True)

        return RotateDialog(self.row.region, look, usual if symmetric else RotationMethod.NEW_KEY, choice=symmetric)

    def uploading(self) -> "ConfirmDialog":
        """Upload to Cloud, with the expiration it had or another one."""
        from kctui.screens.dialogs.custody import UploadDialog

        words = f"{self.row.name} is in the cloud again"
        told = f"{_UPLOADED} {works_after_upload(self.row.key_usage)}"
        look = self._look_at_import(told, "Remove from Cloud, at any time", words)
        return UploadDialog(self.row.region, look, self._import(words), self.row.expires_at, self.clock())

    def expiration(self) -> "ConfirmDialog":
        """Change Expiration."""
        from kctui.screens.dialogs.custody import ExpirationDialog

        words = f"The expiration of {self.row.name} is changed"
        look = self._look_at_import(_EXPIRES, "Change Expiration once more, at any time", words)
        return ExpirationDialog(self.row.region, look, self._import(words), self.row.expires_at, self.clock())

    def _import(self, words: str) -> "Callable[[datetime | Keep | None, Observer], Done]":
        """Import our copies again, with this expiration."""
        from kctui.core import operations
        from kctui.screens.dialogs.confirm import Done

        row = self.row

        def run(until: "datetime | Keep | None", observer: Observer) -> "Done":
            operations.upload(
                self.engine, row.id, revision=row.revision, expires_at=until, observer=self.hangup.guard(observer)
            )
            return Done(words)

        return run

    def _look_at_import(self, told: str, undo: str, words: str) -> "Callable[[], Panel]":
        from kctui.core.consequences import Line, Mark
        from kctui.core.details import cloud_key_details
        from kctui.core.operations import KEEP
        from kctui.screens.dialogs.confirm import Panel

        row, run = self.row, self._import(words)

        def look() -> "Panel":
            details = cloud_key_details(self.engine.store, row.id)
            lines = (
                Line(Mark.ATTENTION, "now", status(row, self.clock())),
                Line(Mark.GOOD, "versions", _versions_to_come(details)),
                Line(Mark.UNDO, "undo", undo),
            )
            return Panel(told, _facts(row), lambda observer: run(KEEP, observer), lines, now=self._now)

        return look

    def _name(self, action: KeyAction) -> "TypedName":
        from kctui.core.operations import confirmation
        from kctui.screens.dialogs.confirm import TypedName

        engine, row = self.engine, self.row
        return TypedName("CloudKey", row.name, lambda typed: confirmation(engine, action, row).require(engine, typed))

    def _panel(self, found: "Consequences", run: "Callable[[Observer], Done]", *, rotated: bool = False) -> "Panel":
        from kctui.screens.dialogs.confirm import Panel

        now = self._now_rotated if rotated else self._now
        return Panel(found.words, _facts(found.row), run, found.lines, found.refusal, now)

    def _now(self) -> list[tuple[str, str]]:
        from kctui.core.lists import cloud_key_row

        row = cloud_key_row(self.engine.store, self.row.id)
        facts = [("Cloud Status", status(row, self.clock()))]
        if row.deletion_date is not None:
            facts.append(("Deletion", moment(row.deletion_date)))
        if row.expires_at is not None:
            facts.append(("Expires", moment(row.expires_at)))
        return facts

    def _now_rotated(self) -> list[tuple[str, str]]:
        from kctui.core.details import cloud_key_details

        details = cloud_key_details(self.engine.store, self.row.id)
        return [("KeyId", details.row.kms_key_id or "–"), ("Version", version_words(details)), *self._now()]


def _facts(row: "CloudKeyRow") -> tuple[tuple[str, str], ...]:
    number = row.key_arn.split(":")[4] if row.key_arn else ""
    return (
        ("CloudKey", row.name),
        ("KeyId", row.kms_key_id or "–"),
        ("Key Set", row.key_set),
        ("CSP Account", f"{row.account} · {number}" if number else row.account),
    )


def _versions_to_come(details: "CloudKeyDetails") -> str:
    """The versions whose material belongs into the CloudKey's present KMS key."""
    mine = [str(v.number) for v in details.versions if v.kms_key_id in {None, details.row.kms_key_id}]
    return f"version {mine[0]}" if len(mine) == 1 else f"all {len(mine)}: versions {', '.join(reversed(mine))}"
