"""How the core reports what it is doing. It never prints; no observer is a valid observer."""

from typing import Protocol

from kctui.core.words import StepState


class Observer(Protocol):
    """Whoever watches. Called from any thread. `progress` may raise CancelledError, where the work says it can be."""

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """A step was announced (INTENDED), is done, or failed. request_id: AWS's."""

    def progress(self, done: int, total: int, what: str) -> None:
        """So much of a long piece of work is done."""


class Silent:
    """The observer that looks away."""

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Ignore it."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Ignore it."""
