"""Import CloudKey: what becomes of each key, and that neither a failure nor a cancellation loses the rest."""

from datetime import timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.adopting import Became, ImportReport, import_keys
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import LockedError, RefusedError, UnreachableError
from kctui.core.importable import importable_keys
from kctui.core.lists import AuditList, AuditQuery, CloudKeyList, CloudKeyQuery, cloud_key_row
from kctui.core.model import AuditEntry, CloudKey, KeyVersion
from kctui.core.operations import create_cloud_key, upload
from kctui.core.paths import Home
from kctui.core.sync import sync
from kctui.core.words import AuditType, CloudStatus, KeySource, KeySpec
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.foreign_keys import plant_foreign
from tests.core.operations import REGION, new_key
from tests.core.test_importable import HOSTILE, Impatient, lose


def all_keys(engine: Engine, observer: Impatient | None = None) -> ImportReport:
    return import_keys(engine, "payroll", REGION, None, observer)


def rows(engine: Engine) -> dict[str, CloudKey]:
    with engine.store.read() as session:
        return {row.name: row for row in session.exec(select(CloudKey))}


def entries(engine: Engine, begin: str) -> list[AuditEntry]:
    page = AuditList(engine.store, AuditQuery()).page(limit=600)
    return [entry for entry in page.rows if entry.message.startswith(begin)]


def test_an_imported_key_is_as_aws_describes_it(engine: Engine, kms: KMSClient) -> None:
    made = kms.create_key(
        Description="made in the AWS console", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY",
        Tags=[{"TagKey": "team", "TagValue": "bank"}],
    )["KeyMetadata"]  # fmt: skip
    kms.create_alias(AliasName="alias/AWSKMSCloudKey", TargetKeyId=made["KeyId"])
    kms.disable_key(KeyId=made["KeyId"])
    [outcome] = all_keys(engine).outcomes
    row = rows(engine)["AWSKMSCloudKey"]
    assert (outcome.became, outcome.cloud_key_id, outcome.told) == (Became.IMPORTED, row.id, "")
    assert (row.key_source, row.origin, row.cloud_status) == (KeySource.AWS, "AWS_KMS", CloudStatus.DISABLED)
    assert (row.kms_key_id, row.key_arn, row.alias) == (made["KeyId"], made["Arn"], "alias/AWSKMSCloudKey")
    assert (row.description, row.key_spec, row.tags) == ("made in the AWS console", KeySpec.RSA_2048, {"team": "bank"})
    assert row.policy == kms.get_key_policy(KeyId=made["KeyId"], PolicyName="default")["Policy"]
    [entry] = entries(engine, "Imported CloudKey AWSKMSCloudKey")
    assert (entry.type, entry.objects["KeyId"], entry.objects["Origin"]) == (
        AuditType.INFORMATION, made["KeyId"], "AWS_KMS",
    )  # fmt: skip
    assert len(entry.request_ids) == 1


def test_keys_in_other_states_are_imported_with_them(engine: Engine, box: Box, root: AccessKey, kms: KMSClient) -> None:
    [doomed, _] = plant_foreign(box, root, "doomed", "expiring")
    date = kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=9)["DeletionDate"]
    kms.create_key(Origin="EXTERNAL", Description="empty")
    expiry = now().replace(microsecond=0) + timedelta(days=30)
    there = box.kms.store(root.account_id, REGION, "aws")
    expiring = next(key for key in there.keys.values() if "alias/expiring" in there.aliases_of(key))
    expiring.origin, expiring.materials[0].valid_to = "EXTERNAL", expiry
    all_keys(engine)
    found = rows(engine)
    assert (found["doomed"].cloud_status, found["doomed"].deletion_date) == (CloudStatus.PENDING_DELETE, date)
    assert (found["expiring"].origin, found["expiring"].expires_at) == ("EXTERNAL", expiry)
    [empty] = [row for row in found.values() if row.description == "empty"]
    assert (empty.cloud_status, empty.key_source, empty.origin) == (
        CloudStatus.NOT_AVAILABLE, KeySource.AWS, "EXTERNAL",
    )  # fmt: skip


def test_sync_follows_an_imported_key(engine: Engine, box: Box, root: AccessKey, kms: KMSClient) -> None:
    [key_id] = plant_foreign(box, root, "there")
    there = box.kms.store(root.account_id, REGION, "aws").keys[key_id]
    there.origin, there.materials[0].valid_to = "EXTERNAL", now() + timedelta(days=30)
    all_keys(engine)
    kms.update_key_description(KeyId=key_id, Description="renamed")
    kms.disable_key(KeyId=key_id)
    there.materials[0].valid_to = None
    assert sync(engine).accounts[0].unmanaged == 0
    row = rows(engine)["there"]
    assert (row.description, row.cloud_status, row.expires_at) == ("renamed", CloudStatus.DISABLED, None)


