"""`kctui demo`: a throw-away home with AWS in a box. It needs the packages of the extra `demo`."""

import errno
import importlib.util
import sys
from typing import TYPE_CHECKING

import click

from kctui.cli import messages, output
from kctui.cli.commands import Command, examples, json_option
from kctui.cli.exit_codes import ExitCode
from kctui.core.errors import ConfigurationError

if TYPE_CHECKING:
    from kctui.demo.box import Box

_PACKAGES = ("flask", "flask_cors", "moto")


@click.command(
    cls=Command,
    epilog=examples(
        "kctui demo",
        "kctui demo --keys 200",
        "kctui demo --tour",
        "kctui demo --tour --hsm",
        "kctui demo --serve --port 4566",
    ),
)
@click.option("--tour", is_flag=True, help="Print the guide's procedures while doing them.")
@click.option("--hsm", "with_hsm", is_flag=True, help="With --tour: key material in an HSM (SoftHSM).")
@click.option("--keys", type=click.IntRange(0, 100_000), metavar="N", help="Begin with so many CloudKeys.")
@click.option("--serve", "serving", is_flag=True, help="Run AWS in a box alone, on loopback, until interrupted.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="The port for --serve; 0 or none is any.")
@json_option
@click.pass_context
def demo(
    ctx: click.Context, tour: bool, with_hsm: bool, keys: int | None, serving: bool, port: int | None, as_json: bool
) -> int:
    """Try kctui without AWS: a throw-away home, and AWS in a box on this machine.

    On a terminal it opens the console with sample data; elsewhere it is the tour. Nothing leaves the machine, and
    nothing is left behind.
    """
    if sum((tour, serving, keys is not None)) > 1:
        raise click.UsageError("--tour, --serve and --keys exclude each other.", ctx)
    if with_hsm and not tour:
        raise click.UsageError("--hsm goes with --tour.", ctx)
    if port is not None and not serving:
        raise click.UsageError("--port goes with --serve.", ctx)
    if as_json and not serving:
        raise click.UsageError("--json goes with --serve.", ctx)
    _require_packages()
    if serving:
        return _serve(port or 0, as_json)
    if with_hsm:
        from kctui.demo.hsm_tour import run_hsm_tour

        return run_hsm_tour(_say)
    if tour or not _on_a_terminal():
        from kctui.demo.tour import run_tour

        return run_tour(_say)
    from kctui.demo.console import run_console_demo

    return run_console_demo(keys)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _serve(port: int, as_json: bool) -> ExitCode:
    """Run AWS in a box until SIGINT or SIGTERM."""
    from kctui.demo.box.serve import serve

    try:
        serve(port, lambda box: _announce(box, as_json))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise ConfigurationError(
            f"Port {port} cannot be used: {error.strerror}", remedy="Choose another, or leave --port out."
        ) from error
    return ExitCode.OK


def _announce(box: "Box", as_json: bool) -> None:
    """Tell where the box is and how to get in. Its secrets open nothing but itself, and end with it."""
    if as_json:
        output.document(
            "box",
            {
                "endpoint_url": box.endpoint,
                "aws_account_id": box.account_id,
                "access_key_id": box.root.access_key_id,
                "secret_access_key": box.root.secret_access_key,
            },
        )
    else:
        output.details(
            [
                ("Endpoint", box.endpoint),
                ("AWS account", box.account_id),
                ("Access key id", box.root.access_key_id),
                ("Secret access key", box.root.secret_access_key),
            ]
        )
    output.flush()
    messages.note("AWS in a box runs until it is interrupted (Ctrl-C).")


def _say(text: str) -> None:
    """Write a line at once: whoever reads it may be waiting for it."""
    output.lines(text.split("\n"))
    output.flush()


def _require_packages() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "The demonstration needs packages that are not installed",
            detail=f"Missing: {', '.join(missing)}.",
            remedy="pip install 'kctui[demo]'",
        )
