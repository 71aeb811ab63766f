"""Paging by Limit and Marker, as every List operation of KMS does it."""

import base64
import binascii
import bisect
from collections.abc import Sequence
from typing import TypeVar

from kctui.demo.box.errors import AwsError
from kctui.demo.box.protocol import validation_error, violation
from kctui.demo.box.values import Member

from .call import KmsCall

T = TypeVar("T")


def page(
    call: KmsCall, items: Sequence[tuple[str, T]], *, default: int, longest: int
) -> tuple[list[T], dict[str, Member]]:
    """Return one page of items and the members that say whether there are more.

    Items are ordered by their names, and the marker is the name of the next one: an item that vanishes
    between two pages does not shift those after it.
    """
    limit = call.params.maybe_integer("Limit")
    limit = default if limit is None else limit
    if limit > longest:
        raise validation_error(violation(limit, "limit", f"Member must have value less than or equal to {longest}"))
    items = sorted(items, key=lambda item: item[0])
    start = _start(call, [name for name, _ in items])
    chosen = items[start : start + limit]
    if start + limit >= len(items):
        return [item for _, item in chosen], {"Truncated": False}
    marker = _marker(call, items[start + limit][0])
    return [item for _, item in chosen], {"Truncated": True, "NextMarker": marker}


def _marker(call: KmsCall, name: str) -> str:
    return base64.urlsafe_b64encode(f"{call.operation.name}:{name}".encode()).decode()


def _start(call: KmsCall, names: list[str]) -> int:
    marker = call.params.maybe_text("Marker")
    if marker is None:
        return 0
    try:
        operation, _, name = base64.b64decode(marker, b"-_", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        operation, name = "", ""
    if operation != call.operation.name or not name:
        raise _invalid_marker(call)
    return bisect.bisect_left(names, name)


def _invalid_marker(call: KmsCall) -> AwsError:
    code = "InvalidMarkerException" if call.knows("InvalidMarkerException") else "ValidationException"
    return AwsError(code, "Invalid pagination token.")
