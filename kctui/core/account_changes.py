"""CSP Accounts edited and removed. Whatever is bound to the credential is sealed anew, after AWS was asked again."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from kctui.core import validation
from kctui.core.accounts import (
    asking,
    check_credential,
    check_schedule,
    credential_objects,
    find_account,
    seal_credential,
    set_schedule,
    who,
)
from kctui.core.audit import AuditEvent
from kctui.core.aws.credentials import AccessKey, Credential, InstanceRole, wipe
from kctui.core.aws.identity import Caller
from kctui.core.clock import now
from kctui.core.confirmation import Confirmation
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, RefusedError
from kctui.core.keyring import check_name
from kctui.core.model import CspAccount, KeySet, Operation
from kctui.core.observer import Observer, Silent
from kctui.core.secret import Secret
from kctui.core.words import AuditCategory, AuditType

REMOVE = "Remove CSP Account"


class NameTakenError(ConflictError):
    """Another CSP Account has the name."""


@dataclass(frozen=True)
class AccountEdit:
    """What a CSP Account is to be, whole. credential: a new one, None to keep the one it has."""

    name: str
    description: str
    region: str
    endpoint_url: str | None
    rotation_days: int | None
    credential: Credential | None = None


def as_it_is(account: CspAccount) -> AccountEdit:
    """An edit that changes nothing, to begin with."""
    return AccountEdit(account.name, account.description, account.region, account.endpoint_url, account.rotation_days)


def edit_account(
    engine: Engine, account_id: str, edit: AccountEdit, *, revision: int | None = None, observer: Observer | None = None
) -> CspAccount:
    """Edit a CSP Account. revision: of the row the user looked at.

    sts:GetCallerIdentity where credential, region or endpoint change: it must be for the same AWS account, or its
    CloudKeys would all look deleted. Raises InvalidInputError, ConflictError (changed, busy, or a name that is taken),
    RefusedError (another AWS account), AwsRefusedError, AwsUnreachableError.
    """
    observer = observer or Silent()
    engine.require_writable("Edit CSP Account")
    with engine.store.read() as session:
        account = _get(session, account_id, revision)
    engine.keyring.group(account.group_id)
    edit = _checked(edit, account)
    changed = _changes(account, edit)
    if not changed:
        return account
    try:
        row = _edit(engine, account, edit, changed, observer)
    except RefusedError as error:
        _note_refusal(engine, account, "Edit CSP Account", error)
        raise
    engine.clients.forget_account(account.id)
    return row


def _edit(engine: Engine, account: CspAccount, edit: AccountEdit, changed: list[str], observer: Observer) -> CspAccount:
    credential: Credential | None = None
    caller: Caller | None = None
    try:
        if {"credential", "region", "endpoint"} & set(changed):
            # Opened even where it is replaced: what was changed in the database must not be made good by an edit.
            opened = engine.clients.opened(account)
            if edit.credential is None:
                credential = opened
            else:
                wipe(opened)
                credential = edit.credential
            caller = _ask_again(engine, account, edit, credential, observer)
        with engine.store.write() as session:
            row = _get(session, account.id, account.revision)
            _refuse_taken(session, edit.name, row.id)
            row.name, row.description = edit.name, edit.description
            row.region, row.endpoint_url = edit.region, edit.endpoint_url
            if credential is not None and caller is not None:
                seal_credential(engine, row, credential)
                row.caller_arn = caller.arn
                row.reached_at, row.unreachable_since, row.unreachable_reason = now(), None, None
            if "credential" in changed:
                row.credential_rotated_at = None
            if {"credential", "rotation schedule"} & set(changed):
                set_schedule(session, row, edit.rotation_days)
            row.revision += 1
            _record(engine, session, row, f"Edited CSP Account {row.name}: {', '.join(changed)}")
    finally:
        if credential is not None and credential is not edit.credential:
            wipe(credential)
    return row


def key_sets_of(session: Session, account_id: str) -> list[str]:
    """The names of the Key Sets that use a CSP Account."""
    statement = select(KeySet.name).where(KeySet.csp_account_id == account_id).order_by(KeySet.name)
    return list(session.exec(statement))


def removal(account: CspAccount) -> Confirmation:
    """The name to be typed before a CSP Account is removed."""
    objects = {"AWS account": account.aws_account_id}
    return Confirmation(REMOVE, "CSP Account", account.name, AuditCategory.ACCOUNT, account.group_id, objects)


def check_removable(session: Session, account: CspAccount) -> None:
    """Raise RefusedError where a Key Set uses it, ConflictError where an operation on it is open."""
    names = key_sets_of(session, account.id)
    if names:
        sets = f"its Key Set {names[0]} uses it" if len(names) == 1 else f"{len(names)} Key Sets use it"
        raise RefusedError(
            f"The CSP Account {account.name} cannot be removed: {sets}",
            detail="" if len(names) == 1 else "Key Sets: " + ", ".join(names) + ".",
            remedy="Only a CSP Account that no Key Set uses can be removed.",
        )
    _refuse_busy(session, account)


def remove_account(engine: Engine, account_id: str, typed: str, *, revision: int | None = None) -> None:
    """Remove a CSP Account that no Key Set uses. Its access key in AWS stays as it is; nothing is asked of AWS.

    typed: its name, once more. Raises RefusedError (wrong name, in use) and ConflictError (changed or busy), which
    the audit log tells of.
    """
    engine.require_writable(REMOVE)
    with engine.store.read() as session:
        account = _get(session, account_id, None)
    engine.keyring.group(account.group_id)
    removal(account).require(engine, typed)
    try:
        with engine.store.write() as session:
            row = _get(session, account_id, revision)
            check_removable(session, row)
            set_schedule(session, row, None)
            _overwrite(row)
            session.flush()
            _record(engine, session, row, f"Removed CSP Account {row.name} of AWS account {row.aws_account_id}")
            session.delete(row)
    except RefusedError as error:
        _note_refusal(engine, account, REMOVE, error)
        raise
    engine.clients.forget_account(account_id)


def _overwrite(row: CspAccount) -> None:
    """Write over the sealed secrets before the row goes."""
    row.sealed_secret_access_key = bytes(len(row.sealed_secret_access_key))
    if row.sealed_pending_secret is not None:
        row.sealed_pending_secret = bytes(len(row.sealed_pending_secret))


def _checked(edit: AccountEdit, account: CspAccount) -> AccountEdit:
    """The edit, in its final form. Raises InvalidInputError."""
    check_name(edit.name, "a CSP Account")
    validation.check_description(edit.description)
    validation.check_region(edit.region, account.partition)
    endpoint_url = validation.check_endpoint_url(edit.endpoint_url)
    if edit.credential is not None:
        check_credential(edit.credential)
        check_schedule(edit.credential, edit.rotation_days)
    else:
        # Whether there is an access key is all that counts here.
        held = AccessKey(account.access_key_id, Secret(b"")) if account.access_key_id else InstanceRole()
        check_schedule(held, edit.rotation_days)
    return AccountEdit(edit.name, edit.description, edit.region, endpoint_url, edit.rotation_days, edit.credential)


def _changes(account: CspAccount, edit: AccountEdit) -> list[str]:
    """What the edit changes, in words."""
    pairs = {
        "name": (account.name, edit.name),
        "description": (account.description, edit.description),
        "region": (account.region, edit.region),
        "endpoint": (account.endpoint_url, edit.endpoint_url),
        "credential": (None, edit.credential),
        "rotation schedule": (account.rotation_days, edit.rotation_days),
    }
    return [what for what, (before, after) in pairs.items() if before != after]


def _ask_again(
    engine: Engine, account: CspAccount, edit: AccountEdit, credential: Credential, observer: Observer
) -> Caller:
    """Whose credential it is, at the place where it will be used. Raises RefusedError for another AWS account."""
    with asking(engine, credential, edit.region, edit.endpoint_url) as aws:
        caller = who(aws, observer)
    if (caller.account, caller.partition) != (account.aws_account_id, account.partition):
        raise RefusedError(
            f"That credential is for another AWS account: {caller.account}",
            detail=f"{account.name} is for {account.aws_account_id} ({account.partition}); the credential is of "
            f"{caller.arn}. The CloudKeys of {account.name} would all look deleted.",
            remedy="Add another CSP Account for it. Nothing was changed.",
        )
    return caller


def _get(session: Session, account_id: str, revision: int | None) -> CspAccount:
    row = session.get(CspAccount, account_id)
    if row is None:
        raise ConflictError("That CSP Account was removed meanwhile", remedy="Refresh to see what there is.")
    if revision is not None and row.revision != revision:
        raise ConflictError(
            f"{row.name} was changed meanwhile", remedy="Look at it again, then decide. Nothing was done."
        )
    _refuse_busy(session, row)
    return row


def _refuse_busy(session: Session, row: CspAccount) -> None:
    held = session.exec(select(Operation).where(Operation.subject == row.id)).one_or_none()
    if held is not None:
        raise ConflictError(
            f"{held.title} is not finished",
            detail=f"Begun by {held.operator}.",
            remedy="Wait for it; where it was interrupted, `kctui recover` goes on from there.",
        )


def _refuse_taken(session: Session, name: str, account_id: str) -> None:
    taken = select(CspAccount.id).where(CspAccount.name == name, col(CspAccount.id) != account_id)
    if session.exec(taken).first():
        raise NameTakenError(f"There is a CSP Account {name} already", remedy="Choose another name.")


def _record(engine: Engine, session: Session, row: CspAccount, words: str) -> None:
    where = {"Region": row.region, "Endpoint": row.endpoint_url or "AWS's own"}
    engine.audit.record(
        session,
        AuditEvent(
            AuditType.INFORMATION,
            AuditCategory.ACCOUNT,
            words,
            {"CSP Account": row.name, "AWS account": row.aws_account_id} | where | credential_objects(row),
            group_id=row.group_id,
        ),
    )


def _note_refusal(engine: Engine, account: CspAccount, what: str, error: KctuiError) -> None:
    engine.audit.note(
        AuditEvent(
            AuditType.WARNING,
            AuditCategory.ACCOUNT,
            f"{what} {account.name} refused: {error.title}",
            {"CSP Account": account.name},
            group_id=account.group_id,
        )
    )


def account_named(engine: Engine, name: str) -> CspAccount:
    """The CSP Account of this name. Raises NotFoundError."""
    with engine.store.read() as session:
        return find_account(session, name)
