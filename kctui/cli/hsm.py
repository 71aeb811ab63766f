"""`kctui hsm`: tokens of HSMs, through PKCS#11."""

from typing import TYPE_CHECKING

import click

from kctui.cli import confirm, messages, moments, output, secrets, shapes, vault
from kctui.cli.commands import Group, examples, json_option
from kctui.cli.completion import HSM
from kctui.cli.exit_codes import ExitCode
from kctui.cli.line import CommandLine
from kctui.cli.output import Column, Cut
from kctui.cli.pages import every
from kctui.cli.signals import run_operation
from kctui.cli.vault import unlock_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from kctui.core.lists import HsmRow
    from kctui.core.secret import Secret
    from kctui.core.store import Store

_AFTERWARDS = "Nothing was kept. A key-encryption key that was being made may be left on the token."


@click.group(cls=Group, epilog=examples("kctui hsm list", "kctui hsm add --help"))
def hsm() -> None:
    """HSMs: tokens that make and keep key material."""


def pin_options(function: "Callable[..., object]") -> "Callable[..., object]":
    """--pin-file and --pin-fd. A PIN is never a flag: other users see a process's arguments."""
    for option in (
        click.option("--pin-fd", metavar="N", type=click.IntRange(0), help="Read the PIN from open descriptor N."),
        click.option("--pin-file", metavar="FILE", help="Read the PIN from FILE, or - for standard input."),
    ):
        function = option(function)
    return function


@hsm.command(
    epilog=examples(
        "kctui hsm add bastion --module /usr/lib/softhsm/libsofthsm2.so --token-label bastion --allow-sha1",
        "kctui hsm add cloudhsm --module /opt/cloudhsm/lib/libcloudhsm_pkcs11.so --token-label hsm1 \\",
        "    --pin-file ~/crypto-user-and-password",
        "kctui hsm add nss --module libsoftokn3.so --token-label 'NSS Certificate DB' --allow-export \\",
        "    --init-args \"configdir='sql:/etc/nssdb' certPrefix='' keyPrefix='' secmod='' flags=\"",
    )
)
@click.argument("name")
@click.option("--module", metavar="PATH", required=True, help="The vendor's PKCS#11 library, by path or name.")
@click.option("--token-label", metavar="LABEL", required=True, help="The label of the token.")
@click.option("--slot", metavar="N", type=click.IntRange(0), help="Its slot, where several tokens have the label.")
@click.option("--init-args", metavar="TEXT", help="The module's own string for its initialisation (NSS).")
@click.option("--allow-sha1", is_flag=True, help="Consent to wrapping for AWS with SHA-1, where nothing else works.")
@click.option(
    "--allow-export", is_flag=True, help="Consent to a token that lets keys out which are marked non-extractable."
)
@click.option("--group", metavar="NAME", help="The Admin Group that may use it; needed where you are in several.")
@pin_options
@unlock_options
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    name: str,
    module: str,
    token_label: str,
    slot: int | None,
    init_args: str | None,
    allow_sha1: bool,
    allow_export: bool,
    group: str | None,
    pin_file: str | None,
    pin_fd: int | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Add an HSM. It is kept only if its token can do what AWS needs.

    The PIN is tried once, and never again by itself. What the token and AWS have in common is probed with throwaway
    keys; then a key-encryption key is made on the token, under which all key material is kept.
    """
    line = ctx.ensure_object(CommandLine)
    line.require_writable("Adding an HSM")
    line.the_home.require()
    from kctui.core.pkcs11.module import resolve

    resolve(module)
    with (
        _pin(pin_file, pin_fd, token_label) as pin,
        vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file)) as engine,
    ):
        from kctui.core.hsms import NewHsm, add_hsm

        new = NewHsm(name, module, token_label, pin, slot, init_args, group, allow_sha1, allow_export)
        run_operation(lambda observer: add_hsm(engine, new, observer), messages.StepLines(), afterwards=_AFTERWARDS)
        row = find(engine.store, name)
    messages.note(f"Added the HSM {row.name} with the token {row.token_label}.")
    _show(row, as_json)


@hsm.command("list", epilog=examples("kctui hsm list", "kctui hsm list --json"))
@click.option("--filter", "text", metavar="TEXT", default="", help="In the name or token label.")
@json_option
@click.pass_obj
def list_(line: CommandLine, text: str, as_json: bool) -> None:
    """List the HSMs. Their tokens are not asked."""
    with vault.opened(line) as engine:
        from kctui.core.lists import HsmList

        rows = list(every(HsmList(engine.store, text)))
    if as_json:
        output.document("hsms", [shapes.hsm(row) for row in rows])
        return
    if not rows:
        messages.note("There are no HSMs here." if not text else "No HSM fits the filter.")
        return
    columns: list[Column[HsmRow]] = [
        Column("HSM", lambda row: row.name, Cut.END),
        Column("Token", lambda row: row.token_label, Cut.END),
        Column("Serial", lambda row: row.token_serial, Cut.MIDDLE),
        Column("Admin Group", lambda row: row.group, Cut.END),
        Column("Key Sets", lambda row: str(row.key_sets), right=True),
        Column("Consents", consents, Cut.END),
        Column("Reached", reach, Cut.END),
    ]
    output.table(columns, rows)


@hsm.command(
    epilog=examples(
        "kctui hsm test bastion", "kctui hsm test bastion --again --json", "kctui hsm test bastion --new-pin"
    )
)
@click.argument("name", type=HSM)
@click.option("--again", is_flag=True, help="Probe anew, though library, token and firmware are as they were.")
@click.option("--new-pin", is_flag=True, help="Keep another PIN, once the token takes it: it was changed there.")
@pin_options
@unlock_options
@json_option
@click.pass_context
def test(
    ctx: click.Context,
    /,
    name: str,
    again: bool,
    new_pin: bool,
    pin_file: str | None,
    pin_fd: int | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> ExitCode:
    """Log in to an HSM and show what it can do: which AWS wrapping each key spec uses, what was refused and why.

    Exits with 1 when no key spec works.
    """
    line = ctx.ensure_object(CommandLine)
    if not new_pin and (pin_file is not None or pin_fd is not None):
        raise click.UsageError("--pin-file and --pin-fd go with --new-pin.", ctx)
    how = vault.unlocking(ctx, operator, passphrase_file)
    with vault.opened(line) as engine:
        row = find(engine.store, name)
        if new_pin:
            line.require_writable("A new PIN")
        given = _pin(pin_file, pin_fd, row.token_label) if new_pin else None
        try:
            vault.unlock(engine, how)
            from kctui.core.hsms import test_hsm

            found = run_operation(
                lambda observer: test_hsm(engine, name, observer, new_pin=given, again=again),
                messages.StepLines(),
                afterwards="Nothing was changed.",
            )
        finally:
            if given is not None:
                given.wipe()
    from kctui.cli import hsm_findings

    if as_json:
        output.document("hsm-test", hsm_findings.shape(name, found, sha1=row.sha1_allowed))
    else:
        token = found.token
        output.details(
            [
                ("HSM", name),
                ("Library", found.library),
                ("Token", f"{token.label}, serial {token.serial}, slot {token.slot}"),
                ("Made by", f"{token.manufacturer} {token.model}, firmware {token.firmware}"),
                ("SHA-1", "allowed: consent was given as it was added" if row.sha1_allowed else "no consent"),
                ("Exports", _exports(found.conformance.exports, row.export_allowed)),
                ("Probed", "now" if found.probed_now else moments.moment(found.probed_at)),
            ]
        )
        output.text("")
        hsm_findings.show(found.conformance, sha1=row.sha1_allowed)
    works = any(found.conformance.why_not(spec, sha1=row.sha1_allowed) is None for spec in found.conformance.specs)
    return ExitCode.OK if works else ExitCode.FAILED


@hsm.command(epilog=examples("kctui hsm remove bastion --confirm bastion", "kctui hsm remove bastion"))
@click.argument("name", type=HSM)
@click.option("--confirm", "confirmation", metavar="NAME", help="The name once more, instead of being asked for it.")
@unlock_options
@json_option
@click.pass_context
def remove(
    ctx: click.Context,
    name: str,
    confirmation: str | None,
    operator: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Remove an HSM that no Key Set uses. Its key-encryption key stays on the token."""
    line = ctx.ensure_object(CommandLine)
    with vault.unlocked(line, vault.unlocking(ctx, operator, passphrase_file), "Removing an HSM") as engine:
        from kctui.core.hsm_changes import remove_hsm

        row = find(engine.store, name)
        typed = confirm.typed_name(confirmation, row.name, "Remove HSM")
        remove_hsm(engine, row.id, confirmation=typed, revision=row.revision)
    messages.note(
        f"Removed the HSM {row.name}. Its key-encryption key, CKA_ID {row.kek_id}, stays on the token "
        f"{row.token_label}."
    )
    if as_json:
        output.document("hsm", shapes.hsm(row))


