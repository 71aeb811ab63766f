"""An observer that remembers, and does something as a step is done."""

from collections.abc import Callable, Mapping

from kctui.core.words import StepState


class Recorder:
    """Remembers the steps that are done. then: what happens in the world right after a step, by its name."""

    def __init__(self, then: Mapping[str, Callable[[], object]] | None = None) -> None:
        self.done: list[str] = []
        self._then = then or {}

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        if state is StepState.DONE:
            self.done.append(name)
            self._then.get(name, lambda: None)()

    def progress(self, done: int, total: int, what: str) -> None:
        pass
