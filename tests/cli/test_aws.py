"""`kctui aws`: the policy as data, the set-up as a plan, done, and for those who may not."""

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import botocore.session
import pytest
from botocore.model import StructureShape
from botocore.validate import validate_parameters

from kctui.cli.exit_codes import ExitCode
from kctui.core.aws.permission_list import PERMISSIONS
from kctui.core.aws.policy_documents import guide_policy, least_privilege
from kctui.demo.box import Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS, REGION
from tests.cli.terminal import Terminal

SETUP = ("aws", "setup", "new-bank", "--region", REGION)


@pytest.fixture
def admin(box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options of an administrator's profile on an AWS account of its own."""
    key = box.add_account(str(300_000_000_000 + abs(hash(str(tmp_path))) % 10**9))
    file = tmp_path / "credentials"
    file.write_text(
        f"[admin]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return ("--profile", "admin", "--endpoint-url", box.endpoint)


def test_the_policy_is_data_alone(cli: Cli) -> None:
    assert json.loads(cli("aws", "policy").out) == least_privilege()
    assert json.loads(cli("aws", "policy", "--guide").out) == guide_policy()
    named = cli("aws", "policy", "--account-id", "111122223333", "--partition", "aws-us-gov").out
    assert "arn:aws-us-gov:kms:*:111122223333:key/*" in named


def test_the_reasons_are_listed(cli: Cli) -> None:
    shown = cli("aws", "policy", "--reasons").out
    assert all(permission.action in shown for permission in PERMISSIONS)
    assert [entry["action"] for entry in cli("aws", "policy", "--reasons", "--json").json["data"]] == [
        permission.action for permission in PERMISSIONS
    ]


def test_what_is_optional_is_left_out_on_demand(cli: Cli) -> None:
    needed = {permission.action for permission in PERMISSIONS if not permission.optional}
    shown = json.loads(cli("aws", "policy", "--without-optional").out)
    assert {action for statement in shown["Statement"] for action in statement["Action"]} == needed
    listed = cli("aws", "policy", "--without-optional", "--reasons", "--json").json["data"]
    assert {entry["action"] for entry in listed} == needed
    assert cli("aws", "policy", "--without-optional", "--guide").code == ExitCode.USAGE


def test_an_account_id_that_is_none_is_refused(cli: Cli) -> None:
    assert cli("aws", "policy", "--account-id", "*:root").code == ExitCode.USAGE


def test_set_up_looked_at_then_done_then_there(
    cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...], box: Box
) -> None:
    plan = cli(*SETUP, *admin, "--dry-run", "--json")
    assert [item["there"] for item in plan.json["data"]] == [False] * 4
    done = cli(*SETUP, *admin, "--json")
    assert done.code == ExitCode.OK, done.err
    assert done.json["data"]["caller_arn"].endswith(":user/AWSBYOKKeycontrolUser")
    assert "✓ CreateAccessKey" in done.err
    again = cli(*SETUP, *admin, "--dry-run")
    assert again.out.count("✓ there") == 4
    assert cli(*SETUP, *admin).code == ExitCode.OK


def test_no_secret_is_shown(cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...], box: Box) -> None:
    done = cli(*SETUP, *admin)
    assert done.code == ExitCode.OK, done.err
    shown = done.out + done.err
    assert not [word for word in re.findall(r"[A-Za-z0-9+/]{40}", shown) if not re.fullmatch(r"[0-9a-f]{40}", word)]


def test_without_a_profile_nothing_is_done(cli: Cli, home: Path, unlocking: None) -> None:
    refused = cli(*SETUP)
    assert refused.code == ExitCode.USAGE
    assert "--output cli" in refused.err


def test_an_unknown_profile_is_named(cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...]) -> None:
    refused = cli(*SETUP, *admin[2:], "--profile", "nobody")
    assert refused.code == ExitCode.USAGE
    assert "nobody" in refused.err


