"""What the options before the command say: which home, and whether anything may change."""

from dataclasses import dataclass

from kctui.core.errors import RefusedError
from kctui.core.paths import Home, find_home


@dataclass
class CommandLine:
    """The options of `kctui` itself; the edge keeps it to know the home when a command fails."""

    home: Home | None = None
    read_only: bool = False

    @property
    def the_home(self) -> Home:
        """The home that was named, or the one that is found."""
        if self.home is None:
            self.home = find_home()
        return self.home

    def require_writable(self, what: str) -> None:
        """Refuse before any question is asked. The core refuses as well."""
        if self.read_only:
            raise RefusedError(f"{what} is refused: kctui runs read-only", remedy="Start it without --read-only.")
