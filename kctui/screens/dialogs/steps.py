"""Work that runs in a thread and shows its steps as they happen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from kctui.core.clock import now
from kctui.core.errors import CancelledError, KctuiError
from kctui.core.observer import Observer
from kctui.core.text import safe, shorten
from kctui.core.waiting import SECONDS
from kctui.core.words import StepState
from kctui.screens.dialogs.base import Dialog

ResultT = TypeVar("ResultT")
_GLYPHS = {StepState.INTENDED: "…", StepState.DONE: "✓", StepState.FAILED: "✕"}
_STYLES = {StepState.INTENDED: "", StepState.DONE: "", StepState.FAILED: "$error"}
_NAME_WIDTH = 36
_REQUEST_WIDTH = 9


@dataclass(frozen=True)
class StepLine:
    """A step that was announced, is done, or failed."""

    name: str
    state: StepState
    detail: str
    request_id: str | None
    at: datetime


@dataclass
class StepReported(Message):
    """A step was reported."""

    line: StepLine


@dataclass
class ProgressReported(Message):
    """So much of a long piece of work is done."""

    done: int
    total: int
    what: str


@dataclass
class WorkDone(Message):
    """The work in the thread is done; this is what it gave."""

    result: object


@dataclass
class WorkFailed(Message):
    """The work in the thread failed."""

    error: KctuiError


class MessagingObserver:
    """The observer of a dialog: it only posts messages, so any thread may call it. It can be told to stop."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self.stop = False

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Tell the dialog of a step, with the time."""
        self._post(StepReported(StepLine(name, state, detail, request_id, now())))

    def progress(self, done: int, total: int, what: str) -> None:
        """Tell the dialog how far it is. Only what counts seconds can be stopped: nothing has been done by then."""
        if self.stop and what.endswith(SECONDS):
            raise CancelledError(
                f"{what.removesuffix(SECONDS)} was stopped", remedy="Nothing was kept, and nothing was asked of AWS."
            )
        self._post(ProgressReported(done, total, what))


class StepLog(VerticalScroll):
    """The steps, a line each, with time and shortened request id. Once begun, a step keeps its line."""

    DEFAULT_CSS = """
    StepLog { height: auto; max-height: 100%; width: 1fr; }
    StepLog > Static { width: 1fr; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[StepLine] = []
        self._progress: ProgressReported | None = None
        self._lines = Static("", markup=False)

    def on_mount(self) -> None:
        """Mount the lines."""
        self.mount(self._lines)

    def show(self, step: StepLine) -> None:
        """Show a step: on the line of its announcement, or on a new one."""
        for place in range(len(self._steps) - 1, -1, -1):
            before = self._steps[place]
            if before.name == step.name and before.state is StepState.INTENDED:
                self._steps[place] = step
                break
        else:
            self._steps.append(step)
        self._progress = None
        self._draw()

    def show_progress(self, progress: ProgressReported) -> None:
        """Show how far a long step is, on the last line."""
        self._progress = progress
        self._draw()

    def break_off(self) -> None:
        """The work failed: what was under way did not come to its end."""
        self._steps = [
            replace(step, state=StepState.FAILED) if step.state is StepState.INTENDED else step for step in self._steps
        ]
        self._progress = None
        self._draw()

    def clear(self) -> None:
        """Begin anew."""
        self._steps.clear()
        self._progress = None
        self._draw()

    @property
    def last(self) -> str:
        """The step that is under way, or was last."""
        return self._steps[-1].name if self._steps else ""

    def _draw(self) -> None:
        lines = [line for step in self._steps for line in _step_lines(step)]
        if self._progress:
            lines.append(_progress_line(self._progress))
        self._lines.update(Content("\n").join(lines))
        self.scroll_end(animate=False)


def _step_lines(step: StepLine) -> list[Content]:
    glyph, style = _GLYPHS[step.state], _STYLES[step.state]
    name = Content.styled(f"{glyph} {safe(step.name)}", style)
    gap = Content(" " * max(2, _NAME_WIDTH - name.cell_length))
    when = "under way" if step.state is StepState.INTENDED else f"{step.at.astimezone(UTC):%H:%M:%S}"
    request = f"   request {shorten(safe(step.request_id), _REQUEST_WIDTH)}" if step.request_id else ""
    lines = [name + gap + Content.styled(when + request, "dim")]
    if step.detail:
        lines.append(Content("  ") + Content.styled(safe(step.detail), style or "dim"))
    return lines


def _progress_line(progress: ProgressReported) -> Content:
    if progress.what.endswith(SECONDS):
        return Content(f"… {safe(progress.what.removesuffix(SECONDS))}… {progress.done:,} s")
    return Content(f"… {safe(progress.what)}  {progress.done:,} of {progress.total:,}")


class WorkingDialog(Dialog[ResultT], Generic[ResultT]):
    """A dialog that can run one piece of work in a thread; it cannot be left or started twice meanwhile.

    stoppable: what goes on now is the making of key material, before anything is journalled: `stop` ends it.
    """

    running = False
    stoppable = False
    _observer: MessagingObserver | None = None

    def begin(self, work: Callable[[Observer], object]) -> bool:
        """Run the work, unless some is running. Its KctuiError becomes `failed`; any other is a crash."""
        if self.running:
            return False
        self.running = True
        observer = self._observer = MessagingObserver(self.post_message)

        def in_thread() -> None:
            try:
                result = work(observer)
            except KctuiError as error:
                self.post_message(WorkFailed(error))
            else:
                self.post_message(WorkDone(result))

        self.run_worker(in_thread, thread=True, name="dialog", description=self.dialog_title)
        return True

    def stop(self) -> None:
        """Stop what can be stopped, at its next report; what follows it is not."""
        if self._observer is not None and self.stoppable:
            self._observer.stop = True
            self.hint("Stopping")

    def show_stoppable(self) -> None:
        """Show whether `stop` does anything now."""

    def _can_stop(self, *, can: bool) -> None:
        if can is not self.stoppable:
            self.stoppable = can
            self.show_stoppable()

    def done(self, result: object) -> None:
        """Answer the end of the work."""

    def failed(self, error: KctuiError) -> None:
        """Answer its failure."""

    @on(StepReported)
    def _step(self, message: StepReported) -> None:
        self._can_stop(can=False)
        for log in self.query(StepLog):
            log.show(message.line)

    @on(ProgressReported)
    def _progressed(self, message: ProgressReported) -> None:
        self._can_stop(can=message.what.endswith(SECONDS))
        for log in self.query(StepLog):
            log.show_progress(message)

    @on(WorkDone)
    def _done(self, message: WorkDone) -> None:
        self.running = self.stoppable = False
        self.done(message.result)

    @on(WorkFailed)
    def _failed(self, message: WorkFailed) -> None:
        self.running = self.stoppable = False
        self.failed(message.error)
