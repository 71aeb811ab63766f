"""From a request to a response: who asks, what goes wrong on command, which service answers."""

import json
import logging
import re
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .auth import Caller, authenticate
from .calls import Call, Calls
from .clock import Clock
from .directory import Directory
from .errors import AwsError, ConnectionDroppedError
from .faults import THROTTLED, Fault, FaultKind, Faults
from .kms.service import KmsService
from .moto_services import MotoServices
from .quotas import Quotas
from .wire import JSON_TYPE, SERVER_FAULT, Request, Response, error_response, identify

log = logging.getLogger(__name__)

_XML_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_INTERNAL = {
    "kms": "KMSInternalException",
    "iam": "ServiceFailure",
    "ec2": "InternalError",
    "ssm": "InternalServerError",
}


@dataclass
class _Visit:
    """What becomes known of a request on its way, for the list of calls."""

    service: str
    operation: str
    request_id: str
    caller: Caller | None = None
    outcome: str = "OK"


class Dispatcher:
    """Answers the requests of one box."""

    def __init__(self, clock: Clock, faults: Faults, calls: Calls, directory: Directory, kms: KmsService) -> None:
        self._clock = clock
        self._faults = faults
        self._calls = calls
        self._directory = directory
        self._kms = kms
        self._others = MotoServices(directory)
        self._quotas = Quotas()
        self.closing = threading.Event()
        """Set when the box closes: whoever hangs on command is released."""

    def answer(self, request: Request) -> Response:
        """Answer a request, or raise ConnectionDroppedError when it is to get no answer."""
        service, operation = identify(request)
        visit = _Visit(service, operation, str(uuid.uuid4()))
        try:
            response = self._answer(request, visit)
        except AwsError as error:
            visit.outcome = error.code
            response = error_response(service, error, visit.request_id)
        except ConnectionDroppedError:
            visit.outcome = "dropped"
            raise
        except Exception:
            # A mistake in the box must look like AWS's own failure to the caller, and be seen in the log.
            log.exception("the box failed at %s %s", service, operation)
            visit.outcome = _INTERNAL.get(service, "InternalFailure")
            failure = AwsError(visit.outcome, "The box failed; its log says how.", SERVER_FAULT)
            response = error_response(service, failure, visit.request_id)
        finally:
            self._note(visit)
        response.headers["x-amzn-RequestId"] = visit.request_id
        return response

    def _answer(self, request: Request, visit: _Visit) -> Response:
        visit.caller = caller = authenticate(request, visit.service, self._directory, self._spread())
        if not visit.service:
            raise AwsError("UnknownOperationException", "This endpoint has KMS, IAM, STS, EC2 and SSM.", 404)
        fault = self._faults.take(visit.service, visit.operation)
        if fault is not None:
            self._before(fault, visit)
        try:
            response = self._serve(request, visit, caller)
        except AwsError:
            self._after(fault)
            raise
        self._after(fault)
        return response

    def _after(self, fault: Fault | None) -> None:
        """Lose the reply if that is the fault, whether it is an answer or an error."""
        if fault is not None and fault.kind is FaultKind.LOST_REPLY:
            self.closing.wait(fault.seconds)
            raise ConnectionDroppedError

    def _spread(self) -> datetime:
        """Return the moment up to which access keys have become known everywhere."""
        delay = self._faults.new_access_key_seconds
        # Without a delay the box's clock has no say, wherever a test has moved it.
        return self._clock.now() - timedelta(seconds=delay) if delay else datetime.max.replace(tzinfo=UTC)

    def _before(self, fault: Fault, visit: _Visit) -> None:
        match fault.kind:
            case FaultKind.LOST_REPLY:
                return
            case FaultKind.SLOW:
                self.closing.wait(fault.seconds)
            case FaultKind.TIMEOUT_BEFORE:
                self.closing.wait(fault.seconds)
                raise ConnectionDroppedError
            case _:
                raise fault.error(visit.service)

    def _serve(self, request: Request, visit: _Visit, caller: Caller) -> Response:
        self._directory.mark_used(caller.principal, visit.service, caller.region)
        if visit.service != "kms":
            response = self._others.answer(visit.service, visit.operation, request, caller, visit.request_id)
            visit.outcome = _outcome(response)
            return response
        account = caller.principal.account_id
        if self._faults.quotas and not self._quotas.admit(account, caller.region, visit.operation, self._clock.now()):
            raise AwsError("ThrottlingException", THROTTLED)
        body = self._kms.answer(visit.operation, request.body, caller, visit.request_id)
        return Response(200, body, JSON_TYPE)

    def _note(self, visit: _Visit) -> None:
        caller = visit.caller
        self._calls.add(
            Call(
                service=visit.service,
                operation=visit.operation,
                account=caller.principal.account_id if caller else "",
                region=caller.region if caller else "",
                principal=caller.principal.arn if caller else "",
                request_id=visit.request_id,
                outcome=visit.outcome,
            )
        )


def _outcome(response: Response) -> str:
    """Return the error code of an answer that moto wrote, or "OK"."""
    if response.status < 400:  # noqa: PLR2004  # the border between answers and errors in HTTP
        return "OK"
    if found := _XML_CODE.search(response.body):
        return found[1].decode()
    try:
        answer = json.loads(response.body)
    except ValueError:
        return str(response.status)
    return str(answer.get("__type", response.status)) if isinstance(answer, dict) else str(response.status)
