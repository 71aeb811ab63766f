"""IAM, STS, EC2 and SSM: what the box answers itself, and the rest from moto's server application.

Moto runs in this process without a socket. It gets requests under each account's stand-in id, and what it
answers is put back under the real one.
"""

import functools
import io
import logging
import re
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .auth import Caller
from .directory import IAM_LOCK, Directory
from .errors import AwsError
from .permissions import Permissions, about_caller
from .principals import PrincipalKind
from .public_parameters import get_public_parameter
from .regions import describe_regions
from .root_user import answer_root
from .simulation import simulate
from .wire import FORM_TYPE, Request, Response, element, query_response

if TYPE_CHECKING:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(rb"(<(?:RequestId|requestId|RequestID)>)[^<]*(</)")
_OTHERS_LOCK = threading.RLock()
_STS = frozenset({"GetCallerIdentity", "GetAccessKeyInfo", "AssumeRole"})
"""The rest of STS hands out credentials in moto that would sign nothing here."""


class MotoServices:
    """The services of a box that are not KMS."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._accounts = directory.accounts
        self._permissions = Permissions(directory)

    def answer(self, service: str, operation: str, request: Request, caller: Caller, request_id: str) -> Response:
        """Answer a request once the caller's policies allow it."""
        self._permissions.require(caller, service, operation, request)
        form = request.form()
        if service == "sts":
            return self._sts(operation, form, request, caller, request_id)
        if service == "iam":
            return self._iam(operation, form, request, caller, request_id)
        if (service, operation) == ("ec2", "DescribeRegions"):
            return describe_regions(form, caller.principal.partition, request_id)
        if (service, operation) == ("ssm", "GetParameter"):
            public = get_public_parameter(request.body, caller)
            if public is not None:
                return public
        return self._moto(service, operation, request, caller, request_id)

    def _sts(
        self, operation: str, form: Mapping[str, str], request: Request, caller: Caller, request_id: str
    ) -> Response:
        if operation not in _STS:
            raise unsupported(operation)
        if operation == "GetCallerIdentity":
            principal = caller.principal
            identity = (
                element("Arn", principal.arn)
                + element("UserId", principal.user_id)
                + element("Account", principal.account_id)
            )
            return query_response("sts", operation, identity, request_id)
        if operation == "GetAccessKeyInfo":
            credential = self._directory.credential(form.get("AccessKeyId", ""), caller.principal.partition)
            if credential is None:
                raise AwsError("ValidationError", "Access key is not valid.")
            account = element("Account", credential.principal.account_id)
            return query_response("sts", operation, account, request_id)
        self._permissions.require_assume_role(caller, form)
        return self._moto("sts", operation, request, caller, request_id)

    def _iam(
        self, operation: str, form: Mapping[str, str], request: Request, caller: Caller, request_id: str
    ) -> Response:
        if operation == "SimulatePrincipalPolicy":
            return simulate(form, caller, self._directory, request_id)
        if about_caller(operation, form):
            principal = caller.principal
            if principal.is_root:
                return answer_root(operation, form, principal, self._accounts, request_id)
            if principal.kind is not PrincipalKind.USER:
                raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
            named = urlencode({**form, "UserName": principal.name}).encode()
            request = Request(request.method, request.path, {**request.headers, "content-type": FORM_TYPE}, named)
        return self._moto("iam", operation, request, caller, request_id)

    def _moto(self, service: str, operation: str, request: Request, caller: Caller, request_id: str) -> Response:
        stand_in = self._accounts.stand_in(caller.principal.account_id)
        body = self._accounts.conceal(request.body)
        environ = _environ(request, body, stand_in)
        lock = IAM_LOCK if service in ("iam", "sts") else _OTHERS_LOCK
        with lock:
            try:
                status, headers, content = _call(environ)
            except NotImplementedError:
                raise unsupported(operation) from None
        content = self._accounts.reveal(content)
        content = _REQUEST_ID.sub(rb"\g<1>" + request_id.encode() + rb"\g<2>", content)
        return Response(status, content, headers.get("content-type", "text/xml"))


def unsupported(operation: str) -> AwsError:
    """Return the error for an action that the endpoint does not have."""
    return AwsError("InvalidAction", f"The action {operation} is not supported by this endpoint.")


@functools.cache
def _application() -> "DomainDispatcherApplication":
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def _environ(request: Request, body: bytes, stand_in: str) -> dict[str, object]:
    environ: dict[str, object] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_MOTO_ACCOUNT_ID": stand_in,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name not in ("content-type", "content-length", "x-moto-account-id", "user-agent"):
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _call(environ: dict[str, object]) -> tuple[int, dict[str, str], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        del exc_info
        started.append((status, headers))

    chunks = _application()(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return int(status.split()[0]), {name.lower(): value for name, value in headers}, content
