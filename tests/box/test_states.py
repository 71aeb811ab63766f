"""Which call works in which key state (AWS KMS Developer Guide, "Key states of AWS KMS keys")."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from types_boto3_kms import KMSClient

from kctui.demo.box.kms.registry import ALWAYS, OPERATIONS

from .support import (
    call,
    import_material,
    imported_key,
    make_key,
    material_for,
    parameters,
    policy,
    refused,
    state,
    usage_of,
    wrap,
)

OK, DISABLED, INVALID = "OK", "DisabledException", "KMSInvalidStateException"
STATES = ("Enabled", "Disabled", "PendingDeletion", "PendingImport")

# The outcomes in the order of STATES.
CRYPTOGRAPHIC = (OK, DISABLED, INVALID, INVALID)
NOT_DOOMED = (OK, OK, INVALID, OK)
READY = (OK, OK, INVALID, INVALID)
EVERYWHERE = (OK, OK, OK, OK)
TABLE = {
    "CancelKeyDeletion": (INVALID, INVALID, OK, INVALID),
    "CreateAlias": NOT_DOOMED,
    "CreateGrant": CRYPTOGRAPHIC,
    "Decrypt": CRYPTOGRAPHIC,
    "DeleteAlias": EVERYWHERE,
    "DeleteImportedKeyMaterial": EVERYWHERE,
    "DescribeKey": EVERYWHERE,
    "DisableKey": READY,
    "EnableKey": READY,
    "Encrypt": CRYPTOGRAPHIC,
    "GenerateDataKey": CRYPTOGRAPHIC,
    "GenerateDataKeyPair": CRYPTOGRAPHIC,
    "GenerateDataKeyPairWithoutPlaintext": CRYPTOGRAPHIC,
    "GenerateDataKeyWithoutPlaintext": CRYPTOGRAPHIC,
    "GetKeyLastUsage": EVERYWHERE,
    "GetKeyPolicy": EVERYWHERE,
    "GetKeyRotationStatus": EVERYWHERE,
    "GetParametersForImport": NOT_DOOMED,
    "ImportKeyMaterial": NOT_DOOMED,
    "ListAliases": EVERYWHERE,
    "ListGrants": EVERYWHERE,
    "ListKeyPolicies": EVERYWHERE,
    "ListKeyRotations": EVERYWHERE,
    "ListResourceTags": EVERYWHERE,
    "PutKeyPolicy": EVERYWHERE,
    "ReEncrypt": CRYPTOGRAPHIC,
    "RetireGrant": EVERYWHERE,
    "RevokeGrant": EVERYWHERE,
    "RotateKeyOnDemand": CRYPTOGRAPHIC,
    "ScheduleKeyDeletion": NOT_DOOMED,
    "TagResource": NOT_DOOMED,
    "UntagResource": NOT_DOOMED,
    "UpdateAlias": NOT_DOOMED,
    "UpdateKeyDescription": NOT_DOOMED,
}
# The operations of keys that are not symmetric, with the key spec that has them.
OTHER_SPECS = {
    "DeriveSharedSecret": "ECC_NIST_P256",
    "GenerateMac": "HMAC_256",
    "GetPublicKey": "ECC_NIST_P256",
    "Sign": "ECC_NIST_P256",
    "Verify": "ECC_NIST_P256",
    "VerifyMac": "HMAC_256",
}
AUTOMATIC = {"EnableKeyRotation", "DisableKeyRotation"}
KEYLESS = {"CreateKey", "GenerateRandom", "ListKeys", "ListRetirableGrants"}


class Prepared:
    """A key that has everything the operations need, brought into a state."""

    def __init__(self, kms: KMSClient, name: str, spec: str = "SYMMETRIC_DEFAULT", usage: str = "") -> None:
        self.kms = kms
        self.name = name
        self.material = material_for(spec)
        self.key_id = make_key(kms, spec, KeyUsage=usage or usage_of(spec))
        self.algorithm = "RSAES_OAEP_SHA_256"
        import_material(kms, self.key_id, self.material, self.algorithm)
        self.blob = b""
        if spec == "SYMMETRIC_DEFAULT":
            self.blob = kms.encrypt(KeyId=self.key_id, Plaintext=b"plain")["CiphertextBlob"]
            self.grant = kms.create_grant(
                KeyId=self.key_id, GranteePrincipal="arn:aws:iam::111122223333:root", Operations=["Decrypt"]
            )["GrantId"]
            kms.create_alias(AliasName=f"alias/{name}-own", TargetKeyId=self.key_id)
            other = make_key(kms, Origin="AWS_KMS")
            kms.create_alias(AliasName=f"alias/{name}-other", TargetKeyId=other)
        self.parameters = parameters(kms, self.key_id)

    def enter(self, wanted: str) -> "Prepared":
        match wanted:
            case "Disabled":
                self.kms.disable_key(KeyId=self.key_id)
            case "PendingDeletion":
                self.kms.schedule_key_deletion(KeyId=self.key_id, PendingWindowInDays=7)
            case "PendingImport":
                self.kms.delete_imported_key_material(KeyId=self.key_id)
        assert state(self.kms, self.key_id) == wanted
        return self

    def members(self, operation: str) -> dict[str, object]:
        make = _MEMBERS.get(operation)
        return {"KeyId": self.key_id} | (make(self) if make else {})


_MEMBERS: dict[str, Callable[[Prepared], dict[str, object]]] = {
    "CreateAlias": lambda p: {"AliasName": f"alias/{p.name}-new", "TargetKeyId": p.key_id},
    "CreateGrant": lambda p: {
        "GranteePrincipal": "arn:aws:iam::111122223333:root",
        "Operations": ["Encrypt"],
    },
    "Decrypt": lambda p: {"CiphertextBlob": p.blob},
    "DeleteAlias": lambda p: {"AliasName": f"alias/{p.name}-own"},
    "Encrypt": lambda p: {"Plaintext": b"plain"},
    "GenerateDataKey": lambda p: {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": lambda p: {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": lambda p: {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyWithoutPlaintext": lambda p: {"NumberOfBytes": 16},
    "GenerateMac": lambda p: {"Message": b"message", "MacAlgorithm": "HMAC_SHA_256"},
    "GetParametersForImport": lambda p: {
        "WrappingAlgorithm": p.algorithm,
        "WrappingKeySpec": "RSA_2048",
    },
    "ImportKeyMaterial": lambda p: {
        "ImportToken": p.parameters["ImportToken"],
        "EncryptedKeyMaterial": wrap(p.parameters["PublicKey"], p.algorithm, p.material),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    },
    "PutKeyPolicy": lambda p: {
        "Policy": policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        )
    },
    "ReEncrypt": lambda p: {"CiphertextBlob": p.blob, "DestinationKeyId": p.key_id},
    "RetireGrant": lambda p: {"GrantId": p.grant},
    "RevokeGrant": lambda p: {"GrantId": p.grant},
    "ScheduleKeyDeletion": lambda p: {"PendingWindowInDays": 7},
    "Sign": lambda p: {"Message": b"message", "SigningAlgorithm": "ECDSA_SHA_256"},
    "TagResource": lambda p: {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": lambda p: {"TagKeys": ["a"]},
    "UpdateAlias": lambda p: {"AliasName": f"alias/{p.name}-other", "TargetKeyId": p.key_id},
    "UpdateKeyDescription": lambda p: {"Description": "new"},
}
_WITHOUT_KEY_ID = {"CreateAlias", "DeleteAlias", "UpdateAlias", "ReEncrypt"}


def attempt(kms: KMSClient, operation: str, members: dict[str, object]) -> str:
    if operation in _WITHOUT_KEY_ID:
        members.pop("KeyId", None)
    try:
        call(kms, operation, **members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return OK


@pytest.mark.parametrize("wanted", STATES)
@pytest.mark.parametrize("operation", TABLE)
def test_each_operation_in_each_state(kms: KMSClient, name: str, operation: str, wanted: str) -> None:
    prepared = Prepared(kms, name)
    if operation == "RotateKeyOnDemand":
        import_material(kms, prepared.key_id, material_for("SYMMETRIC_DEFAULT"), ImportType="NEW_KEY_MATERIAL")
    prepared.enter(wanted)
    outcome = attempt(kms, operation, prepared.members(operation))
    assert outcome == TABLE[operation][STATES.index(wanted)]


@pytest.mark.parametrize("wanted", STATES)
@pytest.mark.parametrize("operation", OTHER_SPECS)
def test_cryptographic_operations_of_other_specs(kms: KMSClient, name: str, operation: str, wanted: str) -> None:
    spec = OTHER_SPECS[operation]
    usage = "KEY_AGREEMENT" if operation == "DeriveSharedSecret" else usage_of(spec)
    prepared = Prepared(kms, name, spec, usage)
    members = prepared.members(operation)
    if operation == "DeriveSharedSecret":
        public = kms.get_public_key(KeyId=prepared.key_id)["PublicKey"]
        members |= {"KeyAgreementAlgorithm": "ECDH", "PublicKey": public}
    if operation == "Verify":
        signing = prepared.members("Sign")
        members = signing | {"Signature": call(kms, "Sign", **signing)["Signature"]}
    if operation == "VerifyMac":
        making = prepared.members("GenerateMac")
        members = making | {"Mac": call(kms, "GenerateMac", **making)["Mac"]}
    prepared.enter(wanted)
    assert attempt(kms, operation, members) == CRYPTOGRAPHIC[STATES.index(wanted)]


@pytest.mark.parametrize("wanted", STATES[:3])
@pytest.mark.parametrize("operation", sorted(AUTOMATIC))
def test_automatic_rotation_in_each_state(kms: KMSClient, operation: str, wanted: str) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    if wanted == "Disabled":
        kms.disable_key(KeyId=key_id)
    if wanted == "PendingDeletion":
        kms.schedule_key_deletion(KeyId=key_id)
    assert attempt(kms, operation, {"KeyId": key_id}) == CRYPTOGRAPHIC[STATES.index(wanted)]


def test_the_table_covers_every_operation_of_the_box() -> None:
    assert set(OPERATIONS) == set(TABLE) | set(OTHER_SPECS) | AUTOMATIC | KEYLESS


def test_states_are_declared_beside_the_handlers() -> None:
    """No operation on a key is allowed in every state by default unless the table says so."""
    declared = {name for name, each in OPERATIONS.items() if each.allowed == ALWAYS} - KEYLESS
    assert declared == {name for name, outcomes in TABLE.items() if outcomes == EVERYWHERE}


def test_update_alias_ignores_the_state_of_the_old_key(kms: KMSClient, name: str) -> None:
    old, new = make_key(kms), make_key(kms)
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=old)
    kms.schedule_key_deletion(KeyId=old, PendingWindowInDays=7)
    kms.update_alias(AliasName=f"alias/{name}", TargetKeyId=new)
    assert kms.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]["KeyId"] == new


def test_deleting_material_leaves_pending_deletion(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    kms.delete_imported_key_material(KeyId=key_id)
    assert state(kms, key_id) == "PendingDeletion"


def test_deletion_cancelled_is_disabled(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=key_id)
    assert state(kms, key_id) == "Disabled"


def test_deletion_cancelled_without_material_is_pending_import(kms: KMSClient) -> None:
    key_id = make_key(kms)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=key_id)
    assert state(kms, key_id) == "PendingImport"


@pytest.mark.parametrize("operation", ["GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"])
def test_import_operations_need_external_origin(kms: KMSClient, name: str, operation: str) -> None:
    members = Prepared(kms, name).members(operation) | {"KeyId": make_key(kms, Origin="AWS_KMS")}
    with refused("UnsupportedOperationException"):
        call(kms, operation, **members)


@pytest.mark.parametrize(
    ("operation", "member"), [("ReplicateKey", "ReplicaRegion"), ("UpdatePrimaryRegion", "PrimaryRegion")]
)
def test_multi_region_operations_are_not_supported(kms: KMSClient, operation: str, member: str) -> None:
    with refused("UnsupportedOperationException"):
        call(kms, operation, KeyId=make_key(kms), **{member: "eu-west-1"})
