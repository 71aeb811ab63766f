"""Which keys can be imported, and what is said of those that cannot."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select
from types_boto3_kms.client import KMSClient

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import CancelledError, InvalidInputError, NotFoundError
from kctui.core.importable import ImportableKey, importable_keys
from kctui.core.model import CloudKey, KeyVersion, Operation
from kctui.core.operations import create_cloud_key
from kctui.core.sync import sync
from kctui.core.words import CloudStatus, OperationState, StepState
from kctui.demo.box import AccessKey, Box, FaultKind
from kctui.demo.box.kms.specs import Family, Spec
from tests.core.foreign_keys import plant_foreign
from tests.core.operations import REGION, new_key

HOSTILE = "a\x1b]0;owned\x07b\u202ec"


def listed(engine: Engine) -> list[ImportableKey]:
    return importable_keys(engine, "payroll", REGION)


def by_name(engine: Engine) -> dict[str, ImportableKey]:
    return {one.name: one for one in listed(engine)}


def test_the_keys_that_others_made_are_listed_by_alias_and_our_own_are_not(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    create_cloud_key(engine, new_key("ours"))
    plant_foreign(box, root, "zebra", None, "Apple")
    assert [one.alias for one in listed(engine)] == ["alias/Apple", "alias/zebra", None]


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("HMAC_224", "GENERATE_VERIFY_MAC"),
        ("HMAC_512", "GENERATE_VERIFY_MAC"),
        ("RSA_2048", "SIGN_VERIFY"),
        ("RSA_2048", "ENCRYPT_DECRYPT"),
        ("ECC_NIST_P256", "KEY_AGREEMENT"),
        ("ECC_NIST_P521", "SIGN_VERIFY"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
    ],
)
def test_a_key_of_every_kind_is_listed_as_it_is(engine: Engine, kms: KMSClient, spec: str, usage: str) -> None:
    made = kms.create_key(KeySpec=spec, KeyUsage=usage, Description="made in the AWS console")  # type: ignore[arg-type]
    [one] = listed(engine)
    assert one.key is not None
    assert (one.key_id, one.key.key_spec, one.key.key_usage) == (made["KeyMetadata"]["KeyId"], spec, usage)
    assert (one.key.origin, one.status, one.reason) == ("AWS_KMS", CloudStatus.AVAILABLE, None)


def test_keys_in_other_states_are_listed_with_them(engine: Engine, kms: KMSClient) -> None:
    external = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    doomed = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
    found = {one.key_id: (one.status, one.reason) for one in listed(engine)}
    assert found == {external: (CloudStatus.NOT_AVAILABLE, None), doomed: (CloudStatus.PENDING_DELETE, None)}


def test_a_kind_of_key_that_kctui_does_not_know_says_so(engine: Engine, box: Box, root: AccessKey) -> None:
    sealed = Spec("SM2", Family.ECC, 256, ("ENCAPSULATE_DECAPSULATE",))
    plant_foreign(box, root, "next", spec=sealed, usage="ENCAPSULATE_DECAPSULATE")
    [one] = listed(engine)
    assert one.reason == "kctui does not know this kind of key: SM2, ENCAPSULATE_DECAPSULATE"


def test_the_name_is_the_first_alias_that_can_be_one(engine: Engine, box: Box, root: AccessKey, kms: KMSClient) -> None:
    [several, odd] = plant_foreign(box, root, "a:colon", "b:colon")
    kms.create_alias(AliasName="alias/second", TargetKeyId=several)
    kms.create_alias(AliasName="alias/first", TargetKeyId=several)
    found = {one.key_id: (one.name, one.alias) for one in listed(engine)}
    assert found == {several: ("first", "alias/first"), odd: (odd, "alias/b:colon")}


def test_an_alias_that_another_cloud_key_has_is_a_reason(
    engine: Engine, box: Box, root: AccessKey, kms: KMSClient
) -> None:
    create_cloud_key(engine, new_key("payroll-db"))
    [moved] = plant_foreign(box, root, None)
    kms.update_alias(AliasName="alias/payroll-db", TargetKeyId=moved)
    [one] = listed(engine)
    assert one.reason == "alias/payroll-db is that of the CloudKey payroll-db: refresh, then look again"
    sync(engine)
    [one] = listed(engine)
    assert (one.reason, one.name, one.alias) == (None, "payroll-db", "alias/payroll-db")


def test_another_alias_is_taken_where_one_is_held(engine: Engine, box: Box, root: AccessKey, kms: KMSClient) -> None:
    create_cloud_key(engine, new_key("payroll-db"))
    [moved] = plant_foreign(box, root, "zebra")
    kms.update_alias(AliasName="alias/payroll-db", TargetKeyId=moved)
    [one] = listed(engine)
    assert (one.reason, one.alias) == (None, "alias/zebra")


@pytest.mark.parametrize("call", ["DescribeKey", "ListResourceTags"])
@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.INTERNAL])
def test_what_aws_refuses_once_is_asked_again(
    engine: Engine, box: Box, root: AccessKey, call: str, kind: FaultKind
) -> None:
    plant_foreign(box, root, *(f"key-{number}" for number in range(5)))
    box.faults.add(call, kind)
    assert [one.reason for one in listed(engine)] == [None] * 5


def test_a_key_that_may_not_be_described_is_listed_with_the_reason(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, "one", "two", "three")
    box.faults.add("DescribeKey", FaultKind.ACCESS_DENIED)
    found = listed(engine)
    denied = [one for one in found if one.reason]
    assert (len(found), [one.told for one in denied]) == (3, ["AWS does not allow kms:DescribeKey"])
    assert denied[0].status is CloudStatus.UNKNOWN
    assert denied[0].refused


def test_tags_that_may_not_be_read_are_told_and_stop_nothing(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, "one")
    box.faults.add("ListResourceTags", FaultKind.ACCESS_DENIED)
    [one] = listed(engine)
    assert (one.reason, one.tags) == (None, None)
    assert one.told == "its tags may not be read: kctui cannot tell whether it made it"


def test_a_key_that_is_gone_meanwhile_is_left_out(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, "one", "two")
    box.faults.add("DescribeKey", FaultKind.NOT_FOUND)
    assert len(listed(engine)) == 1


def test_foreign_words_are_given_as_they_are(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, HOSTILE, description=HOSTILE, tags={"kctui:cloud-key": HOSTILE})
    [one] = listed(engine)
    assert one.key is not None
    assert (one.name, one.alias, one.made_as, one.key.description) == (
        one.key_id, f"alias/{HOSTILE}", HOSTILE, HOSTILE,
    )  # fmt: skip


def test_the_listing_tells_how_far_it_is_and_can_be_cancelled(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, *(f"key-{number:03}" for number in range(200)))
    box.calls.clear()
    with pytest.raises(CancelledError):
        importable_keys(engine, "payroll", REGION, Impatient(10))
    assert box.calls.operations().count("DescribeKey") < 150


def test_a_key_of_another_region_is_not_listed(engine: Engine, box: Box, root: AccessKey) -> None:
    plant_foreign(box, root, "elsewhere", region="us-east-1")
    assert listed(engine) == []


@pytest.mark.parametrize(
    ("key_set", "region", "error"),
    [
        ("nothing", REGION, NotFoundError),
        ("payroll", "moon", InvalidInputError),
        ("payroll", "cn-north-1", InvalidInputError),
    ],
)
def test_a_wrong_key_set_or_region_is_refused(
    engine: Engine, root: AccessKey, key_set: str, region: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        importable_keys(engine, key_set, region)


# What kctui made


def test_a_key_that_another_kctui_made_is_recognised(engine: Engine, box: Box, root: AccessKey) -> None:
    tags = {"kctui:cloud-key": "payroll-db", "kctui:operation": "f" * 32, "team": "bank"}
    plant_foreign(box, root, None, tags=tags, origin="EXTERNAL")
    [one] = listed(engine)
    assert (one.name, one.made_as, one.lost_id, one.reason) == ("payroll-db", "payroll-db", None, None)
    assert one.told == "made by kctui as payroll-db; this vault holds no copy of its material"


def test_a_name_from_a_tag_is_not_taken_from_a_cloud_key(engine: Engine, box: Box, root: AccessKey) -> None:
    create_cloud_key(engine, new_key("payroll-db"))
    plant_foreign(box, root, None, tags={"kctui:cloud-key": "payroll-db"})
    [one] = listed(engine)
    assert (one.name, one.made_as) == (one.key_id, "payroll-db")


def lose(engine: Engine, cloud_key_id: str) -> str:
    """Let a CloudKey lose its KMS key, as a repaired or half restored database may."""
    with engine.store.write() as session:
        row = session.get_one(CloudKey, cloud_key_id)
        key_id, row.kms_key_id = row.kms_key_id or "", None
    return key_id


def test_a_key_whose_material_this_vault_holds_is_recognised(engine: Engine, root: AccessKey) -> None:
    row_id = create_cloud_key(engine, new_key())
    key_id = lose(engine, row_id)
    [one] = listed(engine)
    assert (one.key_id, one.lost_id, one.name, one.alias) == (key_id, row_id, "payroll-db", "alias/payroll-db")
    assert one.told == "made by kctui as payroll-db; this vault holds its material"


def test_a_tag_alone_links_no_key_to_our_material(engine: Engine, box: Box, root: AccessKey, kms: KMSClient) -> None:
    """Who may tag keys could otherwise have our material uploaded into a key of their own."""
    row_id = create_cloud_key(engine, new_key())
    key_id = lose(engine, row_id)
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key_id)["Tags"]}
    [foreign] = plant_foreign(box, root, None, tags=tags, origin="EXTERNAL")
    found = {one.key_id: one.lost_id for one in listed(engine)}
    assert found == {key_id: row_id, foreign: None}


def test_the_id_of_the_material_is_proof_where_no_version_names_the_key(engine: Engine, root: AccessKey) -> None:
    row_id = create_cloud_key(engine, new_key())
    lose(engine, row_id)
    with engine.store.write() as session:
        session.exec(select(KeyVersion)).one().kms_key_id = None
    [one] = listed(engine)
    assert one.lost_id == row_id
    with engine.store.write() as session:
        session.exec(select(KeyVersion)).one().key_material_id = "0" * 64
    [one] = listed(engine)
    assert one.lost_id is None


def test_an_earlier_kms_key_of_a_rotated_cloud_key_is_ours(engine: Engine, box: Box, root: AccessKey) -> None:
    row_id = create_cloud_key(engine, new_key())
    [rotated] = plant_foreign(box, root, None)
    with engine.store.write() as session:
        session.get_one(CloudKey, row_id).kms_key_id = rotated
    assert listed(engine) == []
    assert sync(engine).accounts[0].unmanaged == 0


def reopen(session: Session, cloud_key_id: str) -> None:
    operation = session.exec(select(Operation)).one()
    operation.state, operation.subject, operation.owner_process = OperationState.OPEN, cloud_key_id, "1/0"
    session.get_one(CloudKey, cloud_key_id).kms_key_id = None


def test_a_key_whose_creation_is_not_finished_is_left_to_recovery(engine: Engine, root: AccessKey) -> None:
    row_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        reopen(session, row_id)
    [one] = listed(engine)
    assert one.reason == f"Create CloudKey payroll-db ({REGION}) is not finished: wait for it, or recover it"


def test_a_key_that_hides_its_tags_may_be_that_of_an_unfinished_creation(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    row_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        reopen(session, row_id)
    plant_foreign(box, root, "older", created=now() - timedelta(days=1))
    box.faults.add("ListResourceTags", FaultKind.ACCESS_DENIED, times=2)
    assert [one.reason is None for one in listed(engine)] == [True, False]


class Impatient:
    """An observer that cancels at a count."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.told: list[tuple[int, int]] = []

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Ignore it."""

    def progress(self, done: int, total: int, what: str) -> None:
        self.told.append((done, total))
        if done >= self.at:
            raise CancelledError("Cancelled")