def test_the_script_is_a_shell_script_whose_commands_aws_takes(cli: Cli) -> None:
    script = cli(*SETUP, "--output", "cli", "--tag", "team=the bank").out
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    one_line = script.replace("\\\n", " ")
    commands = [shlex.split(line) for line in re.findall(r"aws iam (.*?)(?:\)$| >| \|\||$)", one_line, re.MULTILINE)]
    assert [words[0] for words in commands] == [
        "delete-access-key", "create-policy", "create-user", "attach-user-policy", "create-access-key",
    ]  # fmt: skip
    for words in commands:
        operation = "".join(part.capitalize() for part in words[0].split("-"))
        names = {word[2:] for word in words if word.startswith("--")} - {"query", "output", "region"}
        assert names <= {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in members(operation)}
    tags = [json.loads(words[words.index("--tags") + 1]) for words in commands if "--tags" in words]
    assert tags == [[{"Key": "team", "Value": "the bank"}]] * 2


AWS_STAND_IN = """#!/bin/sh
echo "aws $*" >>"$CALLS"
case "$2" in
create-policy) echo arn:aws:iam::111122223333:policy/p ;;
create-access-key) printf 'AKIAIOSFODNN7EXAMPLE\\tthe-secret\\n' ;;
get-caller-identity)
    grep -q 'aws_secret_access_key = the-secret' "$AWS_SHARED_CREDENTIALS_FILE" || exit 2
    if [ -e "$CALLS.late" ]; then rm "$CALLS.late"; exit 254; fi ;;
esac
"""
KCTUI_STAND_IN = """#!/bin/sh
echo "kctui $*" >>"$CALLS"
while [ $# -gt 1 ]; do [ "$1" != --secret-access-key-file ] || { stat -c %a "$2"; cat "$2"; } >>"$CALLS"; shift; done
exit "$KCTUI_ENDS"
"""


def run_script(script: str, tmp_path: Path, kctui_ends: int = 0) -> tuple[int, str, str]:
    """The exit code, the calls of `aws` and `kctui`, and what is shown. Everything temporary is below tmp_path."""
    for name, text in (("aws", AWS_STAND_IN), ("kctui", KCTUI_STAND_IN), ("sleep", "#!/bin/sh\n")):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "secret").touch(0o644)
    ended = subprocess.run(
        ["sh"], input=script, text=True, cwd=tmp_path / "here", check=False, capture_output=True, timeout=60,
        env={
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(tmp_path / "tmp"),
            "CALLS": str(tmp_path / "calls"), "KCTUI_ENDS": str(kctui_ends),
        },
    )  # fmt: skip
    return ended.returncode, (tmp_path / "calls").read_text(), ended.stdout + ended.stderr


def test_the_script_waits_for_the_key_adds_the_account_and_leaves_no_secret(cli: Cli, tmp_path: Path) -> None:
    script = cli(*SETUP, "--output", "cli", "--description", "the bank's own", "--group", "Tellers").out
    (tmp_path / "calls.late").touch()
    code, calls, shown = run_script(script, tmp_path)
    assert code == 0, shown
    assert calls.count("get-caller-identity") == 2
    assert "kctui account add new-bank --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key-file" in calls
    assert "--description the bank's own --group Tellers" in calls
    assert "600\nthe-secret\n" in calls
    assert "delete-access-key" not in calls
    assert "the-secret" not in shown
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [file.read_text() for file in (tmp_path / "here").iterdir()] == [""]


def test_where_the_account_cannot_be_added_the_script_deletes_the_key(cli: Cli, tmp_path: Path) -> None:
    code, calls, _ = run_script(cli(*SETUP, "--output", "cli").out, tmp_path, kctui_ends=7)
    assert code == 7
    assert calls.splitlines()[-1].startswith("aws iam delete-access-key")
    assert calls.endswith("--access-key-id AKIAIOSFODNN7EXAMPLE\n")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_template_is_one_that_cloudformation_takes(cli: Cli) -> None:
    template = json.loads(cli(*SETUP, "--output", "cloudformation", "--tag", "team=bank").out)
    assert template["AWSTemplateFormatVersion"] == "2010-09-09"
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert kinds == {"Policy": "AWS::IAM::ManagedPolicy", "User": "AWS::IAM::User"}
    assert template["Resources"]["Policy"]["Properties"]["PolicyDocument"] == least_privilege()
    properties = template["Resources"]["User"]["Properties"]
    validate_parameters({name: properties[name] for name in ("UserName", "Tags")}, members_shape("CreateUser"))


