"""`kctui key edit`: on AWS in a box, with the real command."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from types_boto3_kms.client import KMSClient

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS, REGION

WHERE = ("--key-set", "payroll", "--region", REGION)


@pytest.fixture
def made(cli: Cli, connected: Path, unlocking: None, request: pytest.FixtureRequest) -> str:
    """A CloudKey named after the test."""
    name = str(request.node.name).replace("[", "-").replace("]", "").replace(" ", "-")[:200]
    created = cli("key", "create", name, *WHERE, "--tag", "team=pay", "--description", "Aurora", "--json")
    assert created.code == ExitCode.OK, created.err
    return name


@pytest.fixture
def arn(box: Box) -> str:
    """A user of the account that is sure to be there: its root."""
    return f"arn:aws:iam::{box.account_id}:root"


def kms(box: Box) -> KMSClient:
    return boto3.client(
        "kms", region_name=REGION, endpoint_url=box.endpoint, aws_access_key_id=box.root.access_key_id,
        aws_secret_access_key=box.root.secret_access_key,
    )  # fmt: skip


def meddle(box: Box, cli: Cli, name: str, **extra: object) -> str:
    """Somebody else adds a statement to the key policy."""
    key_id = str(cli("key", "show", name, "--json").json["data"]["kms_key_id"])
    policy = json.loads(kms(box).get_key_policy(KeyId=key_id)["Policy"])
    statement = {"Sid": "theirs", "Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}
    policy["Statement"].append(statement | extra)
    kms(box).put_key_policy(KeyId=key_id, Policy=json.dumps(policy))
    return key_id


def test_everything_is_edited_and_taken_back(cli: Cli, made: str, box: Box, arn: str) -> None:
    edited = cli(
        *("key", "edit", made, *WHERE, "--description", "payroll", "--administrator", arn, "--user", arn),
        *("--tag", "team=bank", "--tag", "x=1", "--rotation-schedule", "30d", "--json"),
    )
    assert edited.code == ExitCode.OK, edited.err
    data = edited.json["data"]
    assert (data["description"], data["tags"], data["rotation_days"]) == ("payroll", {"team": "bank", "x": "1"}, 30)
    assert (data["administrators"], data["users"]) == ([arn], [arn])
    assert "✓ PutKeyPolicy" in edited.err
    assert "Edited the CloudKey" in edited.err
    back = cli(
        *("key", "edit", made, "--remove-administrator", arn, "--remove-user", arn, "--remove-tag", "x"),
        *("--rotation-schedule", "never", "--description", "", "--json"),
    )
    data = back.json["data"]
    assert (data["administrators"], data["users"], data["tags"]) == ([], [], {"team": "bank"})
    assert (data["rotation_days"], data["description"]) == (None, "")
    assert kms(box).describe_key(KeyId=data["kms_key_id"])["KeyMetadata"]["Description"] == ""


def test_a_dry_run_shows_what_would_change_and_does_nothing(cli: Cli, made: str, box: Box, arn: str) -> None:
    before = len(box.calls)
    change = ("key", "edit", made, "--description", "payroll", "--user", arn, "--dry-run")
    plan = cli(*change, "--json")
    assert plan.code == ExitCode.OK, plan.err
    data = plan.json["data"]
    assert [entry["what"] for entry in data["changes"]] == ["description", "users"]
    assert data["changes"][0] == {"what": "description", "before": ["Aurora"], "after": ["payroll"]}
    assert any(line.startswith("+") and arn in line for line in data["policy_difference"].split("\n"))
    assert [call.split()[0] for call in data["calls"]][1:4] == [
        "kms:GetKeyPolicy", "kms:UpdateKeyDescription", "kms:PutKeyPolicy",
    ]  # fmt: skip
    text = cli(*change)
    assert "  - Aurora\n  + payroll\n" in text.out
    assert "  3 kms:UpdateKeyDescription\n" in text.out
    assert len(box.calls) == before
    assert cli("key", "show", made, "--json").json["data"]["description"] == "Aurora"


def test_nothing_to_change_says_so(cli: Cli, made: str) -> None:
    same = cli("key", "edit", made, "--description", "Aurora", "--tag", "team=pay")
    assert (same.code, "There is nothing to change." in same.err) == (ExitCode.OK, True)
    assert cli("key", "edit", made, "--description", "Aurora", "--dry-run", "--json").json["data"]["changes"] == []


def test_a_policy_changed_elsewhere_is_shown_adopted_or_overwritten(cli: Cli, made: str, box: Box, arn: str) -> None:
    assert cli("key", "edit", made, "--show-policy", "--json").json["data"]["standing"] == "AS_WRITTEN"
    key_id = meddle(box, cli, made)
    shown = cli("key", "edit", made, "--show-policy", "--json").json["data"]
    assert (shown["standing"], shown["access"]) == ("CHANGED", None)
    assert '+      "Sid": "theirs"' in shown["difference"]
    refused = cli("key", "edit", made, "--user", arn, "--json")
    assert refused.code == ExitCode.REFUSED
    assert "was changed elsewhere" in refused.error["title"]
    assert '"Sid": "theirs"' in refused.error["detail"]
    plan = cli("key", "edit", made, "--overwrite-policy", "--user", arn, "--dry-run", "--json").json["data"]
    assert plan["key_policy"]["standing"] == "CHANGED"
    assert '-      "Sid": "theirs"' in plan["policy_difference"]
    adopted = cli("key", "edit", made, "--adopt-policy", "--json")
    assert adopted.code == ExitCode.OK, adopted.err
    assert "theirs" in adopted.json["data"]["policy"]
    assert cli("key", "edit", made, "--show-policy", "--json").json["data"]["standing"] == "AS_WRITTEN"
    custom = cli("key", "edit", made, "--user", arn, "--json")
    assert (custom.code, "is custom" in custom.error["title"]) == (ExitCode.REFUSED, True)
    overwritten = cli("key", "edit", made, "--user", arn, "--overwrite-policy", "--json")
    assert overwritten.code == ExitCode.OK, overwritten.err
    assert "theirs" in overwritten.err
    assert "theirs" not in kms(box).get_key_policy(KeyId=key_id)["Policy"]
    assert overwritten.json["data"]["users"] == [arn]


def test_adopting_and_editing_go_together(cli: Cli, made: str, box: Box, arn: str) -> None:
    cli("key", "edit", made, "--user", arn)
    key_id = cli("key", "show", made, "--json").json["data"]["kms_key_id"]
    policy = json.loads(kms(box).get_key_policy(KeyId=key_id)["Policy"])
    policy["Statement"] = policy["Statement"][:1]
    kms(box).put_key_policy(KeyId=key_id, Policy=json.dumps(policy))
    change = ("key", "edit", made, "--adopt-policy", "--administrator", arn)
    plan = cli(*change, "--dry-run", "--json").json["data"]
    assert [entry["what"] for entry in plan["changes"]] == ["administrators"]
    assert cli("key", "show", made, "--json").json["data"]["users"] == [arn]
    edited = cli(*change, "--json")
    assert edited.code == ExitCode.OK, edited.err
    assert (edited.json["data"]["administrators"], edited.json["data"]["users"]) == ([arn], [])


def test_a_hostile_policy_reaches_no_terminal(cli: Cli, made: str, box: Box) -> None:
    meddle(box, cli, made, Sid=HOSTILE)
    for options in (["--show-policy"], ["--show-policy", "--json"], ["--overwrite-policy", "--dry-run"]):
        result = cli("key", "edit", made, *options)
        assert result.code == ExitCode.OK, result.err
        assert not set(HOSTILE_CHARACTERS) & set(result.out + result.err)
    adopted = cli("key", "edit", made, "--adopt-policy")
    assert not set(HOSTILE_CHARACTERS) & set(adopted.out + adopted.err)


def test_a_lost_permission_names_itself_and_exits_with_five(cli: Cli, made: str, box: Box, arn: str) -> None:
    box.faults.add("PutKeyPolicy", FaultKind.ACCESS_DENIED)
    result = cli("key", "edit", made, "--description", "payroll", "--user", arn, "--json")
    assert (result.code, result.out) == (ExitCode.REFUSED, "")
    assert "kms:PutKeyPolicy" in result.error["title"]
    data = cli("key", "show", made, "--json").json["data"]
    assert (data["description"], data["users"]) == ("Aurora", [])
    assert cli("recover", "--list", "--json").json["data"] == []


BAD: list[tuple[list[str], str]] = [
    ([], "Say what to change"),
    (["--show-policy", "--description", "x"], "goes alone"),
    (["--show-policy", "--adopt-policy"], "goes alone"),
    (["--adopt-policy", "--overwrite-policy"], "exclude each other"),
    (["--administrator", "alice"], "'alice' is not the ARN"),
    (["--remove-user", "alice"], "alice is no user of this key"),
    (["--remove-administrator", "alice"], "alice is no administrator of this key"),
    (["--remove-tag", "nix"], "has no tag nix"),
    (["--tag", "team"], "'team' is not a tag"),
    (["--tag", "aws:x=1"], "'aws:x' cannot be used"),
    (["--rotation-schedule", "monthly"], "'monthly' is not a rotation schedule"),
    (["--description", "x" * 8193], "The description cannot be used"),
]


@pytest.mark.parametrize(("options", "words"), BAD)
def test_a_bad_option_is_refused_and_nothing_is_done(
    cli: Cli, stocked: Path, unlocking: None, options: list[str], words: str
) -> None:
    before: Any = cli("key", "show", "payroll-db", "--json").json["data"]
    result = cli("key", "edit", "payroll-db", *options)
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert words in result.err
    assert cli("key", "show", "payroll-db", "--json").json["data"] == before


def test_a_read_only_line_edits_nothing(cli: Cli, stocked: Path, unlocking: None) -> None:
    result = cli("--read-only", "key", "edit", "payroll-db", "--description", "x")
    assert (result.code, "read-only" in result.err) == (ExitCode.REFUSED, True)


def test_a_key_that_waits_for_its_deletion_is_not_edited(cli: Cli, made: str) -> None:
    cli("key", "delete", made, "--days", "7", "--confirm", made)
    result = cli("key", "edit", made, "--description", "x", "--json")
    assert (result.code, "waiting for its deletion" in result.error["title"]) == (ExitCode.REFUSED, True)