def test_some_are_chosen_by_id_or_by_alias(engine: Engine, box: Box, root: AccessKey) -> None:
    [one, _, three] = plant_foreign(box, root, "one", "two", "three")
    report = import_keys(engine, "payroll", REGION, [one, "alias/three", three, one])
    assert (set(rows(engine)), [outcome.name for outcome in report.outcomes]) == ({"one", "three"}, ["one", "three"])


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("alias/nothing", "there is no such alias in eu-central-1"),
        ("0b7c1d2e-3f40-4a61-8a66-c6ce2a39fa61", "KMS has no such key in eu-central-1"),
        ("alias/payroll-db", "it is managed already"),
        ("alias/aws/s3", "there is no such alias in eu-central-1"),
        ("no key id at all", "KMS has no such key in eu-central-1"),
    ],
)
def test_what_cannot_be_imported_fails_by_name_and_loses_nothing(
    engine: Engine, box: Box, root: AccessKey, wanted: str, told: str
) -> None:
    create_cloud_key(engine, new_key())
    plant_foreign(box, root, "good")
    report = import_keys(engine, "payroll", REGION, [wanted, "alias/good"])
    assert [(one.name, one.told) for one in report.failed] == [(wanted, told)]
    assert "good" in rows(engine)


def test_five_hundred_keys_are_imported_each_with_its_entry(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, *(f"key-{number:03}" for number in range(500)))
    observer = Impatient(1000)
    report = all_keys(engine, observer)
    assert (len(report.imported), report.asked, report.failed, report.cancelled) == (500, 500, [], False)
    assert CloudKeyList(engine.store, CloudKeyQuery()).count() == 500
    assert len(entries(engine, "Imported CloudKey key-")) == 500
    assert engine.audit.verify().intact
    assert observer.told == [(done, 500) for done in range(501)]
    assert importable_keys(engine, "payroll", REGION) == []


