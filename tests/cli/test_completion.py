"""What a shell completes comes from the local database alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import HOSTILE_CHARACTERS, environment


def _complete(home: Path, *words: str) -> list[str]:
    line = ["kctui", *words]
    env = environment(home, _KCTUI_COMPLETE="bash_complete", COMP_WORDS=" ".join(line), COMP_CWORD=str(len(line) - 1))
    ended = subprocess.run(
        [sys.executable, "-m", "kctui"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr == ""
    return [item.partition(",")[2] for item in ended.stdout.split()]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("key", "show", "payroll-d"), ["payroll-db"]),
        (("key", "create", "--key-set", "pay"), ["payroll"]),
        (("keyset", "create", "--account", ""), ["bank"]),
        (("key", "en"), ["enable"]),
        (("stat",), ["status"]),
    ],
)
def test_names_complete(stocked: Path, words: tuple[str, ...], names: list[str]) -> None:
    assert _complete(stocked, *words) == names


def test_a_hostile_name_is_made_safe(stocked: Path) -> None:
    found = "".join(_complete(stocked, "key", "show", "legacy"))
    assert "legacy-a" in found
    assert not set(HOSTILE_CHARACTERS) & set(found)


def test_without_a_home_nothing_completes(tmp_path: Path) -> None:
    assert _complete(tmp_path / "none", "key", "show", "") == []
