"""`kctui key remove-from-cloud`, delete, cancel-deletion and rotate: on AWS in a box, with the real commands."""

import json
from pathlib import Path

import boto3
import pytest
from types_boto3_kms.client import KMSClient

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS, REGION
from tests.cli.terminal import Terminal

WHERE = ("--key-set", "payroll", "--region", REGION)


@pytest.fixture
def made(cli: Cli, connected: Path, unlocking: None, request: pytest.FixtureRequest) -> str:
    """A CloudKey named after the test."""
    name = str(request.node.name).replace("[", "-").replace("]", "").replace(" ", "-")[:200]
    created = cli("key", "create", name, *WHERE, "--json")
    assert created.code == ExitCode.OK, created.err
    return name


def kms(box: Box) -> KMSClient:
    return boto3.client(
        "kms", region_name=REGION, endpoint_url=box.endpoint, aws_access_key_id=box.root.access_key_id,
        aws_secret_access_key=box.root.secret_access_key,
    )  # fmt: skip


def status(cli: Cli, name: str) -> str:
    return str(cli("key", "show", name, "--json").json["data"]["cloud_status"])


def test_a_key_is_removed_and_brought_back_and_old_ciphertexts_decrypt(cli: Cli, made: str, box: Box) -> None:
    blob = kms(box).encrypt(KeyId=f"alias/{made}", Plaintext=b"salaries")["CiphertextBlob"]
    removed = cli("key", "remove-from-cloud", made, *WHERE, "--confirm", made, "--json")
    assert (removed.code, removed.json["data"]["cloud_status"]) == (ExitCode.OK, "NOT AVAILABLE")
    assert "✓ DeleteImportedKeyMaterial 1" in removed.err
    assert cli("key", "upload", made, *WHERE, "--json").json["data"]["cloud_status"] == "AVAILABLE"
    assert kms(box).decrypt(CiphertextBlob=blob)["Plaintext"] == b"salaries"


def test_a_key_is_deleted_and_the_deletion_called_off(cli: Cli, made: str) -> None:
    deleted = cli("key", "delete", made, *WHERE, "--days", "7", "--confirm", made, "--json").json["data"]
    assert deleted["cloud_status"] == "PENDING DELETE"
    assert deleted["deletion_date"] is not None
    cancelled = cli("key", "cancel-deletion", made, *WHERE, "--json")
    assert cancelled.json["data"]["cloud_status"] == "DISABLED"
    assert f"kctui key enable {made}" in cancelled.err


def test_a_deletion_is_called_off_and_the_key_enabled_in_one_go(cli: Cli, made: str) -> None:
    cli("key", "delete", made, *WHERE, "--days", "7", "--confirm", made)
    assert cli("key", "cancel-deletion", made, *WHERE, "--enable", "--json").json["data"]["cloud_status"] == "AVAILABLE"


def test_a_deletion_is_called_off_where_the_key_cannot_be_enabled(cli: Cli, made: str) -> None:
    cli("key", "remove-from-cloud", made, *WHERE, "--confirm", made)
    cli("key", "delete", made, *WHERE, "--days", "7", "--confirm", made)
    partial = cli("key", "cancel-deletion", made, *WHERE, "--enable", "--json")
    assert (partial.code, partial.json["data"]["cloud_status"]) == (ExitCode.PARTIAL, "NOT AVAILABLE")
    assert f"Cancelled the deletion of the CloudKey {made}" in partial.err
    assert "not enabled" in partial.err
    assert "there is no material in the cloud" in partial.err


def test_a_permission_to_enable_that_is_missing_leaves_the_deletion_called_off(cli: Cli, made: str, box: Box) -> None:
    cli("key", "delete", made, *WHERE, "--days", "7", "--confirm", made)
    box.faults.add("EnableKey", FaultKind.ACCESS_DENIED)
    partial = cli("key", "cancel-deletion", made, *WHERE, "--enable")
    assert (partial.code, status(cli, made)) == (ExitCode.PARTIAL, "DISABLED")
    assert "kms:EnableKey" in partial.err


