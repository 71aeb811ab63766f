"""`kctui keyset import`: the list, what becomes of each key, and the exit codes."""

import re
from pathlib import Path

import boto3
import pytest

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS, Result
from tests.cli.terminal import Terminal
from tests.core.foreign_keys import plant_foreign

_regions = iter(boto3.Session().get_available_regions("kms"))
IMPORT = ("keyset", "import", "payroll", "--region")


@pytest.fixture
def region() -> str:
    """A region of its own for each test: the box is shared."""
    return next(_regions)


def run(cli: Cli, region: str, *arguments: str) -> Result:
    return cli(*IMPORT, region, *arguments)


def cloud_keys(cli: Cli, region: str) -> list[str]:
    return [row["name"] for row in cli("key", "list", "--region", region, "--json").json["data"]]


def test_the_list_shows_what_can_be_imported(cli: Cli, connected: Path, box: Box, unlocking: None, region: str) -> None:
    [key_id] = plant_foreign(box, box.root, "AWSKMSCloudKey", region=region, description="made in the AWS console")
    plant_foreign(box, box.root, None, region=region, tags={"kctui:cloud-key": "lost-one"})
    shown = run(cli, region, "--list")
    assert shown.code == ExitCode.OK, shown.err
    assert re.search(
        rf"AWSKMSCloudKey +alias/AWSKMSCloudKey +● AVAILABLE +AWS_KMS +SYMMETRIC_DEFAULT +{key_id}\n", shown.out
    )
    assert "made by kctui as lost-one; this vault holds no copy of its material" in shown.out
    document = run(cli, region, "--list", "--json").json
    assert document["kind"] == "importable-keys"
    assert document["data"][0] == {
        "kms_key_id": key_id, "name": "AWSKMSCloudKey", "aliases": ["alias/AWSKMSCloudKey"],
        "key_arn": f"arn:aws:kms:{region}:111122223333:key/{key_id}", "description": "made in the AWS console",
        "key_spec": "SYMMETRIC_DEFAULT", "key_usage": "ENCRYPT_DECRYPT", "origin": "AWS_KMS",
        "cloud_status": "AVAILABLE", "deletion_date": None, "expires_at": None,
        "created_at": document["data"][0]["created_at"], "tags": {}, "made_by_kctui_as": None,
        "material_held": False, "reason": None,
    }  # fmt: skip
    assert cloud_keys(cli, region) == []


def test_the_list_is_shown_read_only_too(cli: Cli, connected: Path, box: Box, unlocking: None, region: str) -> None:
    plant_foreign(box, box.root, "one", region=region)
    assert "alias/one" in cli("--read-only", *IMPORT, region, "--list").out


def test_an_empty_list_says_so(cli: Cli, connected: Path, unlocking: None, region: str) -> None:
    for option in ("--list", "--all"):
        shown = run(cli, region, option)
        assert (shown.code, shown.out) == (ExitCode.OK, "")
        assert shown.err


def test_all_are_imported_and_shown(cli: Cli, connected: Path, box: Box, unlocking: None, region: str) -> None:
    plant_foreign(box, box.root, "one", "two", region=region)
    report = run(cli, region, "--all")
    assert (report.code, cloud_keys(cli, region)) == (ExitCode.OK, ["one", "two"])
    assert report.out.count("✓ imported") == 2
    assert "Imported 2 of 2 keys into payroll." in report.err
    shown = cli("key", "show", "one", "--region", region, "--json").json["data"]
    assert (shown["key_source"], shown["cloud_status"], shown["versions"]) == ("AWS", "AVAILABLE", [])


@pytest.mark.parametrize("alias", ["two", "alias/two"])
def test_chosen_ones_are_imported(
    cli: Cli, connected: Path, box: Box, unlocking: None, region: str, alias: str
) -> None:
    [one, *_] = plant_foreign(box, box.root, "one", "two", "three", region=region)
    document = run(cli, region, "--key-id", one, "--alias", alias, "--json").json
    assert document["kind"] == "import-report"
    data = document["data"]
    assert (data["asked"], data["imported"], data["cancelled"], data["error"]) == (2, 2, False, None)
    assert [(key["name"], key["became"]) for key in data["keys"]] == [("one", "imported"), ("two", "imported")]
    assert cloud_keys(cli, region) == ["one", "two"]


