"""Faults on command: throttling, internal errors, time-outs, lost replies, late consistency."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from .errors import AwsError

THROTTLED = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."


class FaultKind(StrEnum):
    """What goes wrong. LOST_REPLY happens after the effect, every other kind before it or instead of it."""

    THROTTLE = "THROTTLE"
    INTERNAL = "INTERNAL"
    DEPENDENCY_TIMEOUT = "DEPENDENCY_TIMEOUT"
    TIMEOUT_BEFORE = "TIMEOUT_BEFORE"
    LOST_REPLY = "LOST_REPLY"
    NOT_FOUND = "NOT_FOUND"
    SLOW = "SLOW"
    ACCESS_DENIED = "ACCESS_DENIED"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"


_Answers = Mapping[FaultKind, tuple[str, str, int]]

_KMS: _Answers = {
    FaultKind.THROTTLE: ("ThrottlingException", THROTTLED, 400),
    FaultKind.INTERNAL: ("KMSInternalException", "", 500),
    FaultKind.DEPENDENCY_TIMEOUT: ("DependencyTimeoutException", "", 503),
    FaultKind.NOT_FOUND: ("NotFoundException", "The entity or resource could not be found.", 400),
    FaultKind.ACCESS_DENIED: ("AccessDeniedException", "Access is denied on command.", 400),
    FaultKind.UNKNOWN_OPERATION: ("UnknownOperationException", "", 400),
}
_IAM: _Answers = {
    FaultKind.THROTTLE: ("Throttling", "Rate exceeded", 400),
    FaultKind.INTERNAL: ("ServiceFailure", "The request processing has failed.", 500),
    FaultKind.DEPENDENCY_TIMEOUT: ("ServiceUnavailable", "Service Unavailable", 503),
    FaultKind.NOT_FOUND: ("NoSuchEntity", "The entity could not be found.", 404),
    FaultKind.ACCESS_DENIED: ("AccessDenied", "Access is denied on command.", 403),
}
# STS and EC2 have no general "not found" answer, so that fault does not apply to them.
_STS: _Answers = {
    FaultKind.THROTTLE: ("Throttling", "Rate exceeded", 400),
    FaultKind.INTERNAL: ("InternalFailure", "The request processing has failed.", 500),
    FaultKind.DEPENDENCY_TIMEOUT: ("ServiceUnavailable", "Service Unavailable", 503),
    FaultKind.ACCESS_DENIED: ("AccessDenied", "Access is denied on command.", 403),
}
_EC2: _Answers = {
    FaultKind.THROTTLE: ("RequestLimitExceeded", "Request limit exceeded.", 503),
    FaultKind.INTERNAL: ("InternalError", "An internal error has occurred.", 500),
    FaultKind.DEPENDENCY_TIMEOUT: ("Unavailable", "The service is unavailable.", 503),
    FaultKind.ACCESS_DENIED: ("UnauthorizedOperation", "Access is denied on command.", 403),
}
_SSM: _Answers = {
    FaultKind.THROTTLE: ("ThrottlingException", "Rate exceeded", 400),
    FaultKind.INTERNAL: ("InternalServerError", "An internal error has occurred.", 500),
    FaultKind.DEPENDENCY_TIMEOUT: ("ServiceUnavailable", "Service Unavailable", 503),
    FaultKind.NOT_FOUND: ("ParameterNotFound", "", 400),
    FaultKind.ACCESS_DENIED: ("AccessDeniedException", "Access is denied on command.", 400),
}
_ANSWERS: Mapping[str, _Answers] = MappingProxyType({"kms": _KMS, "iam": _IAM, "sts": _STS, "ec2": _EC2, "ssm": _SSM})
_WITHOUT_ANSWER = frozenset({FaultKind.TIMEOUT_BEFORE, FaultKind.LOST_REPLY, FaultKind.SLOW})


@dataclass
class Fault:
    """One fault in waiting: it lets `skip` matching calls pass, then strikes `times` of them."""

    operation: str
    kind: FaultKind
    service: str = "*"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    struck: int = 0

    def applies_to(self, service: str, operation: str) -> bool:
        """Tell whether a call of this operation would meet the fault."""
        return (
            self.operation in ("*", operation)
            and self.service in ("*", service)
            and (self.kind in _WITHOUT_ANSWER or self.kind in _ANSWERS.get(service, {}))
        )

    def error(self, service: str) -> AwsError:
        """Return the error that the service answers for this fault."""
        return AwsError(*_ANSWERS[service][self.kind])


class Faults:
    """The faults of one box, in the order they were added, and its standing rules."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self.quotas = False
        """Whether AWS's requests-per-second quotas are enforced."""
        self.consistency_seconds = 0.0
        """How long after CreateKey other calls do not yet see the key."""
        self.new_access_key_seconds = 0.0
        """How long after CreateAccessKey the access key is not yet known to any service."""

    def add(
        self,
        operation: str,
        kind: FaultKind,
        *,
        times: int = 1,
        skip: int = 0,
        seconds: float = 0.0,
        service: str = "*",
    ) -> Fault:
        """Let a fault strike calls of an operation ("*": any); return it, so that `struck` can be read."""
        fault = Fault(operation, FaultKind(kind), service, times, skip, seconds)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault and every standing rule."""
        with self._lock:
            self._waiting.clear()
            self.quotas = False
            self.consistency_seconds = 0.0
            self.new_access_key_seconds = 0.0

    def waiting(self) -> list[Fault]:
        """Return the faults that have not struck as often as they were told to."""
        with self._lock:
            return list(self._waiting)

    def take(self, service: str, operation: str) -> Fault | None:
        """Return the first fault that strikes this call, counting it."""
        with self._lock:
            for fault in self._waiting:
                if not fault.applies_to(service, operation):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.struck += 1
                if fault.struck >= fault.times:
                    self._waiting.remove(fault)
                return fault
        return None
