"""A token that is away in the middle of an operation: nothing is undone for it, and nothing taken that stays lost."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlmodel import select

from kctui.core.errors import NeedsRecoveryError, TamperedError
from kctui.core.lists import cloud_key_row
from kctui.core.model import Hsm, KeySet, KeyVersion, Operation
from kctui.core.observer import Silent
from kctui.core.operations import create_cloud_key, delete, remove_from_cloud, rotate
from kctui.core.recovery import recover
from kctui.core.words import CloudStatus, OperationState, RotationMethod, StepState
from kctui.demo.box.faults import FaultKind
from tests.core.operations import new_key
from tests.hsm.conftest import Vault
from tests.hsm.tokens import SoftHsm


class Away(Silent):
    """Takes the tokens away once a step is done; `back` puts them back."""

    def __init__(self, vault: Vault, softhsm: SoftHsm, after: str = "") -> None:
        self._vault = vault
        self._here, self._there = softhsm.tokens, softhsm.tokens.with_name("away")
        self._after = after

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        if state is StepState.DONE and name == self._after:
            self.take()

    def take(self) -> None:
        self._here.rename(self._there)
        self._here.mkdir()

    def back(self) -> None:
        if self._there.exists():
            self._here.rmdir()
            self._there.rename(self._here)
        self._vault.engine.tokens.forget()


@pytest.fixture
def away(soft_vault: Vault, softhsm: SoftHsm) -> Iterator[Away]:
    made = Away(soft_vault, softhsm)
    yield made
    made.back()


def _last(vault: Vault) -> Operation:
    with vault.engine.store.read() as session:
        return session.exec(select(Operation)).all()[-1]


@pytest.mark.parametrize(
    ("call", "take"),
    [("DeleteImportedKeyMaterial", remove_from_cloud), ("ScheduleKeyDeletion", partial(delete, days=7))],
    ids=["remove", "delete"],
)
def test_a_recovery_takes_nothing_for_which_our_copy_is_not_proven_again(
    soft_vault: Vault, away: Away, call: str, take: Callable[..., None]
) -> None:
    engine = soft_vault.engine
    key_id = create_cloud_key(engine, new_key())
    soft_vault.box.faults.add(call, FaultKind.TIMEOUT_BEFORE, times=100)
    with pytest.raises(NeedsRecoveryError):
        take(engine, key_id)
    soft_vault.box.faults.clear()
    away.take()
    report = recover(engine)
    assert "cannot be proven any more" in report.undone[0]
    assert _last(soft_vault).state is OperationState.DONE
    assert cloud_key_row(engine.store, key_id).cloud_status is CloudStatus.AVAILABLE
    assert soft_vault.kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_creation_waits_for_its_token_and_is_finished_when_that_is_back(soft_vault: Vault, softhsm: SoftHsm) -> None:
    away = Away(soft_vault, softhsm, after="CreateAlias")
    try:
        with pytest.raises(NeedsRecoveryError, match="is not there"):
            create_cloud_key(soft_vault.engine, new_key(), away)
        assert _last(soft_vault).state is OperationState.OPEN
    finally:
        away.back()
    assert len(recover(soft_vault.engine).finished) == 1
    assert soft_vault.kms.describe_key(KeyId="alias/payroll-db")["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.mark.parametrize("method", list(RotationMethod))
def test_a_rotation_waits_for_its_token(soft_vault: Vault, softhsm: SoftHsm, method: RotationMethod) -> None:
    key_id = create_cloud_key(soft_vault.engine, new_key())
    after = "Check rotations" if method is RotationMethod.IN_PLACE else "CreateKey"
    away = Away(soft_vault, softhsm, after=after)
    if method is RotationMethod.IN_PLACE:
        # Without an effect in AWS a refusal takes the rotation back: here an answer was lost before.
        soft_vault.box.faults.add("ImportKeyMaterial", FaultKind.LOST_REPLY, times=100)
        with pytest.raises(NeedsRecoveryError):
            rotate(soft_vault.engine, key_id, method=method)
        soft_vault.box.faults.clear()
        away.take()
    else:
        with pytest.raises(NeedsRecoveryError, match="is not there"):
            rotate(soft_vault.engine, key_id, method=method, observer=away)
    try:
        assert len(recover(soft_vault.engine).left) == 1
        assert not _last(soft_vault).undoing
    finally:
        away.back()
    assert len(recover(soft_vault.engine).finished) == 1


def test_a_key_set_that_names_another_hsm_than_its_key_material_makes_no_more(soft_vault: Vault) -> None:
    key_id = create_cloud_key(soft_vault.engine, new_key())
    with soft_vault.engine.store.write() as session:
        session.exec(select(KeySet).where(KeySet.name == "payroll")).one().hsm_id = None
    for again in (
        lambda: rotate(soft_vault.engine, key_id),
        lambda: create_cloud_key(soft_vault.engine, new_key("another")),
    ):
        with pytest.raises(TamperedError, match="names another HSM"):
            again()
    with soft_vault.engine.store.read() as session:
        assert [version.hsm_id is None for version in session.exec(select(KeyVersion))] == [False]


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"exports": false, "specs": {"SYMMETRIC_DEFAULT": {}}}'])
def test_a_probe_that_was_changed_in_the_database_is_not_relied_on(soft_vault: Vault, kept: str) -> None:
    with soft_vault.engine.store.write() as session:
        session.exec(select(Hsm)).one().conformance = kept
    with pytest.raises(TamperedError, match="probe"):
        create_cloud_key(soft_vault.engine, new_key())
