"""How CloudKeys are shown as text."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from kctui.cli import moments, output, shapes
from kctui.cli.output import Column, Cut
from kctui.core.validation import rotation_text
from kctui.core.words import MOST_ROTATIONS, CloudStatus, KeySource, MaterialState, RotationMethod, key_spec_words

if TYPE_CHECKING:
    from kctui.core.details import CloudKeyDetails, OperationRow, VersionRow
    from kctui.core.lists import CloudKeyRow

_OPERATIONS_SHOWN = 5


def table(rows: Sequence["CloudKeyRow"]) -> None:
    """CloudKeys as a table, in the console's order of columns."""
    columns: list[Column[CloudKeyRow]] = [
        Column("CloudKey Name", lambda row: row.name, Cut.END),
        Column("Description", lambda row: row.description, Cut.END),
        Column("Key Set", lambda row: row.key_set, Cut.END),
        Column("Region", lambda row: row.region),
        Column("Source", lambda row: row.key_source.value),
        Column("Expires", lambda row: moments.day(row.expires_at)),
        Column("Rotates", lambda row: moments.day(row.rotates_at)),
        Column("Cloud Status", status, colour=lambda row: output.status_colour(row.cloud_status)),
        Column("Seen", lambda row: moments.seen(row.status_seen_at), right=True),
    ]
    output.table(columns, rows)


def status(row: "CloudKeyRow") -> str:
    """Glyph, word, and what else bears on it."""
    text = output.status_text(row.cloud_status)
    if row.cloud_status is CloudStatus.PENDING_DELETE and row.deletion_date is not None:
        text += f" on {moments.day(row.deletion_date)}"
    if row.needs_recovery:
        return f"{text}, needs recovery"
    return f"{text}, {row.busy.value} under way" if row.busy else text


def show(details: "CloudKeyDetails", as_json: bool) -> None:
    """One CloudKey, whole."""
    if as_json:
        output.document("cloud-key", shapes.cloud_key_details(details))
        return
    row = details.row
    region = f"{details.region_long_name} {row.region}" if details.region_long_name else row.region
    seen = f"as of {moments.moment(row.status_seen_at)}" if row.status_seen_at else "never seen"
    output.details(
        [
            ("Name", row.name),
            ("Key Id", row.kms_key_id or moments.NOTHING),
            ("Key ARN", row.key_arn or moments.NOTHING),
            ("Alias", row.alias or moments.NOTHING),
            ("Description", row.description or moments.NOTHING),
            ("Cloud Status", f"{status(row)} ({seen})"),
            ("Key Source", row.key_source.value),
            ("Key material", _made_in(details)),
            ("Key Set", row.key_set),
            ("CSP Account", row.account),
            ("Region", region),
            ("Key spec", key_spec_words(row.key_spec, row.key_usage)),
            ("Rotation Schedule", _rotation(row)),
            ("Rotate Now", _method(details)),
            ("Expires", moments.moment(row.expires_at, moments.NEVER)),
            ("Administrators", "\n".join(details.administrators) or moments.NOTHING),
            ("Users", "\n".join(details.users) or moments.NOTHING),
            ("Tags", "\n".join(f"{k}={v}" for k, v in sorted(details.tags.items())) or moments.NOTHING),
            ("Versions", "\n".join(_version(version) for version in details.versions) or moments.NOTHING),
            (
                "History",
                "\n".join(_operation(done) for done in details.operations[:_OPERATIONS_SHOWN]) or moments.NOTHING,
            ),
            ("Created", moments.moment(row.created_at)),
        ]
    )


def brief(details: "CloudKeyDetails") -> None:
    """What an operation may have changed of a CloudKey."""
    row = details.row
    versions = [version.number for version in details.versions if version.material_state is MaterialState.CURRENT]
    output.details(
        [
            ("CloudKey", row.name),
            ("KeyId", row.kms_key_id or moments.NOTHING),
            ("Cloud Status", status(row)),
            ("Version", ", ".join(map(str, versions)) or moments.NOTHING),
            ("Expires", moments.moment(row.expires_at, moments.NEVER)),
        ]
    )


def _rotation(row: "CloudKeyRow") -> str:
    if row.rotation_days is None:
        return rotation_text(None)
    return f"{rotation_text(row.rotation_days)}, next {moments.day(row.rotates_at, moments.NOTHING)}"


def _made_in(details: "CloudKeyDetails") -> str:
    if details.row.key_source is KeySource.AWS:
        return moments.NOTHING
    return f"HSM {details.hsm}" if details.hsm else "software, this host"


def _method(details: "CloudKeyDetails") -> str:
    if details.row.key_source is KeySource.AWS:
        return moments.NOTHING
    if details.rotation_method is RotationMethod.NEW_KEY:
        return "by a new KMS key"
    return f"in place, {details.rotations_left} of {MOST_ROTATIONS} rotations left"


def _version(version: "VersionRow") -> str:
    """Three lines: how it stands, its KMS key, its material; a fourth for a key pair."""
    proven = f"proven {moments.moment(version.proven_at)}" if version.proven_at else "not proven yet"
    imported = f"imported {moments.moment(version.imported_at)}" if version.imported_at else "never imported"
    own = f"  {output.status_text(version.cloud_status)}" if version.cloud_status else ""
    doomed = f" until {moments.day(version.deletion_date)}" if version.deletion_date else ""
    public = f"\n   public key SHA-256 {sha256(version.public_key).hexdigest()}" if version.public_key else ""
    return (
        f"{version.number}  {version.material_state.value}  {version.import_state.value}  {imported}, {proven}\n"
        f"   key {version.kms_key_id or moments.NOTHING}{own}{doomed}\n"
        f"   material {version.key_material_id or moments.NOTHING}{public}"
    )


def _operation(done: "OperationRow") -> str:
    error = f": {done.error}" if done.error else ""
    return f"{moments.moment(done.started_at)}  {done.kind.value}  {done.state.value}  {done.operator}{error}"
