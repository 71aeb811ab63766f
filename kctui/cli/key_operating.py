"""What the commands that do something to one CloudKey share: which one it is, and running the operation on it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from kctui.cli import key_views, messages, vault
from kctui.cli.completion import CLOUD_KEY, KEY_SET
from kctui.cli.line import CommandLine
from kctui.cli.moments import moment
from kctui.cli.signals import run_operation

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import CloudKeyRow
    from kctui.core.observer import Observer

Decorated = TypeVar("Decorated", bound=Callable[..., object])
Which = tuple[str, str | None, str | None]
Operation = Callable[["Engine", str, int, "Observer"], None]


def one_key(function: Decorated) -> Decorated:
    """NAME --key-set --region: which CloudKey."""
    function = click.option("--region", metavar="REGION", help="Its region; needed where several have the name.")(
        function
    )
    function = click.option(
        "--key-set", metavar="NAME", type=KEY_SET, help="Its Key Set; needed where several have the name."
    )(function)
    return click.argument("name", type=CLOUD_KEY)(function)


def operate(
    ctx: click.Context,
    which: Which,
    how: vault.Unlocking,
    operation: Operation,
    done: str,
    as_json: bool,
    *,
    ask: "Callable[[Engine, CloudKeyRow], None] | None" = None,
) -> None:
    """Run an operation on one CloudKey, and show what it came to.

    done: what to say then, with {key} for the CloudKey and {deletion} for the date that KMS deletes it on.
    ask: asked before, with the row as it is then.
    """
    line = ctx.ensure_object(CommandLine)
    name, key_set, region = which
    with vault.unlocked(line, how, f"Changing the CloudKey {name}") as engine:
        from kctui.core.details import cloud_key_details
        from kctui.core.lists import find_cloud_key

        row = find_cloud_key(engine.store, name, key_set=key_set, region=region)
        if ask is not None:
            ask(engine, row)
        run_operation(lambda observer: operation(engine, row.id, row.revision, observer), messages.StepLines())
        details = cloud_key_details(engine.store, row.id)
    which_one, deletion = f"the CloudKey {row.name} in {row.region}", moment(details.row.deletion_date)
    messages.note(done.format(key=which_one, deletion=deletion))
    if as_json:
        key_views.show(details, as_json)
    else:
        key_views.brief(details)
