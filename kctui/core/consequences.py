"""What an action on a CloudKey would do, before it is done: the panel above every confirmation, and --dry-run.

It asks AWS and opens our copy just now, so it takes a moment. What AWS does not tell, for want of a permission, is
said to be unknown; it is never taken for "none".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from kctui.core.availability import KeyAction, why_not
from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms, KmsGrant, LastUsage
from kctui.core.aws.policies import principals_of
from kctui.core.clock import age, now, rfc3339
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError, RefusedError
from kctui.core.key_use import ended_by_deletion, left_by_rotation
from kctui.core.lists import CloudKeyRow, cloud_key_row
from kctui.core.material.aws_wrapping import WRAPPING_KEY_BITS
from kctui.core.material.custody import note_proven, planned_algorithm, prove
from kctui.core.model import CloudKey, KeySet, KeyVersion
from kctui.core.operations.acting import check_days, check_method, rotation_method
from kctui.core.operations.birth import create_key_call
from kctui.core.operations.importing import kms_of, versions_in, versions_of
from kctui.core.operations.material import material_of
from kctui.core.operations.rotation import why_not_in_place
from kctui.core.validation import partition_of
from kctui.core.words import MOST_ROTATIONS, CloudStatus, KeySource, KeySpec, RotationMethod

Answer = TypeVar("Answer")
_SHOWN = 3
# A partition, or an endpoint, may not have a newer call yet.
_NOT_OFFERED = {"UnknownOperationException", "UnsupportedOperationException", "InvalidAction"}
# What is known of services that lose their key (their own user guides).
_WATCH = {
    "rds": "RDS and Aurora: 7 days until a database cannot be recovered",
    "ec2": "EBS: a volume fails at its next attach, not at once",
    "dynamodb": "DynamoDB: tables become inaccessible, and are archived after 7 days",
}


class Mark(StrEnum):
    """What a line of the panel means, as the glyph before it."""

    GOOD = "✓"
    ATTENTION = "!"
    UNDO = "↺"
    BAD = "✕"


@dataclass(frozen=True)
class Line:
    """One line: `! depends  alias/payroll · 2 grants`. Its text may hold foreign words."""

    mark: Mark
    label: str
    text: str


@dataclass(frozen=True)
class Consequences:
    """What an action would do. row: as it was looked at; the action is refused when it has changed since.

    words: what will happen, in sentences. calls: the AWS calls to come, in order. refusal: why it cannot be done,
    None where it can.
    """

    action: KeyAction
    row: CloudKeyRow
    words: str
    lines: tuple[Line, ...]
    calls: tuple[str, ...]
    refusal: KctuiError | None = None


@dataclass(frozen=True)
class _Look:
    """What one look at a CloudKey works with."""

    engine: Engine
    row: CloudKeyRow
    key: CloudKey
    kms: Kms
    group_id: str
    at: datetime = field(default_factory=now)

    @property
    def key_id(self) -> str:
        """Its KMS key."""
        return self.row.kms_key_id or ""


def consequences(
    engine: Engine,
    action: KeyAction,
    cloud_key_id: str,
    *,
    days: int = 30,
    method: RotationMethod | None = None,
) -> Consequences:
    """Look at what removing, deleting or rotating a CloudKey would do. Blocking; the vault must be unlocked.

    days: of a deletion. method: of a rotation, None for what the Key Set says. kms:GetKeyLastUsage, ListAliases,
    ListGrants, GetKeyPolicy; for a rotation in place kms:ListKeyRotations. Raises InvalidInputError, LockedError,
    AwsRefusedError or AwsUnreachableError.
    """
    row = cloud_key_row(engine.store, cloud_key_id)
    reason = why_not(action, row)
    if reason is not None:
        refusal = RefusedError(
            f"{action.value} is not possible for {row.name}: {reason}", remedy="Refresh to see its present state."
        )
        return Consequences(action, row, "", (), (), refusal)
    with engine.store.read() as session:
        key = session.get_one(CloudKey, cloud_key_id)
        group_id = session.get_one(KeySet, row.key_set_id).group_id
    engine.keyring.group(group_id)
    look = _Look(engine, row, key, kms_of(engine, key), group_id)
    match action:
        case KeyAction.REMOVE:
            return _removal(look)
        case KeyAction.DELETE:
            return _deletion(look, check_days(days))
        case KeyAction.ROTATE:
            return _rotation(look, check_method(row, method or rotation_method(engine, row)))
        case _:
            raise ValueError(f"{action.value} hurts nothing")


def _removal(look: _Look) -> Consequences:
    versions = versions_in(look.engine, look.key)
    copy, refusal = _our_copy(look, versions)
    refusal = refusal or _unidentified(look, versions)
    lines = (*copy, *_what_depends(look), *_earlier(look), Line(Mark.UNDO, "undo", _undo_of_removal(look)))
    return Consequences(
        KeyAction.REMOVE,
        look.row,
        "Removing the key from the cloud removes the key material from the KMS. Applications will no longer be able "
        "to use it. kctui keeps its copy, which can be uploaded again at any time.",
        lines,
        (
            *(f"kms:DeleteImportedKeyMaterial {version.key_material_id or ''}".rstrip() for version in versions),
            "kms:DescribeKey, until it is PendingImport",
        ),
        refusal,
    )


def _deletion(look: _Look, days: int) -> Consequences:
    gone = look.at + timedelta(days=days)
    if look.row.key_source is KeySource.AWS:
        made_by = "somebody else imported" if look.key.origin == "EXTERNAL" else "AWS made"
        copy: tuple[Line, ...] = (
            Line(Mark.BAD, "our copy", f"none: {made_by} the material; with the key it is lost for good"),
        )
        refusal = None
    else:
        copy, refusal = _our_copy(look, versions_in(look.engine, look.key))
    undo = f"Cancel Deletion, until {gone:%Y-%m-%d %H:%M} UTC; our copy cannot bring the key back then"
    return Consequences(
        KeyAction.DELETE,
        look.row,
        f"The key cannot be used from now on. On {gone:%Y-%m-%d}, in {days} days, AWS deletes it for good, and "
        f"{ended_by_deletion(look.row.key_spec, look.row.key_usage)}.",
        (*copy, *_what_depends(look), *_earlier(look), Line(Mark.UNDO, "undo", undo)),
        (f"kms:ScheduleKeyDeletion PendingWindowInDays={days}", "kms:DescribeKey, until it is PendingDeletion"),
        refusal,
    )


def _rotation(look: _Look, method: RotationMethod) -> Consequences:
    expires = f"expires {rfc3339(look.row.expires_at)}" if look.row.expires_at else "does not expire"
    if method is RotationMethod.IN_PLACE:
        used, refusal = _rotations_used(look)
        left = "cannot be told" if used is None else f"{MOST_ROTATIONS - used} of {MOST_ROTATIONS} left before this one"
        return Consequences(
            KeyAction.ROTATE,
            look.row,
            "kctui makes new key material and imports it into the same KMS key. Key id, alias, policy and grants stay. "
            "What was encrypted before decrypts as it did.",
            (
                Line(Mark.GOOD, "key id", f"stays {look.key_id}"),
                Line(Mark.ATTENTION if not used or used < MOST_ROTATIONS else Mark.BAD, "rotations", left),
                Line(
                    Mark.ATTENTION,
                    "afterwards",
                    "every material of the key must stay in the cloud: where one expires or is deleted, none works",
                ),
                Line(Mark.UNDO, "undo", "none: the new material stays current; the earlier one goes on decrypting"),
            ),
            (
                f"kms:ListKeyRotations {look.key_id}",
                _parameters(look),
                f"kms:ImportKeyMaterial NEW_KEY_MATERIAL, {expires}",
                "kms:RotateKeyOnDemand",
                "kms:ListKeyRotations, until the new material is current",
                "kms:DescribeKey, until it is Enabled",
            ),
            refusal,
        )
    alias = look.row.alias
    refusal = None if alias else RefusedError(f"{look.row.name} has no alias that could move to a new KMS key")
    return Consequences(
        KeyAction.ROTATE,
        look.row,
        "kctui makes a new KMS key with new key material, and moves the alias to it. The present KMS key stays "
        f"Enabled, without alias, and stays listed as an earlier version: {left_by_rotation(look.row.key_usage)}.",
        (
            Line(Mark.ATTENTION, "key id", "a new one: who names the key by id or ARN goes on using the earlier key"),
            Line(Mark.ATTENTION, "alias", f"{alias or 'none'} moves to the new key"),
            *_aliases_that_stay(look),
            *_lines_of_grants(look, "grants", "they stay with the earlier key, and are not given for the new one"),
            Line(Mark.GOOD, "policy", "the new key gets the policy that the present one has now"),
            Line(Mark.UNDO, "undo", "in AWS: point the alias to the earlier key again; it is not deleted"),
        ),
        (
            f"kms:DescribeKey {alias or ''}, to see that it points here".replace("  ", " "),
            "kms:GetKeyPolicy",
            create_key_call(look.row.key_spec, look.row.key_usage),
            _parameters(look),
            f"kms:ImportKeyMaterial, {expires}",
            f"kms:UpdateAlias {alias or ''}".rstrip(),
            "kms:DescribeKey, until it is Enabled",
        ),
        refusal,
    )


def _parameters(look: _Look) -> str:
    """The call that fixes the wrapping, in words."""
    with look.engine.store.read() as session:
        key_set = session.get_one(KeySet, look.row.key_set_id)
        algorithm = planned_algorithm(session, key_set, look.row.key_spec, partition_of(look.row.region))
    return f"kms:GetParametersForImport RSA_{WRAPPING_KEY_BITS}, {algorithm.value}"


def _our_copy(look: _Look, versions: list[KeyVersion]) -> tuple[tuple[Line, ...], KctuiError | None]:
    """Open and check the copies of all versions now; the first that fails refuses the action."""
    if not versions:
        error = RefusedError(
            f"kctui holds no copy of the key material of {look.row.name}", detail="It could not be put back."
        )
        return (Line(Mark.BAD, "our copy", "there is none"),), error
    for version in versions:
        try:
            prove(look.engine, look.group_id, version, look.row.key_spec)
            if not look.engine.read_only:
                with look.engine.store.write() as session:
                    note_proven(session, version.id)
        except KctuiError as error:
            return (Line(Mark.BAD, "our copy", f"version {version.number}: {error.title}"),), error
    newest, earlier = versions[-1].number, [str(version.number) for version in versions[-2::-1]]
    which = f"version {newest}" + (f", and {', '.join(earlier)} before it" if earlier else "")
    lines = [Line(Mark.GOOD, "our copy", f"opened and matches, just now ({which})")]
    lines += _foreign_material(look, versions)
    return tuple(lines), None


def _unidentified(look: _Look, versions: list[KeyVersion]) -> KctuiError | None:
    """Why a version's material cannot be told from others; None where each can."""
    try:
        for version in versions:
            if version.key_material_id is None and look.row.key_spec is KeySpec.SYMMETRIC_DEFAULT:
                material_of(look.engine, look.kms, look.key, version)
    except RefusedError as error:
        return error
    return None


