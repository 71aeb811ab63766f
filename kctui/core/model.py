"""The tables. Dates are UTC; a `sealed_*` column opens only at its own table, row and column."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, LargeBinary, String, TypeDecorator
from sqlmodel import Field, SQLModel, UniqueConstraint

from kctui.core.clock import now
from kctui.core.words import (
    AuditCategory,
    AuditType,
    CloudStatus,
    CredentialKind,
    ImportState,
    KeySource,
    KeySpec,
    KeyUsage,
    MaterialState,
    OperationKind,
    OperationState,
    OperatorKind,
    RotationMethod,
    ScheduleKind,
    StepState,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone, so every value goes in and comes out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive value rather than guess its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a date without a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give an aware value."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[StrEnum]):
    """An enumeration kept as its own words, so that a new word needs no migration."""

    impl = String
    cache_ok = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__(40)
        self.choices = choices

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        """The word of the value; a foreign word is refused."""
        return None if value is None else self.choices(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member for the word."""
        return None if value is None else self.choices(value)


def new_id() -> str:
    """A random row id: 32 hex digits."""
    return uuid.uuid4().hex


def _word(choices: type[StrEnum]) -> Any:
    return Word(choices)


def _at_first(value: str) -> dict[str, str]:
    """What rows have that were there before the column was."""
    return {"server_default": value}


_MOMENT: Any = UtcDateTime
_BYTES: Any = LargeBinary
# PKCS#11 numbers are unsigned and long: SoftHSM's slots, and vendors' mechanisms.
_LONG: Any = BigInteger
_JSON: Any = JSON


class Operator(SQLModel, table=True):
    """A person or a service, with a key pair whose private half is sealed under their passphrase.

    public_key: ML-KEM-768 (1184 bytes) followed by X25519 (32). kdf_*: Argon2id (RFC 9106), memory in KiB.
    """

    __tablename__ = "operator"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    kind: OperatorKind = Field(default=OperatorKind.PERSON, sa_type=_word(OperatorKind))
    public_key: bytes = Field(sa_type=_BYTES)
    sealed_private_key: bytes = Field(sa_type=_BYTES)
    kdf_salt: bytes = Field(sa_type=_BYTES)
    kdf_memory_kib: int
    kdf_passes: int
    kdf_lanes: int
    failed_unlocks: int = 0
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class AdminGroup(SQLModel, table=True):
    """Operators who share the right to a set of CSP Accounts and Key Sets.

    generation counts the group keys there have been. sealed_audit_key: the key of the keyed audit check;
    sealed_audit_anchor: the last keyed entry's number and hash, so that a log cut short is noticed.
    """

    __tablename__ = "admin_group"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    generation: int = 1
    sealed_audit_key: bytes = Field(sa_type=_BYTES)
    sealed_audit_anchor: bytes | None = Field(default=None, sa_type=_BYTES)
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class Membership(SQLModel, table=True):
    """One operator's copy of one generation of a group key, sealed to the operator's public key (HPKE)."""

    __tablename__ = "membership"
    group_id: str = Field(foreign_key="admin_group.id", primary_key=True)
    operator_id: str = Field(foreign_key="operator.id", primary_key=True)
    generation: int = Field(primary_key=True)
    sealed_group_key: bytes = Field(sa_type=_BYTES)
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class CspAccount(SQLModel, table=True):
    """Credentials for one AWS account. region: where IAM, EC2 and SSM are asked, and the first to be shown.

    aws_account_id, caller_arn and partition are AWS's own words, from GetCallerIdentity. access_key_id is "" where
    the credential is no access key; sealed_secret_access_key then holds no secret, but binds what the credential is
    to where it is used (see `aws.clients`). pending_*: a new access key that is not in use yet, while the
    credential is rotated. rotation_days: of the access key; None is Never.
    """

    __tablename__ = "csp_account"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    description: str = ""
    group_id: str = Field(foreign_key="admin_group.id", index=True)
    credential_kind: CredentialKind = Field(default=CredentialKind.ACCESS_KEY, sa_type=_word(CredentialKind))
    access_key_id: str = Field(default="", max_length=128)
    sealed_secret_access_key: bytes = Field(sa_type=_BYTES)
    profile: str | None = Field(default=None, max_length=128)
    role_arn: str | None = None
    external_id: str | None = None
    pending_access_key_id: str | None = Field(default=None, max_length=128)
    sealed_pending_secret: bytes | None = Field(default=None, sa_type=_BYTES)
    rotation_days: int | None = None
    credential_rotated_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    revision: int = Field(default=1, sa_column_kwargs=_at_first("1"))
    region: str = Field(max_length=32)
    endpoint_url: str | None = None
    partition: str = Field(max_length=16)
    aws_account_id: str = Field(max_length=12, index=True)
    caller_arn: str
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)
    reached_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    unreachable_since: datetime | None = Field(default=None, sa_type=_MOMENT)
    unreachable_reason: str | None = None


