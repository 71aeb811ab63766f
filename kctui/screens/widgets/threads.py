"""Blocking work in a thread, whose answer comes back as a typed message. Workers never touch a widget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from textual.message import Message
from textual.widget import Widget

from kctui.core.errors import KctuiError

T = TypeVar("T")


@dataclass
class Crashed(Message):
    """A worker failed in a way that nobody foresaw: the application ends with it."""

    error: Exception


@dataclass
class AskFailed(Message):
    """A worker's work was refused or failed; `doing` says which."""

    error: KctuiError
    doing: str


def in_thread(
    node: Widget,
    doing: str,
    work: Callable[[], T],
    reply: Callable[[T], Message],
    failed: Callable[[KctuiError], Message] | None = None,
) -> None:
    """Run `work` in a thread; `reply` (or AskFailed, or what `failed` makes) is posted to `node`.

    The worker gets a description of its own: Textual's would be the arguments, which may be secret.
    """
    app = node.app

    def run() -> None:
        try:
            answer = work()
        except KctuiError as error:
            node.post_message(failed(error) if failed else AskFailed(error, doing))
        except Exception as error:  # handed to the application, which ends with it
            app.post_message(Crashed(error))
        else:
            node.post_message(reply(answer))

    node.run_worker(run, name=doing, description=doing, thread=True, exit_on_error=False)
