"""What a KMS key is that KMS does not find: one rule for sync and for operations."""

from kctui.core.model import CloudKey
from kctui.core.words import CloudStatus


def is_doomed(row: CloudKey) -> bool:
    """Whether the key waited for its deletion when KMS was last asked."""
    return row.cloud_status is CloudStatus.PENDING_DELETE or row.deletion_date is not None


def without_key(*, doomed: bool, listed: bool) -> CloudStatus:
    """DELETED only where nothing speaks against it, else UNKNOWN.

    KMS answers from copies that may lag behind, and deletes no key but one that waited for it: a key's
    deletion date stays with its row for as long as KMS has said nothing else since.
    """
    return CloudStatus.DELETED if doomed and not listed else CloudStatus.UNKNOWN
