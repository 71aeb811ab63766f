"""Our copy of the key material: sealed at birth, and proven each time before it is relied on."""

import hmac

from sqlmodel import Session

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import RefusedError, TamperedError
from kctui.core.keyring import Keyring
from kctui.core.material.software import fingerprint, generate, has_public_key, public_key_of
from kctui.core.model import KeyVersion, new_id
from kctui.core.sealing import Place
from kctui.core.secret import Secret
from kctui.core.words import KeySpec


def material_place(version_id: str, cloud_key_id: str, number: int) -> Place:
    """Where a version's key material is sealed; which version it is of which CloudKey is bound to it."""
    return Place("key_version", version_id, "sealed_material", (cloud_key_id, str(number)))


def new_version(keyring: Keyring, group_id: str, cloud_key_id: str, number: int, spec: KeySpec) -> KeyVersion:
    """Make key material and seal it at once: the row holds no plaintext, and must be committed before AWS hears."""
    version_id = new_id()
    place = material_place(version_id, cloud_key_id, number)
    with generate(spec) as material:
        return KeyVersion(
            id=version_id,
            cloud_key_id=cloud_key_id,
            number=number,
            sealed_material=keyring.seal(group_id, place, material),
            fingerprint=fingerprint(material),
            public_key=public_key_of(spec, material),
        )


def open_material(keyring: Keyring, group_id: str, version: KeyVersion) -> Secret:
    """Open our copy; check its fingerprint, and the public key beside it. RefusedError for none, TamperedError."""
    if version.sealed_material is None or version.fingerprint is None:
        raise RefusedError(
            "kctui holds no copy of this key material", detail="AWS made it: it can be neither removed nor uploaded."
        )
    place = material_place(version.id, version.cloud_key_id, version.number)
    material = keyring.open(group_id, place, version.sealed_material)
    differs = ""
    if not hmac.compare_digest(fingerprint(material), version.fingerprint):
        differs = "fingerprint"
    elif version.public_key is not None and not has_public_key(material, version.public_key):
        differs = "public key"
    if differs:
        material.wipe()
        raise TamperedError(
            f"Our copy of version {version.number} does not match its {differs}",
            remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
        )
    return material


def prove(engine: Engine, session: Session, group_id: str, version: KeyVersion) -> None:
    """Open our copy, check it, and keep when that was. Raises as `open_material`."""
    open_material(engine.keyring, group_id, version).wipe()
    version.proven_at = now()
    session.add(version)
