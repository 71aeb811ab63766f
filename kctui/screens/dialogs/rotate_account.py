"""Rotate Credentials: what it would do, the id of an access key that is in the way, the name, and the steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from kctui.core.errors import RefusedError
from kctui.core.observer import Observer
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel, TypedName
from kctui.screens.dialogs.fields import TextField

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import CspAccountRow


TYPE_ITS_ID = "Where nobody needs the other one, type its id below: it is deleted first."


@dataclass
class OtherKeySeen(Message):
    """The access key that is in the way, None where there is place for a new one."""

    access_key_id: str | None


class RotateAccountDialog(ConfirmDialog):
    """Rotates the access key of a CSP Account. Where the IAM user has two, the other one's id is typed as well."""

    def __init__(
        self, engine: "Engine", row: "CspAccountRow", name: TypedName, guard: Callable[[Observer], Observer]
    ) -> None:
        self._engine = engine
        self._row = row
        self._guard = guard
        self._in_the_way: str | None = None
        self.other = TextField(
            "delete_other", "Delete other key", hint="Its id, typed exactly: it is gone for good then."
        )
        super().__init__("Rotate Credentials", row.aws_account_id, "Rotate", name=name, fields=(self.other,))

    def ask(self) -> None:
        """Nothing is in the way as far as is known."""
        self.other.display = False
        super().ask()

    def asked(self) -> object:
        """The other access key, once its id is exact: it is looked at again then, and not while it is typed."""
        typed = self.other.input.value
        return typed if self._in_the_way is not None and typed == self._in_the_way else None

    def looking(self) -> Callable[[], Panel]:
        """What the rotation would do now."""
        engine, row, guard = self._engine, self._row, self._guard
        asked = self.asked()
        delete_other = asked if isinstance(asked, str) else None

        def look() -> Panel:
            from kctui.core.account_changes import account_named
            from kctui.core.credential_outlook import rotation_outlook

            found = rotation_outlook(engine, account_named(engine, row.name), delete_other)
            self.post_message(OtherKeySeen(found.in_the_way))

            def run(observer: Observer) -> Done:
                from kctui.core.operations.credential_requests import rotate_credentials

                rotate_credentials(
                    engine,
                    row.id,
                    row.name,
                    revision=found.revision,
                    delete_other=delete_other,
                    observer=guard(observer),
                )
                return Done(f"{row.name} has a new access key, and the old one is deleted")

            facts = (
                ("CSP Account", row.name),
                ("Access key", found.access_key_id),
                ("IAM user", found.user_arn),
            )
            refusal = found.refusal
            if refusal is not None and delete_other is None:
                refusal = RefusedError(refusal.title, remedy=TYPE_ITS_ID)
            return Panel(found.words, facts, run, found.lines, refusal, now=lambda: _now(engine, row.id))

        return look

    @on(OtherKeySeen)
    def _other_seen(self, message: OtherKeySeen) -> None:
        self._in_the_way = message.access_key_id
        self.other.display = message.access_key_id is not None
        if self.other.display and not self.other.input.value:
            # Only after the refusal has put the focus on the way out.
            self.call_after_refresh(self.other.input.focus)


def _now(engine: "Engine", account_id: str) -> tuple[tuple[str, str], ...]:
    from kctui.core.model import CspAccount

    with engine.store.read() as session:
        return (("In use now", session.get_one(CspAccount, account_id).access_key_id),)
