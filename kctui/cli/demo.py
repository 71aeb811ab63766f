"""`kctui demo`: a throw-away home with AWS in a box. It needs the packages of the extra `demo`."""

import importlib.util

import click

from kctui.cli import output
from kctui.cli.commands import Command, examples
from kctui.core.errors import ConfigurationError

_PACKAGES = ("flask", "flask_cors", "moto")


@click.command(
    cls=Command,
    epilog=examples("kctui demo", "kctui demo --keys 200", "kctui demo --tour", "kctui demo --serve --port 4566"),
)
@click.option("--tour", is_flag=True, help="Print the guide's procedures while doing them.")
@click.option("--keys", type=click.IntRange(0, 100_000), metavar="N", help="Begin with so many CloudKeys.")
@click.option("--serve", "serving", is_flag=True, help="Run AWS in a box alone, on loopback, until interrupted.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="The port for --serve; 0 or none is any.")
@click.pass_context
def demo(ctx: click.Context, tour: bool, keys: int | None, serving: bool, port: int | None) -> int:
    """Try kctui without AWS: a throw-away home, and AWS in a box on this machine.

    Nothing leaves the machine, and nothing is left behind.
    """
    if sum((tour, serving, keys is not None)) > 1:
        raise click.UsageError("--tour, --serve and --keys exclude each other.", ctx)
    if port is not None and not serving:
        raise click.UsageError("--port goes with --serve.", ctx)
    _require_packages()
    if serving:
        from kctui.demo.box.serve import serve

        return serve(port or 0, _announce)
    if tour:
        from kctui.demo.tour import run_tour

        return run_tour(_announce)
    from kctui.demo.console import run_console_demo

    return run_console_demo(keys)


def _announce(text: str) -> None:
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
