"""Runs an operation in a process of its own and kills that with SIGKILL just before its n-th commit.

Killed there, everything before that commit happened, in the store and in AWS, and nothing after: every
boundary between what was done and what was written down is met by some n.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable

import sqlalchemy as sa

from kctui.core.engine import Engine
from kctui.core.paths import Home
from kctui.core.secret import Secret
from tests.core.operations import make_quick

SURVIVED = 0
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.core.killed", "kctui.core.recovery", "boto3"])


def run_until_commit(home: Home, operator: str, passphrase: str, act: Callable[[Engine], None], n: int) -> int:
    """Run `act` in another process; SURVIVED, or -SIGKILL. n counts the commits after unlocking, from 1."""
    process = _context.Process(target=_child, args=(str(home.root), operator, passphrase, act, n))
    process.start()
    process.join(60)
    assert process.exitcode is not None, "the operation hangs"
    return process.exitcode


def _child(root: str, operator: str, passphrase: str, act: Callable[[Engine], None], n: int) -> None:
    from pathlib import Path

    with Engine.open(Home(Path(root))) as engine:
        make_quick(engine)
        engine.unlock(operator, Secret(passphrase), quietly=True)
        left = n

        def before_commit(_connection: sa.Connection) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sa.event.listen(engine.store.engine, "commit", before_commit)
        act(engine)
