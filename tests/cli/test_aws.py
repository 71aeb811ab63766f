"""`kctui aws`: the policy as data, the set-up as a plan, done, and for those who may not."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import botocore.session
import pytest
from botocore.model import StructureShape
from botocore.validate import validate_parameters

from kctui.cli.exit_codes import ExitCode
from kctui.core.aws.permissions import PERMISSIONS
from kctui.core.aws.policy_documents import guide_policy, least_privilege
from kctui.demo.box import Box
from tests.cli.conftest import Cli
from tests.cli.program import HOSTILE, HOSTILE_CHARACTERS, REGION

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
    script = cli(*SETUP, "--output", "cli", "--tag", "team=the bank's").out
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    one_line = script.replace("\\\n", " ")
    commands = [shlex.split(line) for line in re.findall(r"aws iam (.*?)(?:\)$|>|$)", one_line, re.MULTILINE)]
    assert [words[0] for words in commands] == [
        "create-policy", "create-user", "attach-user-policy", "create-access-key",
    ]  # fmt: skip
    for words in commands:
        operation = "".join(part.capitalize() for part in words[0].split("-"))
        names = {word[2:] for word in words if word.startswith("--")} - {"query", "output"}
        assert names <= {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in members(operation)}
    assert "team,Value=the bank" in script


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
    script = cli("aws", "setup", evil, "--region", REGION, "--output", "cli", "--tag", f"a={evil}").out
    quoted = script.splitlines()
    program = "\n".join(["aws() { :; }", "kctui() { :; }", *quoted])
    subprocess.run(["sh"], input=program, text=True, cwd=tmp_path, check=False, capture_output=True)
    assert not (tmp_path / "owned").exists()
    shown = cli("aws", "setup", HOSTILE, "--region", REGION, "--output", "cli").out
    assert not set(HOSTILE_CHARACTERS) & set(shown)


def test_a_bad_user_name_is_refused(cli: Cli) -> None:
    assert cli(*SETUP, "--output", "cli", "--user-name", "a b").code == ExitCode.USAGE
