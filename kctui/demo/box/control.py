"""The operator's channel: faults, clock and calls of a box in another process, over HTTP with a token."""

import hmac
import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from .errors import AwsError
from .faults import FaultKind
from .values import Json, parse_json
from .wire import Request, Response

if TYPE_CHECKING:
    from .box import Box

PREFIX = "/_box/"
_UNAUTHORIZED, _NOT_FOUND = 401, 404


def answer_control(box: "Box", request: Request) -> Response:
    """Answer a request of the operator; everything needs `Authorization: Bearer <control token>`."""
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {box.control_token}".encode()):
        raise AwsError("Unauthorized", "The control token is missing or wrong.", _UNAUTHORIZED)
    match request.method, request.path.removeprefix(PREFIX):
        case "POST", "faults":
            return _faults(box, _body(request))
        case "DELETE", "faults":
            box.faults.clear()
            return _json({})
        case "POST", "clock":
            return _clock(box, _body(request))
        case "GET", "clock":
            return _json({"now": box.clock.now().isoformat()})
        case "GET", "calls":
            return _json({"calls": [asdict(call) for call in box.calls]})
        case "POST", "accounts":
            try:
                key = box.add_account(str(_body(request).get("account_id")))
            except ValueError as error:
                raise AwsError("BadRequest", str(error)) from None
            return _json({"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key})
    raise AwsError("NotFound", f"There is no {request.method} {request.path}.", _NOT_FOUND)


def _json(content: Json) -> Response:
    return Response(200, json.dumps(content).encode(), "application/json")


def _body(request: Request) -> dict[str, Json]:
    try:
        body = parse_json(request.body or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AwsError("BadRequest", "The body must be a JSON object.")
    return body


def _faults(box: "Box", body: dict[str, Json]) -> Response:
    """Add a fault ({"operation", "kind", "times", "skip", "seconds", "service"}) or set a standing rule."""
    if isinstance(quotas := body.get("quotas"), bool):
        box.faults.quotas = quotas
    box.faults.consistency_seconds = _number(body, "consistency_seconds", box.faults.consistency_seconds)
    box.faults.new_access_key_seconds = _number(body, "new_access_key_seconds", box.faults.new_access_key_seconds)
    kind = body.get("kind")
    if kind is not None:
        if kind not in list(FaultKind):
            raise AwsError("BadRequest", f"The kinds of fault are {', '.join(FaultKind)}.")
        box.faults.add(
            str(body.get("operation", "*")),
            FaultKind(str(kind)),
            times=int(_number(body, "times", 1)),
            skip=int(_number(body, "skip", 0)),
            seconds=_number(body, "seconds", 0),
            service=str(body.get("service", "*")),
        )
    return _json({"waiting": [asdict(fault) for fault in box.faults.waiting()]})


def _number(body: dict[str, Json], name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AwsError("BadRequest", f"{name} must be a number.")
    return value


def _clock(box: "Box", body: dict[str, Json]) -> Response:
    """Move the clock: {"advance": seconds}, {"set": ISO date with offset} or {"reset": true}."""
    if body.get("reset") is True:
        box.clock.reset()
    if "set" in body:
        try:
            box.clock.set(datetime.fromisoformat(str(body["set"])))
        except ValueError as error:
            raise AwsError("BadRequest", str(error)) from None
    box.clock.advance(_number(body, "advance", 0))
    return _json({"now": box.clock.now().isoformat()})
