"""How Rotate Credentials is asked for: what stands in the way is said before anything is begun."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from kctui.core.aws.access_keys import MOST_KEYS, AccessKeys, KeyUse, UserKey
from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.identity import caller_identity
from kctui.core.clock import age
from kctui.core.confirmation import Confirmation
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, RefusedError
from kctui.core.model import CloudKey, CspAccount, Operation
from kctui.core.observer import Observer, Silent
from kctui.core.operations.definitions import DEFINITIONS
from kctui.core.operations.journal import Beginning, begin
from kctui.core.operations.runner import audit_refusal, run_to_end
from kctui.core.words import AuditCategory, OperationKind

KIND = OperationKind.ROTATE_CREDENTIALS


@dataclass(frozen=True)
class KeysSeen:
    """The access keys of the user who has the account's own. uses: None for one whose use may not be asked."""

    user_arn: str
    own: UserKey
    others: tuple[UserKey, ...]
    uses: dict[str, KeyUse | None]

    @property
    def full(self) -> bool:
        """Whether there is no place for a new one."""
        return 1 + len(self.others) >= MOST_KEYS


def why_not_rotate(account: CspAccount) -> str | None:
    """None where a CSP Account has an access key to be rotated; else why not."""
    return None if account.access_key_id else "its credential is no access key"


def look_at_keys(engine: Engine, account: CspAccount) -> KeysSeen:
    """Look at the access keys there are. sts:GetCallerIdentity, iam:ListAccessKeys, iam:GetAccessKeyLastUsed.

    Raises RefusedError where it is not the access key of an IAM user, or another CSP Account uses it as well.
    """
    reason = why_not_rotate(account)
    if reason is not None:
        raise RefusedError(
            f"The credentials of {account.name} cannot be rotated: {reason}",
            remedy="What a profile or an instance role signs in with is renewed where it comes from.",
        )
    with engine.store.read() as session:
        _refuse_shared(session, account)
    aws = engine.clients.own_session(account)
    keys = AccessKeys(aws)
    caller = caller_identity(aws)
    if ":user/" not in caller.arn:
        raise RefusedError(
            f"The access key of {account.name} is not an IAM user's",
            detail=f"It is of {caller.arn}.",
            remedy="The root user should have no access keys: make an IAM user with the permissions that kctui needs, "
            "and give the CSP Account its access key with Edit CSP Account.",
        )
    there = keys.all()
    own = [key for key in there if key.id == account.access_key_id]
    if not own:
        raise RefusedError(
            f"IAM does not list {account.access_key_id} among the access keys of {caller.arn}",
            remedy="Look at the endpoint of the CSP Account, and at who answers there.",
        )
    others = tuple(key for key in there if key.id != account.access_key_id)
    return KeysSeen(caller.arn, own[0], others, {key.id: _use(keys, key) for key in there})


def check_slots(seen: KeysSeen, delete_other: str | None) -> None:
    """Refuse where there is no place for a new access key, or `delete_other` is not the one that is in the way."""
    if delete_other is None:
        if seen.full:
            raise both_in_use(seen)
        return
    if delete_other == seen.own.id:
        raise RefusedError(
            f"{delete_other} is the access key in use: it is not deleted before the new one works",
            remedy="Name the other one, or none.",
        )
    if delete_other not in {key.id for key in seen.others}:
        named = " or ".join(key.id for key in seen.others)
        raise RefusedError(
            f"The IAM user has no other access key {delete_other}",
            remedy=f"Type it exactly: {named}." if named else "It has no other one: rotate without --delete-other.",
        )


def both_in_use(seen: KeysSeen) -> RefusedError:
    """The refusal where both places are taken: it names the one that is in the way."""
    other = seen.others[0]
    return RefusedError(
        f"{seen.user_arn.rpartition('/')[2]} has {1 + len(seen.others)} access keys, and IAM allows {MOST_KEYS}",
        detail="\n".join(f"In the way: {key.id}, {told_of(key, seen)}." for key in seen.others),
        remedy=f"Where nobody needs it, have it deleted first: --delete-other {other.id}. It cannot be brought back.",
    )


