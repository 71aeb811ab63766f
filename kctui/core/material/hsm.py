"""Key material of a Key Set with an HSM: made, kept, proven and wrapped on its token, never in this process."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kctui.core.engine import Engine
from kctui.core.errors import TamperedError
from kctui.core.hsms import conformance_of
from kctui.core.material.aws_wrapping import WrappingAlgorithm, allowed
from kctui.core.model import Hsm
from kctui.core.observer import Observer
from kctui.core.pkcs11 import key_encryption, objects, to_aws
from kctui.core.pkcs11.connection import Opened
from kctui.core.pkcs11.errors import HsmChangedError
from kctui.core.pkcs11.findings import Choice, Conformance
from kctui.core.pkcs11.shapes import SHAPES
from kctui.core.waiting import SECONDS
from kctui.core.words import KeySpec

# The longest that a device may take for an RSA key of 4096 bits.
_MAKING_SECONDS = 600.0


@dataclass(frozen=True)
class Kept:
    """Key material as the vault keeps it: a blob under the key-encryption key kek_id (hex).

    kept_by: the number of the mechanism that wrapped it. public_key: SPKI (DER), of an asymmetric one.
    """

    spec: KeySpec
    blob: bytes = field(repr=False)
    kek_id: str
    kept_by: int
    fingerprint: str
    public_key: bytes | None


def planned(hsm: Hsm, spec: KeySpec, partition: str) -> WrappingAlgorithm:
    """What a key spec will be wrapped by, as the HSM was last probed; without its token. Raises HsmRefusedError."""
    return _chosen(Conformance.from_json(hsm.conformance), hsm, spec, partition).way.algorithm


def make(engine: Engine, hsm: Hsm, spec: KeySpec, partition: str, observer: Observer) -> Kept:
    """Make key material on the token, and prove at once that its blob restores it.

    What AWS will take it by is known before it is made. The observer may cancel; nothing is left then.
    """
    chosen = choose(engine, hsm, spec, partition)
    shape, kek_id = SHAPES[spec], hsm.kek_id

    def job(opened: Opened) -> Kept:
        kek = key_encryption.find_kek(opened, bytes.fromhex(kek_id))
        with objects.made(opened, shape) as made:
            fingerprint = objects.fingerprint(made.key, shape, made.public_key)
            blob = objects.keep(opened, kek, made.key, chosen.keeps_by)
            public_key = made.public_key
        kept = Kept(spec, blob, kek_id, chosen.keeps_by, fingerprint, public_key)
        with _restored(opened, kept):
            return kept

    what = f"Making {spec.value} key material in HSM {hsm.name}{SECONDS}"
    return engine.tokens.run_watched(hsm, job, f"making {spec.value}", observer, what, patience=_MAKING_SECONDS)


def prove(engine: Engine, hsm: Hsm, kept: Kept) -> None:
    """Restore key material on its token, and check that it is what it was. Raises BlobError, TamperedError."""

    def job(opened: Opened) -> None:
        with _restored(opened, kept):
            pass

    engine.tokens.run(hsm, job, "opening the key material")


def algorithm(engine: Engine, hsm: Hsm, spec: KeySpec, partition: str) -> WrappingAlgorithm:
    """The algorithm to ask of GetParametersForImport: what this token and AWS have in common."""
    return choose(engine, hsm, spec, partition).way.algorithm


def wrap(engine: Engine, hsm: Hsm, kept: Kept, partition: str, aws_key: bytes, wanted: WrappingAlgorithm) -> bytes:
    """Restore key material on its token, and wrap it there to AWS's public key (SPKI, DER)."""
    chosen = choose(engine, hsm, kept.spec, partition)
    if chosen.way.algorithm is not wanted:
        raise HsmChangedError(
            "The HSM changed while it was asked",
            detail=f"AWS was asked for {wanted.value}; now the token does {chosen.way.value}.",
            remedy="Try again. Nothing was sent.",
        )

    def job(opened: Opened) -> bytes:
        with _restored(opened, kept) as key:
            return to_aws.wrap_for_aws(opened, key, aws_key, chosen.way, chosen.kwp)

    return engine.tokens.run(hsm, job, "wrapping the key material for AWS")


def choose(engine: Engine, hsm: Hsm, spec: KeySpec, partition: str) -> Choice:
    """How the token keeps and wraps key material of a spec. Raises HsmRefusedError with the reason."""
    return _chosen(conformance_of(engine, hsm), hsm, spec, partition)


def _chosen(conformance: Conformance, hsm: Hsm, spec: KeySpec, partition: str) -> Choice:
    taken = allowed(spec, partition=partition)
    return conformance.choose(spec, sha1=hsm.sha1_allowed, taken=taken)


@contextmanager
def _restored(opened: Opened, kept: Kept) -> Iterator[objects.TokenKey]:
    """The key of a blob, for the length of the block, once it has proven to be the one that was kept."""
    shape = SHAPES[kept.spec]
    kek = key_encryption.find_kek(opened, bytes.fromhex(kept.kek_id))
    with objects.restored(opened, kek, shape, kept.blob, kept.kept_by, kept.public_key) as key:
        if not hmac.compare_digest(objects.fingerprint(key, shape, kept.public_key), kept.fingerprint):
            raise TamperedError(
                "The key material that the token opened does not match its fingerprint",
                remedy="Do not remove or delete the key in the cloud. Restore the vault from a backup.",
            )
        yield key
