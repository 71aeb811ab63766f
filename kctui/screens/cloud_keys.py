"""The tab CloudKeys: the keys of a Key Set and a region, or of all, and everything known of one."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.content import Content

from kctui.core.text import safe, shorten
from kctui.core.words import CloudStatus, KeySource, OperationState, StepState, key_spec_words
from kctui.screens.state import ConsoleState, Overview, Tab
from kctui.screens.tab_view import Query, TabView
from kctui.screens.widgets.bars import WIDE
from kctui.screens.widgets.columns import Column, Tone
from kctui.screens.widgets.sections import Fact, Section
from kctui.screens.widgets.window import Source
from kctui.screens.wording import (
    STATUS_TONES,
    ago,
    date_or_never,
    day,
    days_until,
    expiry_tone,
    moment,
    rotates,
    status,
    status_tone,
    version_words,
)

if TYPE_CHECKING:
    from kctui.core.details import CloudKeyDetails, VersionRow
    from kctui.core.engine import Engine
    from kctui.core.lists import CloudKeyRow
    from kctui.core.paging import Cursor

_WRITES_POLICY = {"CreateKey", "PutKeyPolicy", "Undo: PutKeyPolicy"}
_WAIT = "reading"
_OPERATION_TONES = {OperationState.OPEN: Tone.ATTENTION, OperationState.FAILED: Tone.DANGER}
_STEP_TONES = {StepState.FAILED: Tone.DANGER, StepState.DONE: Tone.DIM, StepState.INTENDED: Tone.ATTENTION}


class CloudKeysView(TabView):
    """CloudKeys."""

    tab = Tab.CLOUD_KEYS
    things: ClassVar[str] = "CloudKey"
    deep: ClassVar[bool] = True
    first_sort = "CloudKey Name"
    sorts = ("CloudKey Name", "Description", "Source", "Expires", "Rotates", "Cloud Status", "Seen")

    def columns(self) -> Sequence[Column["CloudKeyRow"]]:
        """Say what the table shows: in a narrow one Description, Source, Rotates and Seen are left out."""
        clock = self.clock
        return (
            Column("CloudKey Name", "CloudKey Name", 24, lambda row: row.name, grow=3, most=48),
            Column("Description", "Description", 16, lambda row: row.description, grow=4, from_width=114),
            Column("", "Key Set", 18, lambda row: row.key_set, grow=1, from_width=170),
            Column("", "Region", 14, lambda row: row.region, from_width=140),
            Column("Source", "Source", 6, lambda row: row.key_source.value, from_width=100),
            Column(
                "Expires",
                "Expires",
                10,
                lambda row: date_or_never(row.expires_at),
                tone=lambda row: expiry_tone(row.expires_at, clock()),
            ),
            Column("Rotates", "Rotates", 12, lambda row: rotates(row, clock()), from_width=90),
            Column("Cloud Status", "Cloud Status", 25, lambda row: status(row, clock()), tone=status_tone),
            Column("Seen", "Seen", 6, lambda row: ago(row.status_seen_at, clock()), from_width=84, ages=True),
        )

    def source(self, engine: "Engine", query: Query) -> Source[Any]:
        """Make the list for a query."""
        from kctui.core.lists import CloudKeyList, CloudKeyQuery, CloudKeySort

        return CloudKeyList(
            engine.store,
            CloudKeyQuery(query.key_set_id, query.region, query.text, CloudKeySort(query.sort), query.descending),
        )

    def place(self, engine: "Engine", overview: Overview, row_id: str) -> "Cursor | None":
        """Find a CloudKey in the list sorted by name."""
        from kctui.core.lists import cloud_key_row
        from kctui.core.paging import Cursor

        return Cursor(cloud_key_row(engine.store, row_id).name, row_id)

    def read_details(self, engine: "Engine", row: "CloudKeyRow") -> "CloudKeyDetails":
        """Read versions, access and history."""
        from kctui.core.details import cloud_key_details

        return cloud_key_details(engine.store, row.id)

    def copyable(self, row: "CloudKeyRow") -> tuple[str, str]:
        """KMS's own id of the key."""
        return row.kms_key_id or "", "Key Id"

    def pickers(self, state: ConsoleState) -> Content:
        """Key Set and region."""
        key_set = f"{state.key_set.name} (AWS)" if state.key_set else "All Key Sets"
        narrow = self.app.size.width < WIDE
        if state.region is None:
            region = "All regions"
        else:
            long_name = state.overview.region_names.get(state.region)
            region = state.region if narrow or not long_name else f"{long_name} {state.region}"
        labels = (" ", "") if narrow else (" Key Set ", "Region ")
        return Content("").join(
            [
                Content.styled(labels[0], "dim"),
                Content(f"{safe(key_set)} ▾   "),
                Content.styled(labels[1], "dim"),
                Content(f"{safe(region)} ▾  "),
            ]
        )

    def dim_row(self, row: "CloudKeyRow") -> bool:
        """AWS does not answer for its account: what is shown is what was seen last."""
        account = self.state.overview.account(row.account_id)
        return account is not None and account.unreachable_since is not None

    def total(self, state: ConsoleState) -> int | None:
        """How many CloudKeys there are."""
        return state.overview.cloud_keys

    def empty_words(self, state: ConsoleState) -> list[Content]:
        """The steps; or that another Key Set or region has the keys."""
        if state.overview.cloud_keys and (state.key_set or state.region):
            return [
                Content("No CloudKey in this Key Set and region."),
                Content("c creates one here; K and R choose another Key Set or region."),
            ]
        return super().empty_words(state)

    def sections(self, row: "CloudKeyRow", details: "CloudKeyDetails | None") -> Sequence[Section]:
        """Details, Access, Schedule, Versions, History."""
        now = self.clock()
        return (
            Section("Details", _facts(row, details, now)),
            _access(details),
            Section("Schedule", _schedule(row, now)),
            _versions(details, now),
            _history(details),
        )


