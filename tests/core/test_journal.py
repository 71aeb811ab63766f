"""The journal: one open operation a CloudKey; a dead owner's can be taken over, a live one's cannot."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlmodel import Session, select

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, RefusedError, StoreError
from kctui.core.model import CloudKey, CspAccount, KeySet, Operation, OperationStep
from kctui.core.observer import Silent
from kctui.core.operations.journal import Answer, Beginning, LostOwnershipError, Run, begin, take_over
from kctui.core.process import this_host, this_process
from kctui.core.recovery import open_operations
from kctui.core.words import OperationKind, OperationState, StepState


@pytest.fixture
def key(engine: Engine) -> CloudKey:
    """A CloudKey that exists in the store alone: the journal asks AWS nothing."""
    [group_id] = engine.keyring.groups
    account = CspAccount(
        name="bank", group_id=group_id, access_key_id="A" * 16, sealed_secret_access_key=b"x", region="us-east-1",
        partition="aws", aws_account_id="1" * 12, caller_arn="arn:aws:iam::111111111111:root",
    )  # fmt: skip
    with engine.store.write() as session:
        session.add(account)
        session.flush()
        key_set = KeySet(name="payroll", csp_account_id=account.id, group_id=group_id)
        session.add(key_set)
        session.flush()
        row = CloudKey(key_set_id=key_set.id, csp_account_id=account.id, region="us-east-1", name="payroll-db")
        session.add(row)
    return row


def beginning(engine: Engine, key: CloudKey, revision: int | None = None) -> Beginning:
    [group_id] = engine.keyring.groups
    return Beginning(OperationKind.DISABLE, key.id, group_id, "Disable payroll-db", revision=revision)


def open_one(engine: Engine) -> Operation:
    with engine.store.read() as session:
        return session.exec(select(Operation).where(Operation.state == OperationState.OPEN)).one()


def abandon(engine: Engine, host: str, process: str, silent_for: timedelta) -> None:
    """Write another owner into the open operation."""
    with engine.store.write() as session:
        row = session.exec(select(Operation).where(Operation.state == OperationState.OPEN)).one()
        row.owner_host, row.owner_process, row.owner_seen_at = host, process, now() - silent_for


def a_dead_process() -> str:
    child = subprocess.Popen([sys.executable, "-c", ""])
    stat = f"{child.pid}/1"
    child.wait()
    return stat


def test_a_key_with_an_open_operation_is_refused_a_second(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)), pytest.raises(ConflictError, match="under way"):
        begin(engine, beginning(engine, key))


def test_of_many_at_once_exactly_one_begins(engine: Engine, key: CloudKey) -> None:
    together = Barrier(8)

    def attempt(_: int) -> Run | None:
        together.wait()
        try:
            return begin(engine, beginning(engine, key))
        except (ConflictError, RefusedError):
            return None

    with ThreadPoolExecutor(8) as pool:
        begun = [run for run in pool.map(attempt, range(8)) if run]
    assert len(begun) == 1
    with begun[0]:
        begun[0].close(OperationState.DONE)


def test_a_row_changed_since_it_was_looked_at_is_refused(engine: Engine, key: CloudKey) -> None:
    with pytest.raises(ConflictError, match="changed meanwhile"):
        begin(engine, beginning(engine, key, revision=key.revision + 1))
    assert open_operations(engine.store) == []


def test_a_live_owners_operation_cannot_be_taken_over(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run, pytest.raises(ConflictError, match="under way"):
        take_over(engine, run.operation.id)


def test_a_live_process_of_this_host_is_an_owner(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)):
        pass
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        start = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        abandon(engine, this_host(), f"{other.pid}/{start}", timedelta(days=1))
        assert open_operations(engine.store)[0].alive
        with pytest.raises(ConflictError):
            take_over(engine, open_one(engine).id)
        other.communicate(b"\n")


@pytest.mark.parametrize(
    ("host", "silence", "alive"),
    [("other/boot/ns", timedelta(seconds=5), True), ("other/boot/ns", timedelta(minutes=5), False)],
)
def test_an_owner_on_another_host_lives_by_its_heartbeat(
    engine: Engine, key: CloudKey, host: str, silence: timedelta, alive: bool
) -> None:
    with begin(engine, beginning(engine, key)):
        pass
    abandon(engine, host, "1/1", silence)
    assert open_operations(engine.store)[0].alive is alive


def test_a_dead_owners_operation_is_taken_over_once(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)):
        pass
    abandon(engine, this_host(), a_dead_process(), timedelta())
    operation_id = open_one(engine).id
    with take_over(engine, operation_id) as run:
        assert run.operation.owner_process == this_process()
        with pytest.raises(ConflictError):
            take_over(engine, operation_id)


def test_an_owner_who_comes_back_late_writes_nothing(engine: Engine, key: CloudKey) -> None:
    late = begin(engine, beginning(engine, key))
    with late:
        pass
    with take_over(engine, late.operation.id) as run:
        done: list[int] = []

        def effect() -> Answer:
            done.append(1)
            return Answer()

        with pytest.raises(LostOwnershipError):
            late.step("DisableKey", effect, Silent())
        assert done == []
        assert run.steps() == []


def test_a_step_is_announced_before_its_effect(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        seen: list[StepState] = []

        def effect() -> Answer:
            seen.extend(step.state for step in run.steps())
            return Answer()

        run.step("DisableKey", effect, Silent())
        assert seen == [StepState.INTENDED]


def test_a_step_that_is_done_is_not_done_again(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        run.step("DisableKey", lambda: Answer("first", data={"n": 1}), Silent())
        assert run.step("DisableKey", lambda: Answer("second"), Silent()) == Answer("first", data={"n": 1})


def test_a_step_announced_before_is_looked_for_first(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        with pytest.raises(KeyboardInterrupt):
            run.step("CreateKey", _interrupted, Silent())
        answer = run.step("CreateKey", lambda: Answer("made again"), Silent(), look=lambda _step: Answer("found"))
        assert answer == Answer("found")


def test_an_answer_and_what_it_changes_are_one_transaction(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:

        def fail(_session: Session, _answer: Answer) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run.step("DisableKey", lambda: Answer("r"), Silent(), keep=fail)
        assert [step.state for step in run.steps()] == [StepState.INTENDED]


def test_an_ended_operation_frees_the_key(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        run.close(OperationState.DONE)
    with begin(engine, beginning(engine, key)) as again:
        assert again.operation.id != run.operation.id


def test_an_interrupted_operation_must_be_recovered_first(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)):
        pass
    with pytest.raises(RefusedError, match="interrupted"):
        begin(engine, beginning(engine, key))


def _interrupted() -> Answer:
    raise KeyboardInterrupt


def test_a_step_tried_again_is_announced_again_with_a_time_of_its_own(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        with pytest.raises(RefusedError):
            run.step("CreateKey", _refused, Silent())
        [failed] = run.steps()
        seen: list[OperationStep] = []

        def effect() -> Answer:
            seen.extend(run.steps())
            return Answer()

        run.step("CreateKey", effect, Silent())
        assert (failed.state, seen[0].state) == (StepState.FAILED, StepState.INTENDED)
        assert seen[0].started_at > failed.started_at


def test_a_search_that_found_nothing_settles_the_question(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        with pytest.raises(KeyboardInterrupt):
            run.step("CreateKey", _interrupted, Silent())
        with pytest.raises(RefusedError):
            run.step("CreateKey", _refused, Silent(), look=lambda _step: None)
        assert [step.state for step in run.steps()] == [StepState.FAILED]


def test_a_search_that_fails_leaves_the_question_open(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        with pytest.raises(KeyboardInterrupt):
            run.step("CreateKey", _interrupted, Silent())
        with pytest.raises(RefusedError):
            run.step("CreateKey", Answer, Silent(), look=lambda _step: _refused())
        assert [step.state for step in run.steps()] == [StepState.INTENDED]


def test_an_operation_that_was_closed_meanwhile_is_not_reopened(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)) as run:
        run.close(OperationState.UNDONE)
    with pytest.raises(ConflictError, match="finished already"):
        take_over(engine, run.operation.id)


def test_what_a_take_over_writes_fails_with_it(engine: Engine, key: CloudKey) -> None:
    with begin(engine, beginning(engine, key)):
        pass

    def fail(_session: Session) -> None:
        raise StoreError("full")

    with pytest.raises(StoreError):
        take_over(engine, open_one(engine).id, fail)
    assert not open_operations(engine.store)[0].alive


def _refused() -> Answer:
    raise RefusedError("no")
