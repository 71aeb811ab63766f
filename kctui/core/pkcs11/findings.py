"""What the conformance probe found, as it is kept and shown, and what is chosen by it."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Self

from kctui.core.errors import KctuiError, TamperedError
from kctui.core.material.aws_wrapping import WrappingAlgorithm, WrappingHash
from kctui.core.pkcs11.errors import HsmRefusedError
from kctui.core.pkcs11.shapes import SHAPES
from kctui.core.pkcs11.ways import KEEP_MECHANISMS, KWP_MECHANISMS, ORDER, Way
from kctui.core.words import KeySpec

# Grows with each change of the probe: what an earlier one found is not relied on.
PROBE_EDITION = 2
MAKE, KEEP = "make", "keep by"


@dataclass
class SpecFindings:
    """What the token can do with one key spec.

    ways: to AWS that gave the very bytes, in the order of preference. kwp: the key wrap of those in two steps.
    keeps_by: the mechanism of the blob under the key-encryption key. refused: what does not work, and why.
    """

    ways: list[Way] = field(default_factory=list)
    kwp: int | None = None
    keeps_by: int | None = None
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """How key material of a spec is kept, and wrapped for AWS."""

    way: Way
    kwp: int | None
    keeps_by: int


@dataclass(frozen=True)
class Refused:
    """Something that the token does not do: making, keeping, or a way to AWS."""

    what: str
    why: str
    specs: tuple[KeySpec, ...]


@dataclass(frozen=True)
class Conformance:
    """What a token and AWS have in common. exports: the token wraps keys that it was told never to let out."""

    specs: dict[KeySpec, SpecFindings]
    exports: bool

    def choose(self, spec: KeySpec, *, sha1: bool, taken: Collection[WrappingAlgorithm] | None = None) -> Choice:
        """The way for a key spec. Raises HsmRefusedError with the reason.

        sha1: whether there is consent to SHA-1. taken: the algorithms that AWS takes where the key is; None for any.
        """
        refusal = self.why_not(spec, sha1=sha1, taken=taken)
        if refusal is not None:
            raise refusal
        found = self.specs[spec]
        way = next(way for way in found.ways if _fits(way, sha1=sha1, taken=taken))
        return Choice(way, found.kwp if way.in_two_steps else None, found.keeps_by or 0)

    def why_not(
        self, spec: KeySpec, *, sha1: bool, taken: Collection[WrappingAlgorithm] | None = None
    ) -> KctuiError | None:
        """Why the token makes no key material of a spec for AWS; None where it can."""
        found = self.specs.get(spec)
        title = f"The HSM cannot make {spec.value} key material for AWS"
        remedy = "`kctui hsm test` shows what it can. Choose another key spec, another HSM, or a Key Set without HSM."
        if found is None:
            return HsmRefusedError(title, detail="It was not probed for it.", remedy=remedy)
        if not found.ways or found.keeps_by is None:
            return HsmRefusedError(title, detail=_told(found), remedy=remedy)
        ways = [way for way in found.ways if _fits(way, sha1=True, taken=taken)]
        if not ways:
            does = ", ".join(way.value for way in found.ways)
            return HsmRefusedError(title, detail=f"AWS does not take {does} in that region.", remedy=remedy)
        if not sha1 and all(way.hash is WrappingHash.SHA_1 for way in ways):
            return HsmRefusedError(
                title,
                detail=f"The token wraps it with SHA-1 only ({found.ways[0].value}), to which there is no consent.",
                remedy="Add the HSM with --allow-sha1 where that is acceptable; the audit log keeps who said so.",
            )
        return None

    @property
    def sha1_only(self) -> list[KeySpec]:
        """The key specs that the token can wrap with SHA-1 alone."""
        return [
            spec
            for spec, found in self.specs.items()
            if found.keeps_by is not None and found.ways and all(way.hash is WrappingHash.SHA_1 for way in found.ways)
        ]

    @property
    def usable(self) -> bool:
        """Whether there is any key spec that works, were there every consent."""
        return any(found.ways and found.keeps_by is not None for found in self.specs.values())

    def refusals(self) -> list[Refused]:
        """What does not work, and why, each with the key specs that it is so for; what is done without is left out."""
        grouped: dict[tuple[str, str], list[KeySpec]] = {}
        for spec, found in self.specs.items():
            for what, why in found.refused.items():
                if found.keeps_by is None or not what.startswith(KEEP):
                    grouped.setdefault((what, why), []).append(spec)
        return [Refused(what, why, tuple(specs)) for (what, why), specs in grouped.items()]

    def to_json(self) -> str:
        """As it is kept in the database."""
        specs = {
            spec.value: {
                "ways": [way.value for way in found.ways],
                "kwp": found.kwp,
                "keeps_by": found.keeps_by,
                "refused": found.refused,
            }
            for spec, found in self.specs.items()
        }
        return json.dumps({"exports": self.exports, "specs": specs})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` kept. Raises TamperedError for anything else."""
        try:
            kept: dict[str, Any] = json.loads(text)
            specs = {KeySpec(spec): _read(KeySpec(spec), found) for spec, found in kept["specs"].items()}
            return cls(specs, bool(kept["exports"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TamperedError(
                "What is kept of an HSM's probe is not as kctui wrote it",
                remedy="`kctui hsm test NAME --again` probes it anew. Find out who changed the database.",
            ) from None


def _read(spec: KeySpec, found: dict[str, Any]) -> SpecFindings:
    """One key spec's findings, in the order of preference, with mechanisms that the probe may find only."""
    order = ORDER[SHAPES[spec].kind]
    ways = sorted({Way(way) for way in found["ways"]}, key=order.index)
    kwp, keeps_by = found["kwp"], found["keeps_by"]
    if kwp not in {None, *KWP_MECHANISMS} or keeps_by not in {None, *KEEP_MECHANISMS}:
        raise ValueError("a mechanism that was never probed")
    return SpecFindings(ways, kwp, keeps_by, {str(what): str(why) for what, why in found["refused"].items()})


def _fits(way: Way, *, sha1: bool, taken: Collection[WrappingAlgorithm] | None) -> bool:
    return (sha1 or way.hash is not WrappingHash.SHA_1) and (taken is None or way.algorithm in taken)


def _told(found: SpecFindings) -> str:
    """Why a spec does not work: at making it, at keeping it, or at each way to AWS."""
    if MAKE in found.refused:
        return f"It does not make the key: {found.refused[MAKE]}."
    if not found.ways:
        return "\n".join(f"{way}: {why}" for way, why in found.refused.items() if not way.startswith(KEEP))
    return "\n".join(f"{what}: {why}" for what, why in found.refused.items() if what.startswith(KEEP))
