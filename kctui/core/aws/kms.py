"""AWS KMS, typed: one method a call, its IAM permission named, its answer a dataclass.

Every method raises AwsRefusedError or AwsUnreachableError (see `failures`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.aws.failures import explained
from kctui.core.words import CloudStatus, KeySpec, KeyUsage, cloud_status

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient
    from types_boto3_kms.literals import AlgorithmSpecType
    from types_boto3_kms.type_defs import KeyMetadataTypeDef, TagTypeDef

KEYS_A_PAGE = 1000
ALIASES_A_PAGE = 100


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


class Kms:
    """KMS of one account in one region. once: a client that never repeats a request by itself."""

    def __init__(self, client: "KMSClient", once: "KMSClient", region: str) -> None:
        self.client = client
        self._once = once
        self.region = region

    def create_key(
        self,
        *,
        key_spec: KeySpec,
        key_usage: KeyUsage,
        description: str,
        policy: str,
        tags: Mapping[str, str],
    ) -> KmsKey:
        """Make a key without material (Origin EXTERNAL). kms:CreateKey, kms:TagResource.

        CreateKey has no idempotency token: a request repeated after a lost answer would make a second key,
        so this one is sent once, and the caller looks for the tags it gave.
        """
        wire: list[TagTypeDef] = [{"TagKey": k, "TagValue": v} for k, v in sorted(tags.items())]
        with explained("kms:CreateKey"):
            answer = self._once.create_key(
                Origin="EXTERNAL",
                KeySpec=key_spec.value,
                KeyUsage=key_usage.value,
                Description=description,
                Policy=policy,
                Tags=wire,
            )
            return _key(answer["KeyMetadata"], answer["ResponseMetadata"]["RequestId"])

    def describe(self, key_id: str) -> KmsKey:
        """The key as it is now. kms:DescribeKey."""
        with explained("kms:DescribeKey"):
            answer = self.client.describe_key(KeyId=key_id)
            return _key(answer["KeyMetadata"], answer["ResponseMetadata"]["RequestId"])

    def key_ids(self) -> Iterator[str]:
        """The ids of all keys of account and region. kms:ListKeys."""
        with explained("kms:ListKeys"):
            for page in self.client.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": KEYS_A_PAGE}):
                yield from (key["KeyId"] for key in page["Keys"])

    def aliases(self, key_id: str | None = None) -> Iterator[Alias]:
        """The aliases of account and region, or of one key. kms:ListAliases."""
        pages = self.client.get_paginator("list_aliases")
        of_key = {"KeyId": key_id} if key_id else {}
        with explained("kms:ListAliases"):
            for page in pages.paginate(**of_key, PaginationConfig={"PageSize": ALIASES_A_PAGE}):
                for alias in page["Aliases"]:
                    yield Alias(alias["AliasName"], alias.get("TargetKeyId"))

    def tags(self, key_id: str) -> dict[str, str]:
        """The tags of a key. kms:ListResourceTags."""
        with explained("kms:ListResourceTags"):
            found: dict[str, str] = {}
            for page in self.client.get_paginator("list_resource_tags").paginate(KeyId=key_id):
                found.update({tag["TagKey"]: tag["TagValue"] for tag in page["Tags"]})
            return found

    def create_alias(self, alias: str, key_id: str) -> str:
        """Point a new alias at the key; the request id. kms:CreateAlias on alias and key."""
        with explained("kms:CreateAlias"):
            return self.client.create_alias(AliasName=alias, TargetKeyId=key_id)["ResponseMetadata"]["RequestId"]

    def delete_alias(self, alias: str) -> str:
        """Delete an alias; the request id. kms:DeleteAlias on alias and key."""
        with explained("kms:DeleteAlias"):
            return self.client.delete_alias(AliasName=alias)["ResponseMetadata"]["RequestId"]

    def import_parameters(self, key_id: str, algorithm: "AlgorithmSpecType") -> ImportParameters:
        """An RSA_4096 wrapping key and its token. kms:GetParametersForImport. One a second, account-wide."""
        with explained("kms:GetParametersForImport"):
            answer = self.client.get_parameters_for_import(
                KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_4096"
            )
            return ImportParameters(
                answer["PublicKey"],
                answer["ImportToken"],
                answer["ParametersValidTo"],
                answer["ResponseMetadata"]["RequestId"],
            )

    def import_material(
        self, key_id: str, *, import_token: bytes, encrypted: bytes, valid_to: datetime | None
    ) -> Imported:
        """Import wrapped material, the first or again the same. kms:ImportKeyMaterial.

        valid_to: when KMS deletes it, at most 365 days ahead; None for never. Without ExpirationModel, AWS
        would take it as expiring.
        """
        with explained("kms:ImportKeyMaterial"):
            if valid_to is None:
                answer = self.client.import_key_material(
                    KeyId=key_id,
                    ImportToken=import_token,
                    EncryptedKeyMaterial=encrypted,
                    ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
                )
            else:
                answer = self.client.import_key_material(
                    KeyId=key_id,
                    ImportToken=import_token,
                    EncryptedKeyMaterial=encrypted,
                    ExpirationModel="KEY_MATERIAL_EXPIRES",
                    ValidTo=valid_to,
                )
        return Imported(answer.get("KeyMaterialId"), answer["ResponseMetadata"]["RequestId"])

    def enable(self, key_id: str) -> str:
        """Enable a disabled key; the request id. kms:EnableKey."""
        with explained("kms:EnableKey"):
            return self.client.enable_key(KeyId=key_id)["ResponseMetadata"]["RequestId"]

    def disable(self, key_id: str) -> str:
        """Disable an enabled key; the request id. kms:DisableKey."""
        with explained("kms:DisableKey"):
            return self.client.disable_key(KeyId=key_id)["ResponseMetadata"]["RequestId"]

    def schedule_deletion(self, key_id: str, days: int) -> tuple[datetime, str]:
        """Schedule the key's deletion in 7 to 30 days; the date and the request id. kms:ScheduleKeyDeletion."""
        with explained("kms:ScheduleKeyDeletion"):
            answer = self.client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=days)
        return answer["DeletionDate"], answer["ResponseMetadata"]["RequestId"]


def _key(said: "KeyMetadataTypeDef", request_id: str) -> KmsKey:
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
