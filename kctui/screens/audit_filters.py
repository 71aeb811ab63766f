"""Which entries the tab Audit Log shows, as the user said it: an age stays an age."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.periods import check_period, parse_since, parse_until
from kctui.core.words import AuditCategory, AuditType

if TYPE_CHECKING:
    from kctui.core.lists import AuditQuery


@dataclass(frozen=True)
class AuditFilters:
    """What is asked of an entry; "" and None ask nothing."""

    type: AuditType | None = None
    category: AuditCategory | None = None
    user: str = ""
    object: str = ""
    since: str = ""
    until: str = ""

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return self != AuditFilters()

    def check(self, now: datetime) -> None:
        """Raise InvalidInputError, which names the field, where a time cannot be read."""
        check_period(parse_since(self.since, now), parse_until(self.until, now))

    def query(self, text: str, now: datetime, *, newest_first: bool = True) -> "AuditQuery":
        """Ask the core for these, and for a text. Raises InvalidInputError."""
        from kctui.core.lists import AuditObject, AuditQuery

        return AuditQuery(
            text=text,
            type=self.type,
            category=self.category,
            operator=self.user or None,
            object=AuditObject.parse(self.object),
            since=parse_since(self.since, now),
            until=parse_until(self.until, now),
            newest_first=newest_first,
        )

    def words(self) -> str:
        """What is asked, short; what users wrote is not made safe yet."""
        asked = (
            ("", self.type.value if self.type else ""),
            ("", self.category.value if self.category else ""),
            ("user ", self.user),
            ("" if "=" in self.object else "object ", self.object),
            ("since ", self.since),
            ("until ", self.until),
        )
        return " · ".join(f"{name}{value}" for name, value in asked if value)
