"""Whether two key policies say the same, and if not, where they differ.

AWS gives a policy back in an order and spelling of its own: one value for a list of one, lists in any order, an
account's root as its number or its ARN, actions in any case, and no heed to the policy's Id (IAM Reference, Policy
elements).
"""

import difflib
import json
import re
from typing import Any

from kctui.core.aws.policies import listed

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root\Z")
_OLDEST_VERSION = "2008-10-17"
_CONTEXT_LINES = 2


def same_policy(one: str, other: str) -> bool:
    """Whether two policies say the same."""
    return one == other or canonical(one) == canonical(other)


def canonical(policy: str) -> str:
    """The one text for all policies that say the same. What is no policy document stands for itself."""
    document = _document(policy)
    return policy.strip() if document is None else json.dumps(_ordered(document, fold=True), sort_keys=True)


def pretty(policy: str) -> str:
    """A policy to be read: its lines indented, in the order in which they stand."""
    document = _document(policy)
    return policy if document is None else json.dumps(document, indent=2, ensure_ascii=False)


def difference(before: str, after: str, before_name: str, after_name: str) -> str:
    """What differs, line by line (a unified diff of both, ordered alike). Empty where they say the same."""
    if same_policy(before, after):
        return ""
    lines = difflib.unified_diff(_lines(before), _lines(after), before_name, after_name, lineterm="", n=_CONTEXT_LINES)
    return "\n".join(lines)


def _lines(policy: str) -> list[str]:
    document = _document(policy)
    if document is None:
        return policy.split("\n")
    return json.dumps(_ordered(document, fold=False), indent=2, ensure_ascii=False).split("\n")


def _document(policy: str) -> dict[str, Any] | None:
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _ordered(document: dict[str, Any], *, fold: bool) -> dict[str, Any]:
    """The document with its lists sorted. fold: with the spellings that mean the same made one, too."""
    rest = {name: value for name, value in document.items() if name not in {"Id", "Version", "Statement"}}
    statements = [_statement(each, fold=fold) for each in listed(document.get("Statement", []))]
    return {
        "Version": document.get("Version", _OLDEST_VERSION),
        **rest,
        "Statement": _sorted(statements),
    }


def _statement(statement: object, *, fold: bool) -> object:
    if not isinstance(statement, dict):
        return statement
    found: dict[str, object] = {}
    for name, value in statement.items():
        if name in {"Principal", "NotPrincipal"}:
            found[name] = _principal(value, fold=fold)
        elif name in {"Action", "NotAction"}:
            found[name] = _sorted([_action(each, fold=fold) for each in listed(value)])
        elif name in {"Resource", "NotResource"}:
            found[name] = _sorted(listed(value))
        elif name == "Condition" and isinstance(value, dict):
            found[name] = {operator: _condition(keys, fold=fold) for operator, keys in value.items()}
        else:
            found[name] = value
    return found


def _principal(value: object, *, fold: bool) -> object:
    if value == "*":
        return {"AWS": ["*"]}
    if not isinstance(value, dict):
        return value
    return {
        kind: _sorted([_root(name) if fold and kind == "AWS" else name for name in listed(names)])
        for kind, names in value.items()
    }


def _root(name: object) -> object:
    match = _ROOT.match(name) if isinstance(name, str) else None
    return match[1] if match else name


def _action(action: object, *, fold: bool) -> object:
    return action.lower() if fold and isinstance(action, str) else action


def _condition(keys: object, *, fold: bool) -> object:
    """Condition keys in any case; each with a list of values, whose booleans are text."""
    if not isinstance(keys, dict):
        return keys
    pairs = [(name.lower() if fold else name, _sorted([_text(each) for each in listed(values)]))
             for name, values in keys.items()]  # fmt: skip
    return sorted(pairs, key=_text_of) if fold else dict(pairs)


def _text(value: object) -> object:
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _sorted(values: list[Any]) -> list[Any]:
    """Each once, in one order; what the order is does not matter."""
    return list({_text_of(each): each for each in sorted(values, key=_text_of)}.values())


def _text_of(value: object) -> str:
    return json.dumps(value, sort_keys=True)