def _foreign_material(look: _Look, versions: list[KeyVersion]) -> Iterator[Line]:
    """Material in a symmetric KMS key that is not ours: it is neither removed nor put back. Other keys have but one."""
    ours = {version.key_material_id for version in versions}
    if None in ours or look.row.key_spec is not KeySpec.SYMMETRIC_DEFAULT:
        return
    held = _asked(lambda: look.kms.materials(look.key_id))
    if isinstance(held, _Unknown):
        yield Line(Mark.ATTENTION, "in KMS", f"whether there is material that is not ours {held}")
        return
    others = [material for material in held if material.key_material_id not in ours]
    if others:
        yield Line(Mark.BAD, "in KMS", f"{len(others)} further key material that is not ours: it could not be put back")


def _what_depends(look: _Look) -> Iterator[Line]:
    """Last use, aliases, grants, the policy's principals, and what to watch."""
    used = _asked(lambda: look.kms.last_usage(look.key_id))
    yield Line(Mark.ATTENTION, "last use", used if isinstance(used, _Unknown) else last_use(used, look.at))
    aliases = _asked(lambda: [alias.name for alias in look.kms.aliases(look.key_id)])
    if isinstance(aliases, _Unknown):
        yield Line(Mark.ATTENTION, "aliases", aliases)
    else:
        yield Line(Mark.ATTENTION if aliases else Mark.GOOD, "aliases", _some(aliases) or "none")
    yield from _lines_of_grants(look, "grants", "")
    yield _access(look)


