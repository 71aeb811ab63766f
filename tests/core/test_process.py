"""Who acts, whether another process still lives, and what a hardened process gives away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from kctui.core.clock import now
from kctui.core.ownership import HEARTBEAT, SILENCE, owner_lives
from kctui.core.process import process_lives, this_host, this_process, whereabouts

NAME = "from kctui.core.process import this_process; print(this_process(), flush=True); import sys; sys.stdin.read()"
HARDENED = """
import os, resource
from kctui.core.process import harden, is_hardened

before = is_hardened()
harden()
print(before, is_hardened(), resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)))
"""


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process, and the name it gives itself."""
    command = [sys.executable, "-c", NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.fixture(autouse=True)
def _nobody_in_particular(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_CONNECTION", "SSH_CLIENT", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)


def test_this_process_lives() -> None:
    assert process_lives(this_process())


def test_another_process_lives_until_it_ends(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    assert name.startswith(f"{process.pid}/")
    assert process_lives(name)
    process.kill()
    process.wait()
    assert not process_lives(name)


def test_a_dead_process_that_nobody_has_reaped_does_not_live(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not process_lives(name)


def test_another_process_under_the_same_id_is_not_the_one() -> None:
    assert not process_lives(f"{os.getpid()}/12345")


@pytest.mark.parametrize("name", ["", "/", "nonsense", "-1/5", "²/5", "999999999/", "999999999/5"])
def test_what_names_no_process_does_not_live(name: str) -> None:
    assert not process_lives(name)


def test_a_hardened_process_leaves_no_core_and_private_files() -> None:
    done = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=2) == ["False", "True", "(0, 0) 0o77\n"]


def test_an_ssh_session_is_named_by_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    assert whereabouts().ssh_client is None
    monkeypatch.setenv("SSH_CONNECTION", "2001:db8::7 50022 10.0.0.4 22")
    assert whereabouts().ssh_client == "2001:db8::7"


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_ssh_connection_is_none(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("SSH_CONNECTION", empty)
    assert whereabouts().ssh_client is None


def test_behind_sudo_the_person_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = whereabouts().unix_user
    monkeypatch.setenv("SUDO_USER", "alice")
    assert whereabouts().unix_user == f"{plain} (sudo by alice)"


def test_on_this_host_the_process_table_tells_whether_an_owner_lives() -> None:
    assert owner_lives(this_host(), this_process(), None)
    assert not owner_lives(this_host(), f"{os.getpid()}/12345", now())


@pytest.mark.parametrize(("silent", "lives"), [(timedelta(0), True), (SILENCE / 2, True), (SILENCE * 1.01, False)])
def test_on_another_host_the_heartbeat_tells(silent: timedelta, lives: bool) -> None:
    assert owner_lives("elsewhere/boot/ns", "1/1", now() - silent) is lives


def test_nobody_and_who_was_never_seen_do_not_live() -> None:
    assert not owner_lives(None, None, now())
    assert not owner_lives(None, this_process(), now())
    assert not owner_lives(this_host(), None, now())
    assert not owner_lives("elsewhere/boot/ns", "1/1", None)


def test_several_heartbeats_may_be_missed() -> None:
    assert SILENCE > 5 * HEARTBEAT
