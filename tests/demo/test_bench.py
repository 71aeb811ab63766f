"""The benchmark runs: a rate for every operation, in software and in each soft token that can do it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_operation_is_measured_in_software_and_in_the_soft_tokens() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "bench"), "--rounds", "1", "--seconds", "0.001"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.findall(r"^\| (\w+) \| ([\w ]+) \| ([\d.,]+) \| (.+) \| (.+) \|$", done.stdout, re.MULTILINE)
    assert len(rows) == 25
    assert done.stdout.startswith("Machine: ")
    in_softhsm = {spec for spec, _, _, softhsm, _ in rows if softhsm != "–"}
    assert in_softhsm == {"SYMMETRIC_DEFAULT", "HMAC_256", "ECC_NIST_P384"}
    assert all("×" in nss for *_, nss in rows)
