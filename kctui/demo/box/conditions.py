"""The Condition element of a policy (IAM User Guide, "IAM JSON policy elements: Condition operators")."""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address, ip_network
from types import MappingProxyType

from .values import Json

Context = Mapping[str, tuple[str, ...]]
"""The condition keys of a request, lower case, each with its values."""

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@functools.lru_cache(maxsize=4096)
def _glob(pattern: str, flags: int) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, flags | re.DOTALL)


def like(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Match a policy's pattern, in which * stands for any text and ? for any character."""
    return _glob(pattern, re.IGNORECASE if ignore_case else 0).fullmatch(text) is not None


def substitute(pattern: str, context: Context) -> str | None:
    """Replace policy variables such as ${aws:username}; None when the request has no such value."""
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        if match[1] in ("*", "?", "$"):
            return match[1]
        name, _, default = match[1].partition(",")
        values = context.get(name.strip().lower(), ())
        if len(values) == 1:
            return values[0]
        if default:
            return default.strip().strip("'")
        missing = True
        return ""

    replaced = _VARIABLE.sub(value, pattern)
    return None if missing else replaced


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: compare(float(value), float(wanted))


def _moment(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def seconds(text: str) -> float:
        return float(text) if text.isdigit() else datetime.fromisoformat(text).timestamp()

    return lambda value, wanted: compare(seconds(value), seconds(wanted))


def _arn_like(value: str, wanted: str) -> bool:
    parts, patterns = value.split(":", 5), wanted.split(":", 5)
    return len(parts) == len(patterns) and all(like(p, v) for p, v in zip(patterns, parts, strict=True))


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "stringequals": lambda value, wanted: value == wanted,
        "stringequalsignorecase": lambda value, wanted: value.casefold() == wanted.casefold(),
        "stringlike": lambda value, wanted: like(wanted, value),
        "arnequals": _arn_like,
        "arnlike": _arn_like,
        "bool": lambda value, wanted: value.casefold() == wanted.casefold(),
        "numericequals": _number(lambda value, wanted: value == wanted),
        "numericlessthan": _number(lambda value, wanted: value < wanted),
        "numericlessthanequals": _number(lambda value, wanted: value <= wanted),
        "numericgreaterthan": _number(lambda value, wanted: value > wanted),
        "numericgreaterthanequals": _number(lambda value, wanted: value >= wanted),
        "dateequals": _moment(lambda value, wanted: value == wanted),
        "datelessthan": _moment(lambda value, wanted: value < wanted),
        "datelessthanequals": _moment(lambda value, wanted: value <= wanted),
        "dategreaterthan": _moment(lambda value, wanted: value > wanted),
        "dategreaterthanequals": _moment(lambda value, wanted: value >= wanted),
        "ipaddress": lambda value, wanted: ip_address(value) in ip_network(wanted, strict=False),
    }
)
_NEGATIONS: Mapping[str, str] = MappingProxyType(
    {
        "stringnotequals": "stringequals",
        "stringnotequalsignorecase": "stringequalsignorecase",
        "stringnotlike": "stringlike",
        "arnnotequals": "arnequals",
        "arnnotlike": "arnlike",
        "numericnotequals": "numericequals",
        "datenotequals": "dateequals",
        "notipaddress": "ipaddress",
    }
)


def known_operator(name: str) -> bool:
    """Tell whether a condition operator exists; a policy with another is malformed."""
    _, _, bare = name.lower().rpartition(":")
    bare = bare.removesuffix("ifexists")
    return bare == "null" or bare in _OPERATORS or bare in _NEGATIONS


def texts(value: Json) -> tuple[str, ...]:
    """Return a policy element that may be one string or a list as strings."""
    if isinstance(value, list):
        return tuple(item for each in value for item in texts(each))
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return () if value is None or isinstance(value, dict) else (str(value),)


def holds(condition: Json, context: Context) -> bool:
    """Tell whether every operator of a Condition element holds for the request."""
    if not isinstance(condition, dict):
        return True
    return all(
        _holds(operator.lower(), context.get(key.lower()), _wanted(wanted, context))
        for operator, keys in condition.items()
        if isinstance(keys, dict)
        for key, wanted in keys.items()
    )


def _wanted(value: Json, context: Context) -> tuple[str, ...]:
    return tuple(text for each in texts(value) if (text := substitute(each, context)) is not None)


def _holds(operator: str, values: tuple[str, ...] | None, wanted: tuple[str, ...]) -> bool:
    quantifier, _, bare = operator.rpartition(":")
    if bare == "null":
        return (values is None) == ("true" in wanted)
    if_exists = bare.endswith("ifexists")
    bare = bare.removesuffix("ifexists")
    negated = bare in _NEGATIONS
    if values is None:
        # A missing key satisfies …IfExists, every negated operator, and ForAllValues over nothing.
        return if_exists or quantifier == "forallvalues" or (negated and quantifier != "foranyvalue")
    test = _OPERATORS[_NEGATIONS.get(bare, bare)]

    def matches(value: str) -> bool:
        found = any(test(value, each) for each in wanted)
        return not found if negated else found

    if quantifier == "foranyvalue":
        return any(matches(value) for value in values)
    return all(matches(value) for value in values)
