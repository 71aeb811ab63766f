"""boto3 sessions and clients: made from a CSP Account's credentials, with time-outs, capped retries and quotas."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kctui.core.aws.credentials import (
    AccessKey,
    Credential,
    credential_of,
    pending_secret_place,
    secret_access_key_place,
    signed_in,
    source_of,
    wipe,
)
from kctui.core.aws.quotas import Quotas
from kctui.core.errors import TamperedError
from kctui.core.model import CspAccount
from kctui.core.sealing import Place
from kctui.core.secret import Secret

if TYPE_CHECKING:
    import botocore.session
    from types_boto3_ec2.client import EC2Client
    from types_boto3_iam.client import IAMClient
    from types_boto3_kms.client import KMSClient
    from types_boto3_ssm.client import SSMClient
    from types_boto3_sts.client import STSClient

    from kctui.core.aws.kms import Kms
    from kctui.core.engine import Engine

CONNECT_SECONDS = 5
READ_SECONDS = 15
ATTEMPTS = 4
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}


@dataclass(frozen=True)
class Credentials:
    """What a client is made from. account: any name under which quotas are shared (the AWS account id)."""

    account: str
    credential: Credential
    region: str
    endpoint_url: str | None = None


class AwsSession:
    """One set of credentials and the clients made with it. Clients are shared by threads and kept."""

    def __init__(self, credentials: Credentials, quotas: Quotas) -> None:
        self.credentials = credentials
        self._quotas = quotas
        self._lock = threading.Lock()
        self._session: botocore.session.Session | None = None
        self._made: dict[tuple[str, str, int], Any] = {}

    def kms(self, region: str) -> "Kms":
        """KMS in a region: calls that may be repeated are, CreateKey never is by itself."""
        from kctui.core.aws.kms import Kms

        repeated: KMSClient = self._client("kms", region, ATTEMPTS)
        once: KMSClient = self._client("kms", region, 1)
        return Kms(repeated, once, region)

    def sts(self) -> "STSClient":
        """STS in the account's own region."""
        client: STSClient = self._client("sts", self.credentials.region, ATTEMPTS)
        return client

    def iam(self) -> "IAMClient":
        """IAM, as seen from the account's own region."""
        client: IAMClient = self._client("iam", self.credentials.region, ATTEMPTS)
        return client

    def iam_once(self) -> "IAMClient":
        """IAM for a call that must not be repeated by itself."""
        client: IAMClient = self._client("iam", self.credentials.region, 1)
        return client

    def ec2(self) -> "EC2Client":
        """EC2 in the account's own region."""
        client: EC2Client = self._client("ec2", self.credentials.region, ATTEMPTS)
        return client

    def ssm(self) -> "SSMClient":
        """Systems Manager in the account's own region."""
        client: SSMClient = self._client("ssm", self.credentials.region, ATTEMPTS)
        return client

    def close(self) -> None:
        """Close the connections of every client."""
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()
            self._session = None

    def _client(self, service: str, region: str, attempts: int) -> Any:
        with self._lock:
            key = (service, region, attempts)
            if key in self._made:
                return self._made[key]
            if self._session is None:
                self._session = signed_in(self.credentials.credential, self.credentials.region, self._sts_for)
            client = self._make(self._session, service, region, attempts)
            if service == "kms":
                self._watch(client, region)
            self._made[key] = client
            return client

    def _sts_for(self, session: "botocore.session.Session") -> "STSClient":
        client: STSClient = self._make(session, "sts", self.credentials.region, ATTEMPTS)
        return client

    def _make(self, session: "botocore.session.Session", service: str, region: str, attempts: int) -> Any:
        import boto3
        from botocore.config import Config

        from kctui.core.aws.failures import explained

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=16,
            user_agent_extra="kctui",
            # The endpoints of the environment are the shell's, not this CSP Account's.
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # not in the stubs
        )
        with explained(f"{service}:*"):
            return boto3.Session(region_name=self.credentials.region, botocore_session=session).client(
                service,  # type: ignore[call-overload] # the overloads want a literal
                region_name=region,
                endpoint_url=self.credentials.endpoint_url,
                config=config,
            )

    def _watch(self, client: Any, region: str) -> None:
        """Take a token before each attempt, the repeated ones too, and learn from each answer."""

        def before(event_name: str, **_: object) -> None:
            self._quotas.bucket(self.credentials.account, region, event_name.rpartition(".")[2]).take()

        def after(event_name: str, parsed_response: dict[str, Any] | None = None, **_: object) -> None:
            bucket = self._quotas.bucket(self.credentials.account, region, event_name.rpartition(".")[2])
            code = (parsed_response or {}).get("Error", {}).get("Code")
            if code in _THROTTLED:
                bucket.throttled()
            elif code is None and parsed_response is not None:
                bucket.served()

        client.meta.events.register("before-send.kms", before)
        client.meta.events.register("response-received.kms", after)


