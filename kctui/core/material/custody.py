"""Our copy of the key material: sealed at birth, and proven each time before it is relied on.

It is the material itself, or for a Key Set with an HSM a blob that opens only on that token. Which one it is decides
how it is made, proven and wrapped; nobody outside this file has to know.
"""

import hmac
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import RefusedError, TamperedError
from kctui.core.keyring import Keyring
from kctui.core.material import software, wrapping
from kctui.core.material.aws_wrapping import WrappingAlgorithm
from kctui.core.model import CloudKey, Hsm, KeySet, KeyVersion, new_id
from kctui.core.observer import Observer
from kctui.core.sealing import Place
from kctui.core.secret import Secret
from kctui.core.validation import partition_of
from kctui.core.waiting import SECONDS, watched
from kctui.core.words import KeySpec

if TYPE_CHECKING:
    from kctui.core.material.hsm import Kept

_MAKING_SECONDS = 120


def material_place(version: KeyVersion) -> Place:
    """Where a version's key material is sealed; bound to it: which version it is of which CloudKey, and its HSM."""
    of_hsm = (version.hsm_id, version.kek_id or "", str(version.kept_by)) if version.hsm_id else ()
    return Place("key_version", version.id, "sealed_material", (version.cloud_key_id, str(version.number), *of_hsm))


def planned_algorithm(session: Session, key_set: KeySet, spec: KeySpec, partition: str) -> WrappingAlgorithm:
    """What new key material of a Key Set will be wrapped by, as far as that is known without its token.

    Raises RefusedError, with the reason, where AWS takes none or the HSM was found to have none.
    """
    if key_set.hsm_id is None:
        return wrapping.wrapping_algorithm(spec, partition)
    from kctui.core.material import hsm

    return hsm.planned(session.get_one(Hsm, key_set.hsm_id), spec, partition)


def new_version(
    engine: Engine,
    key_set: KeySet,
    cloud_key_id: str,
    number: int,
    spec: KeySpec,
    region: str,
    observer: Observer,
) -> KeyVersion:
    """Make key material and seal it at once: the row holds no plaintext, and must be committed before AWS hears.

    Where it takes a while, the observer is told how long, and may cancel: nothing is left then.
    """
    _require_its_hsm(engine, key_set)
    version = KeyVersion(id=new_id(), cloud_key_id=cloud_key_id, number=number)
    if key_set.hsm_id is not None:
        from kctui.core.material import hsm

        row = _hsm(engine, key_set.hsm_id)
        kept = hsm.make(engine, row, spec, partition_of(region), observer)
        version.hsm_id, version.kek_id, version.kept_by = row.id, kept.kek_id, kept.kept_by
        version.fingerprint, version.public_key = kept.fingerprint, kept.public_key
        version.sealed_material = engine.keyring.seal(key_set.group_id, material_place(version), Secret(kept.blob))
        return version
    what = f"Making {spec.value} key material{SECONDS}"
    made = watched(lambda: software.generate(spec), observer, what, _MAKING_SECONDS, unwanted=Secret.wipe)
    with made as material:
        version.fingerprint = software.fingerprint(material)
        version.public_key = software.public_key_of(spec, material)
        version.sealed_material = engine.keyring.seal(key_set.group_id, material_place(version), material)
    return version


def open_material(keyring: Keyring, group_id: str, version: KeyVersion) -> Secret:
    """Open our copy of software key material; check its fingerprint, and the public key beside it.

    Raises RefusedError where there is none, or it is an HSM's, and TamperedError.
    """
    if version.hsm_id is not None:
        raise RefusedError("This key material opens on its HSM only")
    material = _unsealed(keyring, group_id, version)
    differs = ""
    if not hmac.compare_digest(software.fingerprint(material), version.fingerprint or ""):
        differs = "fingerprint"
    elif version.public_key is not None and not software.has_public_key(material, version.public_key):
        differs = "public key"
    if differs:
        material.wipe()
        raise TamperedError(
            f"Our copy of version {version.number} does not match its {differs}",
            remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
        )
    return material


def prove(engine: Engine, group_id: str, version: KeyVersion, spec: KeySpec) -> None:
    """Open our copy and check that it is what it was: on its token, where it is an HSM's. Blocking.

    Raises RefusedError where there is none, TamperedError, HsmUnreachableError.
    """
    if version.hsm_id is None:
        open_material(engine.keyring, group_id, version).wipe()
        return
    from kctui.core.material import hsm

    hsm.prove(engine, _hsm(engine, version.hsm_id), _kept(engine, group_id, version, spec))


def note_proven(session: Session, version_id: str) -> None:
    """Keep that a copy was proven just now."""
    session.get_one(KeyVersion, version_id).proven_at = now()


def wrapping_algorithm(engine: Engine, version: KeyVersion, spec: KeySpec, region: str) -> WrappingAlgorithm:
    """The algorithm to ask of GetParametersForImport; it cannot be changed afterwards."""
    if version.hsm_id is None:
        return wrapping.wrapping_algorithm(spec, partition_of(region))
    from kctui.core.material import hsm

    return hsm.algorithm(engine, _hsm(engine, version.hsm_id), spec, partition_of(region))


def wrap_for_aws(
    engine: Engine,
    group_id: str,
    version: KeyVersion,
    spec: KeySpec,
    region: str,
    aws_key: bytes,
    algorithm: WrappingAlgorithm,
) -> bytes:
    """Open our copy, check it, and wrap it to AWS's public key: no plaintext outlives the call."""
    if version.hsm_id is None:
        with open_material(engine.keyring, group_id, version) as material:
            return wrapping.wrap(spec, material, aws_key, algorithm)
    from kctui.core.material import hsm

    kept = _kept(engine, group_id, version, spec)
    row = _hsm(engine, version.hsm_id)
    return hsm.wrap(engine, row, kept, partition_of(region), wrapping.checked(aws_key), algorithm)


def _unsealed(keyring: Keyring, group_id: str, version: KeyVersion) -> Secret:
    if version.sealed_material is None or version.fingerprint is None:
        raise RefusedError(
            "kctui holds no copy of this key material", detail="AWS made it: it can be neither removed nor uploaded."
        )
    return keyring.open(group_id, material_place(version), version.sealed_material)


def _kept(engine: Engine, group_id: str, version: KeyVersion, spec: KeySpec) -> "Kept":
    from kctui.core.material.hsm import Kept

    with _unsealed(engine.keyring, group_id, version) as blob:
        return Kept(
            spec,
            blob.reveal(),
            version.kek_id or "",
            version.kept_by or 0,
            version.fingerprint or "",
            version.public_key,
        )


def _require_its_hsm(engine: Engine, key_set: KeySet) -> None:
    """Refuse a Key Set whose HSM is not that of the key material it has: it is chosen once, for good.

    Whoever writes the database could otherwise have new key material made in software.
    """
    statement = (
        select(KeyVersion.hsm_id)
        .join(CloudKey, col(CloudKey.id) == KeyVersion.cloud_key_id)
        .where(CloudKey.key_set_id == key_set.id, col(KeyVersion.sealed_material).is_not(None))
        .distinct()
    )
    with engine.store.read() as session:
        others = set(session.exec(statement)) - {key_set.hsm_id}
    if others:
        raise TamperedError(
            f"The Key Set {key_set.name} names another HSM than its key material is kept in",
            remedy="A Key Set's HSM does not change: find out who changed the database, and compare with a backup.",
        )


def _hsm(engine: Engine, hsm_id: str) -> Hsm:
    with engine.store.read() as session:
        return session.get_one(Hsm, hsm_id)
