"""JSON at the border and checked values inside: no unchecked type passes from one to the other."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Scalar: TypeAlias = bool | int | float | str | bytes | datetime
Value: TypeAlias = "Scalar | Sequence[Value] | Mapping[str, Member]"
Member: TypeAlias = "Value | None"
Answer: TypeAlias = Mapping[str, "Member"]

T = TypeVar("T")


def parse_json(text: str | bytes) -> Json:
    """Parse JSON into its own recursive type."""
    parsed: Json = json.loads(text)
    return parsed


class Params:
    """The members of a request (or of a structure in it) after they were checked against the service model.

    A getter of the wrong type is a mistake in the box, not in the request, so it raises TypeError.
    """

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._members = members

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def names(self) -> list[str]:
        """Return the names of the members that are present."""
        return [name for name, member in self._members.items() if member is not None]

    def _get(self, name: str, kind: type[T]) -> T | None:
        member = self._members.get(name)
        if member is None or isinstance(member, kind):
            return member
        raise TypeError(f"{name} is {type(member).__name__}, not {kind.__name__}")

    def _need(self, name: str, kind: type[T]) -> T:
        member = self._get(name, kind)
        if member is None:
            raise TypeError(f"{name} is required by the model, yet absent")
        return member

    def text(self, name: str) -> str:
        """Return a required string."""
        return self._need(name, str)

    def maybe_text(self, name: str) -> str | None:
        """Return an optional string."""
        return self._get(name, str)

    def text_or(self, name: str, default: str) -> str:
        """Return an optional string, or its documented default."""
        member = self._get(name, str)
        return default if member is None else member

    def blob(self, name: str) -> bytes:
        """Return a required blob."""
        return self._need(name, bytes)

    def maybe_blob(self, name: str) -> bytes | None:
        """Return an optional blob."""
        return self._get(name, bytes)

    def maybe_integer(self, name: str) -> int | None:
        """Return an optional integer."""
        return self._get(name, int)

    def flag(self, name: str) -> bool:
        """Return an optional boolean; absent is false, as everywhere in KMS."""
        return bool(self._get(name, bool))

    def shown(self, name: str) -> str:
        """Return a present member as policies compare it: booleans in lower case, dates in ISO form."""
        member = self._members[name]
        if isinstance(member, bool):
            return "true" if member else "false"
        return member.isoformat() if isinstance(member, datetime) else str(member)

    def moment(self, name: str) -> datetime | None:
        """Return an optional timestamp, aware."""
        return self._get(name, datetime)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings; absent is empty."""
        members = self._get(name, list) or []
        texts = [member for member in members if isinstance(member, str)]
        if len(texts) != len(members):
            raise TypeError(f"{name} is not a list of strings")
        return texts

    def mapping(self, name: str) -> dict[str, str]:
        """Return a map of strings; absent is empty."""
        members = self._get(name, dict) or {}
        return {key: Params(members).text(key) for key in members}

    def records(self, name: str) -> list["Params"]:
        """Return a list of structures; absent is empty."""
        members = self._get(name, list) or []
        return [Params(member) for member in members if isinstance(member, Mapping)]

    def record(self, name: str) -> "Params":
        """Return a structure; absent is one without members."""
        return Params(self._get(name, dict) or {})
