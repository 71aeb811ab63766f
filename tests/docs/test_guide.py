"""Each row of docs/guide.md, walked both ways against AWS in a box: by its command, and along its console path."""

import json
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from types_boto3_kms.client import KMSClient

from kctui.core.clock import now
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.lists import CspAccountList, CspAccountRow, KeySetList, find_cloud_key
from kctui.core.paths import Home
from kctui.core.words import KeySource
from kctui.demo.box import AccessKey, Box
from kctui.screens.state import Tab
from tests.cli.conftest import Cli, cli
from tests.console.conftest import StartShell, start
from tests.core.iam import USER, iam_of
from tests.core.operations import make_quick
from tests.docs.guide_walk import Row, Walk, Way, rows, whole_commands

__all__ = ["cli", "start"]
REGION, NAME, IMPORTED = "us-east-1", "AWSCloudKey", "AWSKMSCloudKey"
DESCRIPTION = "Aurora, payroll"
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
    """The AWS account of one walk: what AWS itself says of each row. told: what command or screen said at the end."""

    def __init__(self, box: Box, root: AccessKey, home: Home) -> None:
        self.box, self.root, self.home = box, root, home
        self.kms: KMSClient = boto3.client(
            "kms", region_name=REGION, endpoint_url=box.endpoint, aws_access_key_id=root.access_key_id,
            aws_secret_access_key=root.secret_access_key,
        )  # fmt: skip
        self.blobs: list[bytes] = []
        self.access_keys: list[set[str]] = []
        self.key_id = ""
        self.checks: dict[str, Callable[[str], None]] = {
            "2.1 Install and configure": self.is_initialised,
            "2.2 Customer managed policy": self.is_a_policy,
            "2.3, 2.4 IAM user, attached policy": self.has_user,
            "2.5 CSP Account": lambda _: self.has_account("awsbyokkeycontrol"),
            "2.5 CSP Account by a profile": lambda _: self.has_account("administration"),
            "2.5 Test CSP Account": self.was_tested,
            "2.5 Rotate Credentials": self.has_other_access_key,
            "2.6 Key Set": self.has_key_set,
            "2.7 CloudKey": self.was_created,
            "2.7 Edit CloudKey": self.was_edited,
            "2.8 Import CloudKey": self.was_imported,
            "2.8 Refresh": self.is_as_kms_says,
            "2.9 Remove from Cloud": self.is_dead,
            "2.9 Upload to Cloud": self.is_usable,
            "2.10 Delete CloudKey": self.dies_in_seven_days,
            "2.11 Cancel Deletion": self.is_dead,
            "2.11 Enable CloudKey": self.is_usable,
            "2.12 Rotate Now, in place": self.kept_its_key,
            "2.12 Rotate Now, new KMS key": self.moved_to_a_new_key,
        }

    def prepare(self, row: Row) -> None:
        """What others do in AWS before a row: the key of 2.8, and a key disabled behind kctui's back."""
        if row.name == "2.8 Import CloudKey":
            made = self.kms.create_key(Description="made in AWS")["KeyMetadata"]["KeyId"]
            self.kms.create_alias(AliasName=f"alias/{IMPORTED}", TargetKeyId=made)
        elif row.name == "2.8 Refresh":
            self.kms.disable_key(KeyId=self.metadata(IMPORTED)[0])

    def check(self, row: Row, told: str) -> None:
        """What the last column says is so: in Cloud Status and in KMS; and what else there is to say of the row."""
        if row.afterwards in STATES:
            name = IMPORTED if row.name == "2.8 Import CloudKey" else NAME
            with Engine.open(self.home) as engine:
                found = find_cloud_key(engine.store, name)
            assert found.cloud_status.value == row.afterwards
            assert self.metadata(name) == (found.kms_key_id, STATES[row.afterwards])
        self.checks[row.name](told)

    def metadata(self, name: str) -> tuple[str, str]:
        """Where an alias leads, and the state of the key there."""
        key = self.kms.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]
        return key["KeyId"], key["KeyState"]

    def accounts(self) -> dict[str, CspAccountRow]:
        """The CSP Accounts by name."""
        with Engine.open(self.home) as engine:
            return {account.name: account for account in CspAccountList(engine.store).page().rows}

    # What is true after each row

    def is_initialised(self, _told: str) -> None:
        assert self.home.database.exists()

    def is_a_policy(self, told: str) -> None:
        assert "kms:ImportKeyMaterial" in json.dumps(json.loads(told)["Statement"])

    def has_user(self, _told: str) -> None:
        with iam_of(self.box, self.root) as iam:
            attached = iam.list_attached_user_policies(UserName=USER)["AttachedPolicies"]
            self.access_keys.append(
                {key["AccessKeyId"] for key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]}
            )
        assert [policy["PolicyName"] for policy in attached] == ["aws-byok-policy"]
        assert {self.accounts()["production"].access_key_id} == self.access_keys[-1]

    def has_account(self, name: str) -> None:
        assert self.accounts()[name].aws_account_id == self.root.account_id

    def was_tested(self, told: str) -> None:
        assert f"arn:aws:iam::{self.root.account_id}:root" in told

    def has_other_access_key(self, told: str) -> None:
        self.has_user(told)
        assert len(self.access_keys[-1]) == 1
        assert self.access_keys[-1] != self.access_keys[-2]

    def has_key_set(self, _told: str) -> None:
        with Engine.open(self.home) as engine:
            [key_set] = KeySetList(engine.store).page().rows
        assert (key_set.name, key_set.account, key_set.description) == (
            "awsbyokkeyset", "awsbyokkeycontrol", "Key Set for the aws byok with keycontrol",
        )  # fmt: skip

    def was_created(self, told: str) -> None:
        self.key_id = self.metadata(NAME)[0]
        assert self.kms.describe_key(KeyId=self.key_id)["KeyMetadata"]["Origin"] == "EXTERNAL"
        self.is_usable(told)

    def was_edited(self, told: str) -> None:
        assert self.kms.describe_key(KeyId=self.key_id)["KeyMetadata"]["Description"] == DESCRIPTION
        self.is_usable(told)

    def was_imported(self, _told: str) -> None:
        with Engine.open(self.home) as engine:
            assert find_cloud_key(engine.store, IMPORTED).key_source is KeySource.AWS

    def is_as_kms_says(self, _told: str) -> None:
        with Engine.open(self.home) as engine:
            assert find_cloud_key(engine.store, IMPORTED).cloud_status.value == "DISABLED"

    def is_dead(self, _told: str) -> None:
        with pytest.raises(ClientError):
            self.kms.decrypt(CiphertextBlob=self.blobs[0])

    def is_usable(self, _told: str) -> None:
        """Everything that was ever encrypted decrypts, and more can be encrypted."""
        assert all(self.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == PLAIN for blob in self.blobs)
        self.blobs.append(self.kms.encrypt(KeyId=f"alias/{NAME}", Plaintext=PLAIN)["CiphertextBlob"])

    def dies_in_seven_days(self, told: str) -> None:
        date = self.kms.describe_key(KeyId=self.key_id)["KeyMetadata"]["DeletionDate"]
        assert timedelta(days=6, hours=23) < date - now() < timedelta(days=7, hours=1)
        self.is_dead(told)

    def kept_its_key(self, told: str) -> None:
        assert self.metadata(NAME)[0] == self.key_id
        assert self.versions() == [self.key_id] * 2
        self.is_usable(told)

    def moved_to_a_new_key(self, told: str) -> None:
        new = self.metadata(NAME)[0]
        assert new != self.key_id
        assert self.versions() == [new, self.key_id, self.key_id]
        assert self.kms.describe_key(KeyId=self.key_id)["KeyMetadata"]["KeyState"] == "Enabled"
        self.is_usable(told)

    def versions(self) -> list[str | None]:
        """The KMS key of each version, the latest first."""
        with Engine.open(self.home) as engine:
            details = cloud_key_details(engine.store, find_cloud_key(engine.store, NAME).id)
        return [version.kms_key_id for version in details.versions]


