"""The dialogs of Delete CloudKey, Rotate Now and Upload to Cloud: each has a choice above the confirmation."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Select, Static

from kctui.core.errors import InvalidInputError
from kctui.core.observer import Observer
from kctui.core.validation import parse_expiry
from kctui.core.words import RotationMethod
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel, TypedName
from kctui.screens.dialogs.fields import ChoiceField, TextField, at_field

if TYPE_CHECKING:
    from kctui.core.operations import Keep

WHEN = "Define when the CloudKey should be permanently deleted."
NEVER = "never"
A_DATE = "date"
_METHODS = {RotationMethod.IN_PLACE: "In place, same key id", RotationMethod.NEW_KEY: "By a new KMS key, alias moved"}


class DeleteDialog(ConfirmDialog):
    """Delete CloudKey: the time first, then the name. look: the panel for so many days."""

    def __init__(self, region: str, look: Callable[[int], Panel], name: TypedName, today: datetime) -> None:
        from kctui.core.operations.acting import LEAST_DAYS, MOST_DAYS

        # What AWS takes when nothing is said comes first.
        every = range(MOST_DAYS, LEAST_DAYS - 1, -1)
        choices = [(f"{days} days · {today + timedelta(days=days):%Y-%m-%d}", days) for days in every]
        self._days = ChoiceField("days", "Delete in", choices)
        self._look_at = look
        super().__init__(
            "Delete CloudKey", region, "Delete", name=name, fields=(Static(WHEN, markup=False), self._days)
        )

    def asked(self) -> int:
        """The days."""
        return self._days.value

    def looking(self) -> Callable[[], Panel]:
        """What deleting it in so many days would do."""
        days = self._days.value
        return lambda: self._look_at(days)


class RotateDialog(ConfirmDialog):
    """Rotate Now. look: the panel for a way. usual: the Key Set's way, or the only one where there is no other."""

    def __init__(
        self, region: str, look: Callable[[RotationMethod], Panel], usual: RotationMethod, *, choice: bool
    ) -> None:
        other = next(method for method in RotationMethod if method is not usual)
        choices = [(f"{_METHODS[usual]} (as the Key Set says)", usual), (f"{_METHODS[other]} (this time)", other)]
        self._method = ChoiceField("method", "Rotate", choices)
        self._look_at = look
        super().__init__("Rotate Now", region, "Rotate", fields=(self._method,) if choice else ())

    def asked(self) -> RotationMethod:
        """The way."""
        return self._method.value

    def looking(self) -> Callable[[], Panel]:
        """What rotating it so would do."""
        method = self._method.value
        return lambda: self._look_at(method)


class Expiration(Vertical):
    """Never, or a date; the former one stands there at first."""

    DEFAULT_CSS = """
    Expiration { height: auto; width: 1fr; }
    """

    def __init__(self, former: datetime | None, now: datetime) -> None:
        super().__init__()
        self._kept = former is not None and former > now
        passed = former is not None and former <= now
        choices = [("Never", NEVER), ("Choose a date", A_DATE)]
        self._choice = ChoiceField("expiration", "Expiration", choices, value=A_DATE if former else NEVER)
        self._date = TextField(
            "expires",
            "Date",
            f"{former:%Y-%m-%d}" if former and self._kept else "",
            required=True,
            example="YYYY-MM-DD",
            hint=f"It was {former:%Y-%m-%d}, which has passed." if former and passed else "At most 365 days ahead.",
        )

    def compose(self) -> ComposeResult:
        """The guide's sentence, the choice, and the date."""
        yield Static(Content("Define when the CloudKey should be expired."))
        yield self._choice
        yield self._date

    def on_mount(self) -> None:
        """The date is there where one is chosen."""
        self._show_date()

    @on(Select.Changed)
    def _show_date(self) -> None:
        self._date.display = self._choice.value == A_DATE

    @property
    def value(self) -> "datetime | Keep | None":
        """The expiration; KEEP where it was left as it was. Raises InvalidInputError at the date."""
        from kctui.core.operations import KEEP

        if self._choice.value == NEVER:
            return None if self._choice.changed else KEEP
        if self._kept and not self._date.changed:
            return KEEP
        try:
            moment = parse_expiry(self._date.value)
        except InvalidInputError as error:
            raise at_field(error, "expires") from error
        if moment is None:
            raise InvalidInputError("That is not a date", remedy="Type one, as 2027-03-01.", field="expires")
        return moment


class UploadDialog(ConfirmDialog):
    """Upload to Cloud. upload: with this expiration, of the row as it was looked at."""

    def __init__(
        self,
        region: str,
        look: Callable[[], Panel],
        upload: "Callable[[datetime | Keep | None, Observer], Done]",
        former: datetime | None,
        now: datetime,
    ) -> None:
        self._expiration = Expiration(former, now)
        self._upload = upload
        super().__init__("Upload to Cloud", region, "Upload", look, fields=(self._expiration,))

    def working(self, panel: Panel) -> Callable[[Observer], Done]:
        """Upload with what is chosen. Raises InvalidInputError at the date."""
        until = self._expiration.value
        return lambda observer: self._upload(until, observer)
