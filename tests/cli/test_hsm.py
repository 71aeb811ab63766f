"""`kctui hsm`: what a user meets with a token of SoftHSM, whose PIN is tried once and whose SHA-1 needs consent."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode
from tests.cli.program import environment, run_program

MODULE = "libsofthsm2.so"
PIN = "2468-token"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Token:
    """A home, and a token of SoftHSM beside it; every command is a process of its own, which loads the module anew."""

    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command."""
        return run_program(*arguments, env=self.env)

    def pin(self, text: str) -> str:
        """A file with a PIN."""
        file = self.folder / f"pin-{text}"
        file.write_text(text)
        file.chmod(0o600)
        return str(file)

    def add(self, *options: str, pin: str = PIN) -> "subprocess.CompletedProcess[str]":
        """Add it as `bastion`."""
        where = ("--module", MODULE, "--token-label", "bastion", "--pin-file", self.pin(pin))
        return self.run("hsm", "add", "bastion", *where, *options)


@pytest.fixture
def token(connected: Path, passphrase_file: Path, tmp_path: Path) -> Token:
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    there = Token(tmp_path, environment(connected, passphrase_file, SOFTHSM2_CONF=str(configuration)))
    initialise(there, "bastion")
    return there


def initialise(there: Token, label: str) -> None:
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "13579-officer", "--pin", PIN],
        env={**os.environ, **there.env},
        capture_output=True,
        check=True,
    )


def test_a_token_with_sha1_alone_is_added_only_with_consent_which_the_audit_log_keeps(token: Token) -> None:
    refused = token.add()
    assert refused.returncode == ExitCode.REFUSED
    assert "with SHA-1 only" in refused.stderr
    assert json.loads(token.run("hsm", "list", "--json").stdout)["data"] == []
    assert token.add("--allow-sha1").returncode == ExitCode.OK
    [row] = json.loads(token.run("hsm", "list", "--json").stdout)["data"]
    assert (row["token_label"], row["sha1_allowed"], row["export_allowed"]) == ("bastion", True, False)
    assert "Consent to wrapping with SHA-1 for HSM bastion" in token.run("audit", "list").stdout


def test_a_test_says_which_wrapping_each_key_spec_uses_and_why_others_have_none(token: Token) -> None:
    token.add("--allow-sha1")
    told = token.run("hsm", "test", "bastion")
    assert told.returncode == ExitCode.OK
    assert "✓ RSAES_OAEP_SHA_1" in told.stdout
    assert "is not RFC 5649 for every length" in told.stdout
    found = json.loads(token.run("hsm", "test", "bastion", "--json").stdout)["data"]
    ways = {one["key_spec"]: one["wrapping"] for one in found["key_specs"]}
    assert ways["SYMMETRIC_DEFAULT"] == "RSAES_OAEP_SHA_1"
    assert ways["RSA_2048"] is None
    assert found["probed_now"] is False
    assert json.loads(token.run("hsm", "test", "bastion", "--again", "--json").stdout)["data"]["probed_now"] is True


def test_a_key_is_made_in_the_hsm_removed_and_brought_back_and_the_hsm_is_needed_from_then_on(token: Token) -> None:
    token.add("--allow-sha1")
    assert token.run("keyset", "create", "vaulted", "--account", "bank", "--hsm", "bastion").returncode == 0
    where = ("--key-set", "vaulted", "--region", "eu-central-1")
    made = token.run("key", "create", "in-the-hsm", *where, "--key-spec", "ECC_SECG_P256K1")
    assert made.returncode == ExitCode.OK, made.stderr
    shown = token.run("key", "show", "in-the-hsm", *where)
    assert "HSM bastion" in shown.stdout
    assert token.run("key", "remove-from-cloud", "in-the-hsm", *where, "--confirm", "in-the-hsm").returncode == 0
    assert token.run("key", "upload", "in-the-hsm", *where).returncode == ExitCode.OK
    removal = token.run("hsm", "remove", "bastion", "--confirm", "bastion")
    assert removal.returncode == ExitCode.REFUSED
    assert "1 Key Set and 1 key material need it" in removal.stderr


def test_a_key_spec_that_the_token_cannot_wrap_is_refused_before_anything_is_made(token: Token) -> None:
    token.add("--allow-sha1")
    token.run("keyset", "create", "vaulted", "--account", "bank", "--hsm", "bastion")
    where = ("--key-set", "vaulted", "--region", "eu-central-1")
    refused = token.run("key", "create", "rsa", *where, "--key-spec", "RSA_2048")
    assert refused.returncode == ExitCode.USAGE
    assert "The HSM cannot make RSA_2048 key material for AWS" in refused.stderr
    assert json.loads(token.run("key", "list", "--key-set", "vaulted", "--json").stdout)["data"] == []