def members_shape(operation: str) -> StructureShape:
    """What IAM takes for an operation, as botocore knows it."""
    shape = botocore.session.get_session().get_service_model("iam").operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    return shape


def members(operation: str) -> list[str]:
    return list(members_shape(operation).members)


def test_hostile_names_do_nothing_in_the_script(cli: Cli, tmp_path: Path) -> None:
    evil = "x'; touch owned; '"
    script = cli(
        "aws", "setup", evil, "--region", REGION, "--output", "cli", "--description", evil, "--group", evil
    ).out
    quoted = script.splitlines()
    program = "\n".join(["aws() { :; }", "kctui() { :; }", *quoted])
    subprocess.run(["sh"], input=program, text=True, cwd=tmp_path, check=False, capture_output=True)
    assert not (tmp_path / "owned").exists()
    shown = cli("aws", "setup", HOSTILE, "--region", REGION, "--output", "cli").out
    assert not set(HOSTILE_CHARACTERS) & set(shown)


def test_a_bad_user_name_is_refused(cli: Cli) -> None:
    assert cli(*SETUP, "--output", "cli", "--user-name", "a b").code == ExitCode.USAGE


@pytest.mark.parametrize("tag", ["aws:team=pay", "team=a,b", "k" * 129 + "=v"])
def test_tags_that_iam_does_not_take_are_refused(cli: Cli, tag: str) -> None:
    assert cli(*SETUP, "--output", "cli", "--tag", tag).code == ExitCode.USAGE


def test_a_refusal_speaks_of_the_administrators_profile(
    cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...], box: Box
) -> None:
    box.faults.add("CreateUser", FaultKind.ACCESS_DENIED)
    refused = cli(*SETUP, *admin)
    assert refused.code == ExitCode.REFUSED
    assert "Give the administrator's profile the permission iam:CreateUser" in refused.err
    assert "--output cli" in refused.err


def test_another_policy_of_the_name_is_shown_as_a_difference(
    cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...]
) -> None:
    assert cli(*SETUP, *admin, "--policy", "guide").code == ExitCode.OK
    refused = cli("aws", "setup", "second", "--region", REGION, *admin)
    assert refused.code == ExitCode.REFUSED
    assert re.search(r"^ *-.*kms:\*", refused.err, re.MULTILINE)
    assert re.search(r"^ *\+.*kms:CreateKey", refused.err, re.MULTILINE)


def test_terminated_after_the_answer_the_account_is_added_first(
    cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...], box: Box, passphrase_file: Path
) -> None:
    box.faults.add("DescribeRegions", FaultKind.SLOW, seconds=1)
    credentials = os.environ["AWS_SHARED_CREDENTIALS_FILE"]
    with Terminal(
        *SETUP, *admin, home=home, KCTUI_PASSPHRASE_FILE=str(passphrase_file), AWS_SHARED_CREDENTIALS_FILE=credentials
    ) as terminal:
        terminal.wait_for("✓ CreateAccessKey")
        terminal.send(signal.SIGTERM)
        assert terminal.exit_code() == ExitCode.OK
    assert [row["name"] for row in cli("account", "list", "--json").json["data"]] == ["new-bank"]


def test_terminated_before_it_the_command_is_to_be_run_again(
    cli: Cli, home: Path, unlocking: None, admin: tuple[str, ...], box: Box, passphrase_file: Path
) -> None:
    box.faults.add("CreateUser", FaultKind.SLOW, seconds=1)
    credentials = os.environ["AWS_SHARED_CREDENTIALS_FILE"]
    with Terminal(
        *SETUP, *admin, home=home, KCTUI_PASSPHRASE_FILE=str(passphrase_file), AWS_SHARED_CREDENTIALS_FILE=credentials
    ) as terminal:
        terminal.wait_for("… CreateUser")
        terminal.send(signal.SIGTERM)
        assert terminal.exit_code() == ExitCode.INTERRUPTED
    assert "Run this again" in terminal.shown
    assert "kctui recover" not in terminal.shown
    assert cli(*SETUP, *admin).code == ExitCode.OK
