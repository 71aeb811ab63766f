"""Keys that others made in AWS: put straight into a box, since a thousand CreateKeys would take a while."""

import uuid
from typing import Any

from kctui.core.clock import now
from kctui.demo.box import AccessKey, Box
from kctui.demo.box.kms.materials import make_material
from kctui.demo.box.kms.policies import default_policy
from kctui.demo.box.kms.specs import SPECS
from kctui.demo.box.kms.state import Alias, Key, Store
from tests.core.operations import REGION


def plant_foreign(box: Box, root: AccessKey, *aliases: str | None, region: str = REGION, **values: Any) -> list[str]:
    """Make an enabled key with material of AWS's own for each alias (NAME alone; None: without one); their ids."""
    there = box.kms.store(root.account_id, region, "aws")
    return [_plant(there, alias, values) for alias in aliases]


def _plant(there: Store, alias: str | None, values: dict[str, Any]) -> str:
    key_id, moment = str(uuid.uuid4()), now()
    key = Key(
        account_id=there.account_id,
        key_id=key_id,
        arn=there.arn(f"key/{key_id}"),
        created=moment,
        spec=SPECS["SYMMETRIC_DEFAULT"],
        usage="ENCRYPT_DECRYPT",
        origin="AWS_KMS",
        policy=default_policy(there),
    )
    for name, value in values.items():
        setattr(key, name, value)
    key.materials.append(make_material(key, b"\x00" * 32))
    with there.lock:
        there.keys[key_id] = key
        if alias is not None:
            there.aliases[f"alias/{alias}"] = Alias(f"alias/{alias}", key_id, moment, moment)
    return key_id