def test_keys_that_are_denied_in_the_middle_are_named_and_the_rest_is_imported(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    plant_foreign(box, root, *(f"key-{number:02}" for number in range(40)))
    box.faults.add("DescribeKey", FaultKind.ACCESS_DENIED, times=3, skip=10)
    report = all_keys(engine)
    assert (len(report.imported), len(report.failed)) == (37, 3)
    assert {one.told for one in report.failed} == {"AWS does not allow kms:DescribeKey"}
    assert set(rows(engine)) == {one.name for one in report.imported}


def test_throttling_in_the_middle_stops_nothing(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, *(f"key-{number:02}" for number in range(20)))
    box.faults.add("ListResourceTags", FaultKind.THROTTLE, times=1, skip=5)
    report = all_keys(engine)
    assert (len(report.imported), report.failed) == (20, [])


def test_a_cancelled_import_keeps_what_is_done(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, *(f"key-{number:02}" for number in range(60)))
    report = all_keys(engine, Impatient(25))
    assert (report.cancelled, len(report.imported), report.asked) == (True, 25, 60)
    assert len(rows(engine)) == len(entries(engine, "Imported CloudKey")) == 25
    assert len(all_keys(engine).imported) == 35


def test_aws_out_of_reach_in_the_middle_keeps_what_is_done(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, *(f"key-{number:02}" for number in range(80)))
    box.faults.add("DescribeKey", FaultKind.TIMEOUT_BEFORE, times=100, skip=70)
    report = all_keys(engine)
    assert isinstance(report.error, UnreachableError)
    assert 0 < len(report.imported) == len(rows(engine)) < 80


def test_a_policy_that_may_not_be_read_is_told(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, "one")
    box.faults.add("GetKeyPolicy", FaultKind.ACCESS_DENIED)
    [outcome] = all_keys(engine).outcomes
    assert (outcome.became, outcome.told) == (
        Became.IMPORTED, "without its key policy: AWS does not allow kms:GetKeyPolicy",
    )  # fmt: skip
    assert rows(engine)["one"].policy is None


def test_what_is_passed_over_when_all_are_asked_for_is_no_failure(
    engine: Engine, box: Box, root: AccessKey, kms: KMSClient
) -> None:
    create_cloud_key(engine, new_key())
    [moved] = plant_foreign(box, root, None)
    kms.update_alias(AliasName="alias/payroll-db", TargetKeyId=moved)
    report = all_keys(engine)
    assert ([one.became for one in report.outcomes], report.failed) == ([Became.SKIPPED], [])
    [outcome] = import_keys(engine, "payroll", REGION, [moved]).outcomes
    assert outcome.became is Became.FAILED


def test_a_key_that_another_import_took_meanwhile_fails_alone(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, "one", "two")

    class Racing(Impatient):
        def progress(self, done: int, total: int, what: str) -> None:
            if what == "one":
                import_keys(engine, "payroll", REGION, ["alias/one"])

    report = all_keys(engine, Racing(0))
    assert {one.name: one.told for one in report.failed} == {"one": "it is managed already"}
    assert [one.name for one in report.imported] == ["two"]


def test_two_keys_that_kctui_made_under_one_name_do_not_share_it(engine: Engine, box: Box, root: AccessKey) -> None:
    tags = {"kctui:cloud-key": "twin"}
    plant_foreign(box, root, None, None, tags=tags)
    report = all_keys(engine)
    names = {one.name for one in report.imported}
    assert len(names) == 2
    assert "twin" in names


def test_hostile_words_are_kept_as_data(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, HOSTILE, description=HOSTILE, tags={"note": HOSTILE, "kctui:cloud-key": HOSTILE})
    [outcome] = all_keys(engine).outcomes
    row = rows(engine)[outcome.key_id]
    assert (row.alias, row.description, row.tags) == (f"alias/{HOSTILE}", HOSTILE, {"note": HOSTILE})


# What kctui made


def test_a_key_of_another_kctui_is_imported_as_aws_and_the_log_says_why(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    plant_foreign(box, root, None, tags={"kctui:cloud-key": "payroll-db", "kctui:operation": "f" * 32})
    [outcome] = all_keys(engine).outcomes
    row = rows(engine)["payroll-db"]
    assert (row.key_source, row.tags) == (KeySource.AWS, {})
    assert outcome.told == "made by kctui as payroll-db; this vault holds no copy of its material"
    [entry] = entries(engine, "Imported CloudKey payroll-db")
    assert (entry.objects["Made by kctui as"], entry.objects["Key material"]) == ("payroll-db", "no copy in this vault")


def test_a_key_whose_material_we_hold_is_linked_and_can_be_uploaded(engine: Engine, kms: KMSClient) -> None:
    row_id = create_cloud_key(engine, new_key())
    sealed = kms.encrypt(KeyId="alias/payroll-db", Plaintext=b"salaries")["CiphertextBlob"]
    key_id = lose(engine, row_id)
    kms.delete_imported_key_material(KeyId=key_id)
    [outcome] = all_keys(engine).outcomes
    row = cloud_key_row(engine.store, row_id)
    assert (outcome.became, outcome.cloud_key_id) == (Became.LINKED, row_id)
    assert (row.kms_key_id, row.key_source, row.cloud_status) == (key_id, KeySource.KCTUI, CloudStatus.NOT_AVAILABLE)
    upload(engine, row_id)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"salaries"
    [entry] = entries(engine, "Linked CloudKey payroll-db")
    assert entry.objects["Key material"] == "held by this vault"


@pytest.mark.parametrize("spec", [KeySpec.HMAC_256, KeySpec.ECC_NIST_P256])
def test_a_key_that_has_no_material_id_is_linked_by_its_key_id(engine: Engine, kms: KMSClient, spec: KeySpec) -> None:
    row_id = create_cloud_key(engine, new_key(key_spec=spec))
    key_id = lose(engine, row_id)
    kms.delete_imported_key_material(KeyId=key_id)
    [outcome] = all_keys(engine).outcomes
    assert (outcome.became, cloud_key_row(engine.store, row_id).kms_key_id) == (Became.LINKED, key_id)
    upload(engine, row_id)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_key_is_not_linked_to_a_copy_that_does_not_open(engine: Engine, root: AccessKey) -> None:
    row_id = create_cloud_key(engine, new_key())
    lose(engine, row_id)
    with engine.store.write() as session:
        session.exec(select(KeyVersion)).one().fingerprint = "0" * 64
    [outcome] = all_keys(engine).outcomes
    assert (outcome.became, outcome.told) == (Became.FAILED, "Our copy of version 1 does not match its fingerprint")
    assert rows(engine)["payroll-db"].kms_key_id is None


# What is refused as a whole


def test_a_read_only_kctui_imports_nothing(engine: Engine, home: Home, root: AccessKey) -> None:
    with Engine.open(home, read_only=True) as reading, pytest.raises(RefusedError):
        all_keys(reading)


def test_a_locked_vault_imports_nothing(engine: Engine, box: Box, root: AccessKey) -> None:
    engine.lock()
    with pytest.raises(LockedError):
        all_keys(engine)


def test_without_the_list_of_keys_there_is_no_import(engine: Engine, box: Box, root: AccessKey) -> None:
    box.faults.add("ListKeys", FaultKind.ACCESS_DENIED)
    with pytest.raises(RefusedError, match="kms:ListKeys"):
        all_keys(engine)
