"""What every tour does: a throw-away home, AWS in a box, and real commands in it, shown as they run."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from kctui.demo.box import Box

Out = Callable[[str], None]
REGION = "us-east-1"
ACCOUNT = "awsbyokkeycontrol"


class Walk:
    """One walk: a throw-away home, a box, and the commands in it."""

    def __init__(self, out: Out, folder: Path, box: Box) -> None:
        self.out = out
        self.box = box
        self.folder = folder
        (folder / "passphrase").write_text(secrets.token_urlsafe(24))
        (folder / "secret-access-key").write_text(box.root.secret_access_key)
        for file in folder.iterdir():
            file.chmod(0o600)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KCTUI_"))},
            "KCTUI_HOME": str(folder / "home"),
            "KCTUI_PASSPHRASE_FILE": str(folder / "passphrase"),
            "KCTUI_OPERATOR": "alice",
        }
        self.kms = boto3.client(
            "kms",
            region_name=REGION,
            endpoint_url=box.endpoint,
            aws_access_key_id=box.root.access_key_id,
            aws_secret_access_key=box.root.secret_access_key,
        )

    def title(self, number: str, text: str) -> None:
        """Announce a procedure of the guide."""
        self.out("")
        self.out(f"{number}  {text}")
        self.out("─" * 72)

    def run(self, *command: str, fails_with: int = 0) -> None:
        """Run one command, as a user would, and show what it says. Raises when it ends in another way."""
        self.out(f"$ kctui {' '.join(_shown(word) for word in command)}")
        done = subprocess.run(  # noqa: S603 -- this program itself
            [sys.executable, "-m", "kctui", *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stderr + done.stdout).splitlines():
            self.out(f"  {line}")
        if done.returncode != fails_with:
            raise TourError(f"kctui {command[0]} ended with {done.returncode}, not with {fails_with}")

    def close(self) -> None:
        """Let go of the connections."""
        self.kms.close()

    def add_account(self) -> None:
        """Add the account of the box."""
        self.run(
            "account", "add", ACCOUNT, "--access-key-id", self.box.root.access_key_id,
            "--secret-access-key-file", str(self.folder / "secret-access-key"),
            "--region", REGION, "--endpoint-url", self.box.endpoint,
        )  # fmt: skip


class TourError(Exception):
    """The tour did not go as it must."""


@contextmanager
def throw_away() -> Iterator[tuple[Path, Box]]:
    """A folder and a box, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kctui-tour-") as folder, Box.start() as box:
        yield Path(folder), box


def request(answer: object) -> str:
    """The request id of a boto3 answer, shortened."""
    metadata = answer["ResponseMetadata"]  # type: ignore[index] # every boto3 answer has it
    return f"request {metadata['RequestId'][:4]}…{metadata['RequestId'][-2:]}"


def _shown(word: str) -> str:
    return f"'{word}'" if " " in word else word
