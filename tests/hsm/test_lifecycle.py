"""The life of a CloudKey whose key material is in an HSM, for each key spec on each module.

What the probe says the token cannot do must be refused with that reason, before AWS hears of anything.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlmodel import col, select
from types_boto3_kms.client import KMSClient

from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.lists import cloud_key_row
from kctui.core.material import hsm
from kctui.core.material.custody import open_material
from kctui.core.model import CloudKey, KeySet, KeyVersion
from kctui.core.observer import Silent
from kctui.core.operations import (
    cancel_deletion,
    check_new_cloud_key,
    create_cloud_key,
    delete,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.pkcs11.errors import HsmRefusedError
from kctui.core.pkcs11.findings import Conformance
from kctui.core.words import MADE_SPECS, CloudStatus, KeyFamily, KeySpec, KeyUsage, RotationMethod
from tests.core.operations import new_key
from tests.hsm.conftest import Vault
from tests.hsm.summary import Note

if TYPE_CHECKING:
    from types_boto3_kms.literals import MacAlgorithmSpecType, SigningAlgorithmSpecType

ALIAS = "alias/payroll-db"
MESSAGE = b"salaries"
SIGNING: "dict[KeySpec, tuple[SigningAlgorithmSpecType, hashes.HashAlgorithm]]" = {
    KeySpec.ECC_NIST_P256: ("ECDSA_SHA_256", hashes.SHA256()),
    KeySpec.ECC_NIST_P384: ("ECDSA_SHA_384", hashes.SHA384()),
    KeySpec.ECC_NIST_P521: ("ECDSA_SHA_512", hashes.SHA512()),
    KeySpec.ECC_SECG_P256K1: ("ECDSA_SHA_256", hashes.SHA256()),
}
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
Proof = Callable[[str], None]
"""Asserts of the KMS key that an alias names, by something made earlier, that it has the same material still."""


def versions(vault: Vault, key_id: str) -> list[KeyVersion]:
    with vault.engine.store.read() as session:
        statement = select(KeyVersion).where(KeyVersion.cloud_key_id == key_id).order_by(col(KeyVersion.number))
        return list(session.exec(statement))


def status(vault: Vault, key_id: str) -> CloudStatus:
    return cloud_key_row(vault.engine.store, key_id).cloud_status


def use(kms: KMSClient, spec: KeySpec, version: KeyVersion) -> Proof:
    """Use a KMS key for what it is for; how to see later that it is the same."""
    if spec.family is KeyFamily.SYMMETRIC:
        blob = kms.encrypt(KeyId=ALIAS, Plaintext=MESSAGE)["CiphertextBlob"]

        def decrypts(key_id: str) -> None:
            assert kms.decrypt(KeyId=key_id, CiphertextBlob=blob)["Plaintext"] == MESSAGE

        decrypts(ALIAS)
        return decrypts
    if spec.family is KeyFamily.HMAC:
        algorithm: MacAlgorithmSpecType = f"HMAC_SHA_{spec.value.removeprefix('HMAC_')}"  # type: ignore[assignment]
        mac = kms.generate_mac(KeyId=ALIAS, Message=MESSAGE, MacAlgorithm=algorithm)["Mac"]

        def verifies(key_id: str) -> None:
            assert kms.verify_mac(KeyId=key_id, Message=MESSAGE, Mac=mac, MacAlgorithm=algorithm)["MacValid"]

        return verifies
    public = kms.get_public_key(KeyId=ALIAS)["PublicKey"]
    assert public == version.public_key
    host = load_der_public_key(public)

    def signs(key_id: str) -> None:
        if isinstance(host, rsa.RSAPublicKey):
            signature = kms.sign(KeyId=key_id, Message=MESSAGE, SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
            host.verify(signature, MESSAGE, PSS, hashes.SHA256())
        else:
            assert isinstance(host, ec.EllipticCurvePublicKey)
            name, digest = SIGNING[spec]
            signature = kms.sign(KeyId=key_id, Message=MESSAGE, SigningAlgorithm=name)["Signature"]
            host.verify(signature, MESSAGE, ec.ECDSA(digest))

    signs(ALIAS)
    return signs


def refusal_of(vault: Vault, spec: KeySpec) -> KctuiError | None:
    row = vault.hsm
    return Conformance.from_json(row.conformance).why_not(spec, sha1=row.sha1_allowed)


def assert_refused(vault: Vault, spec: KeySpec, refusal: KctuiError) -> None:
    """Refused with the probe's reason, wherever it is asked; AWS heard of nothing, and nothing is left."""
    vault.box.calls.clear()
    for ask in (check_new_cloud_key, create_cloud_key):
        with pytest.raises(InvalidInputError) as refused:
            ask(vault.engine, new_key(key_spec=spec))
        assert (refused.value.title, refused.value.detail) == (refusal.title, refusal.detail)
        assert refused.value.field == "key_spec"
    with pytest.raises(HsmRefusedError) as told:
        hsm.make(vault.engine, vault.hsm, spec, "aws", Silent())
    assert (told.value.title, told.value.detail) == (refusal.title, refusal.detail)
    assert told.value.detail
    assert vault.box.calls.operations() == []
    with vault.engine.store.read() as session:
        assert session.exec(select(CloudKey)).all() == []


