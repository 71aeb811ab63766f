"""Signature Version 4: who signed a request, after the IAM User Guide, "Troubleshoot Signature Version 4".

The signature is computed again with botocore's own signing code from what arrived.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .directory import Directory
from .errors import AwsError
from .principals import Principal, partition_of
from .wire import Request

LONGEST_SKEW = timedelta(minutes=5)
_ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE_PARTS = 5
_UNKNOWN_KEY = "The security token included in the request is invalid."
_WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_EC2_FAILURE = "AWS was not able to validate the provided access credentials"


@dataclass(frozen=True)
class _Words:
    """How one service words the errors of authentication."""

    missing: str = "MissingAuthenticationTokenException"
    unknown: str = "UnrecognizedClientException"
    wrong: str = "InvalidSignatureException"
    expired: str = "ExpiredTokenException"
    incomplete: str = "IncompleteSignatureException"
    status: int = 400


_JSON = _Words()
_QUERY = _Words(
    missing="MissingAuthenticationToken",
    unknown="InvalidClientTokenId",
    wrong="SignatureDoesNotMatch",
    expired="ExpiredToken",
    incomplete="IncompleteSignature",
    status=403,
)
# EC2 answers AuthFailure where IAM and STS name the reason (Amazon EC2 API Reference, "Error codes").
_EC2 = _Words(
    missing="MissingAuthenticationToken",
    unknown="AuthFailure",
    wrong="AuthFailure",
    expired="RequestExpired",
    incomplete="IncompleteSignature",
    status=401,
)
_WORDS: Mapping[str, _Words] = MappingProxyType({"kms": _JSON, "ssm": _JSON, "iam": _QUERY, "sts": _QUERY, "ec2": _EC2})


@dataclass(frozen=True)
class Caller:
    """An authenticated caller and the region and service the request was signed for."""

    principal: Principal
    region: str
    service: str


@dataclass(frozen=True)
class _Authorization:
    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def authenticate(request: Request, service: str, directory: Directory, spread: datetime) -> Caller:
    """Return who signed the request, or raise the error the service answers.

    Access keys made after `spread` are not yet known everywhere, and so to nobody here.
    """
    words = _WORDS.get(service, _JSON)
    given = _parse(request, words)
    if service and given.service != service:
        raise _refusal(words, words.wrong, f"Credential should be scoped to correct service: '{service}'. ")
    credential = directory.credential(given.access_key_id, partition_of(given.region))
    if credential is None or not credential.active or credential.created > spread:
        raise _refusal(words, words.unknown, _UNKNOWN_KEY)
    token = request.headers.get("x-amz-security-token")
    if credential.session_token != token:
        raise _refusal(words, words.unknown, _UNKNOWN_KEY)
    expected = _sign(request, given, credential.secret_access_key)
    if not hmac.compare_digest(expected, given.signature):
        raise _refusal(words, words.wrong, _WRONG_SIGNATURE)
    _check_date(request, given, words)
    if credential.expired:
        raise _refusal(words, words.expired, "The security token included in the request is expired")
    return Caller(credential.principal, given.region, given.service)


def _refusal(words: _Words, code: str, message: str) -> AwsError:
    return AwsError(code, _EC2_FAILURE if code == "AuthFailure" else message, words.status)


def _parse(request: Request, words: _Words) -> _Authorization:
    header = request.headers.get("authorization")
    if not header:
        raise _refusal(words, words.missing, "Missing Authentication Token")
    algorithm, _, rest = header.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = fields.get("Credential", "").split("/")
    if algorithm != _ALGORITHM or len(scope) != _SCOPE_PARTS or "Signature" not in fields:
        raise _refusal(words, words.incomplete, f"Authorization header is not of the form '{_ALGORITHM} …'.")
    signed = tuple(fields.get("SignedHeaders", "").split(";"))
    if "host" not in signed or not ({"x-amz-date", "date"} & set(signed)):
        raise _refusal(words, words.wrong, "'Host' and a date must be 'SignedHeader's in the AWS Authorization.")
    return _Authorization(scope[0], scope[1], scope[2], scope[3], signed, fields["Signature"])


def _sign(request: Request, given: _Authorization, secret: str) -> str:
    headers = {name: request.headers[name] for name in given.signed_headers if name in request.headers}
    if "x-amz-content-sha256" in headers:
        # Botocore takes the digest from this header, so the body itself is put in its place.
        headers["x-amz-content-sha256"] = hashlib.sha256(request.body).hexdigest()
    host = request.headers.get("host", "")
    signed = AWSRequest(method=request.method, url=f"http://{host}{request.target}", data=request.body, headers=headers)
    signed.context["timestamp"] = _timestamp(request)
    signer = SigV4Auth(Credentials(given.access_key_id, secret), given.service, given.region)
    string_to_sign = signer.string_to_sign(signed, signer.canonical_request(signed))
    return str(signer.signature(string_to_sign, signed))


def _timestamp(request: Request) -> str:
    return request.headers.get("x-amz-date", "")


def _check_date(request: Request, given: _Authorization, words: _Words) -> None:
    stamp = _timestamp(request)
    try:
        signed_at = datetime.strptime(stamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _refusal(words, words.wrong, "Date must be in ISO-8601 'basic format'.") from None
    if not stamp.startswith(given.date):
        raise _refusal(words, words.wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601")
    now = datetime.now(UTC)
    if abs(now - signed_at) > LONGEST_SKEW:
        late = signed_at < now
        relation = "expired" if late else "not yet current"
        raise _refusal(
            words,
            words.expired if words is _EC2 else words.wrong,
            f"Signature {relation}: {stamp} is {'earlier' if late else 'later'} than now.",
        )
