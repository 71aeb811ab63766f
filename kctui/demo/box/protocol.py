"""The JSON protocol of AWS against botocore's service model: requests checked, answers written.

The constraints are the model's own; their wording follows AWS's validation errors ("1 validation error
detected: Value … at 'keyId' failed to satisfy constraint: …").
"""

import base64
import binascii
import functools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from botocore.loaders import Loader
from botocore.model import (
    ListShape,
    MapShape,
    OperationModel,
    ServiceModel,
    Shape,
    StringShape,
    StructureShape,
)

from .errors import AwsError
from .values import Answer, Json, Member, Params, T, Value, parse_json


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service; loading it takes a moment, so it is kept.

    Read without a session: the caller's AWS_PROFILE and configuration are no business of the box.
    """
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def parse_request(operation: OperationModel, body: bytes) -> Params:
    """Check a request body against the operation's input shape and return its members, typed."""
    try:
        members = parse_json(body or b"{}")
    except ValueError:
        raise AwsError("SerializationException", "") from None
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "Start of structure or map found where not expected.")
    shape = operation.input_shape
    if shape is None:
        return Params({})
    reader = _Reader()
    typed = reader.structure(shape, members, "")
    if reader.violations:
        raise validation_error(*reader.violations)
    return Params(typed)


def validation_error(*violations: str) -> AwsError:
    """Return the ValidationException that lists these violations in AWS's form."""
    noun = "error" if len(violations) == 1 else "errors"
    return AwsError("ValidationException", f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")


def violation(value: object, where: str, constraint: str) -> str:
    """Return one violation in AWS's form."""
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{where}' failed to satisfy constraint: {constraint}"


class _Reader:
    """Walks a request along its shape and gathers what violates the model."""

    def __init__(self) -> None:
        self.violations: list[str] = []

    def structure(self, shape: StructureShape, members: dict[str, Json], where: str) -> dict[str, Value]:
        typed: dict[str, Value] = {}
        for name in shape.required_members:
            if members.get(name) is None:
                self._violate(None, _below(where, name), "Member must not be null")
        for name, member in members.items():
            inner = _below(where, name)
            if name not in shape.members:
                self._violate(member, inner, "Member must be one that the operation knows")
            elif member is not None:
                typed[name] = self._value(shape.members[name], member, inner)
        return typed

    def _value(self, shape: Shape, value: Json, where: str) -> Value:
        match shape:
            case StructureShape():
                return self.structure(shape, _expect(value, dict, "Structure"), where)
            case ListShape():
                items = _expect(value, list, "List")
                self._check_size(shape, len(items), items, where, "length")
                return [self._value(shape.member, item, f"{where}.{n}.member") for n, item in enumerate(items, 1)]
            case MapShape():
                pairs = _expect(value, dict, "Map")
                return {key: self._value(shape.value, item, f"{where}.{key}") for key, item in pairs.items()}
            case StringShape():
                return self._string(shape, _expect(value, str, "String"), where)
        return self._scalar(shape, value, where)

    def _scalar(self, shape: Shape, value: Json, where: str) -> Value:
        match shape.type_name:
            case "integer" | "long":
                if isinstance(value, bool):
                    raise AwsError("SerializationException", "BOOLEAN cannot be converted to Integer")
                number = _expect(value, int, "Integer")
                self._check_size(shape, number, number, where, "value")
                return number
            case "boolean":
                return _expect(value, bool, "Boolean")
            case "timestamp":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise AwsError("SerializationException", f"{type(value).__name__} is not a timestamp")
                return datetime.fromtimestamp(value, UTC)
            case "blob":
                return self._blob(shape, _expect(value, str, "Blob"), where)
        raise TypeError(f"the box does not know the shape type {shape.type_name}")

    def _string(self, shape: StringShape, text: str, where: str) -> str:
        self._check_size(shape, len(text), text, where, "length")
        enumeration = shape.enum
        if enumeration and text not in enumeration:
            self._violate(text, where, f"Member must satisfy enum value set: [{', '.join(enumeration)}]")
        pattern = shape.metadata.get("pattern")
        if pattern and not _pattern(pattern).fullmatch(text):
            self._violate(text, where, f"Member must satisfy regular expression pattern: {pattern}")
        return text

    def _blob(self, shape: Shape, text: str, where: str) -> bytes:
        try:
            blob = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise AwsError("SerializationException", "Blob is not base64") from None
        self._check_size(shape, len(blob), "java.nio.HeapByteBuffer", where, "length")
        return blob

    def _check_size(self, shape: Shape, size: int, value: object, where: str, what: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least:
            self._violate(value, where, f"Member must have {what} greater than or equal to {least}")
        if most is not None and size > most:
            self._violate(value, where, f"Member must have {what} less than or equal to {most}")

    def _violate(self, value: object, where: str, constraint: str) -> None:
        self.violations.append(violation(value, where, constraint))


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _below(where: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{where}.{lowered}" if where else lowered


def _expect(value: Json, kind: type[T], name: str) -> T:
    if isinstance(value, kind):
        return value
    raise AwsError("SerializationException", f"{type(value).__name__} can not be converted to {name}")


def write_answer(operation: OperationModel, answer: Answer | None) -> bytes:
    """Write an answer as the JSON protocol does: blobs in base64, timestamps in seconds.

    A member that the output shape lacks raises TypeError: the box answers nothing that AWS would not.
    """
    shape = operation.output_shape
    if shape is None or answer is None:
        if answer:
            raise TypeError(f"{operation.name} answers nothing")
        return b"" if shape is None else b"{}"
    return json.dumps(_write_structure(shape, answer), separators=(",", ":")).encode()


def _write_structure(shape: StructureShape, members: Mapping[str, Member]) -> dict[str, Json]:
    foreign = set(members) - set(shape.members)
    if foreign:
        raise TypeError(f"{shape.name} has no {', '.join(sorted(foreign))}")
    return {name: _write(shape.members[name], value) for name, value in members.items() if value is not None}


def _write(shape: Shape, value: Value) -> Json:
    match value:
        case bytes():
            written: Json = base64.b64encode(value).decode()
        case datetime():
            written = value.timestamp()
        case Mapping() if isinstance(shape, StructureShape):
            written = _write_structure(shape, value)
        case Mapping() if isinstance(shape, MapShape):
            written = {key: _write(shape.value, item) for key, item in value.items() if item is not None}
        case bool() | int() | float() | str():
            written = _plain(shape, value)
        case Sequence() if isinstance(shape, ListShape):
            written = [_write(shape.member, item) for item in value]
        case _:
            raise TypeError(f"{value!r} does not fit {shape.name}")
    return written


def _plain(shape: Shape, value: bool | float | str) -> Json:
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        raise TypeError(f"{value!r} is not a {shape.name}")
    return value
