"""Import CloudKey: keys that are in AWS become CloudKeys. Nothing changes in AWS, so nothing is journalled.

Each key is a transaction of its own, with its audit entry: what fails, or is cancelled, loses nothing of the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from kctui.core.audit import AuditEvent
from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.kms import KmsKey
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import CancelledError, ConflictError, KctuiError, LockedError, RefusedError, TamperedError
from kctui.core.importable import ImportableKey, Survey, is_aws_managed, is_of, versions_held
from kctui.core.material.custody import note_proven, prove
from kctui.core.model import CloudKey, CspAccount, KeyVersion, Operation
from kctui.core.observer import Observer, Silent
from kctui.core.validation import OWN_TAG_PREFIX
from kctui.core.words import AuditCategory, AuditType, KeySource, KeySpec, KeyUsage

_HELD = "it is managed already"


class Became(StrEnum):
    """What became of a key that was to be imported."""

    IMPORTED = "imported"
    LINKED = "linked again"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class KeyOutcome:
    """One key. told: why not, or what was missing. cloud_key_id: of the CloudKey that it is now."""

    key_id: str
    name: str
    became: Became
    told: str = ""
    cloud_key_id: str | None = None


@dataclass
class ImportReport:
    """What an import came to. asked: how many keys were to be imported.

    cancelled: it was stopped between two keys. error: what stopped it. In both cases the keys without an outcome are as
    they were.
    """

    asked: int
    outcomes: list[KeyOutcome] = field(default_factory=list)
    cancelled: bool = False
    error: KctuiError | None = None

    @property
    def imported(self) -> list[KeyOutcome]:
        """The keys that are CloudKeys now."""
        return [one for one in self.outcomes if one.cloud_key_id is not None]

    @property
    def failed(self) -> list[KeyOutcome]:
        """The keys that could not be imported."""
        return [one for one in self.outcomes if one.became is Became.FAILED]


def import_keys(
    engine: Engine, key_set: str, region: str, wanted: Sequence[str] | None, observer: Observer | None = None
) -> ImportReport:
    """Import CloudKeys, Key Source AWS; a key whose material this vault holds is linked to its CloudKey again.

    wanted: key ids and aliases (`alias/NAME`); None for all that can be. Permissions as `importable_keys`, and
    kms:GetKeyPolicy, without which the key policy is not known. The observer may cancel between keys. Raises what
    `importable_keys` raises before the first key; from then on the report tells.
    """
    observer = observer or Silent()
    engine.require_writable("Import CloudKey")
    survey = Survey(engine, key_set, region)
    outcomes, key_ids = _resolve(survey, wanted)
    report = ImportReport(len(outcomes) + len(key_ids), outcomes)
    looks = survey.looks(key_ids, lambda key_id: _look(survey, key_id))
    try:
        for key_id, (one, policy) in zip(key_ids, looks, strict=True):
            if one is not None and wanted is None and is_aws_managed(one):
                report.asked -= 1
                continue
            observer.progress(len(report.outcomes), report.asked, one.name if one else key_id)
            passed_over = Became.SKIPPED if wanted is None and one is not None and not one.refused else Became.FAILED
            report.outcomes.append(_import_one(survey, key_id, one, policy, passed_over))
        observer.progress(report.asked, report.asked, "")
    except CancelledError:
        report.cancelled = len(report.outcomes) < report.asked
    except KctuiError as error:
        if not report.imported:
            raise
        report.error = error
    finally:
        looks.close()
    return report


def _resolve(survey: Survey, wanted: Sequence[str] | None) -> tuple[list[KeyOutcome], list[str]]:
    """The key ids that are wanted, each once; and the failures that need no question to AWS."""
    if wanted is None:
        return [], survey.unmanaged()
    managed = survey.managed()
    by_alias = {alias: key_id for key_id, aliases in survey.aliases.items() for alias in aliases}
    failed: list[KeyOutcome] = []
    key_ids: dict[str, None] = {}
    for each in dict.fromkeys(wanted):
        key_id = by_alias.get(each) if each.startswith("alias/") else each
        if key_id is None:
            failed.append(KeyOutcome("", each, Became.FAILED, f"there is no such alias in {survey.region}"))
        elif key_id in managed:
            failed.append(KeyOutcome(key_id, each, Became.FAILED, _HELD))
        else:
            key_ids[key_id] = None
    return failed, list(key_ids)


@dataclass(frozen=True)
class _Policy:
    """A key policy, or why it is not known."""

    text: str | None = None
    told: str = ""


def _look(survey: Survey, key_id: str) -> tuple[ImportableKey | None, _Policy]:
    """Look at a key, and at the policy of one that will be a CloudKey."""
    one = survey.look(key_id)
    if one is None or one.reason is not None or one.lost_id is not None:
        return one, _Policy()
    try:
        return one, _Policy(survey.kms.policy(key_id))
    except AwsRefusedError as error:
        return one, _Policy(told=f"without its key policy: {error.title}")


def _import_one(
    survey: Survey, key_id: str, one: ImportableKey | None, policy: _Policy, passed_over: Became
) -> KeyOutcome:
    if one is None:
        return KeyOutcome(key_id, key_id, Became.FAILED, f"KMS has no such key in {survey.region}")
    if one.reason is not None or one.key is None:
        return KeyOutcome(key_id, one.name, passed_over, one.told)
    try:
        if one.lost_id is not None:
            _link(survey, one, one.key, one.lost_id)
            return KeyOutcome(key_id, one.name, Became.LINKED, one.told, one.lost_id)
        row = _add(survey, one, one.key, policy.text)
    except LockedError:
        raise
    except (RefusedError, TamperedError) as error:
        return KeyOutcome(key_id, one.name, Became.FAILED, error.title)
    return KeyOutcome(key_id, row.name, Became.IMPORTED, "; ".join(filter(None, (one.told, policy.told))), row.id)


def _add(survey: Survey, one: ImportableKey, key: KmsKey, policy: str | None) -> CloudKey:
    """Write the CloudKey's row, with its audit entry."""
    key_set = survey.key_set
    row = CloudKey(
        key_set_id=key_set.id,
        csp_account_id=key_set.csp_account_id,
        region=survey.region,
        name=one.name,
        alias=one.alias,
        kms_key_id=key.key_id,
        key_spec=KeySpec(key.key_spec),
        key_usage=KeyUsage(key.key_usage),
        key_source=KeySource.AWS,
        policy=policy,
        tags={name: value for name, value in (one.tags or {}).items() if not name.startswith(OWN_TAG_PREFIX)},
        expires_at=key.valid_to,
        created_at=key.created_at or now(),
        **_seen(key),
    )
    with survey.engine.store.write() as session:
        _refuse_held(session, survey, key.key_id)
        if one.alias is None and _has_name(session, survey, row.name):
            row.name = key.key_id
        session.add(row)
        session.flush()
        _record(survey, session, row, key, f"Imported CloudKey {row.name} ({row.region})", _origin(one, key))
    return row


