"""The tours come to their end: every command and every use of a key in them succeeds, or fails as it must."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("options", "titles", "uses"),
    [
        ((), ["2.5", "2.6", "2.7", "2.9", "2.10", "2.11", "2.12"], 7),
        (("--hsm",), ["Symmetric", "HMAC", "ECC", "RSA"], 12),
    ],
    ids=["guide", "hsm"],
)
def test_a_tour_comes_to_its_end(options: tuple[str, ...], titles: list[str], uses: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KCTUI_"))}
    done = subprocess.run(
        [sys.executable, "-m", "kctui", "demo", "--tour", *options],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert [title for title in titles if not any(line.startswith(f"{title}  ") for line in lines)] == []
    assert sum("the same plaintext again" in line or "the same key" in line for line in lines) == uses
