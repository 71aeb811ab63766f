"""kctui's core in a process of its own, told by a pipe what to do: what may crash, be scanned, or needs other modules.

The parent's half is `Child`; the other half is `main`, run as `python -m tests.hsm.child HOME`.
"""

import gc
import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.freed import keep_one_arena
from kctui.core.hsms import NewHsm, add_hsm
from kctui.core.hsms import test_hsm as give_new_pin
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.material.custody import open_material, prove
from kctui.core.model import CloudKey, Hsm, KeySet, KeyVersion
from kctui.core.observer import Silent
from kctui.core.operations import create_cloud_key, remove_from_cloud, rotate, upload
from kctui.core.paths import Home
from kctui.core.process import harden
from kctui.core.secret import Secret
from kctui.core.words import KeySpec, KeyUsage, StepState
from tests.core.operations import make_quick, new_key

REPOSITORY = Path(__file__).resolve().parents[2]
OPERATOR, PASSPHRASE = "alice", "correct horse battery staple"


class ChildError(Exception):
    """What kctui raised in the child. trace: everything that a traceback would show, with the locals."""

    def __init__(self, kind: str, title: str, detail: str, remedy: str, trace: str) -> None:
        super().__init__(f"{kind}: {title}\n{detail}")
        self.kind = kind
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.trace = trace


class Child:
    """The parent's half. said: everything that it wrote, to both."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said = ""

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def do(self, what: str, **arguments: object) -> Any:
        """Let it do one thing, and give what came of it. Raises ChildError; fails where the child died."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([what, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the process died with {self.process.wait()}"
        self.said += line
        answer = json.loads(line)
        if "error" in answer:
            raise ChildError(*answer["error"])
        return answer["result"]

    def die(self, what: str, **arguments: object) -> int:
        """Let it do what ends it; its wait status."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, arguments]) + "\n")
        self.process.stdin.flush()
        _, how = os.waitpid(self.pid, 0)
        return how


class _Crashing(Silent):
    """An observer that crashes the process when a step begins."""

    def __init__(self, step: str) -> None:
        self.at = step

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        if name == self.at:
            os.abort()


@contextmanager
def child(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """A process with an unlocked engine on a home, killed at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hsm.child", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


class _Acts:
    """What the child can be told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.held: list[bytes] = []

    def add(self, pin: str, key_set: str, **values: Any) -> None:
        """Add an HSM, and a Key Set of the CSP Account `bank` on it."""
        add_hsm(self.engine, NewHsm(pin=Secret(pin), **values))
        create_key_set(self.engine, NewKeySet(key_set, "bank", hsm=values["name"]))

    def new_pin(self, pin: str) -> None:
        give_new_pin(self.engine, self._hsm().name, new_pin=Secret(pin))

    def create(self, name: str, key_set: str, spec: str) -> str:
        usage = KeyUsage.SIGN_VERIFY if KeyUsage.SIGN_VERIFY in KeySpec(spec).usages else None
        return create_cloud_key(self.engine, new_key(name, key_set=key_set, key_spec=KeySpec(spec), key_usage=usage))

    def remove(self, key: str) -> None:
        remove_from_cloud(self.engine, key)

    def upload(self, key: str) -> None:
        upload(self.engine, key)

    def rotate(self, key: str) -> None:
        rotate(self.engine, key)

    def check(self) -> str:
        return self.engine.tokens.check(self._hsm()).label

    def state(self) -> list[str]:
        state, said = self.engine.tokens.state(self._hsm().id)
        return [state.value, said]

    def hold(self, key: str) -> None:
        """Keep a copy of software key material, as a leak would."""
        group_id, version, _ = self._version(key)
        with open_material(self.engine.keyring, group_id, version) as material:
            self.held.append(material.reveal())

    def prove_at_once(self, keys: list[str], threads: int, times: int) -> int:
        """Prove copies in many threads at once; how many were."""
        versions = [self._version(key) for key in keys] * times
        with ThreadPoolExecutor(threads) as pool:
            return len(list(pool.map(lambda found: prove(self.engine, *found), versions)))

    def lock(self) -> None:
        """Close the sessions and forget the keys, as kctui does when it is left alone."""
        self.engine.lock()
        gc.collect()

    def crash(self, key: str, at: str, folder: str, hardened: bool) -> None:
        """Crash in the middle of an upload, where a core may be as large as it likes; hardened as kctui is, or not."""
        os.chdir(folder)
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        if hardened:
            harden()
        upload(self.engine, key, observer=_Crashing(at))

    def limit_files(self, size: int) -> None:
        """No file grows beyond that any more, as on a full disk."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    def _hsm(self) -> Hsm:
        with self.engine.store.read() as session:
            return session.exec(select(Hsm)).one()

    def _version(self, key: str) -> tuple[str, KeyVersion, KeySpec]:
        with self.engine.store.read() as session:
            row = session.get_one(CloudKey, key)
            version = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == key)).first()
            assert version is not None
            return session.get_one(KeySet, row.key_set_id).group_id, version, row.key_spec


def main(root: str) -> None:
    """Do what is asked, a line each, until the pipe is closed.

    As hardened as kctui is, but for what would keep a parent that is not root from looking at its memory.
    """
    keep_one_arena()
    with Engine.open(Home(Path(root))) as engine:
        make_quick(engine)
        engine.unlock(OPERATOR, Secret(PASSPHRASE), quietly=True)
        acts = _Acts(engine)
        for line in sys.stdin:
            what, arguments = json.loads(line)
            act: Callable[..., object] = getattr(acts, what)
            try:
                answer: dict[str, object] = {"result": act(**arguments)}
            except KctuiError as error:
                told = traceback.TracebackException.from_exception(error, capture_locals=True)
                answer = {
                    "error": [type(error).__name__, error.title, error.detail, error.remedy, "".join(told.format())]
                }
            print(json.dumps(answer), flush=True)  # noqa: T201 -- the pipe to the parent


if __name__ == "__main__":
    main(sys.argv[1])
