"""Each row of docs/guide.md, walked both ways against AWS in a box: by its command, and along its console path."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from types_boto3_kms.client import KMSClient

from kctui.core.engine import Engine
from kctui.core.lists import CspAccountList, KeySetList, find_cloud_key
from kctui.core.paths import Home
from kctui.demo.box import AccessKey, Box
from kctui.screens.state import Tab
from tests.console.conftest import StartShell, start
from tests.core.operations import make_quick
from tests.docs.guide_walk import Fill, Row, Walk, rows, whole_commands

__all__ = ["start"]
REGION, NAME, IMPORTED = "us-east-1", "AWSCloudKey", "AWSKMSCloudKey"
PLAIN = b"4556 7375 8689 9855"
STATES = {
    "AVAILABLE": "Enabled", "NOT AVAILABLE": "PendingImport", "PENDING DELETE": "PendingDeletion",
    "DISABLED": "Disabled",
}  # fmt: skip


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box.start() as started:
        yield started


class Aws:
    """The AWS account of one walk, as KMS itself tells of it."""

    def __init__(self, box: Box, root: AccessKey) -> None:
        self.endpoint, self.root = box.endpoint, root
        self.kms: KMSClient = boto3.client(
            "kms", region_name=REGION, endpoint_url=box.endpoint, aws_access_key_id=root.access_key_id,
            aws_secret_access_key=root.secret_access_key,
        )  # fmt: skip
        self.blobs: list[bytes] = []

    def make_foreign(self) -> None:
        """What the guide makes in the AWS console in 2.8."""
        key_id = self.kms.create_key(Description="made in AWS")["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName=f"alias/{IMPORTED}", TargetKeyId=key_id)

    def check(self, row: Row, home: Home) -> None:
        """What the last column says is so: in the store, and in KMS."""
        with Engine.open(home) as engine:
            if row.number == "2.5":
                assert "awsbyokkeycontrol" in [account.name for account in CspAccountList(engine.store).page().rows]
            elif row.number == "2.6":
                assert [key_set.name for key_set in KeySetList(engine.store).page().rows] == ["awsbyokkeyset"]
            elif row.afterwards in STATES:
                name = IMPORTED if row.number == "2.8" else NAME
                found = find_cloud_key(engine.store, name)
                assert found.cloud_status.value == row.afterwards
                key = self.kms.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]
                assert (key["KeyId"], key["KeyState"]) == (found.kms_key_id, STATES[row.afterwards])
        if row.afterwards == "AVAILABLE" and row.number != "2.8":
            assert all(self.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == PLAIN for blob in self.blobs)
            self.blobs.append(self.kms.encrypt(KeyId=f"alias/{NAME}", Plaintext=PLAIN)["CiphertextBlob"])


def test_every_row_has_a_command_of_the_block_below() -> None:
    commands = whole_commands()
    assert [row.command for row in rows()] == [
        next(row.command for row in rows() if command.startswith(f"{row.command} ") or command == row.command)
        for command in commands
    ]


def test_each_row_by_its_command(box: Box, tmp_path: Path) -> None:
    aws = Aws(box, box.add_account("600000000001"))
    home = Home(tmp_path / "home")
    (tmp_path / "secret-access-key").write_text(aws.root.secret_access_key)
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    (tmp_path / "credentials").write_text(
        f"[admin]\naws_access_key_id = {aws.root.access_key_id}\naws_secret_access_key = {aws.root.secret_access_key}\n"
    )
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KCTUI_"))} | {
        "KCTUI_HOME": str(home.root),
        "KCTUI_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    for row, command in zip(rows(), whole_commands(), strict=True):
        if row.number == "2.8":
            aws.make_foreign()
        words = shlex.split(command.replace("AKIAIOSFODNN7EXAMPLE", aws.root.access_key_id))
        if words[1:3] in (["account", "add"], ["aws", "setup"]):
            words += ["--endpoint-url", aws.endpoint]
        done = subprocess.run(
            [sys.executable, "-m", *words], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if row.number == "2.2":
            assert json.loads(done.stdout)["Version"] == "2012-10-17"
        aws.check(row, home)
    with Engine.open(home) as engine:
        assert "production" in [account.name for account in CspAccountList(engine.store).page().rows]


async def test_each_row_along_its_path_in_the_console(box: Box, home: Home, start: StartShell, passphrase: str) -> None:
    aws = Aws(box, box.add_account("600000000002"))
    fills = console_fills(aws)
    walked = [row for row in rows() if row.path]
    assert {row.name for row in walked} == set(fills)
    async with start(home, size=(120, 40), tab=Tab.CSP_ACCOUNTS, passphrase=passphrase) as shell:
        assert shell.app.engine is not None
        make_quick(shell.app.engine)
        walk = Walk(shell, REGION)
        for row in walked:
            if row.number == "2.8":
                aws.make_foreign()
            await walk.follow(row, fills[row.name])
            aws.check(row, home)


def console_fills(aws: Aws) -> dict[str, dict[str, Fill]]:
    """What is typed on which step of which row."""

    async def account(walk: Walk) -> None:
        await walk.fill(
            name="awsbyokkeycontrol",
            access_key_id=aws.root.access_key_id,
            secret_access_key=aws.root.secret_access_key,
            region=REGION,
            endpoint_url=aws.endpoint,
        )

    async def key_set(walk: Walk) -> None:
        await walk.fill(name="awsbyokkeyset", description="Key Set for the aws byok with keycontrol")

    async def cloud_key(walk: Walk) -> None:
        await walk.fill(name=NAME)

    async def all_keys(walk: Walk) -> None:
        await walk.shell.press("a")

    async def on_the_key(walk: Walk) -> None:
        await walk.fill(typed_name=NAME)

    return {
        "2.5 CSP Account": {"Details": account},
        "2.6 Key Set": {"Details": key_set},
        "2.7 CloudKey": {"Details": cloud_key},
        "2.8 Import CloudKey": {"Import": all_keys},
        "2.9 Remove from Cloud": {"Remove": on_the_key},
        "2.9 Upload to Cloud": {},
        "2.10 Delete CloudKey": {"Delete": on_the_key},
        "2.11 Cancel Deletion": {},
        "2.11 Enable CloudKey": {},
        "2.12 Rotate Now": {},
    }
