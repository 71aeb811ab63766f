"""What goes wrong says so once, with what to do about it, exits as documented, and changes nothing."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode, exit_code
from kctui.core import status, store
from kctui.core.errors import ErrorKind, KctuiError
from tests.cli.conftest import Cli
from tests.cli.program import Result

CREATE_KEY = ("key", "create", "new", "--key-set", "payroll", "--region", "eu-central-1")
ADD_ACCOUNT = ("account", "add", "new", "--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--region", "eu-central-1")


def refused(result: Result, code: ExitCode, *words: str) -> None:
    """One message on stderr, with a remedy, and nothing on stdout."""
    assert (result.code, result.out) == (code, "")
    assert result.err.count("✗ ") == 1, result.err
    assert "  → " in result.err, result.err
    for word in words:
        assert word in result.err, result.err


def contents(home: Path) -> str:
    """Everything that a command must not change: all tables but the audit log, and the configuration."""
    digest = hashlib.sha256((home / "config.toml").read_bytes())
    with contextlib.closing(sqlite3.connect(f"file:{home / 'kctui.db'}?mode=ro", uri=True)) as database:
        tables = [
            name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        for table in tables:
            if table not in {"audit_entry", "admin_group", "operator"}:
                digest.update(repr(database.execute(f"SELECT * FROM {table}").fetchall()).encode())
    return digest.hexdigest()


@pytest.fixture
def unchanged(stocked: Path, unlocking: None) -> Iterator[Path]:
    """A stocked home that must be the same afterwards."""
    before = contents(stocked)
    yield stocked
    assert contents(stocked) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*CREATE_KEY[:2], "aws/x", *CREATE_KEY[3:]), "cannot begin with aws/"),
        ((*CREATE_KEY[:2], "pay roll", *CREATE_KEY[3:]), "'pay roll' cannot be a CloudKey name"),
        ((*CREATE_KEY[:2], "x" * 251, *CREATE_KEY[3:]), "1 to 250 letters"),
        ((*CREATE_KEY[:-1], "europe"), "'europe' is not a region name"),
        ((*CREATE_KEY[:-1], "us-gov-west-1"), "not in the partition aws"),
        ((*CREATE_KEY, "--administrator", "alice"), "'alice' is not the ARN"),
        ((*CREATE_KEY, "--user", "arn:aws:s3:::bucket"), "is not the ARN"),
        ((*CREATE_KEY, "--expires", "tomorrow"), "'tomorrow' is not an expiration date"),
        ((*CREATE_KEY, "--expires", "2020-01-01"), "cannot expire on 2020-01-01"),
        ((*CREATE_KEY, "--expires", "2999-01-01"), "at most 365 days"),
        ((*CREATE_KEY, "--rotation-schedule", "monthly"), "'monthly' is not a rotation schedule"),
        ((*CREATE_KEY, "--tag", "team"), "'team' is not a tag"),
        ((*CREATE_KEY, "--tag", "aws:x=1"), "'aws:x' cannot be used"),
        ((*CREATE_KEY, "--description", "x" * 8193), "The description cannot be used"),
        (("keyset", "create", "a/b", "--account", "bank"), "cannot be the name of a Key Set"),
        (("keyset", "create", "new", "--account", "bank", "--rotation-schedule", "0d"), "not a rotation schedule"),
        (("keyset", "edit", "payroll", "--name", "a/b"), "cannot be the name of a Key Set"),
        (("keyset", "edit", "payroll", "--rotation-schedule", "0d"), "not a rotation schedule"),
        (("keyset", "edit", "payroll"), "Say what to change"),
        (("keyset", "edit", "nix", "--name", "new"), "There is no Key Set nix"),
        (("keyset", "remove", "nix", "--confirm", "nix"), "There is no Key Set nix"),
        (("keyset", "import", "payroll", "--region", "Europe", "--list"), "'Europe' is not a region name"),
        (("keyset", "import", "payroll", "--region", "cn-north-1", "--list"), "not in the partition aws"),
        (("keyset", "import", "payroll", "--region", "eu-central-1"), "Say which keys"),
        (("keyset", "import", "payroll", "--region", "eu-central-1", "--all", "--key-id", "x"), "Say which keys"),
        (("keyset", "import", "payroll", "--region", "eu-central-1", "--list", "--all"), "Say which keys"),
        (("keyset", "import", "nix", "--region", "eu-central-1", "--list"), "There is no Key Set nix"),
        (("status", "--region", "Europe"), "'Europe' is not a region name"),
        (("key", "list", "--region", "Europe"), "'Europe' is not a region name"),
    ],
)
def test_what_aws_would_refuse_is_refused_before(
    cli: Cli, unchanged: Path, arguments: tuple[str, ...], words: str
) -> None:
    refused(cli(*arguments), ExitCode.USAGE, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--access-key-id", "short"), "not an access key id"),
        (("--region", "nowhere"), "'nowhere' is not a region name"),
        (("--endpoint-url", "http://kms.example.com"), "not an endpoint URL"),
        (("--endpoint-url", "ftp://127.0.0.1"), "not an endpoint URL"),
        (("--group", "Nobody"), "not in an Admin Group Nobody"),
    ],
)
def test_an_account_that_cannot_be_is_refused_before_aws_is_asked(
    cli: Cli, unchanged: Path, tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x" * 40)
    secret.chmod(0o600)
    refused(cli(*ADD_ACCOUNT, "--secret-access-key-file", str(secret), *change), ExitCode.USAGE, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("account", "show", "nix"), "There is no CSP Account nix"),
        (("account", "test", "nix"), "There is no CSP Account nix"),
        (("keyset", "show", "nix"), "There is no Key Set nix"),
        (("keyset", "create", "new", "--account", "nix"), "There is no CSP Account nix"),
        (("key", "show", "nix"), "nix"),
        (("key", "disable", "nix"), "nix"),
        (("key", "list", "--key-set", "nix"), "There is no Key Set nix"),
        (("key", "create", "new", "--key-set", "nix", "--region", "eu-central-1"), "There is no Key Set nix"),
        (
            ("key", "create", "new", "--key-set", "nix", "--region", "eu-central-1", "--dry-run"),
            "There is no Key Set nix",
        ),
        (("status", "--key-set", "nix"), "There is no Key Set nix"),
        (("sync", "--account", "nix"), "There is no CSP Account nix"),
        (("keyset", "create", "new", "--account", "bank", "--operator", "mallory"), "There is no operator mallory"),
    ],
)
def test_an_unknown_name_is_refused(cli: Cli, unchanged: Path, arguments: tuple[str, ...], words: str) -> None:
    refused(cli(*arguments), ExitCode.USAGE, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keyset", "create", "payroll", "--account", "bank"), "There is a Key Set payroll already"),
        (("key", "create", "payroll-db", "--key-set", "payroll", "--region", "eu-central-1"), "payroll-db"),
        (("key", "enable", "payroll-db"), "the key is enabled already"),
        (("key", "upload", "payroll-db"), "the material is already there"),
        (("key", "disable", "payroll-exports"), "there is no material in the cloud"),
    ],
)
def test_what_the_state_does_not_allow_is_refused(
    cli: Cli, unchanged: Path, arguments: tuple[str, ...], words: str
) -> None:
    refused(cli(*arguments), ExitCode.REFUSED, words)


@pytest.mark.parametrize(
    "arguments",
    [
        CREATE_KEY,
        ("keyset", "create", "new", "--account", "bank"),
        ("keyset", "edit", "payroll", "--name", "new"),
        ("keyset", "remove", "payroll", "--confirm", "payroll"),
        ("keyset", "import", "payroll", "--region", "eu-central-1", "--all"),
        ADD_ACCOUNT,
        ("key", "disable", "payroll-db"),
        ("sync",),
        ("recover",),
        ("init",),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_read_only_refuses_every_change(cli: Cli, unchanged: Path, arguments: tuple[str, ...]) -> None:
    refused(cli("--read-only", *arguments), ExitCode.REFUSED, "read-only")


@pytest.mark.parametrize(
    "arguments", [("status",), ("key", "list"), ("account", "show", "bank"), ("audit", "verify"), ("recover", "--list")]
)
def test_read_only_shows_everything(cli: Cli, unchanged: Path, arguments: tuple[str, ...]) -> None:
    assert cli("--read-only", *arguments).code == ExitCode.OK


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("key", "list"), ("sync",), ("recover",), ("audit", "verify"), ADD_ACCOUNT],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_no_home(cli: Cli, unlocking: None, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused(cli(*arguments), ExitCode.USAGE, f"no kctui home at {tmp_path / 'home'}", "kctui init")
    assert not (tmp_path / "home").exists()


def test_doctor_without_a_home_says_so(cli: Cli, tmp_path: Path) -> None:
    result = cli("doctor")
    assert result.code == ExitCode.FAILED
    assert "✗ PROBLEM  home" in result.out
    assert not (tmp_path / "home").exists()


def test_a_second_init_is_refused(cli: Cli, unchanged: Path) -> None:
    refused(cli("init", "--operator", "mallory"), ExitCode.USAGE, "There is a kctui home", "already")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--database", "mysql://db/kctui"), "postgresql+psycopg://"),
        (("--database", "postgresql+psycopg://kctui:secret@db/kctui"), "holds a password"),
        (("--unix-group", "no-such-group"), "no Unix group no-such-group"),
        (("--operator", "a/b"), "cannot be the name of an operator"),
        (("--group", ""), "cannot be the name of an Admin Group"),
    ],
)
def test_an_init_that_cannot_be(
    cli: Cli, unlocking: None, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    refused(cli("init", *options), ExitCode.USAGE, words)
    assert not (tmp_path / "home" / "config.toml").exists()


def test_a_short_passphrase_is_refused(cli: Cli, passphrase_file: Path, tmp_path: Path) -> None:
    passphrase_file.write_text("short\n")
    refused(cli("init", "--passphrase-file", str(passphrase_file)), ExitCode.USAGE, "at least 12 characters")
    assert not (tmp_path / "home").exists()


def test_a_wrong_passphrase_is_refused_and_audited(cli: Cli, unchanged: Path, passphrase_file: Path) -> None:
    passphrase_file.write_text("not the passphrase\n")
    refused(cli("sync"), ExitCode.REFUSED, "does not open alice's key")
    assert cli("audit", "list", "--type", "warning", "--json").json["data"][0]["message"] == (
        "Unlock failed once for alice"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "it is empty"),
        (b"one\ntwo\n", "more than a passphrase"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_passphrase_file_that_is_none(
    cli: Cli, stocked: Path, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "other"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    refused(cli("sync", "--passphrase-file", str(file)), ExitCode.USAGE, words, "KCTUI_PASSPHRASE_FILE")


def test_a_passphrase_file_open_to_others_is_told(cli: Cli, stocked: Path, passphrase_file: Path) -> None:
    passphrase_file.chmod(0o644)
    result = cli("audit", "verify", "--passphrase-file", str(passphrase_file))
    assert result.code == ExitCode.OK
    assert f"chmod 600 {passphrase_file}" in result.err


def test_without_terminal_and_file_it_does_not_ask(cli: Cli, stocked: Path) -> None:
    refused(cli("sync"), ExitCode.REFUSED, "no terminal to ask", "$KCTUI_PASSPHRASE_FILE")


def test_a_locked_database(cli: Cli, stocked: Path, unlocking: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(stocked / "kctui.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = cli("keyset", "create", "new", "--account", "bank")
        assert cli("status").code == ExitCode.OK
    refused(result, ExitCode.FAILED, "held by another process", "fuser")


def test_a_database_locked_against_readers(cli: Cli, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(stocked / "kctui.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        result = cli("status")
    refused(result, ExitCode.FAILED, "held by another process")


@pytest.mark.parametrize(
    "arguments", [("status",), ("key", "list"), ("audit", "verify"), ("recover", "--list")], ids=" ".join
)
@pytest.mark.parametrize("damage", ["text", "torn"])
def test_a_damaged_database(cli: Cli, stocked: Path, damage: str, arguments: tuple[str, ...]) -> None:
    _damage(stocked / "kctui.db", damage)
    refused(cli(*arguments), ExitCode.FAILED, "is damaged", "restore the last backup")


@pytest.mark.parametrize("damage", ["text", "torn"])
def test_doctor_finds_a_damaged_database(cli: Cli, stocked: Path, damage: str) -> None:
    _damage(stocked / "kctui.db", damage)
    result = cli("doctor", "--json")
    assert result.code == ExitCode.FAILED
    verdicts = {finding["subject"]: finding["verdict"] for finding in result.json["data"]}
    assert verdicts["database"] == "PROBLEM"


def _damage(database: Path, how: str) -> None:
    content = bytearray(database.read_bytes())
    if how == "text":
        content[:] = b"This is not a database. " * 100
    else:
        # Every page but the first, as when a disk gave back other blocks.
        content[4096:] = b"\xa5" * (len(content) - 4096)
    database.write_bytes(content)


def test_a_missing_database(cli: Cli, stocked: Path) -> None:
    (stocked / "kctui.db").unlink()
    for arguments in (("status",), ("key", "list")):
        refused(cli(*arguments), ExitCode.FAILED, "is missing", "Restore it from a backup")


def test_a_database_of_something_else(cli: Cli, stocked: Path) -> None:
    (stocked / "kctui.db").unlink()
    with contextlib.closing(sqlite3.connect(stocked / "kctui.db")) as other:
        other.execute("CREATE TABLE weather (day TEXT)")
    refused(cli("status"), ExitCode.FAILED, "not a kctui database")


@pytest.mark.parametrize(
    "content", ["format = 1\nnonsense = 2\n", "format = 7\n", "format = \n", "format = 1\ndatabase = 3\n"]
)
def test_a_broken_configuration(cli: Cli, stocked: Path, content: str) -> None:
    (stocked / "config.toml").write_text(content)
    for arguments in (("status",), ("key", "list")):
        refused(cli(*arguments), ExitCode.USAGE, "configuration")


@pytest.mark.parametrize(
    "arguments", [("key", "list", "--frob"), ("frob",), ("key", "create"), ("audit", "list", "--limit", "x")]
)
def test_a_wrong_command_line(cli: Cli, stocked: Path, arguments: tuple[str, ...]) -> None:
    refused(cli(*arguments), ExitCode.USAGE, "--help`")


@pytest.mark.parametrize(
    "arguments", [("key", "show", "nix"), ("key", "list", "--frob"), ("status", "--region", "X")], ids=" ".join
)
def test_with_json_the_error_is_json_on_stderr(cli: Cli, stocked: Path, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments, "--json")
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert set(result.error) == {"title", "detail", "remedy", "exit_code"}
    assert result.error["exit_code"] == ExitCode.USAGE
    assert result.error["remedy"]


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_of_error_has_its_exit_code(kind: ErrorKind) -> None:
    error = KctuiError("x")
    error.kind = kind
    documented = {"failed": 1, "usage": 2, "unreachable": 3, "needs-recovery": 4, "refused": 5}
    assert exit_code(error) == documented[kind.value]
