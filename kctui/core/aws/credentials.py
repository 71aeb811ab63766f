"""How a CSP Account signs in to AWS: an access key, a named profile, the instance role, or a role assumed by these.

What a credential is and where it is used is bound to a sealed value of the account, which must open before any
client is made. Who can write the database could otherwise name an endpoint, profile or role of their own, and have
key material wrapped for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kctui.core.aws.failures import explained
from kctui.core.errors import InvalidInputError, UnreachableError
from kctui.core.model import CspAccount
from kctui.core.sealing import Place
from kctui.core.secret import Secret
from kctui.core.words import CredentialKind

if TYPE_CHECKING:
    import botocore.credentials
    import botocore.session
    from types_boto3_sts.client import STSClient

SESSION_NAME = "kctui"
_NO_SECRET = b"no secret"
# What botocore tries for a profile beside the profile itself: the shell's and the machine's, not this CSP Account's.
_NOT_THE_PROFILES = ("env", "container-role", "iam-role", "ec2-credentials-file", "boto-config")


@dataclass(frozen=True)
class AccessKey:
    """An access key of an IAM user."""

    access_key_id: str
    secret_access_key: Secret

    kind = CredentialKind.ACCESS_KEY


@dataclass(frozen=True)
class Profile:
    """A named profile of the AWS configuration of whoever runs kctui (~/.aws)."""

    name: str

    kind = CredentialKind.PROFILE


@dataclass(frozen=True)
class InstanceRole:
    """The role of the EC2 instance that kctui runs on."""

    kind = CredentialKind.INSTANCE_ROLE


Source = AccessKey | Profile | InstanceRole


@dataclass(frozen=True)
class AssumedRole:
    """A role that a source credential assumes. external_id: what the role's trust policy may demand."""

    role_arn: str
    external_id: str | None
    source: Source

    kind = CredentialKind.ASSUME_ROLE


Credential = Source | AssumedRole


def source_of(credential: Credential) -> Source:
    """What signs in first: the credential itself, or what assumes the role."""
    return credential.source if isinstance(credential, AssumedRole) else credential


def access_key_of(credential: Credential) -> AccessKey | None:
    """The access key of a credential, None where it has none of its own."""
    source = source_of(credential)
    return source if isinstance(source, AccessKey) else None


def wipe(credential: Credential) -> None:
    """Forget the secret of a credential."""
    key = access_key_of(credential)
    if key is not None:
        key.secret_access_key.wipe()


def describe(account: CspAccount, credential: Credential) -> None:
    """Write what a credential is, without its secret, into the columns of a CSP Account."""
    source, key = source_of(credential), access_key_of(credential)
    account.credential_kind = credential.kind
    account.access_key_id = key.access_key_id if key else ""
    account.profile = source.name if isinstance(source, Profile) else None
    account.role_arn = credential.role_arn if isinstance(credential, AssumedRole) else None
    account.external_id = credential.external_id if isinstance(credential, AssumedRole) else None


def sealed_text(credential: Credential) -> Secret:
    """What is sealed for a credential: its secret, or a mark where it has none."""
    key = access_key_of(credential)
    return Secret(key.secret_access_key.reveal() if key else _NO_SECRET)


def credential_of(account: CspAccount, opened: Secret) -> Credential:
    """The credential of a CSP Account whose sealed value opened."""
    source: Source
    if account.access_key_id:
        source = AccessKey(account.access_key_id, opened)
    else:
        opened.wipe()
        source = Profile(account.profile) if account.profile else InstanceRole()
    if account.credential_kind is CredentialKind.ASSUME_ROLE:
        return AssumedRole(account.role_arn or "", account.external_id, source)
    return source


def secret_access_key_place(account: CspAccount) -> Place:
    """Where a CSP Account's secret access key is sealed: what the credential is, and where it is used, is bound to it.

    Where the credential has no secret, a mark is sealed there all the same, so that nothing of it can be changed.
    """
    return Place("csp_account", account.id, "sealed_secret_access_key", _bound(account, account.access_key_id))


def pending_secret_place(account: CspAccount) -> Place:
    """Where the secret of the access key that is not in use yet is sealed, bound in the same way."""
    bound = _bound(account, account.pending_access_key_id or "")
    return Place("csp_account", account.id, "sealed_pending_secret", bound)


