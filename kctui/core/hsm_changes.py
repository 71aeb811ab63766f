"""Removing an HSM that nothing uses."""

from contextlib import suppress

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from kctui.core.confirmation import Confirmation
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, LockedError, NotFoundError, RefusedError, StoreError
from kctui.core.hsm_consents import event_of
from kctui.core.model import Hsm, KeySet, KeyVersion
from kctui.core.words import AuditCategory, AuditType

_REMOVE = "Remove HSM"


def remove_hsm(engine: Engine, hsm_id: str, *, confirmation: str, revision: int) -> None:
    """Remove an HSM that nothing uses, when its name was typed. Its key-encryption key stays on the token.

    Raises NotFoundError, LockedError, RefusedError for a wrong name or one in use, ConflictError for a changed row.
    """
    engine.require_writable(_REMOVE)
    with engine.store.read() as session:
        row = session.get(Hsm, hsm_id)
    if row is None:
        raise NotFoundError("That HSM is no longer there", remedy="Refresh.")
    if row.revision != revision:
        raise ConflictError(f"The HSM {row.name} was changed meanwhile", remedy="Look at it again. Nothing was done.")
    engine.keyring.group(row.group_id)
    Confirmation(_REMOVE, "HSM", row.name, AuditCategory.HSM, row.group_id).require(engine, confirmation)
    try:
        with engine.store.write() as session:
            _refuse_used(session, row)
            session.execute(sa.delete(Hsm).where(col(Hsm.id) == row.id))
            engine.audit.record(session, event_of(row, AuditType.INFORMATION, f"Removed HSM {row.name}"))
    except RefusedError as error:
        if not isinstance(error, LockedError):
            with suppress(StoreError):
                engine.audit.note(event_of(row, AuditType.WARNING, error.title))
        raise
    engine.tokens.forget(row.id)


def _refuse_used(session: Session, hsm: Hsm) -> None:
    sets = session.exec(select(func.count()).select_from(KeySet).where(KeySet.hsm_id == hsm.id)).one()
    versions = session.exec(select(func.count()).select_from(KeyVersion).where(KeyVersion.hsm_id == hsm.id)).one()
    if sets or versions:
        raise RefusedError(
            f"{_REMOVE} of {hsm.name} is refused: it is in use",
            detail=f"{sets} Key Set{'' if sets == 1 else 's'} and {versions} key material"
            f"{'' if versions == 1 else 's'} need it: without its key-encryption key none can be uploaded again.",
            remedy="Only an HSM without Key Sets can be removed. Nothing was done.",
        )
