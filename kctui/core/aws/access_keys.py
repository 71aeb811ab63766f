"""The border to IAM for the access keys of the user who signs: typed answers, explained errors.

No call names a user: IAM then takes the one whose access key signs, and nobody else's key can be touched.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kctui.core.aws.clients import AwsSession
from kctui.core.aws.failures import AwsRefusedError, Refusal, explained
from kctui.core.secret import Secret

# IAM Reference, IAM and AWS STS quotas: access keys assigned to an IAM user. It cannot be raised.
MOST_KEYS = 2


@dataclass(frozen=True)
class UserKey:
    """One access key of the user."""

    id: str
    active: bool
    created_at: datetime


@dataclass(frozen=True)
class KeyUse:
    """When, where and for which service an access key was last used; at: None where it never was."""

    at: datetime | None
    service: str
    region: str


@dataclass(frozen=True)
class MadeKey:
    """A new access key, whose secret AWS gives this once only."""

    id: str
    secret: Secret
    request_id: str


class AccessKeys:
    """The access keys of the IAM user of a session."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def all(self) -> list[UserKey]:
        """Every access key, the oldest first. iam:ListAccessKeys."""
        with explained("iam:ListAccessKeys"):
            found = self._session.iam().list_access_keys()["AccessKeyMetadata"]
            keys = [UserKey(key["AccessKeyId"], key["Status"] == "Active", key["CreateDate"]) for key in found]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def last_use(self, key_id: str) -> KeyUse:
        """What IAM knows of its use; this session's own calls count too. iam:GetAccessKeyLastUsed."""
        with explained("iam:GetAccessKeyLastUsed"):
            used = self._session.iam().get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
        return KeyUse(used.get("LastUsedDate"), used.get("ServiceName", ""), used.get("Region", ""))

    def create(self) -> MadeKey:
        """A second access key. Sent once: a repeated request would make another. iam:CreateAccessKey."""
        with explained("iam:CreateAccessKey"):
            answer = self._session.iam_once().create_access_key()
            made = answer["AccessKey"]
            secret = Secret(made["SecretAccessKey"])
        return MadeKey(made["AccessKeyId"], secret, answer["ResponseMetadata"]["RequestId"])

    def deactivate(self, key_id: str) -> str | None:
        """Make it Inactive; the request id, None where it is gone. iam:UpdateAccessKey."""
        return self._unless_gone("iam:UpdateAccessKey", lambda: self._update(key_id))

    def delete(self, key_id: str) -> str | None:
        """Delete it; the request id, None where it is gone. iam:DeleteAccessKey."""
        return self._unless_gone("iam:DeleteAccessKey", lambda: self._delete(key_id))

    def _update(self, key_id: str) -> str:
        answer = self._session.iam().update_access_key(AccessKeyId=key_id, Status="Inactive")
        return answer["ResponseMetadata"]["RequestId"]

    def _delete(self, key_id: str) -> str:
        return self._session.iam().delete_access_key(AccessKeyId=key_id)["ResponseMetadata"]["RequestId"]

    def _unless_gone(self, action: str, call: Callable[[], str]) -> str | None:
        try:
            with explained(action):
                return call()
        except AwsRefusedError as error:
            if error.refusal is not Refusal.NOT_FOUND:
                raise
            return None