@pytest.fixture
def aws(box: Box, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An AWS account for one walk, and the files and the environment that the page speaks of."""
    number = [test_each_row_by_its_command, test_each_row_along_its_path_in_the_console].index(request.function)
    root = box.add_account(f"60000000000{number}")
    credentials = f"aws_access_key_id = {root.access_key_id}\naws_secret_access_key = {root.secret_access_key}\n"
    for name, text in (
        ("secret-access-key", root.secret_access_key),
        ("passphrase", "correct horse battery staple"),
        ("credentials", f"[admin]\n{credentials}"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KCTUI_HOME", str(tmp_path / "guide"))
    monkeypatch.setenv("KCTUI_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return Aws(box, root, Home(tmp_path / "guide"))


def run(cli: Cli, aws: Aws, command: str) -> str:
    """Run a command of the page, in the box; what it says on stdout."""
    words = shlex.split(command.replace("AKIAIOSFODNN7EXAMPLE", aws.root.access_key_id))[1:]
    if words[:2] in (["account", "add"], ["aws", "setup"]):
        words += ["--endpoint-url", aws.box.endpoint]
    done = cli(*words)
    assert done.code == 0, f"{command}\n{done.err}"
    return done.out


def test_every_row_has_its_command_in_the_blocks_below() -> None:
    commands = whole_commands()
    assert len(commands) == len(rows())
    assert [command[: len(row.command)] for row, command in zip(rows(), commands, strict=True)] == [
        row.command for row in rows()
    ]


def test_each_row_by_its_command(aws: Aws, cli: Cli) -> None:
    assert {row.name for row in rows()} == set(aws.checks)
    for row, command in zip(rows(), whole_commands(), strict=True):
        aws.prepare(row)
        aws.check(row, run(cli, aws, command))


async def test_each_row_along_its_path_in_the_console(aws: Aws, cli: Cli, start: StartShell, passphrase: str) -> None:
    ways = console_ways(aws)
    assert {row.name for row in rows() if row.path} == set(ways)
    for row, command in zip(rows(), whole_commands(), strict=True):
        if not row.path:
            aws.check(row, run(cli, aws, command))
    async with start(aws.home, size=(120, 40), tab=Tab.CSP_ACCOUNTS, passphrase=passphrase) as shell:
        assert shell.app.engine is not None
        make_quick(shell.app.engine)
        walk = Walk(shell, REGION)
        for row in rows():
            if row.path:
                aws.prepare(row)
                aws.check(row, await walk.follow(row, ways[row.name]))
                if row.afterwards in STATES:
                    walk.sees(row.afterwards)


def console_ways(aws: Aws) -> dict[str, Way]:
    """Where each row is walked, and what is typed there."""

    async def account(walk: Walk) -> None:
        await walk.fill(
            name="awsbyokkeycontrol",
            access_key_id=aws.root.access_key_id,
            secret_access_key=aws.root.secret_access_key,
            endpoint_url=aws.box.endpoint,
        )

    async def by_profile(walk: Walk) -> None:
        await walk.pick("Profile of ~/.aws")
        await walk.fill(name="administration", profile="admin", endpoint_url=aws.box.endpoint)

    async def key_set(walk: Walk) -> None:
        await walk.fill(name="awsbyokkeyset", description="Key Set for the aws byok with keycontrol")

    async def second_account(walk: Walk) -> None:
        await walk.shell.press("down")

    async def cloud_key(walk: Walk) -> None:
        await walk.fill(name=NAME)

    async def description(walk: Walk) -> None:
        await walk.fill(description=DESCRIPTION)

    async def all_keys(walk: Walk) -> None:
        await walk.shell.press("a")

    async def key_name(walk: Walk) -> None:
        await walk.fill(typed_name=NAME)

    async def account_name(walk: Walk) -> None:
        await walk.fill(typed_name="production")

    return {
        "2.5 CSP Account": Way(fills=(("Details", account),)),
        "2.5 CSP Account by a profile": Way(fills=(("Details", by_profile),)),
        "2.5 Test CSP Account": Way("awsbyokkeycontrol"),
        "2.5 Rotate Credentials": Way("production", (("Rotate", account_name),)),
        "2.6 Key Set": Way(fills=(("Details", key_set), ("CSP Account", second_account))),
        "2.7 CloudKey": Way(fills=(("Details", cloud_key),)),
        "2.7 Edit CloudKey": Way(NAME, (("Details", description),)),
        "2.8 Import CloudKey": Way("awsbyokkeyset", (("Import", all_keys),)),
        "2.8 Refresh": Way(),
        "2.9 Remove from Cloud": Way(NAME, (("Remove", key_name),)),
        "2.9 Upload to Cloud": Way(NAME),
        "2.10 Delete CloudKey": Way(NAME, (("Delete", key_name),)),
        "2.11 Cancel Deletion": Way(NAME),
        "2.11 Enable CloudKey": Way(NAME),
        "2.12 Rotate Now, in place": Way(NAME),
        "2.12 Rotate Now, new KMS key": Way(NAME),
    }
