"""Everything that is known of one CloudKey: its versions, its access, and what was done to it."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from kctui.core.lists import CloudKeyRow, cloud_key_row
from kctui.core.model import CloudKey, CspAccount, Hsm, KeySet, KeyVersion, Operation, OperationStep, RegionName
from kctui.core.store import Store
from kctui.core.words import (
    MOST_ROTATIONS,
    CloudStatus,
    ImportState,
    KeySource,
    KeySpec,
    MaterialState,
    OperationKind,
    OperationState,
    RotationMethod,
    StepState,
)

_OPERATIONS_SHOWN = 50


@dataclass(frozen=True)
class VersionRow:
    """One key material of a CloudKey. proven_at: when our copy was last opened and matched.

    public_key: of a key pair of ours (SubjectPublicKeyInfo, DER).
    kms_key_id: the KMS key it is in; cloud_status, deletion_date: of that, where it is an earlier one, else None.
    """

    number: int
    kms_key_id: str | None
    key_arn: str | None
    cloud_status: CloudStatus | None
    deletion_date: datetime | None
    key_material_id: str | None
    material_state: MaterialState
    import_state: ImportState
    fingerprint: str | None
    public_key: bytes | None
    proven_at: datetime | None
    imported_at: datetime | None
    rotated_at: datetime | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class StepRow:
    """One step of an operation."""

    name: str
    state: StepState
    request_id: str | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class OperationRow:
    """One operation on a CloudKey, with its steps in order."""

    id: str
    kind: OperationKind
    state: OperationState
    operator: str
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    steps: tuple[StepRow, ...]


@dataclass(frozen=True)
class CloudKeyDetails:
    """One CloudKey, whole. operations: the last fifty, newest first.

    hsm: where new key material is made and kept; None for software. rotation_method: how Rotate Now works on it.
    rotations_left: in place, as KMS last said; None where it cannot. policy: the key policy as kctui last wrote or
    adopted it; None where it was never read.
    """

    row: CloudKeyRow
    versions: tuple[VersionRow, ...]
    operations: tuple[OperationRow, ...]
    administrators: tuple[str, ...]
    users: tuple[str, ...]
    tags: dict[str, str]
    region_long_name: str | None
    hsm: str | None
    rotation_method: RotationMethod
    rotations_left: int | None
    policy: str | None


def cloud_key_details(store: Store, cloud_key_id: str) -> CloudKeyDetails:
    """Read it. Raises NotFoundError. Blocking."""
    row = cloud_key_row(store, cloud_key_id)
    with store.read() as session:
        key = session.get_one(CloudKey, cloud_key_id)
        key_set = session.get_one(KeySet, key.key_set_id)
        hsm = session.get(Hsm, key_set.hsm_id) if key_set.hsm_id else None
        partition = session.get_one(CspAccount, key.csp_account_id).partition
        region = session.get(RegionName, (partition, key.region))
        versions = session.exec(
            select(KeyVersion).where(KeyVersion.cloud_key_id == cloud_key_id).order_by(col(KeyVersion.number).desc())
        ).all()
        operations = session.exec(
            select(Operation)
            .where(Operation.cloud_key_id == cloud_key_id)
            .order_by(col(Operation.started_at).desc())
            .limit(_OPERATIONS_SHOWN)
        ).all()
        steps: dict[str, list[StepRow]] = {}
        for step in session.exec(
            select(OperationStep)
            .where(col(OperationStep.operation_id).in_([operation.id for operation in operations]))
            .order_by(col(OperationStep.number))
        ):
            steps.setdefault(step.operation_id, []).append(
                StepRow(step.name, step.state, step.request_id, step.error, step.started_at, step.ended_at)
            )
    symmetric = key.key_spec is KeySpec.SYMMETRIC_DEFAULT
    method = key_set.rotation_method if symmetric else RotationMethod.NEW_KEY
    left = MOST_ROTATIONS - key.rotations_used if symmetric and key.key_source is KeySource.KCTUI else None
    return CloudKeyDetails(
        row=row,
        versions=tuple(
            VersionRow(
                number=v.number,
                kms_key_id=v.kms_key_id,
                key_arn=v.key_arn,
                cloud_status=v.cloud_status,
                deletion_date=v.deletion_date,
                key_material_id=v.key_material_id,
                material_state=v.material_state,
                import_state=v.import_state,
                fingerprint=v.fingerprint,
                public_key=v.public_key,
                proven_at=v.proven_at,
                imported_at=v.imported_at,
                rotated_at=v.rotated_at,
                expires_at=v.expires_at,
                created_at=v.created_at,
            )
            for v in versions
        ),
        operations=tuple(
            OperationRow(
                o.id,
                o.kind,
                o.state,
                o.operator,
                o.started_at,
                o.ended_at,
                o.error,
                tuple(steps.get(o.id, ())),
            )
            for o in operations
        ),
        administrators=tuple(key.administrators),
        users=tuple(key.users),
        tags=dict(key.tags),
        region_long_name=region.long_name if region else None,
        hsm=hsm.name if hsm else None,
        rotation_method=method,
        rotations_left=left,
        policy=key.policy,
    )