def _lines_of_grants(look: _Look, label: str, told: str) -> Iterator[Line]:
    grants = _asked(lambda: look.kms.grants(look.key_id))
    if isinstance(grants, _Unknown):
        yield Line(Mark.ATTENTION, label, grants)
        return
    if not grants:
        yield Line(Mark.GOOD, label, "none")
        return
    words = f"{len(grants)}: {_some([grant.grantee for grant in grants])}"
    yield Line(Mark.ATTENTION, label, f"{words}; {told}" if told else words)
    if not told:
        yield from (Line(Mark.ATTENTION, "watch", watch) for watch in _watches(grants))


def _watches(grants: list[KmsGrant]) -> list[str]:
    words = " ".join(f"{grant.grantee} {grant.name}".lower() for grant in grants)
    # As a word, or at the end of a service-linked role's name: "records" is no database.
    found = {service for service in _WATCH if re.search(rf"(?:^|for|[^a-z]){service}(?![a-z])", words)}
    return [watch for service, watch in _WATCH.items() if service in found]


def _access(look: _Look) -> Line:
    policy = _asked(lambda: look.kms.policy(look.key_id))
    if isinstance(policy, _Unknown):
        return Line(Mark.ATTENTION, "access", policy)
    account = f":{look.row.key_arn.split(':')[4]}:root" if look.row.key_arn else "?"
    named = [principal for principal in principals_of(policy) if not principal.endswith(account)]
    rest = "whoever the account's IAM policies let in"
    return Line(Mark.ATTENTION, "access", f"{_some(named)}, and {rest}" if named else rest)


