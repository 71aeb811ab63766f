"""IAM as moto holds it: which access key is whose, and which policies bind its owner.

Moto is loaded on the first question about someone who is not a root user.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .accounts import AccessKey, Accounts
from .principals import Credential, Principal, PrincipalKind

if TYPE_CHECKING:
    from moto.iam.models import Group, IAMBackend, ManagedPolicy, Role, User
    from moto.sts.models import AssumedRole

_ARN_PARTS = 6

IAM_LOCK = threading.RLock()
"""Held while moto's IAM or STS state is read or changed: moto itself does not guard it."""


@dataclass(frozen=True)
class RoleFacts:
    """What AssumeRole must know of a role."""

    arn: str
    account_id: str
    trust_policy: str
    longest_session: int


class Directory:
    """The principals of a box's accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts

    def credential(self, access_key_id: str, partition: str) -> Credential | None:
        """Return what an access key id stands for in a partition, or None when nobody has it."""
        root_key = self.accounts.root_key(access_key_id)
        if root_key is not None:
            return Credential(
                secret_access_key=root_key.key.secret_access_key,
                session_token=None,
                active=root_key.status == "Active",
                expired=False,
                created=root_key.created,
                principal=root_principal(root_key.key, partition),
            )
        with IAM_LOCK:
            for account_id in self.accounts.stand_ins():
                found = self._in_account(account_id, partition, access_key_id)
                if found is not None:
                    return found
        return None

    def mark_used(self, principal: Principal, service: str, region: str) -> None:
        """Record the use of an access key, which GetAccessKeyLastUsed then shows."""
        if principal.is_root:
            return
        from moto.iam.models import mark_account_as_visited

        stand_in = self.accounts.stand_in(principal.account_id)
        with IAM_LOCK:
            mark_account_as_visited(stand_in, principal.access_key_id, service, region)

    def policies(self, principal: Principal) -> list[str]:
        """Return the identity policies of a caller; the root user has none."""
        if principal.is_root:
            return []
        return self.policies_of(principal.account_id, principal.partition, principal.owner_arn) or []

    def policies_of(self, account_id: str, partition: str, arn: str) -> list[str] | None:
        """Return the identity policies of a user, group or role by ARN; None when there is no such one."""
        with IAM_LOCK:
            backend = self._iam(account_id, partition)
            concealed = self.accounts.conceal_text(arn)
            for user in backend.users.values():
                if user.arn == concealed:
                    groups = [group for group in backend.groups.values() if user in group.users]
                    return self._documents([user, *groups])
            others: list[Role | Group] = [*backend.roles.values(), *backend.groups.values()]
            for entity in others:
                if entity.arn == concealed:
                    return self._documents([entity])
        return None

    def exists(self, account_id: str, partition: str, arn: str) -> bool:
        """Tell whether a user or role of this ARN exists."""
        with IAM_LOCK:
            backend = self._iam(account_id, partition)
            concealed = self.accounts.conceal_text(arn)
            entities: list[User | Role] = [*backend.users.values(), *backend.roles.values()]
            return any(entity.arn == concealed for entity in entities)

    def user_arn(self, account_id: str, partition: str, name: str) -> str:
        """Return the ARN of a user, with its path; of one who does not exist, the ARN it would have."""
        with IAM_LOCK:
            user = self._iam(account_id, partition).users.get(name)
            if user is not None:
                return self.accounts.reveal_text(user.arn)
        return f"arn:{partition}:iam::{account_id}:user/{name}"

    def owner_of_key(self, account_id: str, partition: str, access_key_id: str) -> str | None:
        """Return the name of the user who has an access key."""
        with IAM_LOCK:
            user = self._iam(account_id, partition).get_user_from_access_key_id(access_key_id)
            return None if user is None else str(user.name)

    def role(self, arn: str) -> RoleFacts | None:
        """Return the role of this ARN in whichever account of the box it is."""
        parts = arn.split(":")
        if len(parts) != _ARN_PARTS or parts[4] not in self.accounts:
            return None
        with IAM_LOCK:
            concealed = self.accounts.conceal_text(arn)
            for role in self._iam(parts[4], parts[1]).roles.values():
                if role.arn == concealed:
                    longest = int(role.max_session_duration or 3600)
                    return RoleFacts(
                        arn, parts[4], self.accounts.reveal_text(role.assume_role_policy_document), longest
                    )
        return None

    def forget(self, stand_ins: Iterable[str]) -> None:
        """Drop what moto holds of these accounts, if moto was ever loaded."""
        import sys

        if "moto.iam.models" not in sys.modules:
            return
        from moto.core.base_backend import BackendDict

        with IAM_LOCK:
            for stand_in in stand_ins:
                for backends in list(BackendDict._instances):  # type: ignore[misc]  # moto's own registry
                    backends.pop(stand_in, None)

    def _iam(self, account_id: str, partition: str) -> "IAMBackend":
        from moto.iam.models import iam_backends

        return iam_backends[self.accounts.stand_in(account_id)][partition]

    def _in_account(self, account_id: str, partition: str, access_key_id: str) -> Credential | None:
        backend = self._iam(account_id, partition)
        for user in backend.users.values():
            for key in user.access_keys:
                if key.access_key_id == access_key_id:
                    return Credential(
                        secret_access_key=key.secret_access_key,
                        session_token=None,
                        active=key.status == "Active",
                        expired=False,
                        created=_aware(key.create_date),
                        principal=self._user(user, account_id, partition, access_key_id),
                    )
        from moto.sts.models import sts_backends

        for session in sts_backends[self.accounts.stand_in(account_id)][partition].assumed_roles:
            if session.access_key_id == access_key_id:
                return self._session(session, account_id, partition)
        return None

    def _user(self, user: "User", account_id: str, partition: str, access_key_id: str) -> Principal:
        arn = self.accounts.reveal_text(user.arn)
        return Principal(
            kind=PrincipalKind.USER,
            account_id=account_id,
            partition=partition,
            arn=arn,
            user_id=user.id,
            name=user.name,
            owner_arn=arn,
            access_key_id=access_key_id,
        )

    def _session(self, session: "AssumedRole", account_id: str, partition: str) -> Credential:
        principal = Principal(
            kind=PrincipalKind.ROLE,
            account_id=account_id,
            partition=partition,
            arn=self.accounts.reveal_text(session.arn),
            user_id=session.user_id,
            name=session.role_arn.rpartition("/")[2],
            owner_arn=self.accounts.reveal_text(session.role_arn),
            access_key_id=session.access_key_id,
            session_policy=self.accounts.reveal_text(session.policy or ""),
        )
        return Credential(
            secret_access_key=session.secret_access_key,
            session_token=session.session_token,
            active=True,
            # Moto stamps sessions by real time, so they expire by it too.
            expired=_aware(session.expiration) <= datetime.now(UTC),
            created=_aware(session.access_key.create_date),
            principal=principal,
        )

    def _documents(self, entities: "Iterable[User | Role | Group]") -> list[str]:
        documents: list[str] = []
        for entity in entities:
            documents += entity.policies.values()
            documents += [_default_version(policy) for policy in entity.managed_policies.values()]
        return [self.accounts.reveal_text(document) for document in documents]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def root_principal(key: AccessKey, partition: str) -> Principal:
    """Return the root user that an access key belongs to."""
    arn = f"arn:{partition}:iam::{key.account_id}:root"
    return Principal(
        kind=PrincipalKind.ROOT,
        account_id=key.account_id,
        partition=partition,
        arn=arn,
        user_id=key.account_id,
        name="root",
        owner_arn=arn,
        access_key_id=key.access_key_id,
    )


def _default_version(policy: "ManagedPolicy") -> str:
    return next(version.document for version in policy.versions if version.is_default)