def _bound(account: CspAccount, access_key_id: str) -> tuple[str, ...]:
    bound = (account.endpoint_url or "", account.region, account.partition, account.aws_account_id, access_key_id)
    if account.credential_kind is CredentialKind.ACCESS_KEY:
        return bound
    kind = account.credential_kind.value
    return (*bound, kind, account.profile or "", account.role_arn or "", account.external_id or "")


class _Given:
    """Gives a botocore session exactly these credentials, wherever else it might look for some."""

    def __init__(self, credentials: "botocore.credentials.Credentials") -> None:
        self._credentials = credentials

    def load_credentials(self) -> "botocore.credentials.Credentials":
        return self._credentials


def bare_session() -> "botocore.session.Session":
    """A botocore session for which AWS_PROFILE is not there: it is the shell's, not a CSP Account's."""
    import botocore.session

    return botocore.session.Session(session_vars={"profile": (None, None, None, None)})


def signed_in(
    credential: Credential, region: str, make_sts: "Callable[[Any], STSClient]"
) -> "botocore.session.Session":
    """A botocore session that signs with the credential, and goes on to after a temporary one has expired.

    make_sts makes an STS client from a botocore session, for AssumeRole. Raises InvalidInputError for a profile that
    is not there or holds no credentials, UnreachableError where there is no instance role. sts:AssumeRole for a role.
    """
    session = bare_session()
    found = _source(source_of(credential), session, region)
    if isinstance(credential, AssumedRole):
        found = _assumed(credential, found, make_sts)
    session.register_component("credential_provider", _Given(found))
    return session


def _source(source: Source, session: "botocore.session.Session", region: str) -> "botocore.credentials.Credentials":
    import botocore.credentials

    found: botocore.credentials.Credentials | None
    match source:
        case AccessKey():
            return botocore.credentials.Credentials(
                source.access_key_id, source.secret_access_key.reveal_text(), method="kctui"
            )
        case Profile():
            return _of_profile(source.name, region)
        case InstanceRole():
            resolver = botocore.credentials.create_credential_resolver(session, region_name=region)
            with explained("the instance metadata service"):
                found = resolver.get_provider("iam-role").load()
            if found is None:
                raise UnreachableError(
                    "There is no instance role here",
                    detail="The instance metadata service of EC2 does not answer, or names no role.",
                    remedy="Give the EC2 instance an instance profile, or use another kind of credential.",
                )
            return found


def _of_profile(name: str, region: str) -> "botocore.credentials.Credentials":
    import botocore.credentials
    import botocore.session
    from botocore.exceptions import BotoCoreError, ProfileNotFound

    session = botocore.session.Session(profile=name)
    found: botocore.credentials.Credentials | None
    remedy = "Look at ~/.aws/config and ~/.aws/credentials of the user who runs kctui: `aws configure list-profiles`."
    try:
        resolver = botocore.credentials.create_credential_resolver(session, region_name=region)
        for method in _NOT_THE_PROFILES:
            resolver.remove(method)
        found = resolver.load_credentials()
    except ProfileNotFound:
        raise InvalidInputError(f"There is no AWS profile {name} here", remedy=remedy, field="profile") from None
    except BotoCoreError as error:
        raise InvalidInputError(
            f"The AWS profile {name} gives no credentials", detail=str(error), remedy=remedy, field="profile"
        ) from None
    if found is None:
        raise InvalidInputError(f"The AWS profile {name} holds no credentials", remedy=remedy, field="profile")
    return found


def _assumed(
    role: AssumedRole, source: "botocore.credentials.Credentials", make_sts: "Callable[[Any], STSClient]"
) -> "botocore.credentials.Credentials":
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    def client(_service: str, **_frozen: object) -> "STSClient":
        session = bare_session()
        session.register_component("credential_provider", _Given(source))
        return make_sts(session)

    arguments = {"RoleSessionName": SESSION_NAME}
    if role.external_id:
        arguments["ExternalId"] = role.external_id

    def fetch() -> dict[str, Any]:
        # Whatever call it is that needs them: it is AssumeRole that is refused.
        with explained("sts:AssumeRole"):
            # Made for each session: botocore keeps what one fetched, and would give the old one again.
            fetcher = AssumeRoleCredentialFetcher(client, source, role.role_arn, extra_args=arguments)
            answer: dict[str, Any] = fetcher.fetch_credentials()
            return answer

    return DeferredRefreshableCredentials(fetch, "assume-role")