def _link(survey: Survey, one: ImportableKey, key: KmsKey, cloud_key_id: str) -> None:
    """Give a CloudKey of ours its KMS key back, once our copy of each material that is in it is proven."""
    with survey.engine.store.read() as session:
        ours = [version for version in versions_held(session, cloud_key_id) if is_of(version, key)]
    for version in ours:
        prove(survey.engine, survey.key_set.group_id, version, KeySpec(key.key_spec))
    with survey.engine.store.write() as session:
        row = session.get(CloudKey, cloud_key_id)
        busy = session.exec(select(Operation.id).where(Operation.subject == cloud_key_id)).first()
        if row is None or row.kms_key_id is not None or busy is not None:
            raise ConflictError(f"{one.name} was changed meanwhile", remedy="Look at it again.")
        _refuse_held(session, survey, key.key_id)
        for version in versions_held(session, row.id):
            if version.id in {one.id for one in ours}:
                note_proven(session, version.id)
                version.kms_key_id = key.key_id
        for name, value in _seen(key).items():
            setattr(row, name, value)
        row.kms_key_id, row.alias = key.key_id, one.alias
        row.expires_at = key.valid_to or row.expires_at
        row.revision += 1
        _record(
            survey,
            session,
            row,
            key,
            f"Linked CloudKey {row.name} ({row.region}) to its KMS key again",
            _origin(one, key),
        )


def _seen(key: KmsKey) -> dict[str, Any]:
    """The columns that say what KMS said just now."""
    return {
        "description": key.description,
        "key_arn": key.arn,
        "origin": key.origin,
        "cloud_status": key.status,
        "status_seen_at": now(),
        "deletion_date": key.deletion_date,
    }


def _refuse_held(session: Session, survey: Survey, key_id: str) -> None:
    """Refuse a key that a CloudKey of any CSP Account of this AWS account holds meanwhile."""
    same = CspAccount.aws_account_id == survey.account.aws_account_id, CloudKey.region == survey.region
    held = select(CloudKey.id).join(CspAccount, col(CspAccount.id) == CloudKey.csp_account_id).where(*same)
    left = held.join(KeyVersion, col(KeyVersion.cloud_key_id) == CloudKey.id)
    if (
        session.exec(held.where(CloudKey.kms_key_id == key_id)).first()
        or session.exec(left.where(KeyVersion.kms_key_id == key_id, col(CloudKey.kms_key_id).is_not(None))).first()
    ):
        raise ConflictError(_HELD)


def _has_name(session: Session, survey: Survey, name: str) -> bool:
    statement = select(CloudKey.id).where(
        CloudKey.csp_account_id == survey.account.id, CloudKey.region == survey.region, CloudKey.name == name
    )
    return session.exec(statement).first() is not None


def _origin(one: ImportableKey, key: KmsKey) -> dict[str, str]:
    """Where the key comes from, for the audit log."""
    told = {"Origin": key.origin}
    if one.made_as is not None:
        held = "held by this vault" if one.lost_id else "no copy in this vault"
        told |= {"Made by kctui as": one.made_as, "Key material": held}
    return told


def _record(survey: Survey, session: Session, row: CloudKey, key: KmsKey, message: str, told: dict[str, str]) -> None:
    objects = {"CloudKey": row.name, "Key Set": survey.key_set.name, "Region": row.region, "KeyId": key.key_id}
    event = AuditEvent(
        AuditType.INFORMATION,
        AuditCategory.CLOUD_KEY,
        message,
        objects | told,
        (key.request_id,),
        group_id=survey.key_set.group_id,
    )
    survey.engine.audit.record(session, event)