def _facts(row: "CloudKeyRow", details: "CloudKeyDetails | None", now: datetime) -> list[Fact]:
    region = f"{details.region_long_name} {row.region}" if details and details.region_long_name else row.region
    return [
        Fact("Name", row.name),
        Fact("Key Id", row.kms_key_id or "–", whole=True),
        Fact("ARN", row.key_arn or "–", whole=True),
        Fact("Alias", row.alias or "–"),
        Fact("Key Source", _key_source(row, details, now)),
        Fact("Cloud Status", f"{status(row, now)} · seen {_seen(row, now)}", status_tone(row)),
        Fact("Key Set", row.key_set),
        Fact("CSP Account", row.account),
        Fact("Region", region),
        Fact("Key spec", key_spec_words(row.key_spec, row.key_usage)),
        Fact("Version", version_words(details) if details else _WAIT),
        Fact("Description", row.description or "–"),
    ]


def _seen(row: "CloudKeyRow", now: datetime) -> str:
    return "never" if row.status_seen_at is None else f"{ago(row.status_seen_at, now)} ago"


def _key_source(row: "CloudKeyRow", details: "CloudKeyDetails | None", now: datetime) -> str:
    if row.key_source is KeySource.AWS:
        return "AWS · the material cannot be removed or uploaded"
    if details is None:
        return row.key_source.value
    source = f"{row.key_source.value} · HSM {details.hsm}" if details.hsm else row.key_source.value
    current = details.versions[0] if details.versions else None
    if current is None:
        return f"{source} · no material yet"
    if current.proven_at is None:
        return f"{source} · material not proven yet"
    return f"{source} · material proven {ago(current.proven_at, now)} ago"


def _access(details: "CloudKeyDetails | None") -> Section:
    if details is None:
        return Section("Access", words=_WAIT)
    facts = [Fact("Administrator", arn, whole=True) for arn in details.administrators]
    facts += [Fact("User", arn, whole=True) for arn in details.users]
    facts += [Fact("Tag", f"{name} = {value}") for name, value in details.tags.items()]
    if not details.administrators and not details.users:
        facts.insert(0, Fact("Let in", "whoever the account's IAM policies let in"))
    facts.append(Fact("Key policy", _policy(details)))
    return Section("Access", facts)


def _policy(details: "CloudKeyDetails") -> str:
    """What is known of it without asking KMS."""
    from kctui.core.aws.policies import read_access

    if details.policy is None:
        return "not read yet"
    kind = "the AWS console's statements" if read_access(details.policy) else "custom, as it was adopted"
    steps = [step for done in details.operations for step in done.steps]
    written = max(
        (
            step.ended_at
            for step in steps
            if step.name in _WRITES_POLICY and step.state is StepState.DONE and step.ended_at
        ),
        default=None,
    )
    return f"{kind} · last written {moment(written)}" if written else kind


