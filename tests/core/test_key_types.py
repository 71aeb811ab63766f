"""Every key type that AWS imports, from creation to deletion: what KMS does with it is what our own copy does."""

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.availability import KeyAction
from kctui.core.aws.kms import Imported, Kms
from kctui.core.consequences import consequences
from kctui.core.details import VersionRow, cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError, TamperedError
from kctui.core.lists import cloud_key_row
from kctui.core.material.custody import open_material
from kctui.core.material.software import generate, public_key_of
from kctui.core.model import CspAccount, KeySet, KeyVersion
from kctui.core.operations import (
    CloudKeyEdit,
    cancel_deletion,
    check_new_cloud_key,
    create_cloud_key,
    delete,
    edit_cloud_key,
    enable,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.core.words import MADE_SPECS, CloudStatus, ImportState, KeyFamily, KeySpec, KeyUsage, RotationMethod
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.operations import new_key

if TYPE_CHECKING:
    from types_boto3_kms.literals import MacAlgorithmSpecType, SigningAlgorithmSpecType

ALIAS = "alias/payroll-db"
MESSAGE = b"salaries"
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
KINDS = [(spec, usage) for spec in MADE_SPECS for usage in spec.usages]
FAMILIES = [
    (KeySpec.HMAC_384, KeyUsage.GENERATE_VERIFY_MAC),
    (KeySpec.RSA_2048, KeyUsage.ENCRYPT_DECRYPT),
    (KeySpec.RSA_2048, KeyUsage.SIGN_VERIFY),
    (KeySpec.ECC_SECG_P256K1, KeyUsage.SIGN_VERIFY),
    (KeySpec.ECC_NIST_P521, KeyUsage.KEY_AGREEMENT),
]
SIGNING: "dict[KeySpec, tuple[SigningAlgorithmSpecType, hashes.HashAlgorithm]]" = {
    KeySpec.ECC_NIST_P256: ("ECDSA_SHA_256", hashes.SHA256()),
    KeySpec.ECC_NIST_P384: ("ECDSA_SHA_384", hashes.SHA384()),
    KeySpec.ECC_NIST_P521: ("ECDSA_SHA_512", hashes.SHA512()),
    KeySpec.ECC_SECG_P256K1: ("ECDSA_SHA_256", hashes.SHA256()),
}
MACS: "dict[KeySpec, tuple[MacAlgorithmSpecType, str]]" = {
    KeySpec.HMAC_224: ("HMAC_SHA_224", "sha224"),
    KeySpec.HMAC_256: ("HMAC_SHA_256", "sha256"),
    KeySpec.HMAC_384: ("HMAC_SHA_384", "sha384"),
    KeySpec.HMAC_512: ("HMAC_SHA_512", "sha512"),
}


def our_copy(engine: Engine, key_id: str, number: int) -> Secret:
    """Our copy of a version's key material, opened."""
    with engine.store.read() as session:
        statement = select(KeyVersion).where(KeyVersion.cloud_key_id == key_id, KeyVersion.number == number)
        version = session.exec(statement).one()
        group_id = session.exec(select(KeySet.group_id)).one()
    return open_material(engine.keyring, group_id, version)


def versions(engine: Engine, key_id: str) -> tuple[VersionRow, ...]:
    return cloud_key_details(engine.store, key_id).versions


def status(engine: Engine, key_id: str) -> CloudStatus:
    return cloud_key_row(engine.store, key_id).cloud_status


def assert_kms_uses_our_copy(engine: Engine, kms: KMSClient, key_id: str, number: int = 1) -> None:
    """What KMS does under the alias is what our own copy of the version does, whatever the key is for."""
    row = cloud_key_row(engine.store, key_id)
    with our_copy(engine, key_id, number) as material:
        if row.key_spec.family is KeyFamily.HMAC:
            algorithm, digest = MACS[row.key_spec]
            mac = kms.generate_mac(KeyId=ALIAS, Message=MESSAGE, MacAlgorithm=algorithm)["Mac"]
            assert mac == hmac.new(material.reveal(), MESSAGE, getattr(hashlib, digest)).digest()
            return
        if row.key_spec.family is KeyFamily.SYMMETRIC:
            blob = kms.encrypt(KeyId=ALIAS, Plaintext=MESSAGE)["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == MESSAGE
            return
        private = load_der_private_key(material.reveal(), None)
    public = kms.get_public_key(KeyId=ALIAS)["PublicKey"]
    [ours] = [version.public_key for version in versions(engine, key_id) if version.number == number]
    assert public == ours
    if isinstance(private, rsa.RSAPrivateKey):
        assert_rsa(kms, private, public, row.key_usage)
    else:
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert_ecc(kms, private, public, row.key_spec, row.key_usage)


def assert_rsa(kms: KMSClient, private: rsa.RSAPrivateKey, public: bytes, usage: KeyUsage) -> None:
    loaded = load_der_public_key(public)
    assert isinstance(loaded, rsa.RSAPublicKey)
    if usage is KeyUsage.ENCRYPT_DECRYPT:
        blob = loaded.encrypt(MESSAGE, OAEP)
        opened = kms.decrypt(KeyId=ALIAS, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        assert opened["Plaintext"] == MESSAGE
        sealed = kms.encrypt(KeyId=ALIAS, Plaintext=MESSAGE, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        assert private.decrypt(sealed["CiphertextBlob"], OAEP) == MESSAGE
        return
    signature = kms.sign(KeyId=ALIAS, Message=MESSAGE, SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    loaded.verify(signature, MESSAGE, PSS, hashes.SHA256())
    own = private.sign(MESSAGE, PSS, hashes.SHA256())
    assert kms.verify(KeyId=ALIAS, Message=MESSAGE, Signature=own, SigningAlgorithm="RSASSA_PSS_SHA_256")[
        "SignatureValid"
    ]


def assert_ecc(
    kms: KMSClient, private: ec.EllipticCurvePrivateKey, public: bytes, spec: KeySpec, usage: KeyUsage
) -> None:
    if usage is KeyUsage.KEY_AGREEMENT:
        peer = ec.generate_private_key(private.curve).public_key()
        theirs = peer.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        derived = kms.derive_shared_secret(KeyId=ALIAS, PublicKey=theirs, KeyAgreementAlgorithm="ECDH")
        assert derived["SharedSecret"] == private.exchange(ec.ECDH(), peer)
        return
    algorithm, digest = SIGNING[spec]
    signature = kms.sign(KeyId=ALIAS, Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
    loaded = load_der_public_key(public)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    loaded.verify(signature, MESSAGE, ec.ECDSA(digest))
    own = private.sign(MESSAGE, ec.ECDSA(digest))
    assert kms.verify(KeyId=ALIAS, Message=MESSAGE, Signature=own, SigningAlgorithm=algorithm)["SignatureValid"]


@pytest.mark.parametrize(("spec", "usage"), KINDS)
def test_kms_does_with_a_new_key_what_our_copy_does(
    engine: Engine, kms: KMSClient, spec: KeySpec, usage: KeyUsage
) -> None:
    key_id = create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage))
    known = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]
    assert (known["KeySpec"], known["KeyUsage"], known["KeyState"]) == (spec.value, usage.value, "Enabled")
    row = cloud_key_row(engine.store, key_id)
    assert (row.key_spec, row.key_usage, row.cloud_status) == (spec, usage, CloudStatus.AVAILABLE)
    assert_kms_uses_our_copy(engine, kms, key_id)


@pytest.mark.parametrize(("spec", "usage"), FAMILIES)
def test_what_was_removed_comes_back_by_an_upload(
    engine: Engine, kms: KMSClient, spec: KeySpec, usage: KeyUsage
) -> None:
    key_id = create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage))
    remove_from_cloud(engine, key_id)
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyState"] == "PendingImport"
    sync(engine)
    assert versions(engine, key_id)[0].import_state is ImportState.PENDING_IMPORT
    upload(engine, key_id)
    assert status(engine, key_id) is CloudStatus.AVAILABLE
    assert_kms_uses_our_copy(engine, kms, key_id)


@pytest.mark.parametrize("spec", [KeySpec.RSA_2048, KeySpec.ECC_NIST_P256])
def test_a_public_key_that_somebody_put_in_place_of_ours_stops_a_removal(
    box: Box, engine: Engine, root: AccessKey, spec: KeySpec
) -> None:
    key_id = create_cloud_key(engine, new_key(key_spec=spec))
    with generate(spec) as other, engine.store.write() as session:
        session.exec(select(KeyVersion)).one().public_key = public_key_of(spec, other)
    box.calls.clear()
    with pytest.raises(TamperedError, match="public key"):
        remove_from_cloud(engine, key_id)
    assert "DeleteImportedKeyMaterial" not in box.calls.operations()


@pytest.mark.parametrize(("spec", "usage"), FAMILIES)
def test_a_rotation_moves_the_alias_to_a_new_key_of_the_same_kind(
    engine: Engine, kms: KMSClient, spec: KeySpec, usage: KeyUsage
) -> None:
    key_id = create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage))
    before = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]
    rotate(engine, key_id)
    after = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]
    assert after["KeyId"] != before["KeyId"]
    assert (after["KeySpec"], after["KeyUsage"], after["Origin"]) == (spec.value, usage.value, "EXTERNAL")
    new, old = versions(engine, key_id)
    assert (new.public_key != old.public_key) is (spec.family is not KeyFamily.HMAC)
    assert_kms_uses_our_copy(engine, kms, key_id, number=2)
    assert kms.describe_key(KeyId=before["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"
    sync(engine)
    assert versions(engine, key_id)[1].cloud_status is CloudStatus.AVAILABLE
    # Only the present KMS key's material is removed; the earlier key goes on working.
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    assert_kms_uses_our_copy(engine, kms, key_id, number=2)


@pytest.mark.parametrize(("spec", "usage"), FAMILIES)
def test_every_other_operation_works_without_asking_for_rotations(
    box: Box, engine: Engine, kms: KMSClient, spec: KeySpec, usage: KeyUsage
) -> None:
    """KMS lists rotations of symmetric keys alone."""
    key_id = create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage))
    for action in (KeyAction.REMOVE, KeyAction.DELETE, KeyAction.ROTATE):
        found = consequences(engine, action, key_id)
        assert found.refusal is None
        assert not any("cannot be told" in line.text for line in found.lines)
        if usage is not KeyUsage.ENCRYPT_DECRYPT:
            assert "crypt" not in found.words
    assert edit_cloud_key(engine, key_id, CloudKeyEdit(description="changed", rotation_days=90))
    delete(engine, key_id, days=7)
    cancel_deletion(engine, key_id)
    enable(engine, key_id)
    upload(engine, key_id, expires_at=None)
    assert_kms_uses_our_copy(engine, kms, key_id)
    assert {"ListKeyRotations", "RotateKeyOnDemand"}.isdisjoint(box.calls.operations())
    details = cloud_key_details(engine.store, key_id)
    assert (details.rotation_method, details.rotations_left) == (RotationMethod.NEW_KEY, None)


