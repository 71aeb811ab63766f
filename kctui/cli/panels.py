"""What an action would do, as text and as JSON: the panel of --dry-run, and above the question for the name."""

from typing import TYPE_CHECKING

from kctui.cli import output

if TYPE_CHECKING:
    from kctui.cli.shapes import Json
    from kctui.core.consequences import Consequences


def lines(panel: "Consequences") -> list[str]:
    """The panel as text; its foreign words are made safe by whoever writes it."""
    row = panel.row
    wide = max((len(line.label) for line in panel.lines), default=0)
    return [
        *([panel.words, ""] if panel.words else []),
        f"CloudKey     {row.name}",
        f"KeyId        {row.kms_key_id or '–'}",
        f"Key Set      {row.key_set}",
        f"CSP Account  {row.account}",
        f"Region       {row.region}",
        "",
        *(f"{line.mark.value} {line.label:<{wide}}  {line.text}" for line in panel.lines),
    ]


def show(panel: "Consequences", as_json: bool) -> None:
    """Print the panel and the AWS calls to come."""
    if as_json:
        output.document("consequences", document(panel))
        return
    output.lines([*lines(panel), *(["", "AWS calls to come:"] if panel.calls else [])])
    if panel.calls:
        output.lines(f"  {number} {call}" for number, call in enumerate(panel.calls, 1))


def document(panel: "Consequences") -> "Json":
    """The panel as JSON."""
    row = panel.row
    return {
        "action": panel.action.value,
        "cloud_key": row.name,
        "kms_key_id": row.kms_key_id,
        "key_set": row.key_set,
        "csp_account": row.account,
        "region": row.region,
        "revision": row.revision,
        "words": panel.words,
        "lines": [{"mark": line.mark.name, "label": line.label, "text": line.text} for line in panel.lines],
        "calls": list(panel.calls),
        "refusal": panel.refusal.title if panel.refusal else None,
    }