def find(store: "Store", name: str) -> "HsmRow":
    """The row of an HSM. Raises NotFoundError."""
    from kctui.core.errors import NotFoundError
    from kctui.core.lists import HsmList

    for row in every(HsmList(store, name)):
        if row.name == name:
            return row
    raise NotFoundError(
        f"There is no HSM {name}", remedy="`kctui hsm list` shows what there is; `kctui hsm add` adds one."
    )


def consents(row: "HsmRow") -> str:
    """What was consented to as it was added."""
    given = [word for word, is_given in (("SHA-1", row.sha1_allowed), ("export", row.export_allowed)) if is_given]
    return ", ".join(given) or moments.NOTHING


def reach(row: "HsmRow") -> str:
    """How it stands with the token, as it was last asked."""
    if row.pin_refused_at is not None:
        return f"✗ refused the PIN {moments.moment(row.pin_refused_at)}"
    if row.unreachable_since is not None:
        return f"✗ not since {moments.moment(row.unreachable_since)}: {row.unreachable_reason or 'no answer'}"
    return f"✓ {moments.moment(row.reached_at)}" if row.reached_at else "never"


def _pin(file: str | None, descriptor: int | None, token: str) -> "Secret":
    if file is not None and descriptor is not None:
        raise click.UsageError("--pin-file and --pin-fd exclude each other.")
    if file is None and descriptor is None:
        return secrets.ask_pin(token)
    return secrets.read_pin(file, descriptor)


def _exports(exports: bool, allowed: bool) -> str:
    if not exports:
        return "no: keys marked non-extractable stay on the token"
    return f"keys marked non-extractable too; {'consent was given' if allowed else 'there is no consent'}"


def _show(row: "HsmRow", as_json: bool) -> None:
    if as_json:
        output.document("hsm", shapes.hsm(row))
        return
    output.details(
        [
            ("Name", row.name),
            ("Admin Group", row.group),
            ("Module", row.module),
            ("Init args", row.init_args or moments.NOTHING),
            ("Token", row.token_label),
            ("Serial", row.token_serial or "none"),
            ("Slot", "by label and serial" if row.slot is None else str(row.slot)),
            ("Made by", f"{row.manufacturer} {row.token_model}".strip() or moments.NOTHING),
            ("Key-encryption key", f"CKA_ID {row.kek_id}"),
            ("Consents", consents(row)),
            ("Key Sets", str(row.key_sets)),
            ("Reached", reach(row)),
        ]
    )
