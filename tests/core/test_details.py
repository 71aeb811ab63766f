"""One CloudKey by its id or name, and everything that is known of it."""

from datetime import timedelta

import pytest

from kctui.core.clock import age, now, rfc3339
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, NotFoundError
from kctui.core.lists import cloud_key_row, find_cloud_key, region_choices, regions_in_use
from kctui.core.model import KeyVersion, Operation, OperationStep, RegionName
from kctui.core.process import this_host, this_process
from kctui.core.words import OperationKind, OperationState, StepState
from tests.core.rows import add_account, add_cloud_key, add_key_set, group_id


@pytest.fixture
def keys(engine: Engine) -> dict[str, str]:
    """Two Key Sets with keys of the same name; ids by `<set>/<name>/<region>`."""
    ids = {}
    with engine.store.write() as session:
        account = add_account(engine, session, "bank")
        for set_name in ("payroll", "pension"):
            key_set = add_key_set(engine, session, account, set_name)
            for name, region in (("db", "eu-central-1"), ("db", "us-east-1"), (f"only-{set_name}", "eu-central-1")):
                alias = f"alias/{name}" if set_name == "payroll" else None
                key = add_cloud_key(session, key_set, name, region=region, alias=alias)
                ids[f"{set_name}/{name}/{region}"] = key.id
    return ids


def test_a_key_is_found_by_its_name(engine: Engine, keys: dict[str, str]) -> None:
    assert find_cloud_key(engine.store, "only-pension").id == keys["pension/only-pension/eu-central-1"]


def test_a_name_in_several_places_needs_more_words(engine: Engine, keys: dict[str, str]) -> None:
    with pytest.raises(ConflictError, match="2 CloudKeys are named db") as refused:
        find_cloud_key(engine.store, "db", key_set="pension")
    assert "--region" in refused.value.remedy
    found = find_cloud_key(engine.store, "db", key_set="pension", region="us-east-1")
    assert found.id == keys["pension/db/us-east-1"]


def test_the_holder_of_the_alias_comes_before_earlier_keys_of_the_name(engine: Engine, keys: dict[str, str]) -> None:
    assert find_cloud_key(engine.store, "db", region="us-east-1").id == keys["payroll/db/us-east-1"]


@pytest.mark.parametrize("where", [{}, {"key_set": "payroll"}, {"region": "us-east-1"}, {"key_set": "no such"}])
def test_what_is_not_there_is_not_found(engine: Engine, keys: dict[str, str], where: dict[str, str]) -> None:
    with pytest.raises(NotFoundError):
        find_cloud_key(engine.store, "only-pension" if where else "nothing", **where)


def test_a_key_that_is_gone_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        cloud_key_row(engine.store, "0" * 32)
    with pytest.raises(NotFoundError):
        cloud_key_details(engine.store, "0" * 32)


@pytest.mark.parametrize(("owned", "dead"), [(True, False), (False, True)])
def test_an_open_operation_makes_a_key_busy_and_a_dead_owner_in_need_of_recovery(
    engine: Engine, keys: dict[str, str], owned: bool, dead: bool
) -> None:
    key_id = keys["payroll/db/us-east-1"]
    with engine.store.write() as session:
        session.add(
            Operation(
                kind=OperationKind.UPLOAD,
                cloud_key_id=key_id,
                subject=key_id,
                group_id=group_id(engine),
                operator="alice",
                owner_host=this_host(),
                owner_process=this_process() if owned else "1/1",
            )
        )
    row = cloud_key_row(engine.store, key_id)
    assert (row.busy, row.needs_recovery) == (OperationKind.UPLOAD, dead)
    assert cloud_key_row(engine.store, keys["payroll/db/eu-central-1"]).busy is None


def test_details_hold_versions_and_operations_newest_first_and_steps_in_order(
    engine: Engine, keys: dict[str, str]
) -> None:
    key_id = keys["payroll/db/us-east-1"]
    with engine.store.write() as session:
        session.add_all(KeyVersion(cloud_key_id=key_id, number=n) for n in (1, 2))
        for n, kind in enumerate((OperationKind.CREATE, OperationKind.DISABLE)):
            operation = Operation(
                kind=kind,
                state=OperationState.DONE,
                cloud_key_id=key_id,
                group_id=group_id(engine),
                operator="alice",
                started_at=now() + timedelta(seconds=n),
            )
            session.add(operation)
            session.flush()
            for number in (2, 1):
                step = OperationStep(operation_id=operation.id, number=number, name=f"step {number}")
                step.state, step.request_id = StepState.DONE, f"request-{number}"
                session.add(step)
        session.add(RegionName(partition="aws", region="us-east-1", long_name="US East (N. Virginia)"))
    details = cloud_key_details(engine.store, key_id)
    assert [version.number for version in details.versions] == [2, 1]
    assert [operation.kind for operation in details.operations] == [OperationKind.DISABLE, OperationKind.CREATE]
    assert [step.request_id for step in details.operations[0].steps] == ["request-1", "request-2"]
    assert details.region_long_name == "US East (N. Virginia)"


def test_regions_are_told_by_their_long_names(engine: Engine, keys: dict[str, str]) -> None:
    with engine.store.write() as session:
        session.add(RegionName(partition="aws", region="us-east-1", long_name="US East (N. Virginia)"))
        session.add(RegionName(partition="aws", region="eu-central-1", long_name=""))
        session.add(RegionName(partition="aws-cn", region="cn-north-1", long_name="China (Beijing)"))
    assert [str(choice) for choice in region_choices(engine.store, "aws")] == [
        "eu-central-1",
        "US East (N. Virginia) us-east-1",
    ]
    assert regions_in_use(engine.store) == ["eu-central-1", "us-east-1"]
    assert regions_in_use(engine.store, "no such set") == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 s"), (8, "8 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400 * 6, "6 d")]
)
def test_an_age_is_one_number_and_one_unit(seconds: int, words: str) -> None:
    at = now()
    assert age(at - timedelta(seconds=seconds), at) == words


def test_a_moment_is_told_in_utc_to_the_second() -> None:
    moment = now().replace(2026, 11, 23, 12, 3, 15, 999_999)
    assert rfc3339(moment) == "2026-11-23T12:03:15Z"