@pytest.mark.parametrize("call", ["CreateKey", "GetParametersForImport", "ImportKeyMaterial"])
def test_a_lost_answer_does_not_stop_the_creation_of_a_key_pair(
    box: Box, engine: Engine, kms: KMSClient, call: str
) -> None:
    box.faults.add(call, FaultKind.LOST_REPLY)
    key_id = create_cloud_key(engine, new_key(key_spec=KeySpec.ECC_NIST_P384))
    assert_kms_uses_our_copy(engine, kms, key_id)


@pytest.mark.parametrize("spec", MADE_SPECS)
def test_the_calls_to_come_name_spec_usage_and_wrapping(engine: Engine, root: AccessKey, spec: KeySpec) -> None:
    calls = check_new_cloud_key(engine, new_key(key_spec=spec))
    wrapping = "RSA_AES_KEY_WRAP_SHA_256" if spec.family in {KeyFamily.RSA, KeyFamily.ECC} else "RSAES_OAEP_SHA_256"
    kind = spec.value if len(spec.usages) == 1 else f"{spec.value}, {spec.usages[0].value}"
    assert f"kms:CreateKey Origin=EXTERNAL, {kind}, policy, tags" in calls
    assert f"kms:GetParametersForImport RSA_4096, {wrapping}" in calls


