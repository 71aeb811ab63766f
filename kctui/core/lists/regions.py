"""The regions and their long names."""

from dataclasses import dataclass

from sqlmodel import col, select

from kctui.core.model import RegionName
from kctui.core.store import Store


@dataclass(frozen=True)
class RegionChoice:
    """A region and its long name."""

    region: str
    long_name: str | None

    def __str__(self) -> str:
        return f"{self.long_name} {self.region}" if self.long_name else self.region


def region_choices(store: Store, partition: str) -> list[RegionChoice]:
    """The regions of a partition that some account has shown, by name."""
    with store.read() as session:
        found = session.exec(
            select(RegionName).where(RegionName.partition == partition).order_by(col(RegionName.region))
        ).all()
    return [RegionChoice(row.region, row.long_name or None) for row in found]