def test_a_pin_that_was_refused_is_not_tried_again_until_another_is_given(token: Token) -> None:
    token.add("--allow-sha1")
    subprocess.run(
        ["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "bastion", "--login",
         "--pin", PIN, "--change-pin", "--new-pin", "new-token-pin"],
        env={**os.environ, **token.env}, capture_output=True, check=True,
    )  # fmt: skip
    first, second = token.run("hsm", "test", "bastion"), token.run("hsm", "test", "bastion")
    assert "The token does not take the PIN" in first.stderr
    assert "It is not tried again" in second.stderr
    assert (first.returncode, second.returncode) == (ExitCode.REFUSED, ExitCode.REFUSED)
    wrong = token.run("hsm", "test", "bastion", "--new-pin", "--pin-file", token.pin("also-wrong"))
    assert wrong.returncode == ExitCode.REFUSED
    given = token.run("hsm", "test", "bastion", "--new-pin", "--pin-file", token.pin("new-token-pin"))
    assert given.returncode == ExitCode.OK, given.stderr
    assert token.run("hsm", "test", "bastion").returncode == ExitCode.OK


def test_doctor_examines_the_hsms(token: Token) -> None:
    token.add("--allow-sha1")
    assert "bastion logs in, 6 of 12 key specs work" in token.run("doctor").stdout
    (token.folder / "tokens").rename(token.folder / "away")
    (token.folder / "tokens").mkdir()
    gone = token.run("doctor")
    assert "The token bastion" in gone.stdout
    assert "is not there" in gone.stdout


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--module", "/no/such.so"), ExitCode.USAGE, "No such file"),
        (("--module", "no-such.so"), ExitCode.USAGE, "in none of the usual folders"),
        (("--module", "/etc/hostname"), ExitCode.FAILED, "cannot be loaded as a PKCS#11 module"),
        (("--module", "libc.so.6"), ExitCode.FAILED, "cannot be loaded as a PKCS#11 module"),
        (("--token-label", "another"), ExitCode.UNREACHABLE, "The token another is not there"),
        (("--pin-file", "/no/such"), ExitCode.USAGE, "The PIN file /no/such cannot be read"),
    ],
)
def test_bad_input_is_told_and_nothing_is_kept(
    token: Token, options: tuple[str, str], code: ExitCode, told: str
) -> None:
    result = token.add("--allow-sha1", *options)
    assert (result.returncode, told in result.stderr) == (code, True), result.stderr
    assert json.loads(token.run("hsm", "list", "--json").stdout)["data"] == []


def test_two_tokens_with_one_label_are_listed_and_a_slot_tells_them_apart(token: Token) -> None:
    initialise(token, "bastion")
    ambiguous = token.add("--allow-sha1")
    assert ambiguous.returncode == ExitCode.USAGE
    assert "2 tokens have the label bastion" in ambiguous.stderr
    slot = next(word for line in ambiguous.stderr.splitlines() if "slot " in line for word in line.split()[-1:])
    assert token.add("--allow-sha1", "--slot", slot).returncode == ExitCode.OK


def test_a_pin_comes_from_a_descriptor_and_is_never_asked_for_without_a_terminal(token: Token) -> None:
    missing = token.run("hsm", "add", "bastion", "--module", MODULE, "--token-label", "bastion")
    assert missing.returncode == ExitCode.USAGE
    assert "The PIN is missing" in missing.stderr
    both = token.add("--allow-sha1", "--pin-fd", "0")
    assert both.returncode == ExitCode.USAGE
    given = run_program(
        "hsm", "add", "bastion", "--module", MODULE, "--token-label", "bastion", "--allow-sha1", "--pin-fd", "0",
        env=token.env, stdin=PIN + "\n",
    )  # fmt: skip
    assert given.returncode == ExitCode.OK, given.stderr


def test_an_hsm_that_nothing_uses_is_removed_by_its_name(token: Token) -> None:
    token.add("--allow-sha1")
    assert token.run("hsm", "remove", "bastion", "--confirm", "bastian").returncode == ExitCode.REFUSED
    removed = token.run("hsm", "remove", "bastion", "--confirm", "bastion")
    assert removed.returncode == ExitCode.OK
    assert "stays on the token bastion" in removed.stderr
    assert token.run("hsm", "test", "bastion").returncode == ExitCode.USAGE
