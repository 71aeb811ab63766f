"""How Create CloudKey is asked for: what a user gave is checked, then the operation is begun and run to its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, select

from kctui.core import validation
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError
from kctui.core.key_sets import find_key_set
from kctui.core.material import custody
from kctui.core.material.aws_wrapping import WRAPPING_KEY_BITS, WrappingAlgorithm
from kctui.core.material.software import require_made
from kctui.core.model import CloudKey, CspAccount, KeySet, RegionName, Schedule, new_id
from kctui.core.observer import Observer, Silent
from kctui.core.operations.birth import create_key_call
from kctui.core.operations.definitions import DEFINITIONS
from kctui.core.operations.journal import Beginning, begin
from kctui.core.operations.runner import audit_refusal, run_to_end
from kctui.core.words import MADE_SPECS, CloudStatus, KeySpec, KeyUsage, OperationKind, ScheduleKind


@dataclass(frozen=True)
class NewCloudKey:
    """What a CloudKey is made from. key_set: its name. rotation_days: None is Never. expires_at: None is Never.

    administrators, users: ARNs for the key policy. tags: the administrator's own. key_usage: None is the first of the
    spec's (see `KeySpec.usages`).
    """

    name: str
    key_set: str
    region: str
    description: str = ""
    administrators: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    rotation_days: int | None = None
    expires_at: datetime | None = None
    key_spec: KeySpec = KeySpec.SYMMETRIC_DEFAULT
    tags: Mapping[str, str] = field(default_factory=dict)
    key_usage: KeyUsage | None = None

    @property
    def alias(self) -> str:
        """The alias that AWS will know it by."""
        return f"alias/{self.name}"

    @property
    def usage(self) -> KeyUsage:
        """The usage it gets. Raises InvalidInputError where its spec has no such."""
        require_made(self.key_spec)
        return validation.check_key_usage(self.key_spec, self.key_usage)


def check_new_cloud_key(engine: Engine, new: NewCloudKey) -> list[str]:
    """Check everything that can be checked without AWS; the AWS calls to come, in words.

    Raises InvalidInputError (naming the field), NotFoundError, or ConflictError for a name that is taken.
    """
    validation.check_cloud_key_name(new.name)
    validation.check_description(new.description)
    for arn in (*new.administrators, *new.users):
        validation.check_principal_arn(arn)
    validation.check_tags(new.tags)
    validation.check_expiry(new.expires_at)
    usage = new.usage
    if new.rotation_days is not None and not 1 <= new.rotation_days <= validation.MOST_ROTATION_DAYS:
        raise InvalidInputError("That is not a rotation schedule", field="rotation_schedule")
    with engine.store.read() as session:
        key_set = find_key_set(session, new.key_set)
        account = session.get_one(CspAccount, key_set.csp_account_id)
        _check_region(session, new.region, account)
        _refuse_taken(session, new, account.id)
        algorithm = _wrapping(session, new, key_set, account)
    expiry = f", expires {new.expires_at:%Y-%m-%d}" if new.expires_at else ", does not expire"
    return [
        f"kms:DescribeKey {new.alias}, to see that it is free",
        create_key_call(new.key_spec, usage),
        f"kms:CreateAlias {new.alias}",
        f"kms:GetParametersForImport RSA_{WRAPPING_KEY_BITS}, {algorithm.value}",
        f"kms:ImportKeyMaterial{expiry}",
        "kms:DescribeKey, until it is Enabled",
    ]


def refused_specs(engine: Engine, key_set: str, region: str) -> dict[KeySpec, InvalidInputError]:
    """The key specs of which a Key Set makes no key material in a region, each with the reason. Without AWS or token.

    Raises NotFoundError.
    """
    refused: dict[KeySpec, InvalidInputError] = {}
    with engine.store.read() as session:
        row = find_key_set(session, key_set)
        account = session.get_one(CspAccount, row.csp_account_id)
        for spec in MADE_SPECS:
            try:
                _wrapping(session, NewCloudKey("", key_set, region, key_spec=spec), row, account)
            except InvalidInputError as error:
                refused[spec] = error
    return refused


def create_cloud_key(engine: Engine, new: NewCloudKey, observer: Observer | None = None) -> str:
    """Create CloudKey, to AVAILABLE; its id.

    kms:DescribeKey, CreateKey, TagResource, CreateAlias, GetParametersForImport, ImportKeyMaterial; to undo:
    kms:DeleteAlias, ScheduleKeyDeletion. Raises InvalidInputError, ConflictError, AwsRefusedError (undone),
    AwsUnreachableError (nothing done), NeedsRecoveryError (begun, to be gone on with).
    """
    objects = {"CloudKey": new.name, "Key Set": new.key_set, "Region": new.region}
    cloud_key_id, operation_id = new_id(), new_id()
    group_id = None
    try:
        engine.require_writable(OperationKind.CREATE.value)
        check_new_cloud_key(engine, new)
        with engine.store.read() as session:
            key_set = find_key_set(session, new.key_set)
        group_id = key_set.group_id
        engine.keyring.group(group_id)
        version = custody.new_version(engine, key_set, cloud_key_id, 1, new.key_spec, new.region, observer or Silent())

        def write(session: Session) -> None:
            _refuse_taken(session, new, key_set.csp_account_id)
            session.add(_row(new, key_set, cloud_key_id))
            session.flush()
            session.add(version)
            if new.rotation_days is not None:
                due = now() + timedelta(days=new.rotation_days)
                kind = ScheduleKind.ROTATE_CLOUD_KEY
                session.add(Schedule(kind=kind, target_id=cloud_key_id, every_days=new.rotation_days, due_at=due))

        expires = new.expires_at.isoformat() if new.expires_at else None
        beginning = Beginning(
            OperationKind.CREATE,
            cloud_key_id,
            group_id,
            f"Create CloudKey {new.name} ({new.region})",
            {"objects": objects, "expires_at": expires},
            operation_id=operation_id,
        )
        run = begin(engine, beginning, write)
    except KctuiError as error:
        audit_refusal(engine, OperationKind.CREATE, objects, error, group_id)
        raise
    run_to_end(engine, run, DEFINITIONS[OperationKind.CREATE], observer or Silent())
    return cloud_key_id


def _row(new: NewCloudKey, key_set: KeySet, cloud_key_id: str) -> CloudKey:
    return CloudKey(
        id=cloud_key_id,
        key_set_id=key_set.id,
        csp_account_id=key_set.csp_account_id,
        region=new.region,
        name=new.name,
        alias=new.alias,
        description=new.description,
        key_spec=new.key_spec,
        key_usage=new.usage,
        cloud_status=CloudStatus.UPDATING,
        expires_at=new.expires_at,
        rotation_days=new.rotation_days,
        administrators=list(new.administrators),
        users=list(new.users),
        tags=dict(new.tags),
    )


def _check_region(session: Session, region: str, account: CspAccount) -> None:
    validation.check_region(region, account.partition)
    known = set(session.exec(select(RegionName.region).where(RegionName.partition == account.partition)))
    if known and region not in known:
        raise InvalidInputError(
            f"The account {account.name} has no region {region}",
            detail="It has " + ", ".join(sorted(known)) + ".",
            remedy="Choose one of these; `kctui account test` asks AWS again for newly enabled ones.",
            field="region",
        )


def _wrapping(session: Session, new: NewCloudKey, key_set: KeySet, account: CspAccount) -> WrappingAlgorithm:
    """How its material will be wrapped. Where AWS takes none there, or the HSM has none, that is the spec's error."""
    try:
        return custody.planned_algorithm(session, key_set, new.key_spec, account.partition)
    except RefusedError as error:
        raise InvalidInputError(error.title, detail=error.detail, remedy=error.remedy, field="key_spec") from error


def _refuse_taken(session: Session, new: NewCloudKey, csp_account_id: str) -> None:
    statement = select(CloudKey.id).where(
        CloudKey.csp_account_id == csp_account_id, CloudKey.region == new.region, CloudKey.alias == new.alias
    )
    if session.exec(statement).first():
        raise ConflictError(
            f"There is a CloudKey {new.name} in {new.region} already",
            remedy="Choose another name: it becomes the alias, which AWS gives once an account and region.",
        )
