"""What AWS KMS answers, as dataclasses."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.words import CloudStatus, ImportState, MaterialState, cloud_status

if TYPE_CHECKING:
    from types_boto3_kms.type_defs import GrantListEntryTypeDef, KeyMetadataTypeDef, RotationsListEntryTypeDef


@dataclass(frozen=True)
class KmsKey:
    """What KMS says of a key (KeyMetadata)."""

    key_id: str
    arn: str
    key_state: str
    description: str
    key_spec: str
    key_usage: str
    origin: str
    manager: str
    created_at: datetime | None
    deletion_date: datetime | None
    valid_to: datetime | None
    current_material_id: str | None
    request_id: str

    @property
    def status(self) -> CloudStatus:
        """The Cloud Status for the key's state."""
        return cloud_status(self.key_state)


@dataclass(frozen=True)
class Alias:
    """An alias and the key it points to (None: an AWS managed alias without a key yet)."""

    name: str
    key_id: str | None


@dataclass(frozen=True)
class ImportParameters:
    """What GetParametersForImport gives, valid for 24 hours: an RSA public key (SPKI, DER) and the token for it."""

    public_key: bytes
    import_token: bytes
    valid_to: datetime
    request_id: str


@dataclass(frozen=True)
class Imported:
    """What ImportKeyMaterial answers."""

    key_material_id: str | None
    request_id: str


@dataclass(frozen=True)
class LastUsage:
    """When a key was last used successfully, as far as KMS knows (GetKeyLastUsage): up to one hour late.

    operation, at: None where KMS has no use on record since `tracked_since`. created_at: of the key; an older key may
    have been used before that without a trace.
    """

    operation: str | None
    at: datetime | None
    tracked_since: datetime
    created_at: datetime


@dataclass(frozen=True)
class KmsGrant:
    """A grant: who else may use the key, given by whom. grantee: a principal's ARN, or a service's name."""

    grant_id: str
    name: str
    grantee: str
    operations: tuple[str, ...]


@dataclass(frozen=True)
class KmsMaterial:
    """One key material of a key (ListKeyRotations, ALL_KEY_MATERIAL). state, import_state: None where AWS's own."""

    key_material_id: str
    state: MaterialState | None
    import_state: ImportState | None
    valid_to: datetime | None
    rotated_at: datetime | None
    on_demand: bool


def key_of(said: "KeyMetadataTypeDef", request_id: str) -> KmsKey:
    """The key for what DescribeKey and CreateKey say of it."""
    return KmsKey(
        key_id=said["KeyId"],
        arn=said.get("Arn", ""),
        key_state=said.get("KeyState", ""),
        description=said.get("Description", ""),
        key_spec=said.get("KeySpec", ""),
        key_usage=said.get("KeyUsage", ""),
        origin=said.get("Origin", ""),
        manager=said.get("KeyManager", ""),
        created_at=said.get("CreationDate"),
        deletion_date=said.get("DeletionDate"),
        valid_to=said.get("ValidTo"),
        current_material_id=said.get("CurrentKeyMaterialId"),
        request_id=request_id,
    )


def grant_of(said: "GrantListEntryTypeDef") -> KmsGrant:
    """The grant for an entry of ListGrants."""
    return KmsGrant(
        grant_id=said.get("GrantId", ""),
        name=said.get("Name", ""),
        grantee=said.get("GranteePrincipal") or said.get("GranteeServicePrincipal", ""),
        operations=tuple(said.get("Operations", ())),
    )


def material_of(said: "RotationsListEntryTypeDef") -> KmsMaterial:
    """The material for an entry of ListKeyRotations. A state that is not known here is None."""
    state, imported = said.get("KeyMaterialState"), said.get("ImportState")
    return KmsMaterial(
        key_material_id=said.get("KeyMaterialId", ""),
        state=MaterialState(state) if state in set(MaterialState) else None,
        import_state=ImportState(imported) if imported in set(ImportState) else None,
        valid_to=said.get("ValidTo"),
        rotated_at=said.get("RotationDate"),
        on_demand=said.get("RotationType") == "ON_DEMAND",
    )
