"""How the HSMs are, for `kctui doctor`: whether their tokens are there, log in and can do what AWS needs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.model import Hsm


@dataclass(frozen=True)
class HsmHealth:
    """One HSM. error: what its token or module said; None where it is well. detail: what it can do."""

    name: str
    detail: str
    error: KctuiError | None = None


def all_hsms(engine: Engine) -> list[Hsm]:
    """The HSMs there are, by name."""
    with engine.store.read() as session:
        return list(session.exec(select(Hsm).order_by(Hsm.name)))


def hsm_health(engine: Engine, hsms: Iterable[Hsm]) -> Iterator[HsmHealth]:
    """Examine each. The vault must be unlocked; a PIN that was refused is not tried again."""
    for hsm in hsms:
        # python-pkcs11 is loaded where there is an HSM only.
        from kctui.core.hsms import test_hsm

        try:
            found = test_hsm(engine, hsm.name)
        except KctuiError as error:
            yield HsmHealth(hsm.name, "", error)
            continue
        specs = found.conformance.specs
        works = sum(found.conformance.why_not(spec, sha1=hsm.sha1_allowed) is None for spec in specs)
        exports = ", lets non-extractable keys out" if found.conformance.exports else ""
        yield HsmHealth(hsm.name, f"{found.token.label} logs in, {works} of {len(specs)} key specs work{exports}")
