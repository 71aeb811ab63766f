"""The panel before anything that hurts: what AWS says, what it cannot say, and whether our copy is proven."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.availability import KeyAction
from kctui.core.aws.kms import LastUsage
from kctui.core.aws.policies import principals_of
from kctui.core.consequences import Consequences, Mark, consequences, last_use
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, RefusedError, TamperedError
from kctui.core.lists import cloud_key_row
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.operations import create_cloud_key, remove_from_cloud, rotate
from kctui.core.words import KeySource, RotationMethod
from kctui.demo.box import Box, FaultKind
from tests.core.operations import new_key
from tests.core.test_rotation import foreign_import

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def told(panel: Consequences) -> dict[str, str]:
    """The panel's lines by label."""
    return {line.label: f"{line.mark.value} {line.text}" for line in panel.lines}


def root_arn(kms: KMSClient) -> str:
    arn = kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["Arn"]
    return f"arn:aws:iam::{arn.split(':')[4]}:root"


def test_a_removal_tells_last_use_aliases_grants_access_and_the_way_back(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    kms.create_alias(AliasName="alias/payroll", TargetKeyId=kms_key_id)
    kms.create_grant(KeyId=kms_key_id, GranteePrincipal=root_arn(kms), Operations=["Decrypt"], Name="rds-payroll")
    kms.encrypt(KeyId=kms_key_id, Plaintext=b"x")
    panel = consequences(engine, KeyAction.REMOVE, key_id)
    lines = told(panel)
    assert lines["our copy"] == "✓ opened and matches, just now (version 1)"
    assert lines["last use"].startswith("! Encrypt, ")
    assert lines["aliases"] == "! alias/payroll, alias/payroll-db"
    assert lines["grants"] == f"! 1: {root_arn(kms)}"
    assert "RDS and Aurora: 7 days" in lines["watch"]
    assert lines["undo"] == "↺ Upload to Cloud, at any time"
    assert panel.refusal is None
    assert panel.calls[0].startswith("kms:DeleteImportedKeyMaterial ")
    assert "kctui keeps its copy" in panel.words


def test_looking_proves_the_copy_now(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    before = datetime.now(UTC)
    consequences(engine, KeyAction.REMOVE, key_id)
    with engine.store.read() as session:
        proven = session.exec(select(KeyVersion)).one().proven_at
    assert proven is not None
    assert proven >= before


def test_looking_changes_nothing_that_a_dialog_would_refuse_for(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    panel = consequences(engine, KeyAction.REMOVE, key_id)
    remove_from_cloud(engine, key_id, revision=panel.row.revision)


@pytest.mark.parametrize("action", [KeyAction.REMOVE, KeyAction.DELETE])
def test_a_copy_that_does_not_match_refuses_with_the_reason(engine: Engine, kms: KMSClient, action: KeyAction) -> None:
    key_id = create_cloud_key(engine, new_key())
    with engine.store.write() as session:
        session.exec(select(KeyVersion)).one().fingerprint = "0" * 64
    panel = consequences(engine, action, key_id)
    assert isinstance(panel.refusal, TamperedError)
    assert told(panel)["our copy"].startswith(f"{Mark.BAD} version 1: ")


def test_what_aws_does_not_let_us_ask_is_not_taken_for_none(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    for call in ("GetKeyLastUsage", "ListAliases", "ListGrants", "GetKeyPolicy"):
        box.faults.add(call, FaultKind.ACCESS_DENIED)
    lines = told(consequences(engine, KeyAction.REMOVE, key_id))
    for label, call in (
        ("last use", "GetKeyLastUsage"), ("aliases", "ListAliases"), ("grants", "ListGrants"),
        ("access", "GetKeyPolicy"),
    ):  # fmt: skip
        assert lines[label] == f"! cannot be told: AWS does not allow kms:{call}"


def test_a_deletion_names_the_day_and_what_is_lost_for_good(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    panel = consequences(engine, KeyAction.DELETE, key_id, days=7)
    day = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    assert f"On {day}" in panel.words
    assert f"until {day}" in told(panel)["undo"]
    with engine.store.write() as session:
        session.get_one(CloudKey, key_id).key_source = KeySource.AWS
    assert "lost for good" in told(consequences(engine, KeyAction.DELETE, key_id))["our copy"]


@pytest.mark.parametrize("days", [6, 31])
def test_days_that_aws_does_not_take_are_refused(engine: Engine, kms: KMSClient, days: int) -> None:
    key_id = create_cloud_key(engine, new_key())
    with pytest.raises(InvalidInputError):
        consequences(engine, KeyAction.DELETE, key_id, days=days)


def test_a_rotation_says_what_stays_and_what_moves(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id
    in_place = told(consequences(engine, KeyAction.ROTATE, key_id))
    assert in_place["key id"] == f"✓ stays {kms_key_id}"
    assert in_place["rotations"] == "! 25 of 25 left before this one"
    by_new_key = told(consequences(engine, KeyAction.ROTATE, key_id, method=RotationMethod.NEW_KEY))
    assert by_new_key["alias"] == "! alias/payroll-db moves to the new key"


def test_aliases_that_do_not_move_are_named(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    assert "aliases" not in told(consequences(engine, KeyAction.ROTATE, key_id, method=RotationMethod.NEW_KEY))
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    kms.create_alias(AliasName="alias/aurora", TargetKeyId=kms_key_id)
    lines = told(consequences(engine, KeyAction.ROTATE, key_id, method=RotationMethod.NEW_KEY))
    assert lines["aliases"] == "! alias/aurora stays with the earlier key"
    kms.create_alias(AliasName="alias/backup", TargetKeyId=kms_key_id)
    lines = told(consequences(engine, KeyAction.ROTATE, key_id, method=RotationMethod.NEW_KEY))
    assert lines["aliases"] == "! alias/aurora, alias/backup stay with the earlier key"
    box.faults.add("ListAliases", FaultKind.ACCESS_DENIED)
    lines = told(consequences(engine, KeyAction.ROTATE, key_id, method=RotationMethod.NEW_KEY))
    assert lines["aliases"] == "! cannot be told: AWS does not allow kms:ListAliases"


def test_material_that_somebody_else_left_waiting_refuses_a_rotation_in_place(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    foreign_import(kms, cloud_key_row(engine.store, key_id).kms_key_id or "")
    panel = consequences(engine, KeyAction.ROTATE, key_id)
    assert isinstance(panel.refusal, ConflictError)
    with pytest.raises(ConflictError, match="waits for a rotation") as refused:
        rotate(engine, key_id)
    assert refused.value.title == panel.refusal.title


def test_a_removal_that_would_have_to_guess_the_material_is_refused(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id)
    with engine.store.write() as session:
        for version in session.exec(select(KeyVersion)):
            version.key_material_id = None
    panel = consequences(engine, KeyAction.REMOVE, key_id)
    assert isinstance(panel.refusal, ConflictError)
    with pytest.raises(ConflictError, match="cannot be told"):
        remove_from_cloud(engine, key_id)


def test_earlier_keys_are_said_to_stay(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    rotate(engine, key_id, method=RotationMethod.NEW_KEY)
    assert told(consequences(engine, KeyAction.REMOVE, key_id))["earlier"] == "! 1 earlier KMS key stays as it is"


def test_an_action_that_its_state_does_not_allow_is_refused_without_asking(
    box: Box, engine: Engine, kms: KMSClient
) -> None:
    key_id = create_cloud_key(engine, new_key())
    remove_from_cloud(engine, key_id)
    box.calls.clear()
    panel = consequences(engine, KeyAction.REMOVE, key_id)
    assert isinstance(panel.refusal, RefusedError)
    assert box.calls.operations() == []


def test_no_use_on_record_is_no_proof_for_a_key_older_than_the_record() -> None:
    tracked, old, young = NOW - timedelta(days=100), NOW - timedelta(days=200), NOW - timedelta(days=100)
    assert "may have been used before" in last_use(LastUsage(None, None, tracked, old), NOW)
    assert "since it was made" in last_use(LastUsage(None, None, tracked, young), NOW)
    used = LastUsage("Decrypt", NOW - timedelta(minutes=14), tracked, old)
    assert last_use(used, NOW) == "Decrypt, 14 min ago (as AWS reports it, up to 1 h late)"


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ('{"Statement": {"Effect": "Allow", "Principal": "*"}}', ["*"]),
        ('{"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["a", "b"], "Service": "c"}}]}', ["a", "b", "c"]),
        ('{"Statement": [{"Effect": "Deny", "Principal": {"AWS": "a"}}]}', []),
        ('{"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "a"}}}', ["everybody but a"]),
        ("not JSON", []),
        ("[]", []),
    ],
)
def test_everybody_whom_a_policy_lets_in_is_named(policy: str, named: list[str]) -> None:
    assert principals_of(policy) == named


def test_a_call_that_the_endpoint_does_not_know_is_said_to_be_unknown(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    box.faults.add("GetKeyLastUsage", FaultKind.UNKNOWN_OPERATION)
    panel = consequences(engine, KeyAction.REMOVE, key_id)
    assert told(panel)["last use"] == "! cannot be told: what answers here does not know kms:GetKeyLastUsage"
    assert panel.refusal is None


@pytest.mark.parametrize(
    ("name", "watched"),
    [("records", False), ("rds-payroll", True), ("AWSServiceRoleForRDS", True), ("boards", False)],
)
def test_a_service_is_watched_for_by_its_name_alone(engine: Engine, kms: KMSClient, name: str, watched: bool) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = cloud_key_row(engine.store, key_id).kms_key_id or ""
    kms.create_grant(KeyId=kms_key_id, GranteePrincipal=root_arn(kms), Operations=["Decrypt"], Name=name)
    assert ("watch" in told(consequences(engine, KeyAction.DELETE, key_id))) is watched
