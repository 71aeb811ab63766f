"""What KMS remembers: keys, their materials, aliases and grants, per account and region."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .specs import Family, Spec


class KeyState(StrEnum):
    """The key states a single-Region key outside custom key stores can have."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"


@dataclass
class Material:
    """One key material: raw bytes, or a private key as PKCS#8 DER; None once deleted or expired."""

    material_id: str
    fingerprint: bytes
    secret: bytes | None
    description: str | None = None
    valid_to: datetime | None = None
    rotation_date: datetime | None = None
    rotation_type: str | None = None


@dataclass(frozen=True)
class Usage:
    """The last successful cryptographic operation with a key."""

    operation: str
    moment: datetime
    event_id: str
    request_id: str


@dataclass
class Key:
    """A KMS key."""

    account_id: str
    key_id: str
    arn: str
    created: datetime
    spec: Spec
    usage: str
    origin: str
    policy: str
    description: str = ""
    enabled: bool = True
    deletion_date: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    materials: list[Material] = field(default_factory=list)
    """The materials permanently associated with the key, oldest first; the last one is current."""
    pending: Material | None = None
    """Material imported for the next rotation; it is not yet permanently associated."""
    rotation_period: int | None = None
    """Days between automatic rotations; None when automatic rotation is off."""
    next_rotation: datetime | None = None
    rotations_on_demand: int = 0
    last_usage: Usage | None = None

    @property
    def external(self) -> bool:
        """Tell whether the key's material is imported."""
        return self.origin == "EXTERNAL"

    @property
    def rotatable(self) -> bool:
        """Tell whether the key may have several materials: only symmetric encryption keys may."""
        return self.spec.family is Family.SYMMETRIC

    @property
    def current(self) -> Material | None:
        """Return the material that encrypts."""
        return self.materials[-1] if self.materials else None

    @property
    def state(self) -> KeyState:
        """Return the key state; any missing material makes a key wait for its import."""
        if self.deletion_date is not None:
            return KeyState.PENDING_DELETION
        if not self.materials or any(material.secret is None for material in self.materials):
            return KeyState.PENDING_IMPORT
        return KeyState.ENABLED if self.enabled else KeyState.DISABLED

    @property
    def valid_to(self) -> datetime | None:
        """Return the earliest moment at which imported material of the key expires."""
        moments = [each.valid_to for each in self.materials if each.valid_to and each.secret is not None]
        return min(moments, default=None)

    def material(self, material_id: str) -> Material | None:
        """Return a material of the key, the pending one included, by its id."""
        candidates = [*self.materials, *([self.pending] if self.pending else [])]
        return next((each for each in candidates if each.material_id == material_id), None)

    def expire(self, now: datetime) -> None:
        """Delete the materials whose time has come."""
        for material in self.materials:
            if material.valid_to is not None and material.valid_to <= now:
                material.secret = None
        if self.pending and self.pending.valid_to and self.pending.valid_to <= now:
            self.pending = None


@dataclass
class Alias:
    """An alias and the key it points to; predefined ones of AWS point nowhere."""

    name: str
    target: str | None
    created: datetime | None
    updated: datetime | None


@dataclass(frozen=True)
class Grant:
    """A grant, after the AWS KMS Developer Guide, "Grants in AWS KMS"."""

    grant_id: str
    token: str
    key_id: str
    name: str | None
    grantee: str
    grantee_is_service: bool
    retiring: str | None
    retiring_is_service: bool
    operations: tuple[str, ...]
    subset: Mapping[str, str]
    equals: Mapping[str, str]
    source_arn: str | None
    issuing_account: str
    created: datetime

    def permits(self, operation: str, encryption_context: Mapping[str, str]) -> bool:
        """Tell whether the grant covers an operation with this encryption context."""
        return (
            operation in self.operations
            and self.source_arn is None
            and self.subset.items() <= encryption_context.items()
            and (not self.equals or dict(self.equals) == dict(encryption_context))
        )


PREDEFINED_ALIASES = ("alias/aws/ebs", "alias/aws/rds", "alias/aws/s3", "alias/aws/ssm")


class Store:
    """The keys of one account in one region."""

    def __init__(self, account_id: str, region: str, partition: str) -> None:
        self.account_id = account_id
        self.region = region
        self.partition = partition
        self.lock = threading.RLock()
        self.keys: dict[str, Key] = {}
        self.grants: dict[str, Grant] = {}
        # Every account lists aliases that AWS predefined and that have no key yet (ListAliases).
        self.aliases = {name: Alias(name, None, None, None) for name in PREDEFINED_ALIASES}

    def arn(self, resource: str) -> str:
        """Return the ARN of a key ("key/…") or of an alias ("alias/…") of this account and region."""
        return f"arn:{self.partition}:kms:{self.region}:{self.account_id}:{resource}"

    def settle(self, now: datetime) -> None:
        """Let everything happen whose time has come: expiry, rotation and deletion."""
        for key in list(self.keys.values()):
            key.expire(now)
            if key.deletion_date is not None and key.deletion_date <= now:
                self._delete(key)

    def _delete(self, key: Key) -> None:
        del self.keys[key.key_id]
        self.aliases = {name: alias for name, alias in self.aliases.items() if alias.target != key.key_id}
        self.grants = {each: grant for each, grant in self.grants.items() if grant.key_id != key.key_id}

    def visible(self, now: datetime, delay: float) -> list[Key]:
        """Return the keys that other calls see, oldest first, when creation takes so many seconds to spread."""
        return [key for key in self.keys.values() if key.created + timedelta(seconds=delay) <= now]

    def aliases_of(self, key: Key) -> list[str]:
        """Return the names of the aliases that point to a key."""
        return [alias.name for alias in self.aliases.values() if alias.target == key.key_id]
