"""Policies evaluated: statements, principals, and what identity policies decide.

After the IAM User Guide, "Policy evaluation logic": an explicit Deny wins, else an Allow, else nothing.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from .conditions import Context, holds, known_operator, like, substitute, texts
from .values import Json, parse_json


class Decision(Enum):
    """What policies say of a request; the values are the words of SimulatePrincipalPolicy."""

    ALLOWED = "allowed"
    DENIED = "explicitDeny"
    SILENT = "implicitDeny"


class PolicyError(Exception):
    """A policy document that is not well formed."""


@dataclass(frozen=True)
class Asked:
    """A request as policies see it: action, resource, and the keys that conditions may name."""

    action: str
    resource: str
    context: Context


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    effect: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[str, ...] | None
    not_principals: tuple[str, ...] | None
    condition: Json

    def covers(self, asked: Asked) -> bool:
        """Tell whether the statement is about this request, whoever makes it."""
        return self._acts(asked) and self._reaches(asked) and holds(self.condition, asked.context)

    def _acts(self, asked: Asked) -> bool:
        if self.not_actions:
            return not any(like(each, asked.action, ignore_case=True) for each in self.not_actions)
        return any(like(each, asked.action, ignore_case=True) for each in self.actions)

    def _reaches(self, asked: Asked) -> bool:
        if self.not_resources:
            return not _any_resource(self.not_resources, asked)
        return not self.resources or _any_resource(self.resources, asked)


def _any_resource(patterns: tuple[str, ...], asked: Asked) -> bool:
    replaced = (substitute(each, asked.context) for each in patterns)
    return any(each is not None and like(each, asked.resource) for each in replaced)


def parse_policy(document: str) -> tuple[Statement, ...]:
    """Parse a policy document; PolicyError says what is wrong with it."""
    try:
        policy = parse_json(document)
    except ValueError:
        raise PolicyError("Syntax errors in policy.") from None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise PolicyError("Policy must have a Statement.")
    if policy.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        raise PolicyError("Policy document must be version 2012-10-17 or greater.")
    statements = policy["Statement"]
    return tuple(_statement(each) for each in (statements if isinstance(statements, list) else [statements]))


_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)


def _statement(element: Json) -> Statement:
    if not isinstance(element, dict) or element.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("A statement needs an Effect of Allow or Deny.")
    if foreign := set(element) - _ELEMENTS:
        raise PolicyError(f"Unknown element {min(foreign)} in a statement.")
    if ("Action" in element) == ("NotAction" in element):
        raise PolicyError("Policy statement must contain actions.")
    condition = element.get("Condition")
    if condition is not None and not (isinstance(condition, dict) and all(map(known_operator, condition))):
        raise PolicyError("The Condition element is invalid.")
    return Statement(
        effect=str(element["Effect"]),
        actions=texts(element.get("Action")),
        not_actions=texts(element.get("NotAction")),
        resources=texts(element.get("Resource")),
        not_resources=texts(element.get("NotResource")),
        principals=_principals(element.get("Principal")),
        not_principals=_principals(element.get("NotPrincipal")),
        condition=condition,
    )


def _principals(element: Json) -> tuple[str, ...] | None:
    if element is None:
        return None
    if element == "*":
        return ("*",)
    if not isinstance(element, dict) or not element or set(element) - {"AWS", "Service", "Federated"}:
        raise PolicyError("Policy contains a statement with one or more invalid principals.")
    return tuple(text for each in element.values() for text in texts(each))


@functools.lru_cache(maxsize=1024)
def parse_cached(document: str) -> tuple[Statement, ...]:
    """Parse a policy that was checked when it was stored."""
    return parse_policy(document)


@functools.lru_cache(maxsize=1024)
def parse_lenient(document: str) -> tuple[Statement, ...]:
    """Parse an identity policy; moto lets malformed ones in, and such a policy allows nothing."""
    try:
        return parse_policy(document)
    except PolicyError:
        return ()


def decide(statements: Iterable[Statement], asked: Asked) -> Decision:
    """Return what these statements, all of which concern the caller, say of a request."""
    decision = Decision.SILENT
    for statement in statements:
        if statement.covers(asked):
            if statement.effect == "Deny":
                return Decision.DENIED
            decision = Decision.ALLOWED
    return decision


@dataclass(frozen=True)
class Identity:
    """Who a resource policy may name: the ARNs that are the caller, and the account behind it."""

    arns: tuple[str, ...]
    account_id: str
    partition: str

    @property
    def account_arn(self) -> str:
        """Return the ARN by which a policy names the whole account."""
        return f"arn:{self.partition}:iam::{self.account_id}:root"

    @property
    def is_root(self) -> bool:
        """Tell whether the caller is the account's root user."""
        return self.account_arn in self.arns


@dataclass(frozen=True)
class ResourceDecision:
    """What a resource policy says: of the caller by name, and whether it hands the decision to IAM."""

    decision: Decision
    delegated: bool


def decide_resource(statements: Sequence[Statement], asked: Asked, who: Identity) -> ResourceDecision:
    """Evaluate a resource policy, such as a key policy, for a caller.

    An Allow to the account (its root) does not allow the caller: it lets identity policies decide, as the
    AWS KMS Developer Guide says under "Default key policy".
    """
    decision, delegated = Decision.SILENT, False
    for statement in statements:
        if not statement.covers(asked):
            continue
        named, account = _named(statement, who)
        if statement.effect == "Deny":
            if named or account:
                return ResourceDecision(Decision.DENIED, delegated=False)
        elif named:
            decision = Decision.ALLOWED
        delegated = delegated or (account and statement.effect == "Allow")
    return ResourceDecision(decision, delegated)


def _named(statement: Statement, who: Identity) -> tuple[bool, bool]:
    """Tell whether a statement names the caller itself, and whether it names the caller's account."""
    if statement.not_principals is not None:
        outside = not any(_is_caller(each, who) or _is_account(each, who) for each in statement.not_principals)
        return outside, False
    principals = statement.principals or ()
    return (
        any(_is_caller(each, who) for each in principals),
        any(_is_account(each, who) for each in principals),
    )


def _is_caller(principal: str, who: Identity) -> bool:
    return principal == "*" or principal in who.arns


def _is_account(principal: str, who: Identity) -> bool:
    return principal in (who.account_id, who.account_arn)
