"""How HSMs read in the console: the state of a token, what it can do, the consents. Times are UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kctui.core.clock import age
from kctui.core.words import KeyFamily, KeySpec, TokenState
from kctui.screens.widgets.columns import Tone
from kctui.screens.widgets.sections import Fact
from kctui.screens.wording import number

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import HsmRow
    from kctui.core.pkcs11.findings import Conformance

SOFTWARE = "software"
_TONES = {
    TokenState.CONNECTED: Tone.GOOD,
    TokenState.NOT_ASKED: Tone.DIM,
    TokenState.NOT_THERE: Tone.ATTENTION,
    TokenState.FAULTY: Tone.ATTENTION,
    TokenState.PIN_REFUSED: Tone.DANGER,
    TokenState.PIN_LOCKED: Tone.DANGER,
}


@dataclass(frozen=True)
class HsmSeen:
    """An HSM, how it stands with its token, and what was said of that. can: what it can do, in a line."""

    row: "HsmRow"
    state: TokenState
    said: str
    can: str

    @property
    def tone(self) -> Tone:
        """The colour beside the words."""
        return _TONES[self.state]

    @property
    def state_words(self) -> str:
        """A glyph and a word."""
        return f"{self.state.glyph} {self.state.value}"

    def state_since(self, now: datetime) -> str:
        """The same, with how long that is so, where it is known."""
        since = {
            TokenState.NOT_THERE: self.row.unreachable_since,
            TokenState.PIN_REFUSED: self.row.pin_refused_at,
        }.get(self.state)
        if since is not None:
            return f"{self.state_words} for {age(since, now)}"
        if self.state is TokenState.NOT_ASKED and self.row.reached_at is not None:
            return f"{self.state.glyph} reached {age(self.row.reached_at, now)} ago"
        return self.state_words


def hsm_seen(engine: "Engine", row: "HsmRow") -> HsmSeen:
    """An HSM as this process knows its token, else as the database does. Blocking: it loads python-pkcs11."""
    from kctui.core.pkcs11.findings import Conformance

    can = can_words(Conformance.from_json(row.conformance), sha1=row.sha1_allowed)
    state, said = engine.tokens.state(row.id)
    if row.pin_refused_at is not None and state is not TokenState.PIN_LOCKED:
        # No process tries that PIN any more, whatever it saw before.
        return HsmSeen(row, TokenState.PIN_REFUSED, "New PIN gives the right one", can)
    if state is TokenState.NOT_ASKED and row.unreachable_since is not None:
        return HsmSeen(row, TokenState.NOT_THERE, row.unreachable_reason or "", can)
    return HsmSeen(row, state, said, can)


def can_words(conformance: "Conformance", *, sha1: bool) -> str:
    """What a token can do, by what it cannot: `SHA-1 only · no RSA, HMAC_224`."""
    unable = [spec for spec in conformance.specs if conformance.why_not(spec, sha1=sha1) is not None]
    able = [spec for spec in conformance.specs if spec not in unable]
    parts = []
    if able and all(spec in conformance.sha1_only for spec in able):
        parts.append("SHA-1 only")
    if unable:
        parts.append(f"no {', '.join(_shortened(unable))}" if able else "no key spec at all")
    return " · ".join(parts) or "every key spec"


def _shortened(unable: Sequence[KeySpec]) -> list[str]:
    """Key specs by name, or by family where none of it works."""
    words: list[str] = []
    for spec in unable:
        family = spec.family
        whole = family is not None and {one for one in KeySpec if one.family is family} <= {*unable}
        word = family.value if whole and family is not KeyFamily.SYMMETRIC and family else _short(spec)
        if word not in words:
            words.append(word)
    return words


def _short(spec: KeySpec) -> str:
    return spec.value.removeprefix("ECC_").replace("NIST_P", "P-").replace("SECG_P256K1", "secp256k1")


def consent_facts(hsm: "HsmRow", conformance: "Conformance") -> list[Fact]:
    """To what there is consent, and whether it is needed."""
    needed = len(conformance.sha1_only)
    specs = f"{needed} key spec{'' if needed == 1 else 's'}"
    if not needed:
        use = "no key spec needs it"
    else:
        use = f"used for {specs}" if hsm.sha1_allowed else f"{specs} cannot be made without"
    does, tone = "lets no non-extractable key out", Tone.PLAIN
    if conformance.exports:
        does, tone = "exports keys marked non-extractable", Tone.ATTENTION
    return [
        Fact("SHA-1", f"{_consent(hsm.sha1_allowed)}; {use}"),
        Fact("Key export", f"{does}; {_consent(hsm.export_allowed)}", tone),
    ]


def _consent(given: bool) -> str:
    return "consent was given" if given else "no consent"


def token_facts(hsm: "HsmRow") -> list[Fact]:
    """Which token it is."""
    slot = "" if hsm.slot is None else f" · slot {hsm.slot}"
    made = " · ".join(part for part in (hsm.token_model, hsm.manufacturer) if part)
    facts = [
        Fact("Token", f"{hsm.token_label} · serial {hsm.token_serial or 'none'}{slot}"),
        Fact("Made by", made or "–"),
        Fact("Module", hsm.module, whole=True),
    ]
    if hsm.init_args:
        facts.append(Fact("Init args", hsm.init_args, whole=True))
    return facts


def use_words(hsm: "HsmRow") -> str:
    """What uses it."""
    if not hsm.key_sets and not hsm.versions:
        return "nothing"
    sets = f"{number(hsm.key_sets)} Key Set{'' if hsm.key_sets == 1 else 's'}"
    if not hsm.versions:
        return sets
    return f"{sets}, {number(hsm.versions)} version{'' if hsm.versions == 1 else 's'} of key material"


def probed_words(probed_at: datetime, now: datetime, *, just_now: bool = False) -> str:
    """When it was probed."""
    return "now" if just_now else f"{age(probed_at, now)} ago"


def key_material(hsm: str | None) -> str:
    """Where the key material of a Key Set comes from."""
    return f"HSM {hsm}" if hsm else SOFTWARE
