"""A full disk, a directory that may not be written, a reader that left: the real program says so and keeps the home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kctui.cli.exit_codes import ExitCode
from tests.cli.program import environment, run_program
from tests.cli.test_bad_input import contents

# Root, too, is to obey file modes: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH leave its bounding set (PR_CAPBSET_DROP).
OBEY_MODES = "import ctypes; prctl = ctypes.CDLL(None).prctl; prctl(24, 1, 0, 0, 0); prctl(24, 2, 0, 0, 0)"


def _files_end_at(size: int) -> str:
    """No file grows beyond `size`: writing fails as on a full disk."""
    return f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


@pytest.fixture
def frozen(stocked: Path) -> Path:
    """A home on which nothing may be written."""
    for file in stocked.iterdir():
        file.chmod(0o400)
    stocked.chmod(0o500)
    return stocked


def test_status_can_be_read_where_nothing_can_be_written(frozen: Path) -> None:
    ended = run_program("status", env=environment(frozen), preparation=OBEY_MODES)
    assert (ended.returncode, ended.stderr) == (ExitCode.OK, "")
    assert "payroll-db" in ended.stdout


def test_a_home_that_cannot_be_written(frozen: Path, passphrase_file: Path) -> None:
    env = environment(frozen, passphrase_file)
    ended = run_program("keyset", "create", "new", "--account", "bank", env=env, preparation=OBEY_MODES)
    assert (ended.returncode, ended.stdout) == (ExitCode.FAILED, "")
    assert ended.stderr.count("✗ ") == 1
    assert "  → Check the owner and mode of the home directory" in ended.stderr


def test_a_home_of_somebody_else(stocked: Path) -> None:
    stocked.chmod(0)
    try:
        ended = run_program("status", env=environment(stocked), preparation=OBEY_MODES)
    finally:
        stocked.chmod(0o700)
    assert (ended.returncode, ended.stdout) == (ExitCode.USAGE, "")
    assert "may not be read by this user" in ended.stderr


def test_init_where_nothing_can_be_written(tmp_path: Path, passphrase_file: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    ended = run_program("init", env=environment(closed / "home", passphrase_file), preparation=OBEY_MODES)
    assert (ended.returncode, ended.stdout) == (ExitCode.FAILED, "")
    assert "cannot be made: Permission denied" in ended.stderr
    assert not (closed / "home").exists()


@pytest.mark.parametrize("size", [4096, 65_536])
def test_a_full_disk_leaves_no_half_of_a_home(tmp_path: Path, passphrase_file: Path, size: int) -> None:
    env = environment(tmp_path / "home", passphrase_file)
    ended = run_program("init", env=env, preparation=_files_end_at(size))
    assert (ended.returncode, ended.stdout) == (ExitCode.FAILED, "")
    assert "is full or failing" in ended.stderr
    assert "  → Free some space" in ended.stderr
    assert not (tmp_path / "home" / "config.toml").exists()
    again = run_program("init", env=env)
    assert again.returncode == ExitCode.OK, again.stderr


def test_a_full_disk_changes_nothing(stocked: Path, passphrase_file: Path) -> None:
    before = contents(stocked)
    ended = run_program(
        *("keyset", "create", "new", "--account", "bank"),
        env=environment(stocked, passphrase_file),
        preparation=_files_end_at(8192),
    )
    assert (ended.returncode, ended.stdout) == (ExitCode.FAILED, "")
    assert "is full or failing" in ended.stderr
    assert contents(stocked) == before


def test_status_can_be_read_on_a_full_disk(stocked: Path) -> None:
    ended = run_program("status", env=environment(stocked), preparation=_files_end_at(8192))
    assert (ended.returncode, ended.stderr) == (ExitCode.OK, "")
    assert "payroll-db" in ended.stdout


def test_output_to_a_full_disk_is_an_error(stocked: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "kctui", "key", "list"],
            env=environment(stocked),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == ExitCode.FAILED
    assert "The output cannot be written: No space left on device" in ended.stderr


def test_a_reader_that_left_is_no_error_message(stocked: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "kctui", "key", "list", "--json"],
            env=environment(stocked),
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (ExitCode.FAILED, "")


@pytest.mark.parametrize("redirection", ["2>&-", ">&-", "2>/dev/full"])
def test_closed_streams_stop_nothing(stocked: Path, passphrase_file: Path, redirection: str) -> None:
    name = f"set-{len(redirection)}"
    ended = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m kctui keyset create {name} --account bank --json {redirection}', sys.executable],
        env=environment(stocked, passphrase_file),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == ExitCode.OK
    shown = run_program("keyset", "show", name, env=environment(stocked))
    assert shown.returncode == ExitCode.OK


def test_an_encoding_without_the_glyphs(stocked: Path) -> None:
    ended = run_program("status", env=environment(stocked, PYTHONIOENCODING="latin-1"))
    assert ended.returncode == ExitCode.OK
    assert "? AVAILABLE" in ended.stdout