@pytest.mark.parametrize(
    ("spec", "usage"), [(spec, usage) for spec in MADE_SPECS for usage in KeyUsage if usage not in spec.usages]
)
def test_a_usage_that_the_spec_has_not_is_refused_with_those_it_has(
    box: Box, engine: Engine, root: AccessKey, spec: KeySpec, usage: KeyUsage
) -> None:
    with pytest.raises(InvalidInputError, match=f"{spec.value} cannot be for {usage.value}") as refused:
        create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage))
    assert (refused.value.field, box.calls.operations()) == ("key_usage", [])
    assert all(allowed.value in refused.value.remedy for allowed in spec.usages)


def test_a_spec_that_kctui_cannot_make_is_refused_at_its_field(engine: Engine, root: AccessKey) -> None:
    with pytest.raises(InvalidInputError, match="ML_DSA_65") as refused:
        check_new_cloud_key(engine, new_key(key_spec=KeySpec.ML_DSA_65, key_usage=KeyUsage.SIGN_VERIFY))
    assert refused.value.field == "key_spec"


def test_in_china_rsa_is_refused_and_ecc_wrapped_by_oaep(engine: Engine, root: AccessKey) -> None:
    with engine.store.write() as session:
        session.exec(select(CspAccount)).one().partition = "aws-cn"
    with pytest.raises(InvalidInputError, match="China") as refused:
        check_new_cloud_key(engine, new_key(region="cn-north-1", key_spec=KeySpec.RSA_3072))
    assert refused.value.field == "key_spec"
    calls = check_new_cloud_key(engine, new_key(region="cn-north-1", key_spec=KeySpec.ECC_NIST_P256))
    assert "kms:GetParametersForImport RSA_4096, RSAES_OAEP_SHA_256" in calls


