"""Who is let in to a CloudKey: its key policy as KMS has it now, against the one that kctui wrote or adopted."""

from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import select

from kctui.core.audit import AuditEvent
from kctui.core.aws.policies import Access, PolicyKind, deleted_principals, key_policy, read_access
from kctui.core.aws.policy_difference import difference, same_policy
from kctui.core.aws.principals import Principals, list_principals
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, RefusedError
from kctui.core.lists import CloudKeyRow, cloud_key_row
from kctui.core.model import CloudKey, CspAccount, KeySet, Operation
from kctui.core.operations.importing import kms_of
from kctui.core.words import AuditCategory, AuditType

IN_KMS = "in KMS now"
OURS = "as kctui wrote it"


class Standing(StrEnum):
    """How the policy in KMS stands to the one that kctui knows."""

    AS_WRITTEN = "as kctui wrote it"
    NEVER_READ = "never read before"
    CHANGED = "changed elsewhere"


@dataclass(frozen=True)
class PolicyState:
    """The key policy in KMS. text: JSON, as KMS gave it. difference: to ours, a line each; "" where there is none.

    access: whom it lets in; None for a policy that is not of the console's shape. deleted: the ids in it of users and
    roles that are no more.
    """

    standing: Standing
    text: str
    difference: str
    access: Access | None
    deleted: tuple[str, ...]


def policy_kind(engine: Engine, key: CloudKey) -> PolicyKind:
    """What the console's statements depend on, for a CloudKey."""
    with engine.store.read() as session:
        account = session.get_one(CspAccount, key.csp_account_id)
    imported = key.origin == "EXTERNAL"
    return PolicyKind(account.partition, account.aws_account_id, key.key_spec, key.key_usage, imported)


def known_policy(engine: Engine, key: CloudKey) -> str:
    """The policy as kctui wrote or adopted it; for a key whose policy was never read, the one it would have written."""
    return key.policy or key_policy(policy_kind(engine, key), key.administrators, key.users)


def policy_state(engine: Engine, cloud_key_id: str) -> PolicyState:
    """Ask KMS for the key policy, and compare it. kms:GetKeyPolicy. Changes nothing.

    Raises NotFoundError, RefusedError for a key that was never made, LockedError, AwsRefusedError, AwsUnreachableError.
    """
    key = _key(engine, cloud_key_id)
    text = kms_of(engine, key).policy(key.kms_key_id or "")
    ours = known_policy(engine, key)
    if same_policy(ours, text):
        standing = Standing.AS_WRITTEN
    else:
        standing = Standing.NEVER_READ if key.policy is None else Standing.CHANGED
    deleted = tuple(deleted_principals(text))
    return PolicyState(standing, text, difference(ours, text, OURS, IN_KMS), read_access(text), deleted)


def adopt_policy(
    engine: Engine, cloud_key_id: str, *, seen: str | None = None, revision: int | None = None
) -> PolicyState:
    """Take the policy that KMS has for ours, with the administrators and users in it. kms:GetKeyPolicy.

    seen: the policy that the user looked at. Raises as `policy_state`, and ConflictError where that, the row, or both
    changed since, or an operation is under way. A custom policy has no administrators and users to list.
    """
    engine.require_writable("Adopting a key policy")
    row = cloud_key_row(engine.store, cloud_key_id)
    state = policy_state(engine, cloud_key_id)
    if seen is not None and not same_policy(seen, state.text):
        raise changed_policy(row.name, seen, state.text, "as you saw it")
    with engine.store.write() as session:
        key = session.get_one(CloudKey, cloud_key_id)
        if key.revision != (row.revision if revision is None else revision):
            raise ConflictError(f"{key.name} was changed meanwhile", remedy="Look at it again, then decide.")
        if session.exec(select(Operation.id).where(Operation.subject == cloud_key_id)).first():
            raise ConflictError(
                f"An operation on {key.name} is under way", remedy="Wait for it, or run `kctui recover`."
            )
        access = state.access or Access((), ())
        key.policy, key.administrators, key.users = state.text, list(access.administrators), list(access.users)
        key.revision += 1
        engine.audit.record(
            session,
            AuditEvent(
                AuditType.INFORMATION if state.standing is Standing.AS_WRITTEN else AuditType.WARNING,
                AuditCategory.CLOUD_KEY,
                f"Adopted the key policy of {key.name} ({key.region}) from KMS: {_told(state)}",
                _objects(row),
                group_id=session.get_one(KeySet, key.key_set_id).group_id,
            ),
        )
    return state


def account_principals(engine: Engine, csp_account_id: str) -> Principals:
    """The IAM users and roles of a CSP Account's AWS account, to choose from. iam:ListUsers, iam:ListRoles.

    Raises LockedError, AwsUnreachableError, and AwsRefusedError for a refusal that is not a missing permission.
    """
    with engine.store.read() as session:
        account = session.get_one(CspAccount, csp_account_id)
    return list_principals(engine.clients.session(account))


def changed_policy(name: str, before: str, after: str, before_name: str) -> ConflictError:
    """The refusal to write over a policy that somebody else changed, with the difference."""
    return ConflictError(
        f"The key policy of {name} was changed elsewhere",
        detail=difference(before, after, before_name, IN_KMS),
        remedy="Adopt it as it is now, or overwrite it knowingly: `kctui key edit --help`.",
    )


def _key(engine: Engine, cloud_key_id: str) -> CloudKey:
    row = cloud_key_row(engine.store, cloud_key_id)
    if row.kms_key_id is None:
        raise RefusedError(f"{row.name} was never made in KMS", remedy="`kctui recover` finishes or undoes it.")
    with engine.store.read() as session:
        return session.get_one(CloudKey, cloud_key_id)


def _told(state: PolicyState) -> str:
    if state.access is None:
        return "a custom policy"
    administrators, users = len(state.access.administrators), len(state.access.users)
    return f"administrators {administrators}, users {users}"


def _objects(row: CloudKeyRow) -> dict[str, str]:
    return {"CloudKey": row.name, "Key Set": row.key_set, "Region": row.region, "KeyId": row.kms_key_id or "none"}
