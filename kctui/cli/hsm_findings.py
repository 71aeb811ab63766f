"""What the probe found of a token, as a table and as JSON. It loads python-pkcs11."""

from typing import TYPE_CHECKING

from kctui.cli import moments, output, shapes
from kctui.cli.output import Column, Cut
from kctui.core.pkcs11.findings import MAKE, Conformance, Refused, SpecFindings
from kctui.core.words import KeySpec

if TYPE_CHECKING:
    from kctui.core.hsms import HsmTest


def show(conformance: Conformance, *, sha1: bool) -> None:
    """Print which way each key spec goes to AWS; and below it what was refused, and why."""
    columns: list[Column[KeySpec]] = [
        Column("Key spec", lambda spec: spec.value),
        Column("Made", lambda spec: "✗" if MAKE in conformance.specs[spec].refused else "✓"),
        Column("Kept by", lambda spec: kept_by(conformance.specs[spec])),
        Column("Wrapping for AWS", lambda spec: used(conformance, spec, sha1=sha1)),
    ]
    output.table(columns, list(conformance.specs))
    rows = conformance.refusals()
    if rows:
        output.text("")
        refused: list[Column[Refused]] = [
            Column("Refused", lambda row: row.what),
            Column("Why", lambda row: row.why, Cut.END),
            Column("Key specs", lambda row: ", ".join(spec.value for spec in row.specs), Cut.END),
        ]
        output.table(refused, rows)


def used(conformance: Conformance, spec: KeySpec, *, sha1: bool) -> str:
    """The wrapping that a key spec will use, or that there is none."""
    refusal = conformance.why_not(spec, sha1=sha1)
    if refusal is None:
        return f"✓ {conformance.choose(spec, sha1=sha1).way.value}"
    if spec in conformance.sha1_only:
        return f"✗ {conformance.specs[spec].ways[0].value}: no consent to SHA-1"
    return "✗ none"


def kept_by(found: SpecFindings) -> str:
    """The mechanism that keeps its key material under the key-encryption key."""
    return f"{found.keeps_by:#x}" if found.keeps_by is not None else moments.NOTHING


def shape(name: str, found: "HsmTest", *, sha1: bool) -> shapes.Json:
    """A test as JSON."""
    token = found.token
    return {
        "name": name,
        "library": found.library,
        "token_label": token.label,
        "token_serial": token.serial,
        "slot": token.slot,
        "manufacturer": token.manufacturer,
        "model": token.model,
        "firmware": token.firmware,
        "exports_non_extractable_keys": found.conformance.exports,
        "probed_at": shapes.moment(found.probed_at),
        "probed_now": found.probed_now,
        "key_specs": [
            {
                "key_spec": spec.value,
                "kept_by": findings.keeps_by,
                "wrapping": found.conformance.choose(spec, sha1=sha1).way.value
                if found.conformance.why_not(spec, sha1=sha1) is None
                else None,
                "refused": [{"what": what, "why": why} for what, why in findings.refused.items()],
            }
            for spec, findings in found.conformance.specs.items()
        ],
    }