@pytest.mark.parametrize(("spec", "usage"), [*FAMILIES, (KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT)])
def test_users_are_let_in_to_what_the_key_is_for(
    engine: Engine, kms: KMSClient, spec: KeySpec, usage: KeyUsage
) -> None:
    account = kms.describe_key(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])["KeyMetadata"]["AWSAccountId"]
    user = f"arn:aws:iam::{account}:root"
    create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage, users=(user,)))
    key_id = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"]
    policy = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
    [use] = [set(each["Action"]) for each in policy["Statement"] if each["Sid"] == "Allow use of the key"]
    wanted = {
        KeyUsage.ENCRYPT_DECRYPT: {"kms:Encrypt", "kms:Decrypt"},
        KeyUsage.SIGN_VERIFY: {"kms:Sign", "kms:Verify", "kms:GetPublicKey"},
        KeyUsage.GENERATE_VERIFY_MAC: {"kms:GenerateMac", "kms:VerifyMac"},
        KeyUsage.KEY_AGREEMENT: {"kms:DeriveSharedSecret", "kms:GetPublicKey"},
    }
    assert wanted[usage] <= use
    assert all(wanted[other].isdisjoint(use - {"kms:GetPublicKey"}) for other in wanted if other is not usage)
    assert ("kms:GenerateDataKey*" in use) is (spec is KeySpec.SYMMETRIC_DEFAULT)


def test_material_is_named_to_kms_for_symmetric_keys_alone(
    engine: Engine, kms: KMSClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS might answer with an id for other keys as well; it takes none of them back."""
    really = Kms.import_material

    def with_an_id(self: Kms, key_id: str, **values: object) -> Imported:
        return Imported("f" * 64, really(self, key_id, **values).request_id)  # type: ignore[arg-type]

    monkeypatch.setattr(Kms, "import_material", with_an_id)
    key_id = create_cloud_key(engine, new_key(key_spec=KeySpec.ECC_NIST_P256))
    assert versions(engine, key_id)[0].key_material_id is None
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    assert_kms_uses_our_copy(engine, kms, key_id)
