"""The tour: the guide's way from nothing to a key of one's own in KMS, by real commands against AWS in a box."""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from kctui.demo.box import Box

Out = Callable[[str], None]
REGION = "us-east-1"
ACCOUNT = "awsbyokkeycontrol"
KEY_SET = "awsbyokkeyset"
KEY = "AWSCloudKey"
_PLAINTEXT = b"4556 7375 8689 9855"


class _Tour:
    """One walk: a throw-away home, a box, and the commands in it."""

    def __init__(self, out: Out, folder: Path, box: Box) -> None:
        self._out = out
        self._box = box
        self._folder = folder
        (folder / "passphrase").write_text(secrets.token_urlsafe(24))
        (folder / "secret-access-key").write_text(box.root.secret_access_key)
        for file in folder.iterdir():
            file.chmod(0o600)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KCTUI_"))},
            "KCTUI_HOME": str(folder / "home"),
            "KCTUI_PASSPHRASE_FILE": str(folder / "passphrase"),
            "KCTUI_OPERATOR": "alice",
        }
        self._kms = boto3.client(
            "kms",
            region_name=REGION,
            endpoint_url=box.endpoint,
            aws_access_key_id=box.root.access_key_id,
            aws_secret_access_key=box.root.secret_access_key,
        )

    def title(self, number: str, text: str) -> None:
        """Announce a procedure of the guide."""
        self._out("")
        self._out(f"{number}  {text}")
        self._out("─" * 72)

    def run(self, *command: str, fails_with: int = 0) -> None:
        """Run one command, as a user would, and show what it says. Raises when it ends in another way."""
        self._out(f"$ kctui {' '.join(_shown(word) for word in command)}")
        done = subprocess.run(  # noqa: S603 -- this program itself
            [sys.executable, "-m", "kctui", *command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stderr + done.stdout).splitlines():
            self._out(f"  {line}")
        if done.returncode != fails_with:
            raise TourError(f"kctui {command[0]} ended with {done.returncode}, not with {fails_with}")

    def encrypt(self) -> bytes:
        """Use the key as an application would."""
        answer = self._kms.encrypt(KeyId=f"alias/{KEY}", Plaintext=_PLAINTEXT)
        blob: bytes = answer["CiphertextBlob"]
        self._out(f"→ kms:Encrypt   {base64.b64encode(blob).decode()[:44]}…  {_request(answer)}")
        return blob

    def decrypt(self, blob: bytes) -> None:
        """Decrypt and compare."""
        answer = self._kms.decrypt(CiphertextBlob=blob)
        if answer["Plaintext"] != _PLAINTEXT:
            raise TourError("the ciphertext decrypts to something else")
        self._out(f"→ kms:Decrypt   the same plaintext again  {_request(answer)}")

    def decrypt_is_refused(self, blob: bytes) -> None:
        """Show that the key cannot be used now."""
        try:
            self._kms.decrypt(CiphertextBlob=blob)
        except ClientError as error:
            self._out(f"→ kms:Decrypt   {error.response['Error']['Code']}, as it should be")
            return
        raise TourError("the key can still be used")

    def close(self) -> None:
        """Let go of the connections."""
        self._kms.close()

    def walk(self) -> None:
        """All of it, in the guide's order."""
        self.title("2.1", "A home with its first operator and Admin Group")
        self.run("init", "--operator", "alice")
        self.title("2.5", "Create an AWS CSP account")
        self.run(
            "account", "add", ACCOUNT, "--access-key-id", self._box.root.access_key_id,
            "--secret-access-key-file", str(self._folder / "secret-access-key"),
            "--region", REGION, "--endpoint-url", self._box.endpoint,
        )  # fmt: skip
        self.run("account", "test", ACCOUNT)
        self.title("2.6", "Create a key set")
        self.run("keyset", "create", KEY_SET, "--account", ACCOUNT, "--description", "Key Set for the aws byok")
        self.title("2.7", "Create a cloud key: its material is made and sealed here, then imported")
        self.run("key", "create", KEY, "--key-set", KEY_SET, "--region", REGION)
        self._out("An application uses it:")
        blob = self.encrypt()
        self.decrypt(blob)
        where = ("--key-set", KEY_SET, "--region", REGION)
        self.title("2.9", "Remove it from the cloud, and upload it again")
        self.run("key", "remove-from-cloud", KEY, *where, "--dry-run")
        self.run("key", "remove-from-cloud", KEY, *where, "--confirm", KEY)
        self.decrypt_is_refused(blob)
        self.run("key", "upload", KEY, *where)
        self.decrypt(blob)
        self.title("2.10", "Delete it: AWS waits for seven days")
        self.run("key", "delete", KEY, *where, "--days", "7", "--confirm", KEY)
        self.decrypt_is_refused(blob)
        self.title("2.11", "Cancel the deletion, and enable the key again")
        self.run("key", "cancel-deletion", KEY, *where)
        self.decrypt_is_refused(blob)
        self.run("key", "enable", KEY, *where)
        self.decrypt(blob)
        self.title("2.12", "Rotate it: in place, then by a new KMS key; what was encrypted before decrypts")
        self.run("key", "rotate", KEY, *where)
        second = self.encrypt()
        self.run("key", "rotate", KEY, *where, "--method", "new-key")
        third = self.encrypt()
        for earlier in (blob, second, third):
            self.decrypt(earlier)
        self.title("", "The material is lost in AWS; our copy brings it back")
        self._kms.delete_imported_key_material(
            KeyId=self._kms.describe_key(KeyId=f"alias/{KEY}")["KeyMetadata"]["KeyId"]
        )
        self._out("→ kms:DeleteImportedKeyMaterial, by somebody in the AWS console")
        self.run("sync")
        self.decrypt_is_refused(third)
        self.run("key", "upload", KEY, *where)
        self.decrypt(third)
        self.title("", "Everything is in the audit log, and the chain holds")
        self.run("audit", "list")
        self.run("audit", "verify")
        self.title("", "Status, which needs no passphrase")
        del self._environment["KCTUI_PASSPHRASE_FILE"]
        self.run("status")


class TourError(Exception):
    """The tour did not go as it must."""


def run_tour(out: Out) -> int:
    """Walk, and say so when a step fails. The exit code."""
    out("kctui, a tour: a throw-away home, and AWS in a box on this machine. Nothing leaves it.")
    with tempfile.TemporaryDirectory(prefix="kctui-tour-") as folder, Box.start() as box:
        tour = _Tour(out, Path(folder), box)
        try:
            tour.walk()
        except TourError as error:
            out(f"The tour stopped: {error}")
            return 1
        finally:
            tour.close()
    out("")
    out("That was the tour. `kctui demo` on a terminal opens the console with sample data.")
    return 0


def _shown(word: str) -> str:
    return f"'{word}'" if " " in word else word


def _request(answer: object) -> str:
    metadata = answer["ResponseMetadata"]  # type: ignore[index] # every boto3 answer has it
    return f"request {metadata['RequestId'][:4]}…{metadata['RequestId'][-2:]}"
