"""What Rotate Credentials would do, before it is done: the panel above the confirmation, and --dry-run.

It asks AWS just now. What AWS does not tell, for want of a permission, is said to be unknown.
"""

from dataclasses import dataclass

from kctui.core.clock import age
from kctui.core.consequences import Line, Mark
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError, RefusedError
from kctui.core.model import CspAccount
from kctui.core.operations.credential_requests import KeysSeen, check_slots, look_at_keys, told_of, use_text

WORDS = (
    "Rotating makes a new access key, which nobody but kctui will know, and deletes the old one. Whatever else uses "
    "the old access key stops working, and cannot be given the new one."
)


@dataclass(frozen=True)
class RotationOutlook:
    """What a rotation would do. revision: of the account, which is refused when it has changed since.

    words: what will happen. calls: the AWS calls to come, in order. in_the_way: the access key that must be deleted
    first, since the IAM user has two. refusal: why it cannot be done, None where it can.
    """

    account: str
    access_key_id: str
    user_arn: str
    revision: int
    words: str
    lines: tuple[Line, ...]
    calls: tuple[str, ...]
    in_the_way: str | None
    refusal: KctuiError | None = None


def rotation_outlook(engine: Engine, account: CspAccount, delete_other: str | None = None) -> RotationOutlook:
    """Look at what rotating would do. sts:GetCallerIdentity, iam:ListAccessKeys, iam:GetAccessKeyLastUsed.

    delete_other: the access key that is to be deleted first. Raises RefusedError where there is nothing to rotate,
    LockedError, AwsRefusedError or AwsUnreachableError.
    """
    engine.keyring.group(account.group_id)
    seen = look_at_keys(engine, account)
    in_the_way = seen.others[0].id if seen.full else None
    refusal: KctuiError | None = None
    try:
        check_slots(seen, delete_other)
    except RefusedError as error:
        refusal = error
    return RotationOutlook(
        account.name,
        account.access_key_id,
        seen.user_arn,
        account.revision,
        WORDS,
        tuple(_lines(account, seen, delete_other)),
        _calls(account, delete_other),
        in_the_way,
        refusal,
    )


def _lines(account: CspAccount, seen: KeysSeen, delete_other: str | None) -> list[Line]:
    use = use_text(seen.uses[seen.own.id])
    found = [
        Line(Mark.ATTENTION, "old key", f"{seen.own.id}, made {age(seen.own.created_at)} ago"),
        Line(Mark.ATTENTION, "last use", use.removeprefix("last used ").removeprefix("last use ")),
        Line(Mark.ATTENTION, "note", "AWS tells of one use only, and kctui's own count too"),
    ]
    for key in seen.others:
        found.append(Line(Mark.BAD, "other key", f"{key.id}, {told_of(key, seen)}"))
        if key.id == delete_other:
            found.append(Line(Mark.BAD, "other key", "deleted first, for good"))
        elif seen.full:
            found.append(Line(Mark.BAD, "in the way", "IAM allows two access keys: it must go first"))
    if account.role_arn:
        found.append(Line(Mark.GOOD, "role", f"{account.role_arn}, as before"))
    return [
        *found,
        Line(Mark.GOOD, "order", "deleted only once the new one has worked without it"),
        Line(Mark.UNDO, "undo", "until the switch; a deleted access key cannot be brought back"),
    ]


def _calls(account: CspAccount, delete_other: str | None) -> tuple[str, ...]:
    return (
        *((f"iam:DeleteAccessKey {delete_other}",) if delete_other else ()),
        "iam:ListAccessKeys",
        "iam:CreateAccessKey",
        "sts:GetCallerIdentity with the new access key, until AWS knows it",
        f"iam:UpdateAccessKey {account.access_key_id} Inactive",
        "sts:GetCallerIdentity once more",
        f"iam:DeleteAccessKey {account.access_key_id}",
    )
