"""`kctui completion`, and the names that a shell completes: from the local database only, without unlocking."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from kctui.cli import output
from kctui.cli.commands import Command, examples
from kctui.core.errors import KctuiError
from kctui.core.paths import find_home
from kctui.core.text import safe

_SHELLS = ("bash", "zsh", "fish")


class Name(click.types.StringParamType):
    """A name of something that the home knows; `table` is its table in the database."""

    name = "name"

    def __init__(self, table: str) -> None:
        self.table = table

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The known names that begin so. A home that cannot be read completes nothing."""
        from kctui.core.status import known_names

        try:
            names = known_names(find_home(ctx.find_root().params.get("home")), self.table)
        except KctuiError:
            return []
        return [CompletionItem(safe(name)) for name in names if name.startswith(incomplete)]


CLOUD_KEY = Name("cloud_key")
KEY_SET = Name("key_set")
CSP_ACCOUNT = Name("csp_account")
HSM = Name("hsm")


@click.command(
    cls=Command,
    epilog=examples(
        "kctui completion bash > ~/.local/share/bash-completion/completions/kctui",
        "kctui completion zsh > ~/.zfunc/_kctui",
        "kctui completion fish > ~/.config/fish/completions/kctui.fish",
    ),
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.", ctx)
    script = found(ctx.find_root().command, {}, "kctui", "_KCTUI_COMPLETE")
    output.text(script.source_template % script.source_vars())
