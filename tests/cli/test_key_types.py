"""`kctui key` with HMAC, RSA and ECC keys: on AWS in a box, with the real commands."""

import hashlib
from base64 import b64decode
from pathlib import Path

import boto3
import pytest
from types_boto3_kms.client import KMSClient

from kctui.cli.exit_codes import ExitCode
from kctui.core.words import MADE_SPECS, KeySpec, KeyUsage
from kctui.demo.box import Box
from tests.cli.conftest import Cli
from tests.cli.program import REGION

WHERE = ("--key-set", "payroll", "--region", REGION)


def kms(box: Box) -> KMSClient:
    return boto3.client(
        "kms", region_name=REGION, endpoint_url=box.endpoint, aws_access_key_id=box.root.access_key_id,
        aws_secret_access_key=box.root.secret_access_key,
    )  # fmt: skip


def test_a_signing_key_is_made_and_told_with_its_public_key(
    cli: Cli, connected: Path, unlocking: None, box: Box
) -> None:
    kind = ("--key-spec", "ECC_NIST_P384", "--key-usage", "SIGN_VERIFY")
    made = cli("key", "create", "releases", *WHERE, *kind, "--json")
    assert made.code == ExitCode.OK, made.err
    data = made.json["data"]
    assert (data["key_spec"], data["key_usage"], data["rotation_method"]) == ("ECC_NIST_P384", "SIGN_VERIFY", "NEW KEY")
    [version] = data["versions"]
    public = kms(box).get_public_key(KeyId="alias/releases")["PublicKey"]
    assert b64decode(version["public_key"]) == public
    assert version["key_material_id"] is None
    shown = cli("key", "show", "releases").out
    assert "ECC_NIST_P384 · sign and verify" in shown
    assert f"public key SHA-256 {hashlib.sha256(public).hexdigest()}" in shown


def test_an_hmac_key_is_made_rotated_removed_and_brought_back(
    cli: Cli, connected: Path, unlocking: None, box: Box
) -> None:
    made = cli("key", "create", "tokens", *WHERE, "--key-spec", "HMAC_256", "--json").json["data"]
    assert (made["key_usage"], made["versions"][0]["public_key"]) == ("GENERATE_VERIFY_MAC", None)
    assert cli("key", "rotate", "tokens", *WHERE).code == ExitCode.OK
    before = kms(box).generate_mac(KeyId="alias/tokens", Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert cli("key", "remove-from-cloud", "tokens", *WHERE, "--confirm", "tokens").code == ExitCode.OK
    assert cli("key", "upload", "tokens", *WHERE).code == ExitCode.OK
    after = kms(box).generate_mac(KeyId="alias/tokens", Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert before == after


@pytest.mark.parametrize("spec", MADE_SPECS)
def test_the_dry_run_says_what_the_key_would_be_for(cli: Cli, connected: Path, spec: KeySpec) -> None:
    calls = cli("key", "create", "new", *WHERE, "--key-spec", spec.value, "--dry-run", "--json").json["data"]["calls"]
    choice = f", {spec.usages[0].value}" if len(spec.usages) > 1 else ""
    assert calls[1] == f"kms:CreateKey Origin=EXTERNAL, {spec.value}{choice}, policy, tags"


def test_a_usage_that_the_spec_has_not_is_wrong_use(cli: Cli, connected: Path) -> None:
    wrong = cli("key", "create", "new", *WHERE, "--key-spec", "ECC_SECG_P256K1", "--key-usage", "KEY_AGREEMENT")
    assert wrong.code == ExitCode.USAGE
    assert "ECC_SECG_P256K1 cannot be for KEY_AGREEMENT" in wrong.err
    assert "It can be for SIGN_VERIFY." in wrong.err


def test_rotating_a_key_pair_in_place_is_wrong_use(cli: Cli, connected: Path, unlocking: None) -> None:
    assert cli("key", "create", "agreeing", *WHERE, "--key-spec", "ECC_NIST_P256").code == ExitCode.OK
    refused = cli("key", "rotate", "agreeing", *WHERE, "--method", "in-place")
    assert refused.code == ExitCode.USAGE
    assert "by a new KMS key" in refused.err


def test_the_help_names_every_spec_and_usage(cli: Cli) -> None:
    told = cli("key", "create", "--help").out
    assert all(word in told for word in (*MADE_SPECS, *KeyUsage))
