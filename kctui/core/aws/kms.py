"""AWS KMS, typed: one method a call, its IAM permission named, its answer a dataclass.

Every method raises AwsRefusedError or AwsUnreachableError (see `failures`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.aws.failures import explained
from kctui.core.aws.kms_types import (
    Alias,
    Imported,
    ImportParameters,
    KmsGrant,
    KmsKey,
    KmsMaterial,
    LastUsage,
    grant_of,
    key_of,
    material_of,
)
from kctui.core.words import KeySpec, KeyUsage

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient
    from types_boto3_kms.literals import AlgorithmSpecType
    from types_boto3_kms.type_defs import ImportKeyMaterialRequestTypeDef, TagTypeDef

KEYS_A_PAGE = 1000
ALIASES_A_PAGE = 100
__all__ = ["Alias", "ImportParameters", "Imported", "Kms", "KmsGrant", "KmsKey", "KmsMaterial", "LastUsage"]


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
            return key_of(answer["KeyMetadata"], answer["ResponseMetadata"]["RequestId"])

    def describe(self, key_id: str) -> KmsKey:
        """The key as it is now. kms:DescribeKey."""
        with explained("kms:DescribeKey"):
            answer = self.client.describe_key(KeyId=key_id)
            return key_of(answer["KeyMetadata"], answer["ResponseMetadata"]["RequestId"])

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

    def update_alias(self, alias: str, key_id: str) -> str:
        """Point an alias at another key of the same kind; the request id. kms:UpdateAlias on alias and both keys."""
        with explained("kms:UpdateAlias"):
            return self.client.update_alias(AliasName=alias, TargetKeyId=key_id)["ResponseMetadata"]["RequestId"]

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
        self,
        key_id: str,
        *,
        import_token: bytes,
        encrypted: bytes,
        valid_to: datetime | None,
        key_material_id: str | None = None,
        new: bool = False,
    ) -> Imported:
        """Import wrapped material, the first or again the same. kms:ImportKeyMaterial.

        valid_to: when KMS deletes it, at most 365 days ahead; None for never. Without ExpirationModel, AWS
        would take it as expiring. key_material_id: which of a symmetric key's materials it must be. new: a further
        one, which waits for RotateKeyOnDemand.
        """
        request: ImportKeyMaterialRequestTypeDef = {
            "KeyId": key_id,
            "ImportToken": import_token,
            "EncryptedKeyMaterial": encrypted,
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }
        if valid_to is not None:
            request["ExpirationModel"], request["ValidTo"] = "KEY_MATERIAL_EXPIRES", valid_to
        if key_material_id is not None:
            request["KeyMaterialId"] = key_material_id
        if new:
            request["ImportType"] = "NEW_KEY_MATERIAL"
        with explained("kms:ImportKeyMaterial"):
            answer = self.client.import_key_material(**request)
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

    def cancel_deletion(self, key_id: str) -> str:
        """Call a scheduled deletion off: the key is Disabled then; the request id. kms:CancelKeyDeletion."""
        with explained("kms:CancelKeyDeletion"):
            return self.client.cancel_key_deletion(KeyId=key_id)["ResponseMetadata"]["RequestId"]

    def delete_material(self, key_id: str, key_material_id: str | None) -> str:
        """Delete imported material, the current one where none is named; the request id.

        kms:DeleteImportedKeyMaterial. A material that is not there is no error.
        """
        named: dict[str, str] = {"KeyMaterialId": key_material_id} if key_material_id else {}
        with explained("kms:DeleteImportedKeyMaterial"):
            answer = self.client.delete_imported_key_material(KeyId=key_id, **named)
        return answer["ResponseMetadata"]["RequestId"]

    def rotate(self, key_id: str) -> str:
        """Make the material that waits for it the current one; the request id. kms:RotateKeyOnDemand.

        Sent once: a second try would count as a second rotation.
        """
        with explained("kms:RotateKeyOnDemand"):
            return self._once.rotate_key_on_demand(KeyId=key_id)["ResponseMetadata"]["RequestId"]

    def materials(self, key_id: str) -> list[KmsMaterial]:
        """Every key material of a symmetric key, the first first. kms:ListKeyRotations."""
        pages = self.client.get_paginator("list_key_rotations")
        with explained("kms:ListKeyRotations"):
            return [
                material_of(entry)
                for page in pages.paginate(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
                for entry in page["Rotations"]
            ]

    def last_usage(self, key_id: str) -> LastUsage:
        """When the key was last used, up to one hour late. kms:GetKeyLastUsage."""
        with explained("kms:GetKeyLastUsage"):
            answer = self.client.get_key_last_usage(KeyId=key_id)
            last = answer.get("KeyLastUsage", {})
            return LastUsage(
                last.get("Operation"), last.get("Timestamp"), answer["TrackingStartDate"], answer["KeyCreationDate"]
            )

    def grants(self, key_id: str) -> list[KmsGrant]:
        """The grants on a key. kms:ListGrants."""
        with explained("kms:ListGrants"):
            pages = self.client.get_paginator("list_grants").paginate(KeyId=key_id)
            return [grant_of(entry) for page in pages for entry in page["Grants"]]

    def policy(self, key_id: str) -> str:
        """The key policy, as JSON. kms:GetKeyPolicy."""
        with explained("kms:GetKeyPolicy"):
            return self.client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]

    def put_policy(self, key_id: str, policy: str) -> str:
        """Replace the key policy; the request id. kms:PutKeyPolicy. AWS refuses one that locks the caller out."""
        with explained("kms:PutKeyPolicy"):
            answer = self.client.put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy)
        return answer["ResponseMetadata"]["RequestId"]

    def update_description(self, key_id: str, description: str) -> str:
        """Replace the description; the request id. kms:UpdateKeyDescription."""
        with explained("kms:UpdateKeyDescription"):
            answer = self.client.update_key_description(KeyId=key_id, Description=description)
        return answer["ResponseMetadata"]["RequestId"]

    def tag(self, key_id: str, tags: Mapping[str, str]) -> str:
        """Add tags, or replace their values; the request id. kms:TagResource."""
        wire: list[TagTypeDef] = [{"TagKey": k, "TagValue": v} for k, v in sorted(tags.items())]
        with explained("kms:TagResource"):
            return self.client.tag_resource(KeyId=key_id, Tags=wire)["ResponseMetadata"]["RequestId"]

    def untag(self, key_id: str, names: Sequence[str]) -> str:
        """Take tags away; the request id. kms:UntagResource. A tag that is not there is no error."""
        with explained("kms:UntagResource"):
            return self.client.untag_resource(KeyId=key_id, TagKeys=list(names))["ResponseMetadata"]["RequestId"]
