"""What goes over the wire: requests, responses, and errors in each service's own form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from .errors import AwsError

JSON_TYPE = "application/x-amz-json-1.1"
XML_TYPE = "text/xml"
FORM_TYPE = "application/x-www-form-urlencoded"

_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_SERVICE_OF_VERSION = {"2010-05-08": "iam", "2011-06-15": "sts", "2016-11-15": "ec2"}
_TARGETS = {"TrentService": "kms", "AmazonSSM": "ssm"}
SERVER_FAULT = 500


@dataclass(frozen=True)
class Request:
    """An HTTP request as it arrived; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the path, still percent-encoded."""
        return urlsplit(self.target).path or "/"

    @property
    def query(self) -> str:
        """Return the query string, still percent-encoded."""
        return urlsplit(self.target).query

    def form(self) -> dict[str, str]:
        """Return the parameters of the query protocol, from the body or else from the URL."""
        in_body = FORM_TYPE in self.headers.get("content-type", "")
        encoded = self.body.decode("utf-8", "replace") if in_body else self.query
        return dict(parse_qsl(encoded, keep_blank_values=True))


@dataclass
class Response:
    """An HTTP response to be sent."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def identify(request: Request) -> tuple[str, str]:
    """Return the service and the operation that a request is for; ("", "") when neither can be told."""
    prefix, dot, operation = request.headers.get("x-amz-target", "").partition(".")
    if dot:
        return _TARGETS.get(prefix, ""), operation
    form = request.form()
    return _SERVICE_OF_VERSION.get(form.get("Version", ""), ""), form.get("Action", "")


def error_response(service: str, error: AwsError, request_id: str) -> Response:
    """Return an error in the form of the service's protocol: JSON, query or EC2."""
    if service == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Response(error.status, body.encode(), XML_TYPE)
    if service in _NAMESPACES:
        kind = "Receiver" if error.status >= SERVER_FAULT else "Sender"
        body = (
            f'<ErrorResponse xmlns="{_NAMESPACES[service]}"><Error><Type>{kind}</Type>'
            f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(error.status, body.encode(), XML_TYPE)
    answer = {"__type": error.code} | ({"message": error.message} if error.message else {})
    return Response(error.status, json.dumps(answer).encode(), JSON_TYPE)


def query_response(service: str, operation: str, result: str, request_id: str) -> Response:
    """Return an answer of the query protocol; result is XML, already escaped."""
    body = (
        f'<{operation}Response xmlns="{_NAMESPACES[service]}">'
        + (f"<{operation}Result>{result}</{operation}Result>" if result else "")
        + f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Response(200, body.encode(), XML_TYPE)


def element(name: str, text: str) -> str:
    """Return an XML element with this text."""
    return f"<{name}>{escape(text)}</{name}>"
