"""The typed name: what destroys is done only when the name of what it destroys was typed, here or as --confirm."""

import sys

from kctui.cli import messages
from kctui.cli.signals import Interrupted
from kctui.core.errors import RefusedError

_LONGEST = 4096


def typed_name(confirm: str | None, name: str, what: str) -> str:
    """What was typed for the name: --confirm, else the answer on the terminal.

    what: the action in words, such as "Remove Key Set". Raises RefusedError where there is no terminal to ask on.
    Whether it is the name is the core's to say, which records a wrong one.
    """
    if confirm is not None:
        return confirm
    if not sys.stdin.isatty():
        raise RefusedError(
            f"{what} {name} is refused: its name was not typed",
            remedy=f"Give the name once more: --confirm NAME, here --confirm {name}. Nothing was done.",
        )
    messages.ask(f"{what}: type the name {name} to go on: ")
    answer = sys.stdin.readline(_LONGEST)
    if not answer:  # Ctrl-D, or a line that dropped
        raise Interrupted("the end of input")
    return answer.removesuffix("\n")
