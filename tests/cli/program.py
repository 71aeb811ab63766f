"""How the tests run kctui: inside this process for speed, or as the real program where the process matters."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kctui.core.accounts import NewAccount, add_account
from kctui.core.engine import Engine
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.model import CloudKey, CspAccount, Hsm, KeySet, KeyVersion
from kctui.core.paths import Home
from kctui.core.secret import Secret
from kctui.core.words import CloudStatus, KeySource
from kctui.demo.box import Box

PASSPHRASE = "correct horse battery staple"
OPERATOR = "alice"
REGION = "eu-central-1"
REPOSITORY = Path(__file__).resolve().parents[2]
# What an alias or a description could do to a terminal: retitle it, fill the clipboard, turn the text around.
HOSTILE = "a\x1b]0;owned\x07b\x1b]52;c;aGk=\x07c\u202ed\x9b31me\x7ff\ng"
HOSTILE_CHARACTERS = "\x1b\x07\u202e\x9b\x7f"
SEEN = datetime(2026, 11, 23, 12, 3, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error object on stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


def environment(home: Path, passphrase_file: Path | None = None, **more: str) -> dict[str, str]:
    """An environment in which nothing but `home` can be found."""
    names = ("PATH", "LANG", "LC_ALL", "TMPDIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # A program on a full disk would leave torn bytecode behind for everybody else.
    python = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    found = kept | python | {"HOME": str(home.parent), "KCTUI_HOME": str(home)} | more
    if passphrase_file is not None:
        found["KCTUI_PASSPHRASE_FILE"] = str(passphrase_file)
    return found


def prepared(preparation: str, *arguments: str) -> list[str]:
    """The command of the real program, whose process first runs a line of Python."""
    run = "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'kctui', *sys.argv[1:]])"
    return [sys.executable, "-c", f"{preparation}\n{run}", *arguments]


def run_program(
    *arguments: str, env: dict[str, str], stdin: str = "", preparation: str = "pass"
) -> "subprocess.CompletedProcess[str]":
    """Run the real program, without a terminal."""
    command = prepared(preparation, *arguments)
    return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def copy_home(template: Path, to: Path) -> Path:
    """Copy a closed home, with its modes."""
    shutil.copytree(template, to)
    to.chmod(0o700)
    return to


def connect(root: Path, box: Box) -> None:
    """Give a home the CSP Account `bank` on a box, and the Key Set `payroll`."""
    with Engine.open(Home(root)) as engine:
        engine.clients.quotas.factor = 1000
        with Secret(PASSPHRASE) as passphrase:
            engine.unlock(OPERATOR, passphrase)
        with Secret(box.root.secret_access_key) as secret:
            add_account(engine, NewAccount("bank", box.root.access_key_id, secret, REGION, box.endpoint))
        create_key_set(engine, NewKeySet("payroll", "bank"))


def stock(root: Path) -> None:
    """Put a CSP Account, a Key Set and three CloudKeys into a home, as if AWS had been asked; one is hostile."""
    with Engine.open(Home(root)) as engine:
        with Secret(PASSPHRASE) as passphrase:
            engine.unlock(OPERATOR, passphrase)
        group = next(iter(engine.keyring.groups))
        with engine.store.write() as session:
            account = CspAccount(
                name="bank",
                description=HOSTILE,
                group_id=group,
                access_key_id="AKIAIOSFODNN7EXAMPLE",
                sealed_secret_access_key=b"not a sealed value",
                region="eu-central-1",
                partition="aws",
                aws_account_id="111122223333",
                caller_arn="arn:aws:iam::111122223333:user/byok",
                reached_at=SEEN,
            )
            session.add(account)
            session.flush()
            hsm = Hsm(
                name="bastion",
                group_id=group,
                module="/usr/lib/hsm.so",
                init_args=HOSTILE,
                token_label=HOSTILE,
                token_serial=HOSTILE,
                manufacturer=HOSTILE,
                sealed_pin=b"not a sealed value",
                kek_id="c0ffee",
                conformance="{}",
                probed_for="",
                probed_at=SEEN,
                unreachable_since=SEEN,
                unreachable_reason=HOSTILE,
            )
            session.add(hsm)
            session.flush()
            key_set = KeySet(
                hsm_id=hsm.id,
                name="payroll",
                description=HOSTILE,
                csp_account_id=account.id,
                group_id=group,
                rotation_days=180,
            )
            session.add(key_set)
            session.flush()
            for name, status, source in (
                ("payroll-db", CloudStatus.AVAILABLE, KeySource.KCTUI),
                ("payroll-exports", CloudStatus.NOT_AVAILABLE, KeySource.KCTUI),
                (f"legacy-{HOSTILE}", CloudStatus.PENDING_DELETE, KeySource.AWS),
            ):
                key = CloudKey(
                    key_set_id=key_set.id,
                    csp_account_id=account.id,
                    region="eu-central-1",
                    name=name,
                    alias=f"alias/{name}",
                    description=HOSTILE,
                    kms_key_id=f"id-of-{name[:20]}",
                    key_source=source,
                    cloud_status=status,
                    status_seen_at=SEEN,
                    tags={"note": HOSTILE},
                    users=[HOSTILE],
                )
                session.add(key)
                session.flush()
                session.add(KeyVersion(cloud_key_id=key.id, number=1, fingerprint="0" * 64))
