"""Where kctui keeps its files, and how private they are. The only module that knows a path."""

import contextlib
import grp
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from kctui.core.errors import ConfigurationError, NotInitialisedError, StoreError

SYSTEM_HOME = Path("/var/lib/kctui")
PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
GROUP_DIRECTORY = 0o2770
GROUP_FILE = 0o660


@dataclass(frozen=True)
class Home:
    """One kctui home directory and the files in it. A Unix group that shares it owns the directory."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration; its presence is what makes a directory a home."""
        return self.root / "config.toml"

    @property
    def database(self) -> Path:
        """The SQLite database, where no database server is configured."""
        return self.root / "kctui.db"

    @property
    def log(self) -> Path:
        """The structured log: events and debug lines, a JSON object each."""
        return self.root / "kctui.log"

    @property
    def initialised(self) -> bool:
        """Whether `kctui init` has been here. Where we may not look, somebody has."""
        try:
            return stat.S_ISREG(self.config.stat().st_mode)
        except PermissionError:
            return True
        except OSError:
            return False

    def require(self) -> None:
        """Raise NotInitialisedError where there is no home, ConfigurationError where it is not ours to read."""
        try:
            there = self.config.is_file()
            if there:
                with self.config.open("rb"):
                    pass
        except PermissionError:
            raise ConfigurationError(
                f"The kctui home {self.root} may not be read by this user",
                remedy="Ask who initialised it to let you in (kctui init --unix-group), or name another: --home DIR.",
            ) from None
        if not there:
            raise NotInitialisedError(
                f"There is no kctui home at {self.root}",
                remedy="Run `kctui init` to make one, or name another with --home DIR or $KCTUI_HOME.",
            )

    @property
    def shared(self) -> bool:
        """Whether the home was initialised for a Unix group."""
        return stat.S_IMODE(self.root.stat().st_mode) & GROUP_DIRECTORY == GROUP_DIRECTORY

    @property
    def file_mode(self) -> int:
        """The mode of every file in this home."""
        return GROUP_FILE if self.shared else PRIVATE_FILE

    def create(self, unix_group: str | None = None) -> None:
        """Make the directory with its final mode. Raises ConfigurationError or StoreError, having changed nothing."""
        gid = None
        if unix_group is not None:
            try:
                gid = grp.getgrnam(unix_group).gr_gid
            except KeyError:
                raise ConfigurationError(
                    f"There is no Unix group {unix_group}", remedy="Make it first, or leave --unix-group out."
                ) from None
        wanted = PRIVATE_DIRECTORY if gid is None else GROUP_DIRECTORY
        try:
            self.root.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            if stat.S_IMODE(self.root.stat().st_mode) not in {PRIVATE_DIRECTORY, wanted} and any(self.root.iterdir()):
                raise ConfigurationError(
                    f"The directory {self.root} holds other files, and is open to others",
                    remedy="Name a directory of its own, which may be new: --home DIR. Nothing was changed.",
                )
            if gid is not None:
                os.chown(self.root, -1, gid)
            self.root.chmod(wanted)
        except OSError as error:
            raise StoreError(
                f"The directory {self.root} cannot be made: {error.strerror}",
                remedy="Name a directory you may write to: --home DIR or $KCTUI_HOME.",
            ) from error

    def touch_private(self, file: Path) -> None:
        """Create `file` with this home's mode before anything is written into it."""
        descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, self.file_mode)
        try:
            if (
                stat.S_IMODE(os.fstat(descriptor).st_mode) != self.file_mode
                and os.fstat(descriptor).st_uid == os.getuid()
            ):
                os.fchmod(descriptor, self.file_mode)
        finally:
            os.close(descriptor)

    def loose_files(self) -> list[tuple[Path, int, int]]:
        """Files and directories open to more than this home allows: (path, mode found, mode wanted)."""
        loose: list[tuple[Path, int, int]] = []
        directory = GROUP_DIRECTORY if self.shared else PRIVATE_DIRECTORY
        for path in [self.root, *sorted(self.root.rglob("*"))]:
            wanted = directory if path.is_dir() else self.file_mode
            try:
                mode = stat.S_IMODE(path.stat().st_mode)
            except FileNotFoundError:
                continue  # SQLite removes its journal when the last connection closes
            if mode & ~wanted:
                loose.append((path, mode, wanted))
        return loose


def find_home(explicit: str | None = None) -> Home:
    """The home to use: `explicit`, $KCTUI_HOME, /var/lib/kctui where initialised, else the XDG data directory."""
    if explicit:
        return Home(Path(explicit).expanduser().absolute())
    if from_environment := os.environ.get("KCTUI_HOME"):
        return Home(Path(from_environment).expanduser().absolute())
    system = Home(SYSTEM_HOME)
    if system.initialised:
        return system
    data = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Home(Path(data) / "kctui")


def write_private(home: Home, file: Path, text: str) -> None:
    """Write `text` to `file` atomically and durably, with this home's mode. Raises StoreError."""
    temporary = file.with_name(file.name + ".new")
    try:
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, home.file_mode)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                os.fchmod(handle.fileno(), home.file_mode)
                os.fsync(handle.fileno())
            temporary.replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreError(
            f"The file {file} cannot be written: {error.strerror}",
            remedy="Check the owner and mode of the home directory, and that it is not mounted read-only or full.",
        ) from error
