"""Filter by: which entries of the audit log are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input

from kctui.core.errors import InvalidInputError
from kctui.core.words import AuditCategory, AuditType
from kctui.screens.audit_filters import AuditFilters
from kctui.screens.dialogs.base import Dialog, DialogButton
from kctui.screens.dialogs.fields import ChoiceField, Field, TextField

_ANY = "Any"


@dataclass(frozen=True)
class ChosenFilter:
    """What the user asks of entries, and the text to find in them."""

    filters: AuditFilters
    text: str


class AuditFilterDialog(Dialog[ChosenFilter | None]):
    """A form of one screen. Dismissed with what is asked from now on, or None where nothing changes."""

    def __init__(self, filters: AuditFilters, text: str, now: datetime) -> None:
        super().__init__("Filter by", "Audit Log")
        self._now = now
        types = [(_ANY, ""), *((weight.value, weight.value) for weight in AuditType)]
        categories = [(_ANY, ""), *((category.value, category.value) for category in AuditCategory)]
        self._type = ChoiceField("type", "Type", types, value=filters.type or "")
        self._category = ChoiceField("category", "Category", categories, value=filters.category or "")
        self._user = TextField("user", "User", filters.user, example="alice")
        self._object = TextField("object", "Object", filters.object, example="payroll-db, or CloudKey=payroll-db")
        times = "2026-11-23, 2026-11-23 12:03, or 30min, 12h, 7d ago"
        self._since = TextField("since", "Since", filters.since, example=times)
        self._until = TextField("until", "Until", filters.until, example="the same; what is named is in it")
        self._text = TextField("text", "Text", text, example="in the message or the user's name")

    def compose_body(self) -> ComposeResult:
        """A line for each thing to ask."""
        with VerticalScroll(can_focus=False):
            yield self._type
            yield self._category
            yield self._user
            yield self._object
            yield self._since
            yield self._until
            yield self._text

    def buttons(self) -> Iterable[DialogButton]:
        """Clear all, Cancel, Apply."""
        yield DialogButton("Clear all", "clear", width=14)
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton("Apply", "apply", main=True, width=12)

    def on_mount(self) -> None:
        """The first field has the focus."""
        self.hint("Enter: apply   Esc: leave")
        self._user.editor.focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.press("apply")

    def press(self, button: str) -> None:
        """Answer what is asked from now on: nothing, no other than before, or this."""
        if button == "clear":
            self.dismiss(ChosenFilter(AuditFilters(), ""))
        elif button == "apply":
            self._apply()
        else:
            self.action_leave()

    def _apply(self) -> None:
        filters = AuditFilters(
            type=AuditType(self._type.value) if self._type.value else None,
            category=AuditCategory(self._category.value) if self._category.value else None,
            user=self._user.value,
            object=self._object.value,
            since=self._since.value,
            until=self._until.value,
        )
        for field in self.query(Field):
            field.accept()
        try:
            filters.check(self._now)
        except InvalidInputError as error:
            field = self._since if error.field == "since" else self._until
            field.complain(error)
            field.editor.focus()
        else:
            self.dismiss(ChosenFilter(filters, self._text.value))
