"""Create, upload, enable and disable: what AWS and the store hold after each outcome."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.audit import AuditEvent
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, NeedsRecoveryError, RefusedError, TamperedError
from kctui.core.lists import AuditList, AuditQuery, cloud_key_row
from kctui.core.material.custody import open_material
from kctui.core.model import AuditEntry, CloudKey, KeyVersion
from kctui.core.operations import create_cloud_key, disable, enable, upload
from kctui.core.recovery import open_operations, recover
from kctui.core.sync import sync
from kctui.core.words import AuditCategory, AuditType, CloudStatus, OperationState, StepState
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.operations import new_key


def keys_in_aws(kms: KMSClient) -> list[str]:
    """The states of all keys in the account."""
    ids = [key["KeyId"] for key in kms.list_keys()["Keys"]]
    return [kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] for key_id in ids]


def status(engine: Engine, cloud_key_id: str) -> CloudStatus:
    return cloud_key_row(engine.store, cloud_key_id).cloud_status


def audit_messages(engine: Engine) -> list[tuple[AuditType, str]]:
    return [(entry.type, entry.message) for entry in AuditList(engine.store, AuditQuery()).page().rows]


def test_a_created_key_is_available_and_its_ciphertext_decrypts(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    blob = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"salaries"
    assert status(engine, key_id) is CloudStatus.AVAILABLE


def test_material_is_sealed_and_committed_before_aws_hears_of_the_key(
    box: Box, engine: Engine, root: AccessKey
) -> None:
    box.faults.add("CreateKey", FaultKind.TIMEOUT_BEFORE, seconds=0.1)
    with pytest.raises(NeedsRecoveryError):
        create_cloud_key(engine, new_key())
    with engine.store.read() as session:
        [version] = session.exec(select(KeyVersion)).all()
    assert version.sealed_material is not None


def test_the_row_tells_what_aws_gave(engine: Engine, kms: KMSClient) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    key_id = create_cloud_key(
        engine, new_key(description="Aurora", expires_at=expires, tags={"team": "pay"}, rotation_days=30)
    )
    known = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]
    details = cloud_key_details(engine.store, key_id)
    assert details.row.kms_key_id == known["KeyId"]
    assert details.row.expires_at == known["ValidTo"] == expires
    assert details.versions[0].key_material_id == known["CurrentKeyMaterialId"]
    assert details.row.rotates_at is not None


def test_the_key_is_born_with_the_tags_that_recovery_looks_for(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key(tags={"team": "pay"}))
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=kms_key_id)["Tags"]}
    operation = cloud_key_details(engine.store, key_id).operations[0].id
    assert tags == {"kctui:cloud-key": "payroll-db", "kctui:operation": operation, "team": "pay"}


def test_the_key_policy_lets_administrators_and_users_in(engine: Engine, box: Box, kms: KMSClient) -> None:
    create_cloud_key(engine, new_key())
    arn = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["Arn"]
    root_arn = f"arn:aws:iam::{arn.split(':')[4]}:root"
    key_id = create_cloud_key(engine, new_key("second", administrators=(root_arn,), users=(root_arn,)))
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    policy = kms.get_key_policy(KeyId=kms_key_id, PolicyName="default")["Policy"]
    for statement in ("Enable IAM User Permissions", "Allow access for Key Administrators", "Allow use of the key"):
        assert statement in policy


def test_every_step_is_in_the_journal_with_aws_request_ids(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    [operation] = cloud_key_details(engine.store, key_id).operations
    assert operation.state is OperationState.DONE
    assert [step.name for step in operation.steps] == [
        "Prove our copy 1", "Check alias", "CreateKey", "CreateAlias", "ImportKeyMaterial 1", "Confirm",
    ]  # fmt: skip
    assert all(step.request_id for step in operation.steps if step.name != "Prove our copy 1")


def test_an_operation_is_audited_with_its_request_ids(engine: Engine, root: AccessKey) -> None:
    create_cloud_key(engine, new_key())
    [entry] = AuditList(engine.store, AuditQuery(text="Create CloudKey")).page().rows
    assert isinstance(entry, AuditEntry)
    assert (entry.type, entry.objects["CloudKey"]) == (AuditType.INFORMATION, "payroll-db")
    assert len(entry.request_ids) == 5


def test_createkey_is_sent_once_when_its_answer_is_lost(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("CreateKey", FaultKind.LOST_REPLY)
    key_id = create_cloud_key(engine, new_key())
    assert status(engine, key_id) is CloudStatus.AVAILABLE
    assert keys_in_aws(kms) == ["Enabled"]


@pytest.mark.parametrize("call", ["CreateAlias", "GetParametersForImport", "ImportKeyMaterial", "DescribeKey"])
@pytest.mark.parametrize("fault", [FaultKind.LOST_REPLY, FaultKind.INTERNAL, FaultKind.THROTTLE])
def test_a_passing_fault_of_aws_does_not_stop_a_creation(
    box: Box, engine: Engine, kms: KMSClient, call: str, fault: FaultKind
) -> None:
    box.faults.add(call, fault)
    key_id = create_cloud_key(engine, new_key())
    assert status(engine, key_id) is CloudStatus.AVAILABLE
    assert keys_in_aws(kms) == ["Enabled"]


def test_a_key_not_visible_yet_is_waited_for(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.consistency_seconds = 0.4
    key_id = create_cloud_key(engine, new_key())
    assert status(engine, key_id) is CloudStatus.AVAILABLE


def test_a_refused_createkey_leaves_nothing_behind(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("CreateKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match="kms:CreateKey"):
        create_cloud_key(engine, new_key())
    assert keys_in_aws(kms) == []
    with engine.store.read() as session:
        assert session.exec(select(CloudKey)).all() == []
        assert session.exec(select(KeyVersion)).all() == []


@pytest.mark.parametrize("call", ["CreateAlias", "GetParametersForImport", "ImportKeyMaterial"])
def test_a_refusal_half_way_takes_the_creation_back(box: Box, engine: Engine, kms: KMSClient, call: str) -> None:
    box.faults.add(call, FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError, match=f"kms:{call}"):
        create_cloud_key(engine, new_key())
    assert keys_in_aws(kms) == ["PendingDeletion"]
    assert "alias/payroll-db" not in {alias["AliasName"] for alias in kms.list_aliases()["Aliases"]}
    assert open_operations(engine.store) == []


def test_a_name_is_free_again_after_its_creation_was_taken_back(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("ImportKeyMaterial", FaultKind.ACCESS_DENIED)
    with pytest.raises(AwsRefusedError):
        create_cloud_key(engine, new_key())
    assert status(engine, create_cloud_key(engine, new_key())) is CloudStatus.AVAILABLE


def test_an_alias_that_somebody_else_has_is_refused_before_a_key_is_made(engine: Engine, kms: KMSClient) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/payroll-db", TargetKeyId=other)
    with pytest.raises(ConflictError, match="is taken"):
        create_cloud_key(engine, new_key())
    assert keys_in_aws(kms) == ["Enabled"]


def test_a_name_that_a_cloudkey_has_is_refused_without_asking_aws(box: Box, engine: Engine, root: AccessKey) -> None:
    create_cloud_key(engine, new_key())
    box.calls.clear()
    with pytest.raises(ConflictError):
        create_cloud_key(engine, new_key())
    assert box.calls.operations() == []


def test_a_region_the_account_has_not_is_refused_without_asking_aws(engine: Engine, root: AccessKey) -> None:
    with pytest.raises(InvalidInputError, match="no region"):
        create_cloud_key(engine, new_key(region="xx-nowhere-1"))


def test_aws_out_of_reach_before_anything_was_done_leaves_nothing(box: Box, engine: Engine, root: AccessKey) -> None:
    box.faults.add("DescribeKey", FaultKind.TIMEOUT_BEFORE, times=4, seconds=0.05)
    with pytest.raises(AwsUnreachableError):
        create_cloud_key(engine, new_key())
    with engine.store.read() as session:
        assert session.exec(select(CloudKey)).all() == []
    assert open_operations(engine.store) == []


def test_aws_out_of_reach_half_way_is_finished_by_recovery(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("ImportKeyMaterial", FaultKind.TIMEOUT_BEFORE, times=4, seconds=0.05)
    with pytest.raises(NeedsRecoveryError):
        create_cloud_key(engine, new_key())
    report = recover(engine)
    assert (len(report.finished), report.undone, report.left) == (1, [], [])
    assert keys_in_aws(kms) == ["Enabled"]


def test_a_creation_whose_material_may_be_in_aws_is_never_taken_back(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("ImportKeyMaterial", FaultKind.LOST_REPLY, times=4)
    box.faults.add("GetParametersForImport", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(NeedsRecoveryError):
        create_cloud_key(engine, new_key())
    report = recover(engine)
    assert len(report.left) == 1
    assert keys_in_aws(kms) == ["Enabled"]
    assert len(recover(engine).finished) == 1


def test_disable_and_enable_do_as_they_say(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    disable(engine, key_id)
    assert (status(engine, key_id), keys_in_aws(kms)) == (CloudStatus.DISABLED, ["Disabled"])
    enable(engine, key_id)
    assert (status(engine, key_id), keys_in_aws(kms)) == (CloudStatus.AVAILABLE, ["Enabled"])


def test_uploading_again_brings_old_ciphertexts_back(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    blob = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")
    sync(engine)
    assert status(engine, key_id) is CloudStatus.NOT_AVAILABLE
    upload(engine, key_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"salaries"


def test_an_expired_key_is_uploaded_with_a_new_expiration_only(box: Box, engine: Engine, kms: KMSClient) -> None:
    expires = datetime.now(UTC) + timedelta(days=2)
    key_id = create_cloud_key(engine, new_key(expires_at=expires))
    kms.delete_imported_key_material(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")
    sync(engine)
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).expires_at = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(RefusedError, match="has passed"):
        upload(engine, key_id)
    upload(engine, key_id, expires_at=None)
    assert cloud_key_row(engine.store, key_id).expires_at is None
    assert status(engine, key_id) is CloudStatus.AVAILABLE


def test_a_damaged_copy_is_never_sent(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.delete_imported_key_material(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "")
    sync(engine)
    with engine.store.write() as session:
        version = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == key_id)).one()
        sealed = bytearray(version.sealed_material or b"")
        sealed[-1] ^= 1
        version.sealed_material = bytes(sealed)
    box.calls.clear()
    with pytest.raises(TamperedError):
        upload(engine, key_id)
    assert box.calls.operations() == []


def test_a_copy_that_is_not_the_one_recorded_is_noticed(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.read() as session:
        version = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == key_id)).one()
        group_id = engine.keyring.groups.copy().popitem()[0]
        version.fingerprint = "0" * 64
        with pytest.raises(TamperedError, match="fingerprint"):
            open_material(engine.keyring, group_id, version)


def test_a_dialog_on_an_outdated_row_is_refused(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    seen = cloud_key_row(engine.store, key_id).revision
    disable(engine, key_id)
    enable(engine, key_id)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        disable(engine, key_id, revision=seen)
    assert keys_in_aws(kms) == ["Enabled"]


def test_a_refusal_by_state_is_audited_and_asks_nothing_of_aws(box: Box, engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.calls.clear()
    with pytest.raises(RefusedError, match="enabled already"):
        enable(engine, key_id)
    assert box.calls.operations() == []
    kind, message = audit_messages(engine)[0]
    assert (kind, "refused" in message) == (AuditType.WARNING, True)


def test_a_state_changed_elsewhere_is_refused_by_aws_and_the_key_is_as_it_was(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms.schedule_key_deletion(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "", PendingWindowInDays=7)
    with pytest.raises(AwsRefusedError, match="KMSInvalidState"):
        disable(engine, key_id)
    assert keys_in_aws(kms) == ["PendingDeletion"]
    assert open_operations(engine.store) == []


def test_a_read_only_engine_changes_nothing(engine: Engine, box: Box, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    engine.read_only = True
    box.calls.clear()
    with pytest.raises(RefusedError, match="read-only"):
        disable(engine, key_id)
    assert box.calls.operations() == []


def test_steps_are_reported_as_they_happen(engine: Engine, root: AccessKey) -> None:
    seen: list[tuple[str, StepState]] = []

    class Watcher:
        def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
            seen.append((name, state))

        def progress(self, done: int, total: int, what: str) -> None:
            raise AssertionError("a single operation has no progress")

    create_cloud_key(engine, new_key(), Watcher())
    assert seen[:2] == [("Prove our copy 1", StepState.INTENDED), ("Prove our copy 1", StepState.DONE)]
    assert seen[-1] == ("Confirm", StepState.DONE)


def test_the_audit_log_still_verifies_after_all_that(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    disable(engine, key_id)
    engine.audit.note(AuditEvent(AuditType.INFORMATION, AuditCategory.SYSTEM, "the end"))
    check = engine.audit.verify()
    assert check.intact
    assert check.keyed == check.entries


def test_no_byte_of_the_material_is_in_the_home_or_in_a_log(engine: Engine, root: AccessKey) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.read() as session:
        version = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == key_id)).one()
    [group_id] = engine.keyring.groups
    with open_material(engine.keyring, group_id, version) as material:
        plain = material.reveal()
    forms = (plain, plain.hex().encode(), plain.hex().upper().encode(), base64.b64encode(plain))
    for file in engine.home.root.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert not any(form in content for form in forms), file


def test_a_search_that_fails_is_no_proof_that_the_key_was_not_made(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("CreateKey", FaultKind.LOST_REPLY)
    box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    with pytest.raises(NeedsRecoveryError):
        create_cloud_key(engine, new_key())
    with engine.store.read() as session:
        assert session.exec(select(KeyVersion)).one().sealed_material is not None
    assert len(recover(engine).finished) == 1
    assert keys_in_aws(kms) == ["Enabled"]


def test_a_key_that_hides_its_tags_may_be_the_one_that_was_made(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("CreateKey", FaultKind.LOST_REPLY)
    box.faults.add("ListResourceTags", FaultKind.ACCESS_DENIED)
    with pytest.raises(NeedsRecoveryError):
        create_cloud_key(engine, new_key())
    assert len(recover(engine).finished) == 1
    assert keys_in_aws(kms) == ["Enabled"]


def test_a_refusal_after_a_lost_answer_does_not_undo_an_import(box: Box, engine: Engine, kms: KMSClient) -> None:
    box.faults.add("ImportKeyMaterial", FaultKind.LOST_REPLY)
    box.faults.add("ImportKeyMaterial", FaultKind.ACCESS_DENIED)
    with pytest.raises(NeedsRecoveryError):
        create_cloud_key(engine, new_key())
    assert keys_in_aws(kms) == ["Enabled"]
    assert len(recover(engine).finished) == 1


def test_a_key_changed_elsewhere_before_the_last_look_is_told_as_it_is(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    disable(engine, key_id)
    box.faults.add("DescribeKey", FaultKind.TIMEOUT_BEFORE, times=4, seconds=0.05)
    with pytest.raises(NeedsRecoveryError):
        enable(engine, key_id)
    kms.schedule_key_deletion(KeyId=cloud_key_row(engine.store, key_id).kms_key_id or "", PendingWindowInDays=7)
    report = recover(engine)
    assert report.left == []
    assert status(engine, key_id) is CloudStatus.PENDING_DELETE
    assert open_operations(engine.store) == []


def test_an_effect_that_happened_is_never_reported_as_failed(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("DescribeKey", FaultKind.ACCESS_DENIED)
    with pytest.raises(NeedsRecoveryError):
        disable(engine, key_id)
    assert len(recover(engine).finished) == 1
    assert status(engine, key_id) is CloudStatus.DISABLED


def test_the_shells_aws_settings_do_not_reach_an_account(
    engine: Engine, root: AccessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
    engine.clients.forget()
    assert status(engine, create_cloud_key(engine, new_key())) is CloudStatus.AVAILABLE
