"""Light commands import nothing heavy, and need no passphrase."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kctui.cli.root import COMMANDS
from tests.cli.program import environment

HEAVY = ("textual", "boto3", "botocore", "sqlmodel", "sqlalchemy", "structlog", "cryptography")
_PROBE = """
import json, sys
sys.argv = ["kctui", *json.loads(sys.argv[1])]
from kctui.__main__ import main
try:
    main()
except SystemExit as ended:
    loaded = {name.partition(".")[0] for name in sys.modules}
    print(json.dumps([ended.code, sorted(loaded & set(json.loads(sys.stdin.read())))]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["status"],
        ["status", "--json"],
        ["completion", "bash"],
        ["key", "--help"],
        ["key", "create", "--help"],
        ["account", "add", "--help"],
        ["demo", "--help"],
        ["doctor", "--help"],
        ["aws", "setup", "--help"],
        ["aws", "policy"],
        ["aws", "policy", "--guide"],
        ["aws", "policy", "--reasons"],
    ],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(arguments: list[str], stocked: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps(arguments)],
        env=environment(stocked),
        input=json.dumps(HEAVY),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(ended.stderr.splitlines()[-1]) == [0, []]


def test_the_top_help_imports_no_command(stocked: Path) -> None:
    program = (
        "import sys; sys.argv = ['kctui', '--help']; from kctui.__main__ import main\n"
        "try: main()\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(stocked),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    loaded = set(ended.stderr.split())
    assert "kctui.cli.root" in loaded
    assert not {f"kctui.cli.{place.module}" for place in COMMANDS.values()} & loaded


def test_status_is_not_an_empty_command(stocked: Path) -> None:
    """The probe above would pass for a command that does nothing."""
    ended = subprocess.run(
        [sys.executable, "-m", "kctui", "status", "--json"],
        env=environment(stocked),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert len(json.loads(ended.stdout)["data"]) == 3
