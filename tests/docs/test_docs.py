"""The documentation is true: its commands run, its lists are complete, its links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import click
import pytest

from kctui.cli.hsm import hsm
from kctui.cli.root import kctui
from kctui.core.aws.permissions import PERMISSIONS
from kctui.core.aws.policy_documents import least_privilege
from kctui.core.material.wrapping import wrapping_algorithm
from kctui.core.words import MADE_SPECS
from kctui.demo.box import AccessKey, Box

_aws_accounts = count(500_000_000_001)
ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NOT_RUN = {
    "kctui": "opens the console",
    "kctui init --operator alice --database postgresql+psycopg://kctui@db.example.net/kctui": "needs that server",
}


def commands(page: Path) -> list[str]:
    """The kctui commands in a page's blocks, continued lines joined."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.split(" ")[0] == "kctui"]


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box.start() as started:
        yield started


@pytest.fixture
def root(box: Box) -> AccessKey:
    """An AWS account for one page: the pages use the same names."""
    return box.add_account(str(next(_aws_accounts)))


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda page: page.name)
def test_every_command_of_a_page_runs_in_the_order_it_stands(
    page: Path, box: Box, root: AccessKey, tmp_path: Path
) -> None:
    (tmp_path / "secret-access-key").write_text(root.secret_access_key)
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    (tmp_path / "credentials").write_text(
        f"[admin]\naws_access_key_id = {root.access_key_id}\naws_secret_access_key = {root.secret_access_key}\n"
    )
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KCTUI_"))} | {
        "KCTUI_HOME": str(tmp_path / "home"),
        "KCTUI_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    environment["SOFTHSM2_CONF"] = str(soft_token(tmp_path))
    wanted = [command for command in commands(page) if command not in NOT_RUN and not asks_for_a_pin(command)]
    if wanted and not wanted[0].startswith("kctui init"):
        wanted.insert(0, "kctui init --operator alice")
    for command in wanted:
        words = shlex.split(command.replace("AKIAIOSFODNN7EXAMPLE", root.access_key_id), comments=True)
        if words[1:3] in (["account", "add"], ["aws", "setup"]):
            words += ["--endpoint-url", box.endpoint]
        done = subprocess.run(
            [sys.executable, "-m", *words], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def soft_token(folder: Path) -> Path:
    """A token `bastion` of SoftHSM, whose PIN is in the file `pin`; its configuration."""
    (folder / "pin").write_text("correct-pin")
    (folder / "pin").chmod(0o600)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    subprocess.run(
        [
            "softhsm2-util", "--init-token", "--free", "--label", "bastion",
            "--so-pin", "12345678", "--pin", "correct-pin",
        ],
        env={**os.environ, "SOFTHSM2_CONF": str(configuration)}, capture_output=True, check=True,
    )  # fmt: skip
    return configuration


def asks_for_a_pin(command: str) -> bool:
    """Whether it is an example with a vendor's token: its options must be right, but the token is not here."""
    words = shlex.split(command, comments=True)
    if words[1:3] != ["hsm", "add"] or "--pin-file" in words:
        return False
    add = hsm.get_command(click.Context(hsm), "add")
    assert add is not None
    add.make_context("add", words[3:])
    return True


def test_the_page_of_key_types_says_what_is_made_for_what_and_wrapped_how() -> None:
    page = (ROOT / "docs" / "key-types.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| ([A-Z0-9_, ]+) \| (\w+) \| (\w+) \|$", page, re.MULTILINE)
    told = {(spec, usage, wrapping) for specs, usage, wrapping in rows for spec in specs.split(", ")}
    assert told == {(spec, usage, wrapping_algorithm(spec)) for spec in MADE_SPECS for usage in spec.usages}


def command_paths(group: click.Group, before: str = "kctui") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from command_paths(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert [path for path in command_paths(kctui) if f"`{path}`" not in page] == []


def test_every_permission_is_documented_with_its_reason() -> None:
    page = (ROOT / "docs" / "permissions.md").read_text()
    for permission in PERMISSIONS:
        assert f"| `{permission.action}` | {permission.reason}" in page
    [policy] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(policy) == least_privilege()


def test_the_policy_has_every_permission_and_nothing_else() -> None:
    granted = {action for statement in least_privilege()["Statement"] for action in statement["Action"]}
    assert granted == {permission.action for permission in PERMISSIONS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