class Hsm(SQLModel, table=True):
    """A token of an HSM, its PIN sealed, and the key-encryption key on it that keeps key material.

    module: the absolute path of the PKCS#11 library. slot: only where label and serial name several tokens. sealed_pin
    opens only beside the module, the token, the key-encryption key and the consents that it was sealed with.
    kek_id: CKA_ID, in hex. conformance: what the probe found (JSON), of the library, token and firmware that
    probed_for names. pin_refused_at: the PIN is not tried any more. reached_at, unreachable_*: as of CSP Accounts.
    """

    __tablename__ = "hsm"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    group_id: str = Field(foreign_key="admin_group.id", index=True)
    module: str
    init_args: str | None = None
    token_label: str = Field(max_length=64)
    token_serial: str = Field(max_length=64)
    slot: int | None = Field(default=None, sa_type=_LONG)
    manufacturer: str = ""
    token_model: str = ""
    sealed_pin: bytes = Field(sa_type=_BYTES)
    pin_refused_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    kek_id: str = Field(max_length=64)
    sha1_allowed: bool = False
    export_allowed: bool = False
    conformance: str
    probed_for: str
    probed_at: datetime = Field(sa_type=_MOMENT)
    reached_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    unreachable_since: datetime | None = Field(default=None, sa_type=_MOMENT)
    unreachable_reason: str | None = None
    revision: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class KeySet(SQLModel, table=True):
    """The CloudKeys of one CSP Account. rotation_days: what new CloudKeys inherit; None is Never.

    hsm_id: where its key material is made and kept; None for software. Either stays as it is for good.
    rotation_method: how Rotate Now works on its symmetric CloudKeys.
    """

    __tablename__ = "key_set"
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    description: str = ""
    csp_account_id: str = Field(foreign_key="csp_account.id", index=True)
    group_id: str = Field(foreign_key="admin_group.id", index=True)
    hsm_id: str | None = Field(default=None, foreign_key="hsm.id", index=True)
    rotation_days: int | None = None
    rotation_method: RotationMethod = Field(
        default=RotationMethod.IN_PLACE,
        sa_type=_word(RotationMethod),
        sa_column_kwargs=_at_first(RotationMethod.IN_PLACE.value),
    )
    revision: int = Field(default=1, sa_column_kwargs=_at_first("1"))
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class CloudKey(SQLModel, table=True):
    """One customer managed KMS key. alias is NULL once the alias is no longer this key's, so the name is free.

    status_seen_at: when KMS last said so. revision grows with each change: a dialog refuses an outdated row.
    kms_key_id is NULL until CreateKey has answered. origin is AWS's word for where the material comes from; a key of
    EXTERNAL origin whose Key Source is AWS was imported by somebody else. policy: the key policy as kctui last wrote
    or adopted it (JSON), NULL where it was never read. rotations_used: on-demand rotations of the KMS key, of 25.
    """

    __tablename__ = "cloud_key"
    __table_args__ = (
        UniqueConstraint("csp_account_id", "region", "alias", name="uq_cloud_key_alias"),
        UniqueConstraint("csp_account_id", "region", "kms_key_id", name="uq_cloud_key_kms_key_id"),
        Index("ix_cloud_key_name", "key_set_id", "region", "name", "id"),
        Index("ix_cloud_key_set_name", "key_set_id", "name", "id"),
        Index("ix_cloud_key_all_names", "name", "id"),
        Index("ix_cloud_key_status", "key_set_id", "region", "cloud_status", "id"),
        Index("ix_cloud_key_expires", "key_set_id", "region", "expires_at", "id"),
        Index("ix_cloud_key_seen", "key_set_id", "region", "status_seen_at", "id"),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    key_set_id: str = Field(foreign_key="key_set.id")
    csp_account_id: str = Field(foreign_key="csp_account.id")
    region: str = Field(max_length=32)
    name: str = Field(max_length=250)
    alias: str | None = Field(default=None, max_length=256)
    description: str = Field(default="", max_length=8192)
    kms_key_id: str | None = Field(default=None, max_length=64)
    key_arn: str | None = None
    key_spec: KeySpec = Field(default=KeySpec.SYMMETRIC_DEFAULT, sa_type=_word(KeySpec))
    key_usage: KeyUsage = Field(default=KeyUsage.ENCRYPT_DECRYPT, sa_type=_word(KeyUsage))
    key_source: KeySource = Field(default=KeySource.KCTUI, sa_type=_word(KeySource))
    origin: str = Field(default="EXTERNAL", max_length=40, sa_column_kwargs=_at_first("EXTERNAL"))
    cloud_status: CloudStatus = Field(default=CloudStatus.UNKNOWN, sa_type=_word(CloudStatus))
    status_seen_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    deletion_date: datetime | None = Field(default=None, sa_type=_MOMENT)
    expires_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    rotation_days: int | None = None
    rotations_used: int = Field(default=0, sa_column_kwargs=_at_first("0"))
    policy: str | None = None
    administrators: list[str] = Field(default_factory=list, sa_type=_JSON)
    users: list[str] = Field(default_factory=list, sa_type=_JSON)
    tags: dict[str, str] = Field(default_factory=dict, sa_type=_JSON)
    revision: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class KeyVersion(SQLModel, table=True):
    """One key material of a CloudKey, sealed: itself, or a blob that opens only on the token of an HSM.

    fingerprint: see `material.software` and `pkcs11.objects`. hsm_id, kek_id, kept_by: of a blob, the HSM, the id of
    the key-encryption key and the number of the mechanism; NULL for software.

    public_key: of a key pair (SubjectPublicKeyInfo, DER); NULL for symmetric and HMAC material, and where we have none.
    key_material_id is KMS's own name for it, known from the import on (64 hex digits). kms_key_id: the KMS key it is
    in. Where that is an earlier one of the CloudKey's, left by a rotation to a new KMS key, key_arn, cloud_status,
    status_seen_at and deletion_date are that key's own; else cloud_status is NULL, and the CloudKey's counts.
    """

    __tablename__ = "key_version"
    __table_args__ = (
        UniqueConstraint("cloud_key_id", "number", name="uq_key_version_number"),
        Index("ix_key_version_kms_key_id", "kms_key_id"),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    cloud_key_id: str = Field(foreign_key="cloud_key.id")
    number: int
    kms_key_id: str | None = Field(default=None, max_length=64)
    key_arn: str | None = None
    cloud_status: CloudStatus | None = Field(default=None, sa_type=_word(CloudStatus))
    status_seen_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    deletion_date: datetime | None = Field(default=None, sa_type=_MOMENT)
    key_material_id: str | None = Field(default=None, max_length=64)
    material_state: MaterialState = Field(default=MaterialState.MADE, sa_type=_word(MaterialState))
    import_state: ImportState = Field(default=ImportState.PENDING_IMPORT, sa_type=_word(ImportState))
    sealed_material: bytes | None = Field(default=None, sa_type=_BYTES)
    fingerprint: str | None = Field(default=None, max_length=64)
    public_key: bytes | None = Field(default=None, sa_type=_BYTES)
    hsm_id: str | None = Field(default=None, foreign_key="hsm.id", index=True)
    kek_id: str | None = Field(default=None, max_length=64)
    kept_by: int | None = Field(default=None, sa_type=_LONG)
    proven_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    imported_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    rotated_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    expires_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    created_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class Operation(SQLModel, table=True):
    """One journalled operation. subject is the CloudKey's or CSP Account's id while OPEN, else NULL: one open each.

    owner_*: who runs it; fence grows when a dead owner's operation is taken over, so that a late owner's
    writes are refused. parameters hold no secret.
    """

    __tablename__ = "operation"
    __table_args__ = (
        UniqueConstraint("subject", name="uq_operation_subject"),
        Index("ix_operation_state", "state", "started_at"),
        Index("ix_operation_cloud_key", "cloud_key_id", "started_at"),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    kind: OperationKind = Field(sa_type=_word(OperationKind))
    state: OperationState = Field(default=OperationState.OPEN, sa_type=_word(OperationState))
    cloud_key_id: str | None = Field(default=None)
    csp_account_id: str | None = Field(default=None)
    subject: str | None = Field(default=None)
    group_id: str = Field(foreign_key="admin_group.id")
    operator: str = Field(max_length=64)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=_JSON)
    title: str = ""
    undoing: bool = False
    error: str | None = None
    owner_host: str | None = None
    owner_process: str | None = None
    owner_seen_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    fence: int = 1
    started_at: datetime = Field(default_factory=now, sa_type=_MOMENT)
    ended_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class OperationStep(SQLModel, table=True):
    """One announced step: written before the effect, completed with what AWS answered."""

    __tablename__ = "operation_step"
    __table_args__ = (UniqueConstraint("operation_id", "number", name="uq_operation_step_number"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    operation_id: str = Field(foreign_key="operation.id")
    number: int
    name: str = Field(max_length=40)
    state: StepState = Field(default=StepState.INTENDED, sa_type=_word(StepState))
    answer: dict[str, Any] = Field(default_factory=dict, sa_type=_JSON)
    request_id: str | None = None
    error: str | None = None
    started_at: datetime = Field(default_factory=now, sa_type=_MOMENT)
    ended_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class AuditEntry(SQLModel, table=True):
    """One line of the audit log. hash chains it to the entry before; mac keys it where the vault was open."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_type", "type", "seq"),)
    seq: int | None = Field(default=None, primary_key=True)
    time: datetime = Field(sa_type=_MOMENT, index=True)
    type: AuditType = Field(sa_type=_word(AuditType))
    category: AuditCategory = Field(sa_type=_word(AuditCategory))
    operator: str | None = Field(default=None, max_length=64)
    unix_user: str = ""
    ssh_client: str | None = None
    host: str = ""
    message: str = ""
    objects: dict[str, str] = Field(default_factory=dict, sa_type=_JSON)
    request_ids: list[str] = Field(default_factory=list, sa_type=_JSON)
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)
    mac_group_id: str | None = None
    mac: str | None = Field(default=None, max_length=64)


class RegionName(SQLModel, table=True):
    """A region of a partition and its long name, as SSM gives it: "US East (N. Virginia)"."""

    __tablename__ = "region_name"
    partition: str = Field(primary_key=True, max_length=16)
    region: str = Field(primary_key=True, max_length=32)
    long_name: str
    seen_at: datetime = Field(default_factory=now, sa_type=_MOMENT)


class Schedule(SQLModel, table=True):
    """What becomes due, and when. Never has no row."""

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("kind", "target_id", name="uq_schedule_target"),
        Index("ix_schedule_due", "due_at"),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    kind: ScheduleKind = Field(sa_type=_word(ScheduleKind))
    target_id: str
    every_days: int
    due_at: datetime = Field(sa_type=_MOMENT)
