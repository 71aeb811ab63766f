"""`kctui account edit` and `remove`."""

from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode
from kctui.demo.box import Box
from tests.cli.conftest import Cli

# The Key Set of a connected home is of `bank`; another account of the same key is free to go.
SPARE = "spare"


@pytest.fixture
def spare(cli: Cli, connected: Path, box: Box, tmp_path: Path, unlocking: None) -> str:
    secret = tmp_path / "secret"
    secret.write_text(box.root.secret_access_key)
    secret.chmod(0o600)
    added = cli(
        *("account", "add", SPARE, "--access-key-id", box.root.access_key_id, "--secret-access-key-file", str(secret)),
        *("--region", "eu-central-1", "--endpoint-url", box.endpoint),
    )
    assert added.code == ExitCode.OK, added.err
    return SPARE


def names(cli: Cli) -> list[str]:
    return [row["name"] for row in cli("account", "list", "--json").json["data"]]


def test_an_edit_changes_what_is_named_and_nothing_else(cli: Cli, spare: str) -> None:
    before = cli("account", "show", spare, "--json").json["data"]
    result = cli("account", "edit", spare, "--description", "Payroll", "--rotation-schedule", "90d", "--json")
    assert result.code == ExitCode.OK, result.err
    after = result.json["data"]
    assert after["rotates_at"] is not None
    changed = {"description": "Payroll", "rotation_days": 90, "rotates_at": after["rotates_at"], "revision": 2}
    assert after == before | changed
    assert cli("account", "edit", spare, "--rotation-schedule", "never", "--json").json["data"]["rotates_at"] is None


def test_an_edit_renames(cli: Cli, spare: str) -> None:
    assert cli("account", "edit", spare, "--name", "prod").code == ExitCode.OK
    assert names(cli) == ["bank", "prod"]


def test_an_edit_that_names_nothing_is_wrong_use(cli: Cli, spare: str) -> None:
    result = cli("account", "edit", spare)
    assert (result.code, "nothing to change" in result.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--name", "bank"), ExitCode.REFUSED, "There is a CSP Account bank already"),
        (("--region", "us-gov-west-1"), ExitCode.USAGE, "not in the partition"),
        (("--endpoint-url", "http://127.0.0.1:1"), ExitCode.UNREACHABLE, "nothing answers"),
        (("--profile", "nix"), ExitCode.USAGE, "no AWS profile nix"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(
    cli: Cli, spare: str, arguments: tuple[str, ...], code: ExitCode, words: str
) -> None:
    result = cli("account", "edit", spare, *arguments)
    assert (result.code, words in result.err) == (code, True), result.err
    assert cli("account", "show", spare, "--json").json["data"]["revision"] == 1


def test_an_account_is_removed_by_its_name(cli: Cli, spare: str) -> None:
    result = cli("account", "remove", spare, "--confirm", spare, "--json")
    assert result.code == ExitCode.OK, result.err
    assert result.json["data"]["name"] == spare
    assert names(cli) == ["bank"]


def test_a_dry_run_removes_nothing_and_asks_for_no_name(cli: Cli, spare: str) -> None:
    result = cli("account", "remove", spare, "--dry-run")
    assert (result.code, "stays active" in result.out) == (ExitCode.OK, True)
    assert names(cli) == ["bank", spare]


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        (SPARE, ("--confirm", "Spare"), "does not match"),
        (SPARE, (), f"--confirm {SPARE}"),
        ("bank", ("--confirm", "bank"), "its Key Set payroll uses it"),
        ("bank", (), "its Key Set payroll uses it"),
        ("bank", ("--dry-run",), "its Key Set payroll uses it"),
    ],
)
def test_a_removal_is_refused(cli: Cli, spare: str, name: str, given: tuple[str, ...], words: str) -> None:
    result = cli("account", "remove", name, *given)
    assert (result.code, words in result.err) == (ExitCode.REFUSED, True), result.err
    assert names(cli) == ["bank", spare]


def test_a_wrong_name_is_in_the_audit_log(cli: Cli, spare: str) -> None:
    cli("account", "remove", spare, "--confirm", "nix")
    entries = cli("audit", "list", "--json").json["data"]
    assert any("wrong name typed" in entry["message"] for entry in entries)
