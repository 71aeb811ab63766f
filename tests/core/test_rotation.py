"""Rotate Now, in place and by a new KMS key: old ciphertexts decrypt, and nothing is rotated twice or left over."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError, RefusedError
from kctui.core.lists import CloudKeyList, CloudKeyQuery, cloud_key_row
from kctui.core.material.aws_wrapping import WrappingAlgorithm
from kctui.core.material.software import generate
from kctui.core.material.wrapping import wrap
from kctui.core.model import KeySet, KeyVersion
from kctui.core.operations import create_cloud_key, disable, remove_from_cloud, rotate, upload
from kctui.core.recovery import open_operations, recover
from kctui.core.sync import sync
from kctui.core.words import CloudStatus, ImportState, KeySpec, MaterialState, RotationMethod
from kctui.demo.box import Box, FaultKind
from tests.core.operations import new_key

PLAIN = b"salaries"
IN_PLACE, NEW_KEY = RotationMethod.IN_PLACE, RotationMethod.NEW_KEY


def encrypt(kms: KMSClient) -> bytes:
    return kms.encrypt(KeyId="alias/payroll-db", Plaintext=PLAIN)["CiphertextBlob"]


def decrypts(kms: KMSClient, *blobs: bytes) -> bool:
    return all(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == PLAIN for blob in blobs)


def material_states(engine: Engine, key_id: str) -> list[MaterialState]:
    """From the first version on."""
    return [version.material_state for version in reversed(cloud_key_details(engine.store, key_id).versions)]


def states(kms: KMSClient) -> list[str]:
    found = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]]
    return sorted(found)


def test_a_rotation_in_place_keeps_the_key_and_its_ciphertexts(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key(rotation_days=30))
    before, old = cloud_key_row(engine.store, key_id), encrypt(kms)
    rotate(engine, key_id)
    after = cloud_key_row(engine.store, key_id)
    assert (after.kms_key_id, after.cloud_status) == (before.kms_key_id, CloudStatus.AVAILABLE)
    assert after.rotates_at is not None
    assert before.rotates_at is not None
    assert after.rotates_at >= before.rotates_at
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]
    current = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["CurrentKeyMaterialId"]
    details = cloud_key_details(engine.store, key_id)
    assert (details.versions[0].key_material_id, details.rotations_left) == (current, 24)
    assert decrypts(kms, old, encrypt(kms))


def test_a_rotation_by_a_new_key_moves_the_alias_and_keeps_the_old_key(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key(description="Aurora", tags={"team": "pay"}))
    before, old = cloud_key_row(engine.store, key_id), encrypt(kms)
    rotate(engine, key_id, method=NEW_KEY)
    after = cloud_key_row(engine.store, key_id)
    assert after.kms_key_id != before.kms_key_id
    known = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]
    assert (known["KeyId"], known["Description"], known["KeyState"]) == (after.kms_key_id, "Aurora", "Enabled")
    assert kms.describe_key(KeyId=before.kms_key_id or "")["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.list_aliases(KeyId=before.kms_key_id or "")["Aliases"] == []
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=known["KeyId"])["Tags"]}
    assert (tags["team"], tags["kctui:cloud-key"]) == ("pay", "payroll-db")
    assert decrypts(kms, old, encrypt(kms))


def test_the_old_key_is_listed_under_its_cloudkey_and_found_by_its_id(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    old_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    rotate(engine, key_id, method=NEW_KEY)
    first = cloud_key_details(engine.store, key_id).versions[-1]
    assert (first.kms_key_id, first.cloud_status) == (old_id, CloudStatus.AVAILABLE)
    assert first.material_state is MaterialState.NON_CURRENT
    [found] = CloudKeyList(engine.store, CloudKeyQuery(text=old_id)).page().rows
    assert found.id == key_id


def test_the_new_key_has_the_policy_that_the_old_one_has_now(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    old_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    policy = kms.get_key_policy(KeyId=old_id)["Policy"].replace("Enable IAM User Permissions", "changed elsewhere")
    kms.put_key_policy(KeyId=old_id, Policy=policy)
    rotate(engine, key_id, method=NEW_KEY)
    new_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    assert new_id != old_id
    assert "changed elsewhere" in kms.get_key_policy(KeyId=new_id)["Policy"]


def test_a_key_set_says_how_its_keys_rotate(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        session.exec(select(KeySet)).one().rotation_method = NEW_KEY
    before = cloud_key_row(engine.store, key_id).kms_key_id
    rotate(engine, key_id)
    assert cloud_key_row(engine.store, key_id).kms_key_id != before


def test_remove_and_upload_are_about_the_present_kms_key(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    old = encrypt(kms)
    rotate(engine, key_id, method=NEW_KEY)
    rotate(engine, key_id, method=IN_PLACE)
    new = encrypt(kms)
    remove_from_cloud(engine, key_id)
    assert decrypts(kms, old)
    assert states(kms) == ["Enabled", "PendingImport"]
    upload(engine, key_id)
    assert decrypts(kms, old, new)


def test_the_expiration_stays(engine: Engine, kms: KMSClient) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    key_id = create_cloud_key(engine, new_key(expires_at=expires))
    for method in (IN_PLACE, NEW_KEY):
        rotate(engine, key_id, method=method)
        assert kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["ValidTo"] == expires


def test_the_26th_rotation_in_place_is_refused_and_the_other_way_named(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    for _ in range(25):
        rotate(engine, key_id)
    assert cloud_key_details(engine.store, key_id).rotations_left == 0
    with pytest.raises(RefusedError, match="25 times") as refused:
        rotate(engine, key_id)
    assert "by a new KMS key" in refused.value.remedy
    assert len(material_states(engine, key_id)) == 26
    rotate(engine, key_id, method=NEW_KEY)
    assert cloud_key_details(engine.store, key_id).rotations_left == 25


@pytest.mark.parametrize(
    "call", ["ListKeyRotations", "GetParametersForImport", "ImportKeyMaterial", "RotateKeyOnDemand"]
)
def test_a_refused_rotation_in_place_leaves_the_key_as_it_was(
    box: Box, engine: Engine, kms: KMSClient, call: str
) -> None:
    key_id = create_cloud_key(engine, new_key())
    before = cloud_key_row(engine.store, key_id)
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"kms:{call}"):
        rotate(engine, key_id)
    assert open_operations(engine.store) == []
    assert material_states(engine, key_id) == [MaterialState.CURRENT]
    listed = kms.list_key_rotations(KeyId=before.kms_key_id or "", IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert [entry["KeyMaterialState"] for entry in listed["Rotations"]] == ["CURRENT"]
    rotate(engine, key_id)
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]


@pytest.mark.parametrize(
    "call", ["GetKeyPolicy", "CreateKey", "GetParametersForImport", "ImportKeyMaterial", "UpdateAlias"]
)
def test_a_refused_rotation_by_a_new_key_leaves_the_key_as_it_was(
    box: Box, engine: Engine, kms: KMSClient, call: str
) -> None:
    key_id = create_cloud_key(engine, new_key())
    before, old = cloud_key_row(engine.store, key_id), encrypt(kms)
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"kms:{call}"):
        rotate(engine, key_id, method=NEW_KEY)
    assert open_operations(engine.store) == []
    after = cloud_key_row(engine.store, key_id)
    assert (after.kms_key_id, after.cloud_status) == (before.kms_key_id, CloudStatus.AVAILABLE)
    assert kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyId"] == before.kms_key_id
    made = call not in {"GetKeyPolicy", "CreateKey"}
    assert states(kms) == (["Enabled", "PendingDeletion"] if made else ["Enabled"])
    rotate(engine, key_id, method=NEW_KEY)
    assert decrypts(kms, old, encrypt(kms))


@pytest.mark.parametrize("method", RotationMethod)
@pytest.mark.parametrize("fault", [FaultKind.LOST_REPLY, FaultKind.INTERNAL, FaultKind.THROTTLE])
@pytest.mark.parametrize(
    "call", ["GetParametersForImport", "ImportKeyMaterial", "RotateKeyOnDemand", "CreateKey", "UpdateAlias"]
)
def test_a_passing_fault_is_survived_and_nothing_is_done_twice(
    box: Box, engine: Engine, kms: KMSClient, method: RotationMethod, call: str, fault: FaultKind
) -> None:
    key_id = create_cloud_key(engine, new_key())
    old = encrypt(kms)
    struck = box.faults.add(call, fault)
    try:
        rotate(engine, key_id, method=method)
    except KctuiError:
        recover(engine)
    box.faults.clear()
    assert open_operations(engine.store) == []
    if len(material_states(engine, key_id)) == 1:
        rotate(engine, key_id, method=method)
    assert struck.struck <= 1
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]
    assert states(kms) == (["Enabled"] if method is IN_PLACE else ["Enabled", "Enabled"])
    assert decrypts(kms, old, encrypt(kms))


def test_material_that_somebody_else_left_waiting_is_not_touched(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    theirs = foreign_import(kms, kms_key_id)
    with pytest.raises(ConflictError, match="not kctui's"):
        rotate(engine, key_id)
    listed = kms.list_key_rotations(KeyId=kms_key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [(entry["KeyMaterialId"], entry["ImportState"]) for entry in listed][1:] == [(theirs, "IMPORTED")]


def foreign_import(kms: KMSClient, kms_key_id: str) -> str:
    """Import other material for the next rotation, as another administrator might."""
    given = kms.get_parameters_for_import(
        KeyId=kms_key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096"
    )
    material = generate(KeySpec.SYMMETRIC_DEFAULT)
    return kms.import_key_material(
        KeyId=kms_key_id,
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrap(
            KeySpec.SYMMETRIC_DEFAULT, material, given["PublicKey"], WrappingAlgorithm.RSAES_OAEP_SHA_256
        ),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        ImportType="NEW_KEY_MATERIAL",
    )["KeyMaterialId"]


def test_an_alias_that_was_moved_elsewhere_is_not_moved_back(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/payroll-db", TargetKeyId=other)
    with pytest.raises(ConflictError, match="points to another KMS key"):
        rotate(engine, key_id, method=NEW_KEY)
    assert kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyId"] == other


def test_a_disabled_key_is_not_rotated_and_no_material_is_made(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    disable(engine, key_id)
    with pytest.raises(RefusedError, match="enable it first"):
        rotate(engine, key_id)
    with engine.store.read() as session:
        assert len(session.exec(select(KeyVersion)).all()) == 1


@pytest.mark.parametrize(("method", "call"), [(IN_PLACE, "ImportKeyMaterial"), (NEW_KEY, "CreateKey")])
def test_the_new_material_is_sealed_before_aws_hears_of_it(
    box: Box, engine: Engine, kms: KMSClient, method: RotationMethod, call: str
) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add(call, FaultKind.TIMEOUT_BEFORE, times=4, seconds=0.05)
    with pytest.raises(NeedsRecoveryError):
        rotate(engine, key_id, method=method)
    with engine.store.read() as session:
        version = session.exec(select(KeyVersion).where(KeyVersion.number == 2)).one()
    assert version.sealed_material is not None


def test_sync_follows_the_earlier_kms_key(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    old_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    rotate(engine, key_id, method=NEW_KEY)
    kms.schedule_key_deletion(KeyId=old_id, PendingWindowInDays=7)
    report = sync(engine)
    first = cloud_key_details(engine.store, key_id).versions[-1]
    assert first.cloud_status is CloudStatus.PENDING_DELETE
    assert first.deletion_date is not None
    assert [account.unmanaged for account in report.accounts] == [0]


def test_sync_tells_which_version_is_missing(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id)
    first = cloud_key_details(engine.store, key_id).versions[-1]
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    kms.delete_imported_key_material(KeyId=kms_key_id, KeyMaterialId=first.key_material_id or "")
    sync(engine)
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.NOT_AVAILABLE
    seen = [version.import_state for version in cloud_key_details(engine.store, key_id).versions]
    assert seen == [ImportState.IMPORTED, ImportState.PENDING_IMPORT]
    upload(engine, key_id)
    assert {version.import_state for version in cloud_key_details(engine.store, key_id).versions} == {
        ImportState.IMPORTED
    }
