"""`kctui demo`: AWS in a box for others to use, and a clear word where its packages are missing."""

import importlib.util
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from kctui.cli.exit_codes import ExitCode
from tests.cli.conftest import Cli
from tests.cli.program import environment


def test_serve_prints_a_box_that_works_until_it_is_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "kctui", "demo", "--serve", "--json"],
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert "runs until it is interrupted" in program.stderr.readline()
        text = ""
        while not text.endswith("}\n}\n"):
            text += program.stdout.readline()
        box = json.loads(text)["data"]
        identity = boto3.client(
            "sts",
            region_name="us-east-1",
            endpoint_url=box["endpoint_url"],
            aws_access_key_id=box["access_key_id"],
            aws_secret_access_key=box["secret_access_key"],
        ).get_caller_identity()
        assert identity["Account"] == box["aws_account_id"]
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == ExitCode.OK
    assert not (tmp_path / "home").exists()


def test_a_port_that_is_taken(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = cli("demo", "--serve", "--port", str(taken.getsockname()[1]))
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert "cannot be used: Address already in use" in result.err


@pytest.mark.parametrize("options", [("--tour", "--serve"), ("--tour", "--keys", "3"), ("--port", "1"), ("--json",)])
def test_options_that_do_not_go_together(cli: Cli, options: tuple[str, ...]) -> None:
    assert cli("demo", *options).code == ExitCode.USAGE


def test_missing_packages_are_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without_moto(name: str, package: str | None = None) -> Any:
        return None if name == "moto" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_moto)
    result = cli("demo", "--serve")
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert "Missing: moto." in result.err
    assert "→ pip install 'kctui[demo]'" in result.err