def told_of(key: UserKey, seen: KeysSeen) -> str:
    """One access key in words: status, age, last use."""
    return f"{'active' if key.active else 'inactive'}, {age(key.created_at)} old, {use_text(seen.uses[key.id])}"


def use_text(use: KeyUse | None) -> str:
    """When an access key was last used, in words."""
    if use is None:
        return "last use unknown (iam:GetAccessKeyLastUsed is not allowed)"
    if use.at is None:
        return "never used"
    return f"last used {age(use.at)} ago for {use.service} in {use.region}"


def rotation_of(account: CspAccount) -> Confirmation:
    """The name to be typed before credentials are rotated."""
    objects = {"Access key": account.access_key_id}
    return Confirmation(KIND.value, "CSP Account", account.name, AuditCategory.ACCOUNT, account.group_id, objects)


def rotate_credentials(
    engine: Engine,
    account_id: str,
    typed: str,
    *,
    revision: int | None = None,
    delete_other: str | None = None,
    observer: Observer | None = None,
) -> None:
    """Rotate Credentials: from the access key that the CSP Account has to a new one, until the old one is deleted.

    typed: the account's name, once more. delete_other: the id of another access key that is deleted first, where the
    IAM user has two. sts:GetCallerIdentity, iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey, DeleteAccessKey,
    GetAccessKeyLastUsed. Raises RefusedError (wrong name, no access key, no place for a new one), ConflictError
    (changed or busy), AwsRefusedError (undone), AwsUnreachableError, NeedsRecoveryError (begun, to be gone on with).
    """
    engine.require_writable(KIND.value)
    with engine.store.read() as session:
        account = session.get(CspAccount, account_id)
    if account is None:
        raise ConflictError("That CSP Account was removed meanwhile", remedy="Refresh to see what there is.")
    engine.keyring.group(account.group_id)
    rotation_of(account).require(engine, typed)
    objects = {
        "CSP Account": account.name,
        "AWS account": account.aws_account_id,
        "Old access key": account.access_key_id,
    }
    try:
        seen = look_at_keys(engine, account)
        check_slots(seen, delete_other)
        parameters = {
            "objects": objects,
            "old": account.access_key_id,
            "user_arn": seen.user_arn,
            "delete_other": delete_other,
        }
        beginning = Beginning(
            KIND,
            None,
            account.group_id,
            f"{KIND.value} of {account.name}",
            parameters,
            account.revision if revision is None else revision,
            csp_account_id=account.id,
        )
        run = begin(engine, beginning, lambda session: _refuse_at_work(session, account))
    except KctuiError as error:
        audit_refusal(engine, KIND, objects, error, account.group_id)
        raise
    run_to_end(engine, run, DEFINITIONS[KIND], observer or Silent())


def _use(keys: AccessKeys, key: UserKey) -> KeyUse | None:
    try:
        return keys.last_use(key.id)
    except AwsRefusedError as error:
        if error.refusal is not Refusal.ACCESS:
            raise
        return None


def _refuse_shared(session: Session, account: CspAccount) -> None:
    """Nobody sees the new secret: another CSP Account with the same access key could never be given it."""
    statement = select(CspAccount.name).where(
        CspAccount.access_key_id == account.access_key_id, col(CspAccount.id) != account.id
    )
    names = list(session.exec(statement.order_by(CspAccount.name)))
    if names:
        raise RefusedError(
            f"The CSP Account {names[0]} uses the same access key {account.access_key_id}",
            detail="" if len(names) == 1 else "So do: " + ", ".join(names[1:]) + ".",
            remedy=f"Give {names[0]} an access key of its own first, with Edit CSP Account: this one would stop "
            "working there.",
        )


def _refuse_at_work(session: Session, account: CspAccount) -> None:
    """An operation on a CloudKey that is under way would lose its access key in the middle."""
    statement = (
        select(Operation.title).where(Operation.subject == CloudKey.id, CloudKey.csp_account_id == account.id).limit(1)
    )
    title = session.exec(statement).first()
    if title is not None:
        raise ConflictError(
            f"{title} is not finished, and uses the access key",
            remedy="Wait for it; where it was interrupted, `kctui recover` goes on from there.",
        )