def _earlier(look: _Look) -> Iterator[Line]:
    """KMS keys that rotations have left are not part of it."""
    left = {
        version.kms_key_id
        for version in versions_of(look.engine, look.row.id)
        if version.cloud_status not in {None, CloudStatus.DELETED, CloudStatus.PENDING_DELETE}
    }
    if left:
        keys = (
            "1 earlier KMS key stays as it is" if len(left) == 1 else f"{len(left)} earlier KMS keys stay as they are"
        )
        yield Line(Mark.ATTENTION, "earlier", keys)


def _aliases_that_stay(look: _Look) -> Iterator[Line]:
    """Only the CloudKey's alias moves: who uses another one goes on using the earlier key."""
    aliases = _asked(lambda: [alias.name for alias in look.kms.aliases(look.key_id)])
    if isinstance(aliases, _Unknown):
        yield Line(Mark.ATTENTION, "aliases", aliases)
        return
    further = [alias for alias in aliases if alias != look.row.alias]
    if further:
        yield Line(
            Mark.ATTENTION,
            "aliases",
            f"{_some(further)} {'stays' if len(further) == 1 else 'stay'} with the earlier key",
        )


def _undo_of_removal(look: _Look) -> str:
    if look.row.expires_at is None:
        return "Upload to Cloud, at any time"
    return f"Upload to Cloud, at any time; after {look.row.expires_at:%Y-%m-%d} with a new expiration"


def _rotations_used(look: _Look) -> tuple[int | None, KctuiError | None]:
    materials = look.kms.materials(look.key_id)
    return sum(material.on_demand for material in materials), why_not_in_place(look.row.name, materials)


def last_use(usage: LastUsage, at: datetime) -> str:
    """When a key was last used, and what that cannot tell."""
    if usage.operation is not None and usage.at is not None:
        return f"{usage.operation}, {age(usage.at, at)} ago (as AWS reports it, up to 1 h late)"
    if usage.created_at < usage.tracked_since:
        return f"none on record since {usage.tracked_since:%Y-%m-%d}; the key is older, and may have been used before"
    return "none since it was made (as AWS reports it, up to 1 h late)"


def _some(words: list[str]) -> str:
    """The first few of a list, and how many more there are."""
    shown = ", ".join(words[:_SHOWN])
    return f"{shown} and {len(words) - _SHOWN} more" if len(words) > _SHOWN else shown


class _Unknown(str):
    """Why something is not known."""

    __slots__ = ()


def _asked(call: Callable[[], Answer]) -> Answer | _Unknown:
    """What AWS answers; where it does not let us ask, that this is so."""
    try:
        return call()
    except AwsRefusedError as error:
        if error.code in _NOT_OFFERED:
            return _Unknown(f"cannot be told: what answers here does not know {error.action}")
        if error.refusal is not Refusal.ACCESS:
            raise
        return _Unknown(f"cannot be told: AWS does not allow {error.action}")
