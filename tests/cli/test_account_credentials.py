"""`kctui account add` with each kind of credential, and what does not say one."""

from itertools import count
from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import AccessKey, Box
from tests.cli.conftest import Cli
from tests.cli.program import REGION
from tests.core.iam import add_role, add_user

_aws_accounts = count(300_000_000_001)


@pytest.fixture
def root(box: Box) -> AccessKey:
    return box.add_account(str(next(_aws_accounts)))


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: Box, root: AccessKey) -> str:
    user = add_user(box, root, ["kms:*", "sts:AssumeRole"])
    (tmp_path / "credentials").write_text(
        f"[byok]\naws_access_key_id = {user.access_key_id}\naws_secret_access_key = {user.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return "byok"


def test_a_profile_is_added_and_shown(cli: Cli, home: Path, box: Box, profile: str, unlocking: None) -> None:
    result = cli("account", "add", "prod", "--profile", profile, "--region", REGION, "--endpoint-url", box.endpoint)
    assert result.code == ExitCode.OK, result.err
    assert "profile" in result.out
    shown = cli("account", "show", "prod", "--json").json["data"]
    assert (shown["credential_kind"], shown["profile"], shown["access_key_id"]) == ("PROFILE", "byok", "")


def test_a_profile_assumes_a_role_with_an_external_id(
    cli: Cli, home: Path, box: Box, root: AccessKey, profile: str, unlocking: None
) -> None:
    arn = add_role(box, root, ["kms:*"], "7c1f")
    given = ("--profile", profile, "--role-arn", arn, "--external-id", "7c1f")
    result = cli("account", "add", "prod", *given, "--region", REGION, "--endpoint-url", box.endpoint, "--json")
    assert result.code == ExitCode.OK, result.err
    data = result.json["data"]
    assert (data["credential_kind"], data["role_arn"], data["external_id"]) == ("ASSUME_ROLE", arn, "7c1f")
    assert ":assumed-role/" in data["caller_arn"]


def test_a_schedule_says_when_the_access_key_is_due(
    cli: Cli, home: Path, box: Box, root: AccessKey, tmp_path: Path, unlocking: None
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(root.secret_access_key)
    secret.chmod(0o600)
    result = cli(
        *("account", "add", "prod", "--access-key-id", root.access_key_id, "--secret-access-key-file", str(secret)),
        *("--region", REGION, "--endpoint-url", box.endpoint, "--rotation-schedule", "90d", "--json"),
    )
    assert result.code == ExitCode.OK, result.err
    assert result.json["data"]["rotation_days"] == 90
    assert result.json["data"]["rotates_at"] is not None
    assert result.json["data"]["credential_rotated_at"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "Say with what the CSP Account signs in"),
        (("--profile", "byok", "--instance-role"), "Say one credential"),
        (("--profile", "byok", "--access-key-id", "AKIAIOSFODNN7EXAMPLE"), "Say one credential"),
        (("--profile", "byok", "--secret-access-key-file", "-"), "goes with --access-key-id"),
        (("--profile", "byok", "--external-id", "7c1f"), "goes with --role-arn"),
        (("--role-arn", "arn:aws:iam::111122223333:role/kctui"), "Say with what"),
        (("--profile", "byok", "--role-arn", "kctui"), "not the ARN of a role"),
        (("--profile", "byok", "--rotation-schedule", "90d"), "no access key to rotate"),
        (("--profile", "nix"), "no AWS profile nix"),
    ],
)
def test_what_does_not_say_one_credential_is_refused(
    cli: Cli, home: Path, profile: str, unlocking: None, given: tuple[str, ...], words: str
) -> None:
    result = cli("account", "add", "prod", *given, "--region", REGION)
    assert result.code == ExitCode.USAGE
    assert words in result.err
    assert cli("account", "list", "--json").json["data"] == []
