"""Request quotas, as the AWS KMS Developer Guide lists them under "Request quotas"."""

import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

_BY_RATE: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: ("GetParametersForImport",),
        5: (
            "CancelKeyDeletion",
            "CreateAlias",
            "CreateKey",
            "DisableKey",
            "EnableKey",
            "GetKeyLastUsage",
            "ReplicateKey",
            "RotateKeyOnDemand",
            "UntagResource",
            "UpdateAlias",
            "UpdateKeyDescription",
        ),
        10: ("TagResource",),
        15: (
            "DeleteAlias",
            "DeleteImportedKeyMaterial",
            "ImportKeyMaterial",
            "PutKeyPolicy",
            "ScheduleKeyDeletion",
        ),
        100: ("ListKeyRotations",),
        500: ("ListAliases", "ListKeys"),
        1000: ("GetKeyPolicy", "GetKeyRotationStatus"),
        2000: ("DescribeKey", "ListResourceTags"),
    }
)
PER_SECOND: Mapping[str, int] = MappingProxyType(
    {operation: rate for rate, operations in _BY_RATE.items() for operation in operations}
)
"""Requests per second of each operation; an operation not named here is not limited by the box."""


class Quotas:
    """Counts the calls of the last second per account, region and operation, whoever makes them."""

    def __init__(self) -> None:
        self._recent: dict[tuple[str, str, str], deque[datetime]] = {}
        self._lock = threading.Lock()

    def admit(self, account: str, region: str, operation: str, now: datetime) -> bool:
        """Count a call and tell whether it is within the quota; a refused call is not counted."""
        limit = PER_SECOND.get(operation)
        if limit is None:
            return True
        with self._lock:
            recent = self._recent.setdefault((account, region, operation), deque())
            # A clock set back leaves calls in the future, which would never leave the window.
            while recent and not now - timedelta(seconds=1) < recent[0] <= now:
                recent.popleft()
            if len(recent) >= limit:
                return False
            recent.append(now)
            return True
