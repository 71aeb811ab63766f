"""What stands for "as it was" in a request."""

from enum import Enum


class Keep(Enum):
    """Stands for "as it was" where None has a meaning of its own."""

    KEEP = "keep"


KEEP = Keep.KEEP
