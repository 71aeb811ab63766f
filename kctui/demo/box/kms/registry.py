"""The register of operations: beside each handler stands what it takes and in which key states it works.

The allowed states are the table of the AWS KMS Developer Guide, "Key states of AWS KMS keys".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kctui.demo.box.values import Answer

from .state import KeyState

if TYPE_CHECKING:
    from .call import KmsCall

Handler = Callable[["KmsCall"], Answer | None]

USABLE = frozenset({KeyState.ENABLED})
READY = frozenset({KeyState.ENABLED, KeyState.DISABLED})
LIVING = READY | {KeyState.PENDING_IMPORT}
DOOMED = frozenset({KeyState.PENDING_DELETION})
ALWAYS = LIVING | DOOMED


@dataclass(frozen=True)
class Operation:
    """One operation: its handler, the member that names its key, and the states the key may be in.

    An operation without a key member asks for its permissions itself when `asks_itself`, and else needs
    its permission on all resources.
    """

    name: str
    handler: Handler
    key: str | None
    allowed: frozenset[KeyState]
    aliases: bool
    asks_itself: bool


OPERATIONS: dict[str, Operation] = {}


def operation(
    name: str,
    *,
    key: str | None = None,
    allowed: frozenset[KeyState] = ALWAYS,
    aliases: bool = False,
    asks_itself: bool = False,
) -> Callable[[Handler], Handler]:
    """Register the handler of an operation; `aliases` says that its key may be named by an alias."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[name] = Operation(name, handler, key, allowed, aliases, asks_itself)
        return handler

    return register
