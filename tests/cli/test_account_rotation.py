"""`kctui account rotate-credentials`."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from types_boto3_iam.client import IAMClient

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.cli.conftest import Cli
from tests.cli.program import REGION
from tests.core.iam import USER, add_user, iam_of

_aws_accounts = count(310_000_000_001)
ROTATE = ("account", "rotate-credentials", "prod")


@pytest.fixture
def root(box: Box) -> AccessKey:
    return box.add_account(str(next(_aws_accounts)))


@pytest.fixture
def user(cli: Cli, home: Path, box: Box, root: AccessKey, tmp_path: Path, unlocking: None) -> AccessKey:
    """The access key of an IAM user, which is that of the CSP Account `prod`."""
    made = add_user(box, root, ["kms:*", "iam:*"])
    secret = tmp_path / "secret"
    secret.write_text(made.secret_access_key)
    secret.chmod(0o600)
    added = cli(
        *("account", "add", "prod", "--access-key-id", made.access_key_id, "--secret-access-key-file", str(secret)),
        *("--region", REGION, "--endpoint-url", box.endpoint),
    )
    assert added.code == ExitCode.OK, added.err
    return made


@pytest.fixture
def iam(box: Box, root: AccessKey, user: AccessKey) -> Iterator[IAMClient]:
    with iam_of(box, root) as client:
        yield client


def keys(iam: IAMClient) -> set[str]:
    return {key["AccessKeyId"] for key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]}


def test_it_is_rotated_step_by_step_and_nobody_sees_the_secret(cli: Cli, user: AccessKey, iam: IAMClient) -> None:
    result = cli(*ROTATE, "--confirm", "prod", "--json")
    assert result.code == ExitCode.OK, result.err
    data = result.json["data"]
    assert data["access_key_id"] != user.access_key_id
    assert data["credential_rotated_at"] is not None
    assert keys(iam) == {data["access_key_id"]}
    for step in ("CreateAccessKey", "Switch to the new access key", "DeleteAccessKey, the old one"):
        assert f"✓ {step}" in result.err
    assert cli("account", "test", "prod").code == ExitCode.FAILED  # ec2:DescribeRegions is not allowed; it signs in


def test_a_dry_run_shows_who_uses_it_and_the_calls_and_does_nothing(cli: Cli, user: AccessKey, iam: IAMClient) -> None:
    result = cli(*ROTATE, "--dry-run")
    assert result.code == ExitCode.OK, result.err
    for words in ("stops working", user.access_key_id, "last use", "cannot be brought back", "iam:CreateAccessKey"):
        assert words in result.out
    panel = cli(*ROTATE, "--dry-run", "--json").json["data"]
    assert (panel["access_key_id"], panel["refusal"], panel["in_the_way"]) == (user.access_key_id, None, None)
    assert panel["calls"][-1] == f"iam:DeleteAccessKey {user.access_key_id}"
    assert keys(iam) == {user.access_key_id}


def test_both_places_taken_names_the_other_one_and_the_way_on(cli: Cli, user: AccessKey, iam: IAMClient) -> None:
    other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    for given in (("--confirm", "prod"), ("--dry-run",)):
        result = cli(*ROTATE, *given)
        assert result.code == ExitCode.REFUSED
        assert f"--delete-other {other}" in result.err
    assert keys(iam) == {user.access_key_id, other}
    shown = cli(*ROTATE, "--dry-run", "--delete-other", other, "--json").json["data"]
    assert shown["calls"][0] == f"iam:DeleteAccessKey {other}"
    result = cli(*ROTATE, "--confirm", "prod", "--delete-other", other, "--json")
    assert result.code == ExitCode.OK, result.err
    assert keys(iam) == {result.json["data"]["access_key_id"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--confirm", "Prod"), "does not match"),
        ((), "--confirm prod"),
        (("--confirm", "prod", "--delete-other", "AKIAIOSFODNN7EXAMPLE"), "no other access key"),
        (("--dry-run", "--delete-other", "AKIAIOSFODNN7EXAMPLE"), "no other access key"),
    ],
)
def test_it_is_refused(cli: Cli, user: AccessKey, iam: IAMClient, given: tuple[str, ...], words: str) -> None:
    result = cli(*ROTATE, *given)
    assert (result.code, words in result.err) == (ExitCode.REFUSED, True), result.err
    assert keys(iam) == {user.access_key_id}


def test_an_interrupted_one_is_listed_and_recovered(cli: Cli, box: Box, user: AccessKey, iam: IAMClient) -> None:
    box.faults.add("UpdateAccessKey", FaultKind.ACCESS_DENIED)
    result = cli(*ROTATE, "--confirm", "prod")
    assert (result.code, "iam:UpdateAccessKey" in result.err) == (ExitCode.PARTIAL, True)
    assert "Rotate Credentials of prod" in cli("recover", "--list").out
    recovered = cli("recover")
    assert recovered.code == ExitCode.OK, recovered.err
    assert user.access_key_id not in keys(iam)