def test_the_date_that_somebody_else_scheduled_is_told_and_not_the_days_asked_for(
    cli: Cli, made: str, box: Box
) -> None:
    scheduled = kms(box).schedule_key_deletion(
        KeyId=cli("key", "show", made, "--json").json["data"]["kms_key_id"], PendingWindowInDays=30
    )
    deleted = cli("key", "delete", made, *WHERE, "--days", "7", "--confirm", made)
    assert deleted.code == ExitCode.OK
    said = next(line for line in deleted.err.splitlines() if line.startswith("AWS deletes"))
    assert f"{scheduled['DeletionDate']:%Y-%m-%d}" in said
    assert "7 days" not in said


def test_a_key_is_rotated_in_place_and_by_a_new_key(cli: Cli, made: str) -> None:
    before = cli("key", "show", made, "--json").json["data"]
    in_place = cli("key", "rotate", made, *WHERE, "--json").json["data"]
    assert (in_place["kms_key_id"], in_place["rotations_left"]) == (before["kms_key_id"], 24)
    assert [version["material_state"] for version in in_place["versions"]] == ["CURRENT", "NON_CURRENT"]
    by_new_key = cli("key", "rotate", made, *WHERE, "--method", "new-key", "--json").json["data"]
    assert by_new_key["kms_key_id"] != before["kms_key_id"]
    assert [version["kms_key_id"] for version in by_new_key["versions"]][1:] == [before["kms_key_id"]] * 2
    found = cli("key", "list", "--filter", before["kms_key_id"], "--json").json["data"]
    assert [row["name"] for row in found] == [made]


@pytest.mark.parametrize("command", ["remove-from-cloud", "delete"])
def test_a_wrong_name_is_refused_and_audited(cli: Cli, made: str, command: str) -> None:
    refused = cli("key", command, made, *WHERE, "--confirm", made[:-1])
    assert refused.code == ExitCode.REFUSED
    assert "the name does not match" in refused.err
    assert status(cli, made) == "AVAILABLE"
    entry = cli("audit", "list", "--limit", "1", "--json").json["data"][0]
    assert (entry["type"], entry["message"].endswith("refused: wrong name typed")) == ("WARNING", True)


@pytest.mark.parametrize("command", ["remove-from-cloud", "delete"])
def test_without_a_terminal_the_name_must_be_an_option(cli: Cli, made: str, command: str) -> None:
    refused = cli("key", command, made, *WHERE)
    assert refused.code == ExitCode.REFUSED
    assert f"--confirm {made}" in refused.err
    assert status(cli, made) == "AVAILABLE"


@pytest.mark.parametrize("command", ["remove-from-cloud", "delete", "rotate"])
def test_a_dry_run_shows_the_panel_and_the_calls_and_does_nothing(cli: Cli, made: str, box: Box, command: str) -> None:
    box.calls.clear()
    shown = cli("key", command, made, *WHERE, "--dry-run")
    assert shown.code == ExitCode.OK, shown.err
    assert "AWS calls to come:" in shown.out
    assert "↺ undo" in shown.out
    reading = ("Get", "List", "Describe")
    assert [call for call in box.calls.operations() if not call.startswith(reading)] == []
    document = cli("key", command, made, *WHERE, "--dry-run", "--json").json
    assert document["kind"] == "consequences"
    assert set(document["data"]) == {
        "action", "cloud_key", "kms_key_id", "key_set", "csp_account", "region", "revision", "words", "lines", "calls",
        "refusal",
    }  # fmt: skip


def test_a_dry_run_of_what_cannot_be_done_says_why(cli: Cli, made: str) -> None:
    cli("key", "remove-from-cloud", made, *WHERE, "--confirm", made)
    shown = cli("key", "remove-from-cloud", made, *WHERE, "--dry-run")
    assert shown.code == ExitCode.REFUSED
    assert "the material is not in the cloud" in shown.err


@pytest.mark.parametrize("days", ["0", "6", "31", "-7"])
def test_days_that_aws_does_not_take_are_refused(cli: Cli, made: str, days: str) -> None:
    refused = cli("key", "delete", made, *WHERE, "--days", days, "--confirm", made)
    assert refused.code == ExitCode.USAGE
    assert status(cli, made) == "AVAILABLE"


