"""Key Sets: the CloudKeys of one CSP Account, under its Admin Group."""

from dataclasses import dataclass

from sqlmodel import Session, select

from kctui.core import validation
from kctui.core.accounts import find_account
from kctui.core.audit import AuditEvent
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from kctui.core.hsms import find_hsm
from kctui.core.keyring import check_name
from kctui.core.model import CspAccount, Hsm, KeySet
from kctui.core.words import AuditCategory, AuditType, RotationMethod


@dataclass(frozen=True)
class NewKeySet:
    """What a Key Set is made from. rotation_days: what its new CloudKeys inherit; None is Never.

    rotation_method: how Rotate Now works on its symmetric CloudKeys. hsm: the name of the HSM that makes and keeps
    its key material; None for software. Neither can be changed later.
    """

    name: str
    account: str
    description: str = ""
    rotation_days: int | None = None
    rotation_method: RotationMethod = RotationMethod.IN_PLACE
    hsm: str | None = None


def check_new_key_set(engine: Engine, new: NewKeySet) -> NewKeySet:
    """Check it. Raises InvalidInputError, NotFoundError or ConflictError."""
    check_values(new.name, new.description, new.rotation_days)
    with engine.store.read() as session:
        account = find_account(session, new.account)
        refuse_taken_name(session, new.name)
        _hsm_for(session, new, account)
    return new


def check_values(name: str, description: str, rotation_days: int | None) -> None:
    """Check what can be checked without the database. Raises InvalidInputError."""
    check_name(name, "a Key Set")
    validation.check_description(description)
    if rotation_days is not None and not 1 <= rotation_days <= validation.MOST_ROTATION_DAYS:
        raise InvalidInputError("That is not a rotation schedule", field="rotation_schedule")


def refuse_taken_name(session: Session, name: str) -> None:
    """Raise ConflictError where a Key Set has this name."""
    if session.exec(select(KeySet.id).where(KeySet.name == name)).first():
        raise NameTakenError(f"There is a Key Set {name} already", remedy="Choose another name.")


def create_key_set(engine: Engine, new: NewKeySet) -> KeySet:
    """Make a Key Set under the CSP Account's Admin Group. Raises LockedError for who is not in that."""
    engine.require_writable("Create Key Set")
    check_new_key_set(engine, new)
    with engine.store.write() as session:
        account = find_account(session, new.account)
        engine.keyring.group(account.group_id)
        hsm = _hsm_for(session, new, account)
        key_set = KeySet(
            name=new.name,
            description=new.description,
            csp_account_id=account.id,
            group_id=account.group_id,
            hsm_id=hsm.id if hsm else None,
            rotation_days=new.rotation_days,
            rotation_method=new.rotation_method,
        )
        session.add(key_set)
        session.flush()
        engine.audit.record(
            session,
            AuditEvent(
                AuditType.INFORMATION,
                AuditCategory.KEY_SET,
                f"Created Key Set {new.name} for {new.account}, {f'HSM {hsm.name}' if hsm else 'without HSM'}",
                {"Key Set": new.name, "CSP Account": new.account, **({"HSM": hsm.name} if hsm else {})},
                group_id=account.group_id,
            ),
        )
    return key_set


def _hsm_for(session: Session, new: NewKeySet, account: CspAccount) -> Hsm | None:
    """The HSM that was chosen. Raises NotFoundError, or RefusedError for another Admin Group's."""
    if new.hsm is None:
        return None
    hsm = find_hsm(session, new.hsm)
    if hsm.group_id != account.group_id:
        raise RefusedError(
            f"The HSM {hsm.name} is another Admin Group's than the CSP Account {account.name}",
            remedy="Choose an HSM of the same Admin Group, or add one for it.",
        )
    return hsm


class NameTakenError(ConflictError):
    """Another Key Set has that name."""


def find_key_set(session: Session, name: str) -> KeySet:
    """The Key Set of this name. Raises NotFoundError."""
    key_set = session.exec(select(KeySet).where(KeySet.name == name)).one_or_none()
    if key_set is None:
        raise NotFoundError(f"There is no Key Set {name}", remedy="`kctui keyset list` shows what there is.")
    return key_set
