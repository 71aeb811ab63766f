"""The part of sync that is about versions: which material is in the cloud, and what became of earlier KMS keys."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.model import CloudKey, KeyVersion, Operation
from kctui.core.words import CloudStatus, ImportState, KeySpec

_WORKERS = 16
# Not allowed, not offered here, or not possible any more: the rest of the sync goes on.
_UNTOLD = {Refusal.ACCESS, Refusal.OTHER, Refusal.STATE, Refusal.NOT_FOUND}
_COMPLETE = (CloudStatus.AVAILABLE, CloudStatus.DISABLED)


def sync_versions(engine: Engine, kms: Kms, csp_account_id: str) -> None:
    """Follow the versions of an account and region, after its CloudKeys. kms:DescribeKey, kms:ListKeyRotations."""
    _follow_earlier_keys(engine, kms, csp_account_id)
    _follow_materials(engine, kms, csp_account_id)


def _here(csp_account_id: str, region: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The versions of an account and region, but of no CloudKey that an operation works on: it asks KMS itself."""
    return (
        col(KeyVersion.cloud_key_id) == CloudKey.id,
        col(CloudKey.csp_account_id) == csp_account_id,
        col(CloudKey.region) == region,
        ~sa.exists().where(col(Operation.subject) == CloudKey.id),
    )


def _free() -> sa.ColumnElement[bool]:
    """Asked again as it is written: what an operation that began meanwhile wrote is newer."""
    return ~sa.exists().where(col(Operation.subject) == KeyVersion.cloud_key_id)


def _follow_earlier_keys(engine: Engine, kms: Kms, csp_account_id: str) -> None:
    """Ask for the KMS keys that rotations have left, until they are gone."""
    with engine.store.read() as session:
        versions = session.exec(
            select(KeyVersion).where(
                *_here(csp_account_id, kms.region),
                col(KeyVersion.kms_key_id) != CloudKey.kms_key_id,
                col(KeyVersion.cloud_status) != CloudStatus.DELETED,
            )
        ).all()
    asked = {version.kms_key_id: version for version in versions if version.kms_key_id}
    at = now()

    def ask(key_id: str) -> tuple[str, KmsKey | None]:
        try:
            return key_id, kms.describe(key_id)
        except AwsRefusedError as error:
            if error.refusal is not Refusal.NOT_FOUND:
                raise
            return key_id, None

    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="kctui-earlier") as pool:
        seen = dict(pool.map(ask, asked))
    with engine.store.write() as session:
        for key_id, key in seen.items():
            session.execute(
                sa.update(KeyVersion)
                .where(col(KeyVersion.kms_key_id) == key_id, col(KeyVersion.cloud_status).is_not(None), _free())
                .values(_earlier(asked[key_id], key, at))
            )


def _earlier(version: KeyVersion, key: KmsKey | None, at: datetime) -> dict[str, Any]:
    if key is not None:
        return {"cloud_status": key.status, "deletion_date": key.deletion_date, "status_seen_at": at}
    # KMS deletes no key but one that waited for it.
    doomed = version.deletion_date is not None
    return {"cloud_status": CloudStatus.DELETED if doomed else CloudStatus.UNKNOWN, "status_seen_at": at}


def _follow_materials(engine: Engine, kms: Kms, csp_account_id: str) -> None:
    """A key that works has every material; of one that waits for an import, KMS tells which are missing."""
    present = (*_here(csp_account_id, kms.region), col(KeyVersion.kms_key_id) == CloudKey.kms_key_id)
    with engine.store.read() as session:
        back = session.exec(
            select(KeyVersion).where(
                *present,
                col(CloudKey.cloud_status).in_(_COMPLETE),
                col(KeyVersion.import_state) != ImportState.IMPORTED,
            )
        ).all()
        waiting = session.exec(
            select(KeyVersion, CloudKey.key_spec).where(*present, CloudKey.cloud_status == CloudStatus.NOT_AVAILABLE)
        ).all()
    states = [(version, ImportState.IMPORTED) for version in back]
    by_key: dict[tuple[str, KeySpec], list[KeyVersion]] = {}
    for version, spec in waiting:
        by_key.setdefault((version.kms_key_id or "", KeySpec(spec)), []).append(version)
    for (key_id, spec), versions in by_key.items():
        states += _missing(kms, key_id, spec, versions)
    with engine.store.write() as session:
        for version, state in states:
            _keep(session, version, state)


def _missing(kms: Kms, key_id: str, spec: KeySpec, versions: list[KeyVersion]) -> list[tuple[KeyVersion, ImportState]]:
    """Which versions are missing. In a symmetric key it may be somebody else's material that is, and none of ours."""
    [first, *others] = versions
    alone = [] if others else [(first, ImportState.PENDING_IMPORT)]
    if spec is not KeySpec.SYMMETRIC_DEFAULT:
        return alone
    try:
        held = kms.materials(key_id)
    except AwsRefusedError as error:
        if error.refusal not in _UNTOLD:
            raise
        return alone
    if len(held) <= 1:
        return alone
    found = {material.key_material_id: material.import_state for material in held}
    states = ((version, found.get(version.key_material_id or "")) for version in versions)
    return [(version, state) for version, state in states if state is not None]


def _keep(session: Session, seen: KeyVersion, state: ImportState) -> None:
    """Write, unless an operation wrote what is newer, or an open operation will."""
    session.execute(
        sa.update(KeyVersion)
        .where(
            col(KeyVersion.id) == seen.id,
            col(KeyVersion.kms_key_id) == seen.kms_key_id,
            col(KeyVersion.import_state) == seen.import_state,
            _free(),
        )
        .values(import_state=state)
    )