class Clients:
    """The AWS sessions of an unlocked engine, one for each CSP Account."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, bytes, bool], AwsSession] = {}
        self.quotas = Quotas()

    def session(self, account: CspAccount) -> AwsSession:
        """The session of a CSP Account. Raises LockedError or TamperedError."""
        return self._session(account, own=False)

    def own_session(self, account: CspAccount) -> AwsSession:
        """The session of what signs in first: for a CSP Account that assumes a role, of what assumes it."""
        return self._session(account, own=account.role_arn is not None)

    @contextmanager
    def pending_session(self, account: CspAccount) -> Iterator[AwsSession]:
        """A session of the access key that is not in use yet. Raises as `session`."""
        place = pending_secret_place(account)
        secret = self._open(account, place, account.sealed_pending_secret or b"")
        key = AccessKey(account.pending_access_key_id or "", secret)
        session = AwsSession(_credentials(account, key), self.quotas)
        try:
            yield session
        finally:
            _discard(session)

    def opened(self, account: CspAccount) -> Credential:
        """The credential of a CSP Account, for whoever seals it anew, and wipes it. Raises as `session`."""
        return credential_of(
            account, self._open(account, secret_access_key_place(account), account.sealed_secret_access_key)
        )

    def forget_account(self, account_id: str) -> None:
        """Close what was made with the credentials that a CSP Account had. What is under way may go on with them."""
        with self._lock:
            for key in [key for key in self._sessions if key[0] == account_id]:
                self._sessions.pop(key).close()

    def forget(self) -> None:
        """Close everything that was made with opened credentials."""
        with self._lock:
            for session in self._sessions.values():
                _discard(session)
            self._sessions.clear()

    def _session(self, account: CspAccount, *, own: bool) -> AwsSession:
        with self._lock:
            # Sealed anew, it is another credential, or another place to use it.
            key = (account.id, account.sealed_secret_access_key, own)
            if key not in self._sessions:
                credential = self.opened(account)
                credential = source_of(credential) if own else credential
                self._sessions[key] = AwsSession(_credentials(account, credential), self.quotas)
            return self._sessions[key]

    def _open(self, account: CspAccount, place: Place, sealed: bytes) -> Secret:
        try:
            return self._engine.keyring.open(account.group_id, place, sealed)
        except TamperedError:
            raise TamperedError(
                f"The credentials of the CSP Account {account.name} are not those that were added",
                detail="The secret access key, or the endpoint, region, partition, AWS account, access key id, profile "
                "or role that it belongs to, was changed in the database. Nothing was sent to AWS.",
                remedy="Compare the database with a backup, and find out who can write it.",
            ) from None


def _credentials(account: CspAccount, credential: Credential) -> Credentials:
    return Credentials(account.aws_account_id, credential, account.region, account.endpoint_url or None)


def _discard(session: AwsSession) -> None:
    session.close()
    wipe(session.credentials.credential)
