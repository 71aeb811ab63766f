"""KMS as one service: from the body of a request to the body of its answer."""

import threading
import uuid
from datetime import datetime

from botocore.model import OperationModel, OperationNotFoundError

from kctui.demo.box.auth import Caller
from kctui.demo.box.clock import Clock
from kctui.demo.box.directory import Directory
from kctui.demo.box.errors import AwsError
from kctui.demo.box.faults import Faults
from kctui.demo.box.protocol import parse_request, service_model, write_answer
from kctui.demo.box.values import Answer

from . import aliases, crypto, grants, importing, keys, macs, policies, rotation, signing, tags
from .authorization import Authorizer
from .call import KmsCall
from .registry import OPERATIONS
from .state import Store, Usage
from .wrapping import WrappingKeys

HANDLERS = (aliases, crypto, grants, importing, keys, macs, policies, rotation, signing, tags)
"""The modules whose import registers the handlers."""

# Errors that any operation may answer, though the model lists them with few or none.
_COMMON = frozenset({"UnsupportedOperationException"})


class KmsService:
    """The KMS of a box: a store per account and region."""

    def __init__(self, clock: Clock, faults: Faults, directory: Directory, wrapping: WrappingKeys) -> None:
        self._clock = clock
        self._faults = faults
        self._directory = directory
        self._authorizer = Authorizer(directory)
        self._wrapping = wrapping
        self._lock = threading.Lock()
        self._stores: dict[tuple[str, str], Store] = {}

    def store(self, account_id: str, region: str, partition: str) -> Store:
        """Return the store of an account and region, made at its first use."""
        with self._lock:
            place = (account_id, region)
            if place not in self._stores:
                self._stores[place] = Store(account_id, region, partition)
            return self._stores[place]

    def answer(self, name: str, body: bytes, caller: Caller, request_id: str) -> bytes:
        """Answer one request, or raise AwsError."""
        try:
            model = service_model("kms").operation_model(name)
        except OperationNotFoundError:
            raise AwsError("UnknownOperationException", "") from None
        operation = OPERATIONS.get(name)
        if operation is None:
            raise AwsError("UnsupportedOperationException", f"{name} is not supported by this endpoint.")
        params = parse_request(model, body)
        principal = caller.principal
        store = self.store(principal.account_id, caller.region, principal.partition)
        with store.lock:
            now = self._clock.now()
            store.settle(now)
            rotation.rotate_when_due(store, now)
            call = KmsCall(
                operation=operation,
                model=model,
                params=params,
                principal=principal,
                store=store,
                now=now,
                request_id=request_id,
                authorizer=self._authorizer,
                directory=self._directory,
                wrapping=self._wrapping,
                consistency=self._faults.consistency_seconds,
            )
            answer = _run(call)
            _note_usage(call, now)
        return write_answer(model, answer)


def _run(call: KmsCall) -> Answer | None:
    try:
        _admit(call)
        return call.operation.handler(call)
    except AwsError as error:
        _check_error(call.model, error)
        raise


def _admit(call: KmsCall) -> None:
    operation = call.operation
    if operation.key is not None and operation.key in call.params:
        call.named = call.find(call.params.text(operation.key))
        call.check_grant_tokens()
        call.admit(call.named)
    elif not operation.asks_itself:
        call.authorize_resource()
    if not operation.asks_itself:
        call.stop_if_dry_run()


def _check_error(model: OperationModel, error: AwsError) -> None:
    """Hold the handlers to the model: an error it defines may come only from operations it lists it with."""
    defined = {shape.name for shape in service_model("kms").error_shapes}
    listed = {shape.name for shape in model.error_shapes}
    if error.code in defined - listed - _COMMON:
        raise TypeError(f"{model.name} does not answer {error.code}") from error


def _note_usage(call: KmsCall, now: datetime) -> None:
    if call.operation.name not in _tracked():
        return
    for key in call.used:
        # The two keys of a ReEncrypt share the request, each with an event of its own.
        key.last_usage = Usage(call.operation.name, now, str(uuid.uuid4()), call.request_id)


def _tracked() -> list[str]:
    """Return the operations that GetKeyLastUsage tracks: the model's own enumeration."""
    shape = service_model("kms").shape_for("KeyLastUsageTrackingOperation")
    return list(shape.metadata.get("enum", []))
