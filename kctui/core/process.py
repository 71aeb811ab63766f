"""What the process tells of itself and keeps to itself: hardening, who runs it, and whether another still does."""

import ctypes
import os
import pwd
import resource
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kctui.core.freed import keep_one_arena

_PR_SET_DUMPABLE = 4
_DEAD = {"Z", "X"}  # zombie, dead: ended, and not yet reaped by its parent (proc(5))


def harden() -> None:
    """No core dumps, and no reading of this process's memory by others of the same user (prctl(2)).

    One heap for all threads too, so that what is freed can be overwritten.
    """
    keep_one_arena()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE, 0) failed")
    os.umask(0o077)


def is_hardened() -> bool:
    """Whether `harden` holds for this process."""
    libc = ctypes.CDLL(None)
    return resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) and libc.prctl(3, 0, 0, 0, 0) == 0


@dataclass(frozen=True)
class Whereabouts:
    """Who acts, for the audit log: Unix user, SSH client address, host."""

    unix_user: str
    ssh_client: str | None
    host: str


def whereabouts() -> Whereabouts:
    """The person's Unix user (the login one, behind sudo), where they come from, and this host."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    behind_sudo = os.environ.get("SUDO_USER")
    connection = os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_CLIENT")
    return Whereabouts(
        unix_user=f"{user} (sudo by {behind_sudo})" if behind_sudo else user,
        ssh_client=connection.split()[0] if connection and connection.split() else None,
        host=socket.gethostname(),
    )


@cache
def this_host() -> str:
    """This boot of this host, in this PID namespace: process ids mean something only within it."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    part = boot.read_text().strip() if boot.exists() else f"{uuid.getnode():x}"
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = "-"
    return f"{socket.gethostname()}/{part}/{namespace}"


def this_process() -> str:
    """This process: its id and start time, since ids are used again."""
    return f"{os.getpid()}/{_start_time(os.getpid()) or '-'}"


def process_lives(process: str) -> bool | None:
    """Whether a process that `this_process` named on this host still runs; None where that cannot be seen.

    A hardened process is not shown by a /proc mounted with hidepid, even to its own user: there, only that some
    process has the id can be told.
    """
    pid, _, started = process.partition("/")
    if not pid.isdecimal() or started == "":
        return False
    seen = _start_time(int(pid))
    if seen is not None:
        return started == seen
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return None
    except (ProcessLookupError, OverflowError):
        return False
    return None


def _start_time(pid: int) -> str | None:
    """When a process began, in ticks since the boot; "" for a dead one, None where it cannot be seen."""
    try:
        # The command may hold spaces and brackets: fields are counted from behind its last bracket.
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in _DEAD else fields[19]
    except (OSError, IndexError):
        return None