@pytest.mark.parametrize("spec", MADE_SPECS)
def test_the_life_of_a_cloud_key(vault: Vault, spec: KeySpec, note_hsm: Note) -> None:
    engine, kms = vault.engine, vault.kms
    refusal = refusal_of(vault, spec)
    note_hsm(vault.hsm.probed_for.split("/")[1], spec.value, refusal.detail if refusal else "")
    if refusal is not None:
        assert_refused(vault, spec, refusal)
        return
    usage = KeyUsage.SIGN_VERIFY if KeyUsage.SIGN_VERIFY in spec.usages else None
    key_id = create_cloud_key(engine, new_key(key_spec=spec, key_usage=usage))
    [first] = versions(vault, key_id)
    assert (first.hsm_id, first.kek_id) == (vault.hsm.id, vault.hsm.kek_id)
    assert status(vault, key_id) is CloudStatus.AVAILABLE
    same = use(kms, spec, first)

    remove_from_cloud(engine, key_id)
    assert status(vault, key_id) is CloudStatus.NOT_AVAILABLE
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyState"] == "PendingImport"
    upload(engine, key_id)
    assert status(vault, key_id) is CloudStatus.AVAILABLE
    same(ALIAS)

    before = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"]
    rotate(engine, key_id)
    after = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"]
    assert (before == after) is (spec is KeySpec.SYMMETRIC_DEFAULT)
    same(before)
    second = versions(vault, key_id)[-1]
    assert (second.number, second.hsm_id) == (2, vault.hsm.id)
    assert second.fingerprint != first.fingerprint
    use(kms, spec, second)

    delete(engine, key_id, days=7)
    assert status(vault, key_id) is CloudStatus.PENDING_DELETE
    cancel_deletion(engine, key_id)
    assert status(vault, key_id) is CloudStatus.DISABLED


def test_a_symmetric_key_can_be_rotated_by_a_new_kms_key_too(vault: Vault) -> None:
    key_id = create_cloud_key(vault.engine, new_key())
    before = vault.kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"]
    same = use(vault.kms, KeySpec.SYMMETRIC_DEFAULT, versions(vault, key_id)[0])
    rotate(vault.engine, key_id, method=RotationMethod.NEW_KEY)
    assert vault.kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"] != before
    same(before)


def test_removed_and_uploaded_a_rotated_key_has_every_version_again(vault: Vault) -> None:
    key_id = create_cloud_key(vault.engine, new_key())
    first = use(vault.kms, KeySpec.SYMMETRIC_DEFAULT, versions(vault, key_id)[0])
    rotate(vault.engine, key_id)
    second = use(vault.kms, KeySpec.SYMMETRIC_DEFAULT, versions(vault, key_id)[1])
    remove_from_cloud(vault.engine, key_id)
    upload(vault.engine, key_id)
    first(ALIAS)
    second(ALIAS)


def test_a_key_set_without_hsm_stays_as_it_is_beside_it(vault: Vault) -> None:
    key_id = create_cloud_key(vault.engine, dataclasses.replace(new_key(), key_set="plain"))
    [version] = versions(vault, key_id)
    assert (version.hsm_id, version.kek_id, version.kept_by) == (None, None, None)
    with vault.engine.store.read() as session:
        group_id = session.exec(select(KeySet.group_id).where(KeySet.name == "plain")).one()
    with open_material(vault.engine.keyring, group_id, version) as material:
        assert len(material) == 32
    remove_from_cloud(vault.engine, key_id)
    upload(vault.engine, key_id)
    rotate(vault.engine, key_id)
    assert {version.hsm_id for version in versions(vault, key_id)} == {None}
