"""How long an operation waits for AWS to become consistent (AWS KMS Developer Guide, KMS eventual consistency)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kctui.core.aws.failures import AwsRefusedError, Refusal

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Timing:
    """Seconds. settle: after which a key that cannot be found was not made. patience: how long one run waits.

    Usually it takes AWS seconds, sometimes minutes; nothing is concluded from absence before `settle`.
    """

    settle: float = 300
    patience: float = 60
    first_pause: float = 0.25
    longest_pause: float = 4

    def pauses(self) -> Iterator[float]:
        """Growing pauses that add up to `patience`."""
        left, pause = self.patience, self.first_pause
        while left > 0:
            pause = min(pause, self.longest_pause, left)
            yield pause
            left -= pause
            pause *= 2


def eventually(timing: Timing, call: Callable[[], Answer]) -> Answer:
    """Make a call, and again while AWS does not know the key yet. Raises its last error."""
    for pause in timing.pauses():
        try:
            return call()
        except AwsRefusedError as error:
            if error.refusal is not Refusal.NOT_FOUND:
                raise
        time.sleep(pause)
    return call()
