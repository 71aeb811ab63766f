"""boto3 sessions and clients: made from a CSP Account's credentials, with time-outs, capped retries and quotas."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kctui.core.aws.quotas import Quotas
from kctui.core.errors import TamperedError
from kctui.core.model import CspAccount
from kctui.core.sealing import Place
from kctui.core.secret import Secret

if TYPE_CHECKING:
    import boto3
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
    access_key_id: str
    secret_access_key: Secret
    region: str
    endpoint_url: str | None = None


class AwsSession:
    """One set of credentials and the clients made with it. Clients are shared by threads and kept."""

    def __init__(self, credentials: Credentials, quotas: Quotas) -> None:
        self.credentials = credentials
        self._quotas = quotas
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
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
        import boto3
        import botocore.session
        from botocore.config import Config

        from kctui.core.aws.failures import explained

        with self._lock:
            key = (service, region, attempts)
            if key in self._made:
                return self._made[key]
            if self._session is None:
                # AWS_PROFILE and the endpoints of the environment are the shell's, not this CSP Account's.
                bare = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
                self._session = boto3.Session(
                    aws_access_key_id=self.credentials.access_key_id,
                    aws_secret_access_key=self.credentials.secret_access_key.reveal_text(),
                    region_name=self.credentials.region,
                    botocore_session=bare,
                )
            config = Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": attempts},
                max_pool_connections=16,
                user_agent_extra="kctui",
                ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # not in the stubs
            )
            with explained(f"{service}:*"):
                client = self._session.client(
                    service,  # type: ignore[call-overload] # the overloads want a literal
                    region_name=region,
                    endpoint_url=self.credentials.endpoint_url,
                    config=config,
                )
            if service == "kms":
                self._watch(client, region)
            self._made[key] = client
            return client

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
        self._sessions: dict[tuple[str, str], AwsSession] = {}
        self.quotas = Quotas()

    def session(self, account: CspAccount) -> AwsSession:
        """The session of a CSP Account. Raises LockedError or TamperedError."""
        with self._lock:
            key = (account.id, account.access_key_id)
            if key not in self._sessions:
                self._sessions[key] = AwsSession(self._credentials(account), self.quotas)
            return self._sessions[key]

    def forget(self) -> None:
        """Close everything that was made with opened credentials."""
        with self._lock:
            for session in self._sessions.values():
                session.close()
                session.credentials.secret_access_key.wipe()
            self._sessions.clear()

    def _credentials(self, account: CspAccount) -> Credentials:
        try:
            secret = self._engine.keyring.open(
                account.group_id, secret_access_key_place(account), account.sealed_secret_access_key
            )
        except TamperedError:
            raise TamperedError(
                f"The credentials of the CSP Account {account.name} are not those that were added",
                detail="The secret access key, or the endpoint, region, partition, AWS account or access key id that "
                "it belongs to, was changed in the database. Nothing was sent to AWS.",
                remedy="Compare the database with a backup, and find out who can write it.",
            ) from None
        return Credentials(
            account.aws_account_id, account.access_key_id, secret, account.region, account.endpoint_url or None
        )


def secret_access_key_place(account: CspAccount) -> Place:
    """Where a CSP Account's secret access key is sealed: with whom it is used, and where that is, is bound to it.

    Who can write the database could otherwise name an endpoint of their own, and have key material wrapped for it.
    """
    bound = (account.endpoint_url or "", account.region, account.partition, account.aws_account_id)
    return Place("csp_account", account.id, "sealed_secret_access_key", (*bound, account.access_key_id))
