"""What AWS and the way to it can answer instead of what was asked, as kctui errors."""

import contextlib
import ssl
from collections.abc import Iterator
from enum import Enum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    MetadataRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnknownEndpointError,
)

from kctui.core.errors import InvalidInputError, KctuiError, RefusedError, UnreachableError


class Refusal(Enum):
    """Why AWS refused, as far as kctui treats it differently."""

    ACCESS = "access"
    CREDENTIALS = "credentials"
    THROTTLED = "throttled"
    STATE = "state"
    NOT_FOUND = "not found"
    ALREADY_EXISTS = "already exists"
    LIMIT = "limit"
    INTERNAL = "internal"
    OTHER = "other"


_REFUSALS = {
    Refusal.ACCESS: {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"},
    Refusal.CREDENTIALS: {
        "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
        "ExpiredToken", "ExpiredTokenException", "AuthFailure", "MissingAuthenticationToken",
        "IncompleteSignature", "InvalidAccessKeyId", "RequestExpired", "OptInRequired",
    },
    Refusal.THROTTLED: {
        "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
    },
    Refusal.STATE: {"KMSInvalidStateException", "DisabledException"},
    Refusal.NOT_FOUND: {"NotFoundException", "NoSuchEntity", "ParameterNotFound"},
    Refusal.ALREADY_EXISTS: {"AlreadyExistsException", "EntityAlreadyExists"},
    Refusal.LIMIT: {"LimitExceededException", "LimitExceeded"},
    Refusal.INTERNAL: {
        "KMSInternalException", "DependencyTimeoutException", "InternalFailure", "InternalServerError",
        "ServiceUnavailable", "ServiceUnavailableException", "InternalError", "KeyUnavailableException",
    },
}  # fmt: skip
_BY_CODE = {code: refusal for refusal, codes in _REFUSALS.items() for code in codes}

_REMEDIES = {
    Refusal.ACCESS: "Give the account's credential the permission {action}, and look at the key's policy.",
    Refusal.CREDENTIALS: "Check access key id and secret: `kctui account test`. A new access key needs some seconds.",
    Refusal.THROTTLED: "Another user of the account takes the same quota. Try again in a minute.",
    Refusal.STATE: "Refresh to see the key's present state; the actions menu says what it allows.",
    Refusal.NOT_FOUND: "Refresh: it may have been deleted, or not be visible yet.",
    Refusal.ALREADY_EXISTS: "Choose another name, or refresh to see what has it.",
    Refusal.LIMIT: "Raise the quota in AWS, or make room.",
    Refusal.INTERNAL: "AWS had a fault of its own. Try again; `kctui recover` finishes what was begun.",
    Refusal.OTHER: "",
}
_SERVER_FAULT = 500
_NO_CREDENTIALS = (
    NoCredentialsError | CredentialRetrievalError | MetadataRetrievalError | SSOError | TokenRetrievalError
)
_BEFORE_SENDING = NoRegionError | InvalidRegionError | UnknownEndpointError | ProfileNotFound | PartialCredentialsError


class AwsRefusedError(RefusedError):
    """AWS answered with an error. code, action ("kms:CreateKey") and request_id are AWS's own words."""

    def __init__(
        self, action: str, code: str, message: str, request_id: str | None, status: int, *, repeated: bool = False
    ) -> None:
        self.refusal = _BY_CODE.get(code, Refusal.INTERNAL if status >= _SERVER_FAULT else Refusal.OTHER)
        title = {
            Refusal.ACCESS: f"AWS does not allow {action}",
            Refusal.CREDENTIALS: f"AWS does not know these credentials ({code})",
        }.get(self.refusal, f"AWS refused {action}: {code}")
        detail = message + (f" (request {request_id})" if request_id else "")
        super().__init__(title, detail=detail, remedy=_REMEDIES[self.refusal].format(action=action))
        self.code = code
        self.action = action
        self.request_id = request_id
        self.repeated = repeated

    @property
    def effect_unknown(self) -> bool:
        """Whether the request may have been carried out all the same.

        Either AWS had a fault of its own, or an earlier try's answer was lost before this one was refused.
        """
        return self.refusal is Refusal.INTERNAL or self.repeated


class AwsUnreachableError(UnreachableError):
    """No answer. effect_unknown: the request was sent, so it may have been carried out."""

    def __init__(self, title: str, *, detail: str, remedy: str, effect_unknown: bool) -> None:
        super().__init__(title, detail=detail, remedy=remedy)
        self.effect_unknown = effect_unknown


@contextlib.contextmanager
def explained(action: str) -> Iterator[None]:
    """Turn what boto3 raises into AwsRefusedError, AwsUnreachableError or InvalidInputError."""
    try:
        yield
    except ClientError as error:
        raise _refused(action, error) from error
    except ParamValidationError as error:
        raise InvalidInputError(f"AWS's own rules refuse the parameters of {action}", detail=str(error)) from error
    except (BotoCoreError, ValueError) as error:
        raise _unreachable(action, error) from error
    except KeyError as error:
        raise AwsUnreachableError(
            f"What answers {action} is not AWS",
            detail=f"The answer has no {error}.",
            remedy="Check --endpoint-url, and what stands between here and AWS.",
            effect_unknown=True,
        ) from error


def effect_unknown(error: KctuiError) -> bool:
    """Whether the effect of the call that failed so may have happened."""
    return isinstance(error, AwsRefusedError | AwsUnreachableError) and error.effect_unknown


def _refused(action: str, error: ClientError) -> AwsRefusedError:
    answer = error.response
    about = answer.get("Error", {})
    metadata = answer.get("ResponseMetadata", {})
    return AwsRefusedError(
        action,
        str(about.get("Code", "Unknown")),
        str(about.get("Message", "")),
        metadata.get("RequestId"),
        int(metadata.get("HTTPStatusCode", 0)),
        repeated=int(metadata.get("RetryAttempts", 0)) > 0,
    )


def _certificate_refused(error: BaseException) -> bool:
    """Whether a TLS failure was the certificate's, which comes before anything is sent."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _unreachable(action: str, error: Exception) -> KctuiError:
    if isinstance(error, _NO_CREDENTIALS):
        return AwsUnreachableError(
            f"There are no AWS credentials for {action}",
            detail=str(error),
            remedy="Check the account's profile or instance role. Nothing was sent.",
            effect_unknown=False,
        )
    if isinstance(error, ValueError) and "endpoint" not in str(error).lower():
        raise error
    if isinstance(error, ProxyConnectionError):
        what, remedy, unknown = "the proxy does not answer", "Check HTTPS_PROXY.", False
    elif isinstance(error, SSLError) and _certificate_refused(error):
        what, unknown = "its certificate is not trusted", False
        remedy = "Check the endpoint's name, and AWS_CA_BUNDLE for a private CA."
    elif isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        what, unknown = "nothing answers at the endpoint", False
        remedy = "Check region, --endpoint-url, the network and its proxy."
    elif isinstance(error, _BEFORE_SENDING | ValueError):
        what, remedy, unknown = "the request could not be made", "Check the endpoint URL and the region.", False
    else:
        what, unknown = "the connection broke before the answer came", True
        remedy = "What was asked may have been done: `kctui recover` finds out and goes on."
    return AwsUnreachableError(
        f"AWS cannot be reached for {action}: {what}",
        detail=str(error),
        remedy=remedy,
        effect_unknown=unknown,
    )
