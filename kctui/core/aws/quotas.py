"""AWS KMS request quotas as token buckets, one for each account, region and quota, shared by all threads.

Source: AWS KMS Developer Guide, Request quotas. Other principals share the same quota, so a
ThrottlingException still happens; the bucket then stays shut for a while, longer each time in a row.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_DEFAULT_RATE = 100.0
_LONGEST_PAUSE = 16.0

RATES: dict[str, float] = {
    "GetParametersForImport": 1,
    **dict.fromkeys(
        ("CreateKey", "CreateAlias", "UpdateAlias", "EnableKey", "DisableKey", "CancelKeyDeletion", "UntagResource",
         "UpdateKeyDescription", "ReplicateKey", "RotateKeyOnDemand", "GetKeyLastUsage"),
        5,
    ),
    "TagResource": 10,
    **dict.fromkeys(
        ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "ScheduleKeyDeletion", "PutKeyPolicy", "DeleteAlias"), 15
    ),
    "ListKeyRotations": 100,
    **dict.fromkeys(("ListKeys", "ListAliases"), 500),
    **dict.fromkeys(("GetKeyPolicy", "GetKeyRotationStatus"), 1000),
    **dict.fromkeys(("DescribeKey", "ListResourceTags"), 2000),
}  # fmt: skip


@dataclass
class TokenBucket:
    """`rate` requests a second, with a burst of one second's worth (at least one)."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)
    _shut_until: float = 0.0
    _throttled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._tokens = max(1.0, self.rate)
        self._filled_at = self.clock()

    def take(self) -> float:
        """Wait until one request is due; the seconds waited. Threads are served in the order they asked."""
        with self._lock:
            at = self.clock()
            # While the bucket is shut it does not fill: who waited is let go one after the other, not all at once.
            begins = max(at, self._shut_until)
            self._tokens = min(max(1.0, self.rate), self._tokens + max(0.0, begins - self._filled_at) * self.rate)
            self._filled_at = max(self._filled_at, begins)
            self._tokens -= 1
            wait = (begins - at) + max(0.0, -self._tokens / self.rate)
        if wait > 0:
            self.sleep(wait)
        return wait

    def throttled(self) -> None:
        """AWS refused for its rate: stay shut for 1, 2, 4 … seconds."""
        with self._lock:
            pause = min(_LONGEST_PAUSE, float(2**self._throttled))
            self._throttled += 1
            self._shut_until = max(self._shut_until, self.clock() + pause)
            self._tokens = min(self._tokens, 1.0)
            self._filled_at = self._shut_until

    def served(self) -> None:
        """AWS answered: the next refusal starts from one second again."""
        with self._lock:
            self._throttled = 0


class Quotas:
    """The buckets of this process. factor: against AWS's published rates, for an account with raised quotas."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}
        self._lock = threading.Lock()

    def bucket(self, account: str, region: str, operation: str) -> TokenBucket:
        """The bucket of one account, region and operation. account: anything that names the AWS account."""
        with self._lock:
            key = (account, region, operation)
            if key not in self._buckets:
                self._buckets[key] = TokenBucket(RATES.get(operation, _DEFAULT_RATE) * self.factor)
            return self._buckets[key]
