"""The end of a process in the middle of an operation: a step that was begun is given time, no other is begun."""

import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import sys, threading, time
from kctui.core.observer import Silent
from kctui.core.words import StepState
from kctui.screens import hangup

hangup.STEP_SECONDS = float(sys.argv[2])
taker = hangup.Hangup(leave=lambda code: print("asked to leave", code, flush=True))
steps = taker.guard(Silent())
step_ended = threading.Event()

def operation():
    print("step begun", flush=True)
    step_ended.wait()
    print("step ended", flush=True)
    steps.step("the next", StepState.INTENDED)
    print("next step begun", flush=True)

with taker.handled():
    threading.Thread(target=operation, daemon=True).start()
    while True:
        if sys.stdin.readline() == "end the step\\n":
            step_ended.set()
"""


def run(bound: float) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--", str(bound)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "step begun\n"
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == "asked to leave 143\n"
    return child


def test_the_step_under_way_ends_and_no_other_begins() -> None:
    with run(bound=60) as child:
        said, _ = child.communicate("end the step\n", timeout=30)
        assert (said, child.returncode) == ("step ended\n", 143)


def test_a_step_that_does_not_end_is_not_waited_for_beyond_the_bound() -> None:
    with run(bound=0.2) as child:
        assert child.wait(30) == 143
