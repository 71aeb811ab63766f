"""Many CloudKeys at once, for looking at a console that holds a hundred thousand of them.

They are as Create CloudKey leaves them, material sealed here and imported there, but put into the store and the
box directly: a hundred thousand creations would take hours.
"""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlmodel import select

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.key_sets import find_key_set
from kctui.core.material.custody import material_place
from kctui.core.material.software import fingerprint, generate
from kctui.core.model import CloudKey, CspAccount, KeySet, KeyVersion, new_id
from kctui.core.secret import Secret
from kctui.core.words import CloudStatus, ImportState, KeySource, KeySpec, KeyUsage, MaterialState
from kctui.demo.box import Box
from kctui.demo.box.kms.materials import make_material
from kctui.demo.box.kms.policies import default_policy
from kctui.demo.box.kms.specs import SPECS
from kctui.demo.box.kms.state import Alias, Key, Store

_BATCH = 2000


def plant(engine: Engine, box: Box, key_set: str, region: str, count: int) -> None:
    """Put `count` CloudKeys, app-00001 and on, into a Key Set and a region of its CSP Account."""
    with engine.store.read() as session:
        into = find_key_set(session, key_set)
        account = session.exec(select(CspAccount).where(CspAccount.id == into.csp_account_id)).one()
    there = box.kms.store(account.aws_account_id, region, account.partition)
    numbers = iter(range(1, count + 1))
    while batch := [number for number, _ in zip(numbers, range(_BATCH), strict=False)]:
        rows, versions = zip(*(_one(engine, there, into, number) for number in batch), strict=True)
        with engine.store.write() as session:
            session.execute(sa.insert(CloudKey), list(rows))
            session.execute(sa.insert(KeyVersion), list(versions))


def _one(engine: Engine, there: Store, into: KeySet, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    name, key_id = f"app-{number:05}", str(uuid.uuid4())
    with generate(KeySpec.SYMMETRIC_DEFAULT) as material:
        key = _in_the_box(there, name, key_id, material)
        row_id, version_id = new_id(), new_id()
        place = material_place(KeyVersion(id=version_id, cloud_key_id=row_id, number=1))
        moment = now()
        row = {
            "id": row_id, "key_set_id": into.id, "csp_account_id": into.csp_account_id, "region": there.region,
            "name": name, "alias": f"alias/{name}", "description": f"application {number}", "kms_key_id": key_id,
            "key_arn": key.arn, "key_spec": KeySpec.SYMMETRIC_DEFAULT, "key_usage": KeyUsage.ENCRYPT_DECRYPT,
            "key_source": KeySource.KCTUI, "cloud_status": CloudStatus.AVAILABLE, "status_seen_at": moment,
            "administrators": [], "users": [], "tags": {}, "revision": 1, "created_at": moment,
        }  # fmt: skip
        version = {
            "id": version_id, "cloud_key_id": row_id, "number": 1, "kms_key_id": key_id,
            "key_material_id": key.materials[0].material_id, "material_state": MaterialState.CURRENT,
            "import_state": ImportState.IMPORTED, "fingerprint": fingerprint(material), "imported_at": moment,
            "sealed_material": engine.keyring.seal(into.group_id, place, material),
            "proven_at": moment, "created_at": moment,
        }  # fmt: skip
    return row, version


def _in_the_box(there: Store, name: str, key_id: str, material: Secret) -> Key:
    moment = now()
    key = Key(
        account_id=there.account_id,
        key_id=key_id,
        arn=there.arn(f"key/{key_id}"),
        created=moment,
        spec=SPECS["SYMMETRIC_DEFAULT"],
        usage="ENCRYPT_DECRYPT",
        origin="EXTERNAL",
        policy=default_policy(there),
        description=f"application {name.removeprefix('app-').lstrip('0')}",
    )
    key.materials.append(make_material(key, material.reveal()))
    with there.lock:
        there.keys[key_id] = key
        there.aliases[f"alias/{name}"] = Alias(f"alias/{name}", key_id, moment, moment)
    return key