def _schedule(row: "CloudKeyRow", now: datetime) -> list[Fact]:
    from kctui.core.validation import rotation_text

    facts = [
        Fact("Rotation", rotation_text(row.rotation_days)),
        Fact("Rotates", moment(row.rotates_at) if row.rotates_at else "Never"),
        Fact("Expires", moment(row.expires_at) if row.expires_at else "Never", expiry_tone(row.expires_at, now)),
        Fact("Created", moment(row.created_at)),
    ]
    if row.deletion_date is not None:
        facts.append(Fact("Deletion", moment(row.deletion_date), Tone.DANGER))
    return facts


def _versions(details: "CloudKeyDetails | None", now: datetime) -> Section:
    if details is None:
        return Section("Versions", words=_WAIT)

    def proven(version: "VersionRow") -> str:
        return "never" if version.proven_at is None else ago(version.proven_at, now)

    def key_status(version: "VersionRow") -> str:
        # Only an earlier KMS key has a status of its own here.
        return "as the CloudKey" if version.cloud_status is None else _status_of(version, now)

    columns: tuple[Column[VersionRow], ...] = (
        Column("number", "Version", 7, lambda v: str(v.number), right=True),
        Column("key", "KMS key", 11, lambda v: shorten(v.kms_key_id or "–", 11)),
        Column("status", "Its status", 18, key_status, from_width=136, tone=_version_tone),
        Column("state", "Material", 16, lambda v: v.material_state.value),
        Column("import", "In the cloud", 14, lambda v: v.import_state.value),
        Column("imported", "Imported", 10, lambda v: day(v.imported_at)),
        Column("rotated", "Rotated", 10, lambda v: day(v.rotated_at), from_width=115),
        Column("expires", "Expires", 10, lambda v: date_or_never(v.expires_at)),
        Column("proven", "Proven", 8, proven, from_width=90),
        Column("id", "Material id", 11, lambda v: shorten(v.key_material_id or "–", 11), from_width=103),
        Column("created", "Created", 10, lambda v: day(v.created_at), from_width=148),
    )
    return Section("Versions", _earlier_keys(details, now), columns, details.versions, "No version yet.")


def _earlier_keys(details: "CloudKeyDetails", now: datetime) -> list[Fact]:
    """The KMS keys that rotations have left behind, each with its whole id and its own status."""
    left = {v.kms_key_id: v for v in details.versions if v.cloud_status is not None}
    return [
        Fact("Earlier KMS key", f"{key_id} · {_status_of(version, now)}", _version_tone(version))
        for key_id, version in left.items()
    ]


def _status_of(version: "VersionRow", now: datetime) -> str:
    if version.cloud_status is None:
        return "–"
    words = f"{version.cloud_status.glyph} {version.cloud_status.value}"
    if version.cloud_status is CloudStatus.PENDING_DELETE and version.deletion_date is not None:
        return f"{words}  {days_until(version.deletion_date, now)} d"
    return words


def _version_tone(version: "VersionRow") -> Tone:
    return Tone.DIM if version.cloud_status is None else STATUS_TONES[version.cloud_status]


def _history(details: "CloudKeyDetails | None") -> Section:
    if details is None:
        return Section("History", words=_WAIT)
    lines: list[tuple[str, str, str, str, Tone]] = []
    for done in details.operations:
        tone = _OPERATION_TONES.get(done.state, Tone.PLAIN)
        told = done.error or f"by {done.operator}"
        lines.append((moment(done.started_at), done.kind.value, done.state.value, told, tone))
        for step in done.steps:
            told = step.error or (f"request {step.request_id}" if step.request_id else "")
            name = f"  {step.name}"
            lines.append((moment(step.started_at), name, step.state.value, told, _STEP_TONES[step.state]))

    def part(index: int) -> Any:  # a column's text
        return lambda line: line[index]

    columns = (
        Column("time", "Time", 23, part(0)),
        Column("what", "Operation", 20, part(1), grow=1, most=34),
        Column("state", "State", 8, part(2), tone=lambda line: line[4]),
        Column("told", "Told", 20, part(3), grow=3),
    )
    return Section("History", columns=columns, rows=lines, words="Nothing has been done to this key yet.")
