"""Errors that explain themselves: what happened, in which detail, and what to do about it."""

from enum import Enum


class ErrorKind(Enum):
    """What an error means to whoever called; each front end maps it once (exit codes, colours)."""

    FAILED = "failed"
    USAGE = "usage"
    UNREACHABLE = "unreachable"
    NEEDS_RECOVERY = "needs-recovery"
    REFUSED = "refused"


class KctuiError(Exception):
    """The base of every error that a user may see.

    title: one line that says what happened. detail: the facts, may be empty. remedy: what to do next.
    Foreign text in them is made safe by the front end that shows it. passes: whether the same may succeed later, so
    that it is no reason to take back what was done.
    """

    kind = ErrorKind.FAILED
    passes = False

    def __init__(self, title: str, *, detail: str = "", remedy: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.remedy = remedy


class InvalidInputError(KctuiError):
    """A value that is not allowed; nothing was done. `field` names the form field, where there is one."""

    kind = ErrorKind.USAGE

    def __init__(self, title: str, *, detail: str = "", remedy: str = "", field: str = "") -> None:
        super().__init__(title, detail=detail, remedy=remedy)
        self.field = field


class NotInitialisedError(KctuiError):
    """There is no kctui home here yet."""

    kind = ErrorKind.USAGE


class ConfigurationError(KctuiError):
    """The home or the configuration cannot be used as it is."""

    kind = ErrorKind.USAGE


class StoreError(KctuiError):
    """The database cannot be read or written: locked, corrupt, read-only, disk full, or out of reach."""


class StoreUnreachableError(StoreError):
    """The database server does not answer."""

    kind = ErrorKind.UNREACHABLE


class NotFoundError(KctuiError):
    """Nothing of that name is known here."""

    kind = ErrorKind.USAGE


class RefusedError(KctuiError):
    """Not allowed: by permission, by state, by confirmation or by read-only mode."""

    kind = ErrorKind.REFUSED


class LockedError(RefusedError):
    """The vault must be unlocked for this."""

    passes = True


class UnlockError(RefusedError):
    """The passphrase does not open this operator's key."""


class TamperedError(KctuiError):
    """A sealed value does not open under the key, row and version that it claims."""


class ConflictError(RefusedError):
    """Something else changed or holds what was asked for."""


class NeedsRecoveryError(KctuiError):
    """An operation stopped half-way; the journal knows where, and `kctui recover` goes on from there."""

    passes = True
    kind = ErrorKind.NEEDS_RECOVERY


class CancelledError(KctuiError):
    """Raised by an observer between two steps of long work: stop here. What was done stays done."""


class UnprovenError(KctuiError):
    """Our copy cannot be opened and checked any more, in the middle of what would take the key material away."""

    passes = True


class UnreachableError(KctuiError):
    """AWS, or another outside service, does not answer."""

    passes = True
    kind = ErrorKind.UNREACHABLE