def test_a_lost_permission_is_named_and_the_key_is_as_it_was(cli: Cli, made: str, box: Box) -> None:
    box.faults.add("DeleteImportedKeyMaterial", FaultKind.ACCESS_DENIED)
    refused = cli("key", "remove-from-cloud", made, *WHERE, "--confirm", made)
    assert refused.code == ExitCode.REFUSED
    assert "kms:DeleteImportedKeyMaterial" in refused.err
    assert status(cli, made) == "AVAILABLE"


@pytest.mark.parametrize("command", ["remove-from-cloud", "delete", "cancel-deletion", "rotate"])
def test_read_only_refuses(cli: Cli, made: str, command: str) -> None:
    confirm = () if command in {"cancel-deletion", "rotate"} else ("--confirm", made)
    assert cli("--read-only", "key", command, made, *WHERE, *confirm).code == ExitCode.REFUSED


def test_hostile_words_of_aws_do_not_reach_the_terminal(cli: Cli, made: str, box: Box) -> None:
    key_id = cli("key", "show", made, "--json").json["data"]["kms_key_id"]
    client = kms(box)
    policy = json.loads(client.get_key_policy(KeyId=key_id)["Policy"])
    policy["Statement"].append(
        {"Sid": HOSTILE, "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{box.account_id}:root"},
         "Action": "kms:*", "Resource": "*"}
    )  # fmt: skip
    client.create_grant(
        KeyId=key_id, GranteePrincipal=f"arn:aws:iam::{box.account_id}:root", Operations=["Decrypt"], Name="rds-x"
    )
    client.update_key_description(KeyId=key_id, Description=HOSTILE)
    shown = cli("key", "delete", made, *WHERE, "--dry-run")
    assert not set(HOSTILE_CHARACTERS) & set(shown.out.replace("\n", "") + shown.err.replace("\n", ""))


def test_every_state_refuses_what_it_does_not_allow_and_says_why(cli: Cli, made: str) -> None:
    confirm = ("--confirm", made)
    commands = {
        "upload": (), "enable": (), "disable": (), "remove-from-cloud": confirm, "cancel-deletion": (), "rotate": (),
        "delete": (*confirm, "--days", "7"),
    }  # fmt: skip
    refused = {
        "AVAILABLE": {"upload", "enable", "cancel-deletion"},
        "DISABLED": {"upload", "disable", "cancel-deletion", "rotate"},
        "NOT AVAILABLE": {"enable", "disable", "remove-from-cloud", "cancel-deletion", "rotate"},
        "PENDING DELETE": {"upload", "enable", "disable", "remove-from-cloud", "rotate", "delete"},
    }
    reach = {
        "AVAILABLE": (),
        "DISABLED": ("disable",),
        "NOT AVAILABLE": ("enable", "remove-from-cloud"),
        "PENDING DELETE": ("delete",),
    }
    for state, way in reach.items():
        for command in way:
            assert cli("key", command, made, *WHERE, *commands[command]).code == ExitCode.OK
        assert status(cli, made) == state
        for command in refused[state]:
            result = cli("key", command, made, *WHERE, *commands[command])
            assert result.code == ExitCode.REFUSED, f"{command} of {state}"
            assert "is not possible" in result.err
            assert status(cli, made) == state


def test_on_a_terminal_the_panel_stands_above_the_question(
    cli: Cli, made: str, connected: Path, passphrase_file: Path
) -> None:
    how = ("key", "remove-from-cloud", made, *WHERE, "--operator", "alice", "--passphrase-file", str(passphrase_file))
    with Terminal(*how, home=connected) as terminal:
        terminal.wait_for("type the name .* to go on: ")
        terminal.keys(made + "\n")
        assert terminal.exit_code() == ExitCode.OK
    assert terminal.shown.index("✓ our copy") < terminal.shown.index("↺ undo") < terminal.shown.index("type the name")
    assert status(cli, made) == "NOT AVAILABLE"


def test_a_wrong_name_on_the_terminal_does_nothing(cli: Cli, made: str, connected: Path, passphrase_file: Path) -> None:
    how = ("key", "delete", made, *WHERE, "--operator", "alice", "--passphrase-file", str(passphrase_file))
    with Terminal(*how, home=connected) as terminal:
        terminal.wait_for("type the name .* to go on: ")
        terminal.keys("\n")
        assert terminal.exit_code() == ExitCode.REFUSED
    assert status(cli, made) == "AVAILABLE"
