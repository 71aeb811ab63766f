"""How the HSMs are, for `kctui doctor`: whether their tokens are there, log in and can do what AWS needs."""

from collections.abc import Iterator
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


def hsm_names(engine: Engine) -> list[str]:
    """The names of the HSMs there are."""
    with engine.store.read() as session:
        return list(session.exec(select(Hsm.name).order_by(Hsm.name)))


def hsm_health(engine: Engine) -> Iterator[HsmHealth]:
    """Examine each. The vault must be unlocked; a PIN that was refused is not tried again."""
    names = hsm_names(engine)
    if not names:
        return
    from kctui.core.hsms import test_hsm

    for name in names:
        try:
            found = test_hsm(engine, name)
            with engine.store.read() as session:
                sha1 = session.exec(select(Hsm.sha1_allowed).where(Hsm.name == name)).one()
        except KctuiError as error:
            yield HsmHealth(name, "", error)
            continue
        specs = found.conformance.specs
        works = sum(found.conformance.why_not(spec, sha1=sha1) is None for spec in specs)
        exports = ", lets non-extractable keys out" if found.conformance.exports else ""
        yield HsmHealth(name, f"{found.token.label} logs in, {works} of {len(specs)} key specs work{exports}")
