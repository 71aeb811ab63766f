"""The whole way on AWS in a box, with the real commands: from no home to a CloudKey that was switched and verified."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from types_boto3_kms.client import KMSClient

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import REGION, environment, run_program


def test_from_no_home_to_a_verified_cloud_key(cli: Cli, box: Box, tmp_path: Path, unlocking: None) -> None:
    secret = tmp_path / "secret"
    secret.write_text(box.root.secret_access_key + "\n")
    secret.chmod(0o600)

    made = cli("init", "--operator", "alice", "--json")
    assert made.json["data"] == {
        "home": str(tmp_path / "home"), "operator": "alice", "admin_group": "Cloud Admin Group", "database": None,
    }  # fmt: skip
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700

    account = cli(
        *("account", "add", "awsbyokkeycontrol", "--access-key-id", box.root.access_key_id),
        *("--secret-access-key-file", str(secret), "--region", REGION, "--endpoint-url", box.endpoint, "--json"),
    )
    assert account.code == ExitCode.OK, account.err
    assert account.json["data"]["aws_account_id"] == box.account_id
    assert "✓ GetCallerIdentity" in account.err
    assert box.root.secret_access_key not in account.out + account.err

    key_set = cli(
        "keyset", "create", "awsbyokkeyset", "--account", "awsbyokkeycontrol", "--rotation-schedule", "180d", "--json"
    )
    assert key_set.json["data"]["rotation_days"] == 180

    new = ("key", "create", "end-to-end", "--key-set", "awsbyokkeyset", "--region", REGION)
    before = len(box.calls)
    plan = cli(*new, "--dry-run", "--json")
    assert [call.split()[0] for call in plan.json["data"]["calls"]][1:3] == ["kms:CreateKey", "kms:CreateAlias"]
    assert len(box.calls) == before

    created = cli(*new, "--tag", "team=bank", "--json")
    assert created.code == ExitCode.OK, created.err
    data = created.json["data"]
    assert (data["cloud_status"], data["rotation_days"], data["tags"]) == ("AVAILABLE", 180, {"team": "bank"})
    assert [version["import_state"] for version in data["versions"]] == ["IMPORTED"]
    steps = [line.split("  ")[0] for line in created.err.splitlines() if line.startswith("✓")]
    assert "✓ CreateKey" in steps

    assert cli("status", "--json").json["data"][0]["cloud_status"] == "AVAILABLE"
    for command, status in (("disable", "DISABLED"), ("enable", "AVAILABLE")):
        assert cli("key", command, "end-to-end", "--json").json["data"]["cloud_status"] == status
    assert cli("key", "upload", "end-to-end").code == ExitCode.REFUSED

    synced = cli("sync", "--json")
    assert (synced.code, synced.json["data"]["csp_accounts"][0]["cloud_keys"]) == (ExitCode.OK, 1)
    verified = cli("audit", "verify", "--operator", "alice", "--json").json["data"]
    assert (verified["intact"], verified["unchecked"]) == (True, 0)
    messages = [entry["message"] for entry in cli("audit", "list", "--json").json["data"]]
    assert f"Disable CloudKey end-to-end ({REGION})" in messages
    assert cli("recover", "--list", "--json").json["data"] == []
    doctor = cli("doctor", "--json")
    assert (doctor.code, {finding["verdict"] for finding in doctor.json["data"]}) == (ExitCode.OK, {"OK"})


def test_material_that_aws_lost_is_uploaded_again(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    made = cli("key", "create", "lost", "--key-set", "payroll", "--region", REGION, "--json").json["data"]
    _kms(box).delete_imported_key_material(KeyId=made["kms_key_id"])
    assert cli("sync").code == ExitCode.OK
    assert cli("key", "show", "lost", "--json").json["data"]["cloud_status"] == "NOT AVAILABLE"
    uploaded = cli("key", "upload", "lost", "--key-set", "payroll", "--region", REGION)
    assert uploaded.code == ExitCode.OK, uploaded.err
    assert _kms(box).describe_key(KeyId=made["kms_key_id"])["KeyMetadata"]["KeyState"] == "Enabled"


def test_an_expiration_goes_to_aws(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    made = cli("key", "create", "expiring", "--key-set", "payroll", "--region", REGION, "--expires", day, "--json")
    data = made.json["data"]
    assert data["expires_at"] == f"{day}T23:59:59Z"
    valid_to = _kms(box).describe_key(KeyId=data["kms_key_id"])["KeyMetadata"]["ValidTo"]
    assert valid_to.astimezone(UTC).date().isoformat() == day


def test_account_test_names_what_is_denied(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    result = cli("account", "test", "bank", "--json")
    assert result.code == ExitCode.FAILED
    findings = {p["action"]: p["finding"] for p in result.json["data"]["permissions"]}
    assert findings["kms:ListKeys"] == "DENIED"
    assert findings["kms:CreateKey"] == "ALLOWED"
    assert "Denied, and needed: kms:ListKeys" in result.err


def test_doctor_asks_each_account(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    result = cli("doctor", "--json")
    assert result.code == ExitCode.FAILED
    finding = next(found for found in result.json["data"] if found["subject"] == "permissions of bank")
    assert (finding["verdict"], finding["detail"]) == ("PROBLEM", "denied: kms:ListKeys")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("endpoint", ExitCode.UNREACHABLE, "nothing answers at the endpoint"),
        ("secret", ExitCode.REFUSED, "AWS does not know these credentials"),
        ("id", ExitCode.REFUSED, "AWS does not know these credentials"),
    ],
)
def test_an_account_that_does_not_work_is_not_kept(
    cli: Cli, home: Path, box: Box, tmp_path: Path, unlocking: None, change: str, code: ExitCode, words: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x" * 40 if change == "secret" else box.root.secret_access_key)
    secret.chmod(0o600)
    access_key_id = "AKIAIOSFODNN7EXAMPLE" if change == "id" else box.root.access_key_id
    # Port 1 of this machine: nothing listens there.
    endpoint = "http://127.0.0.1:1" if change == "endpoint" else box.endpoint
    result = cli(
        *("account", "add", "bad", "--access-key-id", access_key_id, "--secret-access-key-file", str(secret)),
        *("--region", REGION, "--endpoint-url", endpoint, "--json"),
    )
    assert (result.code, result.out) == (code, "")
    assert words in result.error["title"]
    assert result.error["remedy"]
    assert cli("account", "list", "--json").json["data"] == []


def test_aws_that_says_no_is_undone_and_exits_with_five(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    box.faults.add("ImportKeyMaterial", FaultKind.ACCESS_DENIED)
    result = cli("key", "create", "denied", "--key-set", "payroll", "--region", REGION, "--json")
    assert (result.code, result.out) == (ExitCode.REFUSED, "")
    assert "kms:ImportKeyMaterial" in result.error["title"]
    assert cli("recover", "--list", "--json").json["data"] == []


def test_a_lost_reply_half_way_exits_with_four(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    box.faults.add("ImportKeyMaterial", FaultKind.INTERNAL, times=100)
    result = cli("key", "create", "half", "--key-set", "payroll", "--region", REGION, "--json")
    assert (result.code, result.out) == (ExitCode.PARTIAL, "")
    assert "kctui recover" in result.error["remedy"]
    left = cli("recover", "--json")
    assert (left.code, [one["title"] for one in left.json["data"]["left"]]) == (
        ExitCode.PARTIAL,
        [f"Create CloudKey half ({REGION})"],
    )
    box.faults.clear()
    assert cli("recover").code == ExitCode.OK


def test_sync_of_an_account_out_of_reach_exits_with_three(cli: Cli, connected: Path, box: Box, unlocking: None) -> None:
    box.faults.add("ListKeys", FaultKind.INTERNAL, times=100)
    result = cli("sync", "--json")
    assert result.code == ExitCode.REFUSED
    assert result.json["data"]["csp_accounts"][0]["error"] == result.error["title"]


def test_the_secret_comes_through_a_pipe(cli: Cli, home: Path, box: Box, passphrase_file: Path) -> None:
    ended = run_program(
        *("account", "add", "piped", "--access-key-id", box.root.access_key_id, "--secret-access-key-file", "-"),
        *("--region", REGION, "--endpoint-url", box.endpoint, "--json"),
        env=environment(home, passphrase_file),
        stdin=box.root.secret_access_key + "\n",
    )
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert json.loads(ended.stdout)["data"]["name"] == "piped"


def _kms(box: Box) -> KMSClient:
    return boto3.client(
        "kms",
        region_name=REGION,
        endpoint_url=box.endpoint,
        aws_access_key_id=box.root.access_key_id,
        aws_secret_access_key=box.root.secret_access_key,
    )
