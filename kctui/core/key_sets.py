"""Key Sets: the CloudKeys of one CSP Account, under its Admin Group."""

from dataclasses import dataclass

from sqlmodel import Session, select

from kctui.core import validation
from kctui.core.accounts import find_account
from kctui.core.audit import AuditEvent
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, NotFoundError
from kctui.core.keyring import check_name
from kctui.core.model import KeySet
from kctui.core.words import AuditCategory, AuditType


@dataclass(frozen=True)
class NewKeySet:
    """What a Key Set is made from. rotation_days: what its new CloudKeys inherit; None is Never."""

    name: str
    account: str
    description: str = ""
    rotation_days: int | None = None


def check_new_key_set(engine: Engine, new: NewKeySet) -> NewKeySet:
    """Check it. Raises InvalidInputError, NotFoundError or ConflictError."""
    check_name(new.name, "a Key Set")
    validation.check_description(new.description)
    if new.rotation_days is not None and not 1 <= new.rotation_days <= validation.MOST_ROTATION_DAYS:
        raise InvalidInputError("That is not a rotation schedule", field="rotation_schedule")
    with engine.store.read() as session:
        find_account(session, new.account)
        if session.exec(select(KeySet.id).where(KeySet.name == new.name)).first():
            raise ConflictError(f"There is a Key Set {new.name} already", remedy="Choose another name.")
    return new


def create_key_set(engine: Engine, new: NewKeySet) -> KeySet:
    """Make a Key Set under the CSP Account's Admin Group. Raises LockedError for who is not in that."""
    engine.require_writable("Create Key Set")
    check_new_key_set(engine, new)
    with engine.store.write() as session:
        account = find_account(session, new.account)
        engine.keyring.group(account.group_id)
        key_set = KeySet(
            name=new.name,
            description=new.description,
            csp_account_id=account.id,
            group_id=account.group_id,
            rotation_days=new.rotation_days,
        )
        session.add(key_set)
        session.flush()
        engine.audit.record(
            session,
            AuditEvent(
                AuditType.INFORMATION,
                AuditCategory.KEY_SET,
                f"Created Key Set {new.name} for {new.account}",
                {"Key Set": new.name, "CSP Account": new.account},
                group_id=account.group_id,
            ),
        )
    return key_set


def find_key_set(session: Session, name: str) -> KeySet:
    """The Key Set of this name. Raises NotFoundError."""
    key_set = session.exec(select(KeySet).where(KeySet.name == name)).one_or_none()
    if key_set is None:
        raise NotFoundError(f"There is no Key Set {name}", remedy="`kctui keyset list` shows what there is.")
    return key_set
