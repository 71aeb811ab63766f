"""Another administrator acts in AWS between two steps: nothing is lost, taken away from them, or left open for ever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from types_boto3_kms.client import KMSClient

from kctui.core.aws.failures import AwsRefusedError
from kctui.core.details import cloud_key_details
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, NeedsRecoveryError
from kctui.core.lists import cloud_key_row
from kctui.core.model import KeyVersion
from kctui.core.observer import Silent
from kctui.core.operations import (
    cancel_deletion,
    create_cloud_key,
    delete,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.recovery import open_operations, recover
from kctui.core.words import CloudStatus, ImportState, MaterialState, StepState
from kctui.demo.box import Box, FaultKind
from tests.core.operations import new_key
from tests.core.test_rotation import NEW_KEY, decrypts, encrypt, foreign_import, material_states, states

ALIAS = "alias/payroll-db"


class Between(Silent):
    """Lets somebody act just after a step is done."""

    def __init__(self, step: str, act: Callable[[], object]) -> None:
        self._step, self._act = step, act

    def step(self, name: str, state: StepState, detail: str = "", request_id: str | None = None) -> None:
        """Act, once the step is done."""
        if (name, state) == (self._step, StepState.DONE):
            self._act()


def kms_key(engine: Engine, key_id: str) -> str:
    return cloud_key_row(engine.store, key_id).kms_key_id or ""


def newest_key(engine: Engine, key_id: str) -> str:
    return cloud_key_details(engine.store, key_id).versions[0].kms_key_id or ""


def test_a_copy_is_kept_where_somebody_else_rotates_to_our_new_material(engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)
    theirs = Between("ImportKeyMaterial 2", lambda: kms.rotate_key_on_demand(KeyId=kms_key_id))
    rotate(engine, key_id, observer=theirs)
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]
    blob = encrypt(kms)
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    assert decrypts(kms, blob)


def test_a_copy_is_kept_where_a_refused_rotation_was_done_elsewhere(box: Box, engine: Engine, kms: KMSClient) -> None:
    key_id = create_cloud_key(engine, new_key())
    kms_key_id = kms_key(engine, key_id)
    theirs = Between("ImportKeyMaterial 2", lambda: kms.rotate_key_on_demand(KeyId=kms_key_id))
    box.faults.add("RotateKeyOnDemand", FaultKind.ACCESS_DENIED, skip=1)
    with pytest.raises(AwsRefusedError, match="kms:RotateKeyOnDemand"):
        rotate(engine, key_id, observer=theirs)
    assert open_operations(engine.store) == []
    assert material_states(engine, key_id) == [MaterialState.NON_CURRENT, MaterialState.CURRENT]
    assert cloud_key_details(engine.store, key_id).rotations_left == 24
    blob = encrypt(kms)
    remove_from_cloud(engine, key_id)
    upload(engine, key_id)
    assert decrypts(kms, blob)