def test_a_dry_run_imports_nothing(cli: Cli, connected: Path, box: Box, unlocking: None, region: str) -> None:
    plant_foreign(box, box.root, "one", "two", region=region)
    shown = run(cli, region, "--alias", "one", "--dry-run")
    assert (shown.code, "alias/one" in shown.out, "alias/two" in shown.out) == (ExitCode.OK, True, False)
    assert "alias/two" in run(cli, region, "--all", "--dry-run").out
    assert run(cli, region, "--alias", "three", "--dry-run").code == ExitCode.FAILED
    assert cloud_keys(cli, region) == []


def test_a_part_exits_with_4_and_names_what_failed(
    cli: Cli, connected: Path, box: Box, unlocking: None, region: str
) -> None:
    plant_foreign(box, box.root, "one", "two", "three", region=region)
    box.faults.add("DescribeKey", FaultKind.ACCESS_DENIED)
    report = run(cli, region, "--all", "--json")
    assert (report.code, report.json["data"]["imported"]) == (ExitCode.PARTIAL, 2)
    [failed] = [key for key in report.json["data"]["keys"] if key["became"] == "failed"]
    assert failed["told"] == "AWS does not allow kms:DescribeKey"


def test_nothing_at_all_exits_with_1(cli: Cli, connected: Path, unlocking: None, region: str) -> None:
    report = run(cli, region, "--alias", "nothing")
    assert (report.code, "✗ failed" in report.out) == (ExitCode.FAILED, True)
    assert f"there is no such alias in {region}" in report.out


def test_a_refusal_of_the_list_is_an_error(cli: Cli, connected: Path, box: Box, unlocking: None, region: str) -> None:
    box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    report = run(cli, region, "--all", "--json")
    assert (report.code, report.out) == (ExitCode.REFUSED, "")
    assert report.error["title"] == "AWS does not allow kms:ListKeys"


def test_hostile_words_do_not_reach_the_terminal(
    cli: Cli, connected: Path, box: Box, unlocking: None, region: str
) -> None:
    words = HOSTILE.replace("\n", "")
    tags = {"kctui:cloud-key": words, "note": words}
    plant_foreign(box, box.root, words, region=region, description=words, tags=tags)
    for arguments in (("--list",), ("--list", "--json"), ("--all", "--dry-run"), ("--all",), ("--alias", words)):
        shown = run(cli, region, *arguments)
        assert not set(HOSTILE_CHARACTERS) & set(shown.out + shown.err)
    shown = cli("key", "list", "--region", region)
    assert not set(HOSTILE_CHARACTERS) & set(shown.out + shown.err)


def test_an_interrupt_between_two_keys_keeps_what_is_done(
    cli: Cli, connected: Path, box: Box, passphrase_file: Path, unlocking: None, region: str
) -> None:
    plant_foreign(box, box.root, *(f"key-{number:03}" for number in range(90)), region=region)
    box.faults.add("DescribeKey", FaultKind.SLOW, seconds=2, times=1, skip=80)
    with Terminal(*IMPORT, region, "--all", home=connected, KCTUI_PASSPHRASE_FILE=str(passphrase_file)) as terminal:
        terminal.wait_for(r"key-0\d\d  6\d of 90")
        terminal.keys("\x03")
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert re.search(r"Stopped between two keys: (\d+) of 90 are imported, the others as they were", terminal.shown)
    done = int(re.findall(r"Stopped between two keys: (\d+) of 90", terminal.shown)[0])
    assert 60 <= len(cloud_keys(cli, region)) == done < 90
    assert cli("recover", "--list", "--json").json["data"] == []


def test_an_interrupt_while_the_list_is_read_ends_it(
    cli: Cli, connected: Path, box: Box, passphrase_file: Path, region: str
) -> None:
    plant_foreign(box, box.root, *(f"key-{number:03}" for number in range(80)), region=region)
    box.faults.add("DescribeKey", FaultKind.SLOW, seconds=2, times=1, skip=70)
    with Terminal(*IMPORT, region, "--list", home=connected, KCTUI_PASSPHRASE_FILE=str(passphrase_file)) as terminal:
        terminal.wait_for(r"keys of \S+  6\d of 80")
        terminal.keys("\x03")
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert "alias/key-" not in terminal.shown
