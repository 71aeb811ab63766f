"""The demonstration's console: a throw-away home with sample data, against AWS in a box."""

import os
import secrets
import sys
import tempfile
from pathlib import Path

OPERATOR = "alice"
SAMPLE_KEYS = 33


def run_console_demo(keys: int | None) -> int:
    """Make the samples, at least `keys` CloudKeys in all, and open the console on them; its exit code.

    Everything is in a temporary directory and on loopback, and gone afterwards.
    """
    from kctui.core.engine import Engine
    from kctui.core.paths import Home
    from kctui.core.secret import Secret
    from kctui.demo.box import Box
    from kctui.demo.samples import Samples

    with tempfile.TemporaryDirectory(prefix="kctui-demo-") as folder, Box.start() as box:
        home = Home(Path(folder) / "home")
        passphrase = Secret(secrets.token_urlsafe(24))
        _say("A throw-away home and AWS in a box. Nothing leaves this machine.")
        with Engine.initialise(home, operator=OPERATOR, passphrase=passphrase) as engine:
            Samples(engine, box, _say).make(max(0, (keys or 0) - SAMPLE_KEYS))
        file = Path(folder) / "passphrase"
        file.touch(mode=0o600)
        file.write_text(passphrase.reveal_text())
        os.environ["KCTUI_PASSPHRASE_FILE"] = str(file)
        os.environ["KCTUI_OPERATOR"] = OPERATOR
        from kctui.app import run_console

        return run_console(home, read_only=False, tab=None, filter_text=None)


def _say(text: str) -> None:
    print(f"kctui demo: {text}", file=sys.stderr)  # noqa: T201 -- the demonstration's own front end
