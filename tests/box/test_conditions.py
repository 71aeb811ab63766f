"""Condition operators (IAM User Guide, "IAM JSON policy elements: Condition operators")."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.demo.box.conditions import holds, known_operator, like, substitute
from kctui.demo.box.policy import Asked, Decision, Identity, decide_resource, parse_policy

from .support import policy

CONTEXT = {
    "k:text": ("Alpha",),
    "k:many": ("a", "b"),
    "k:number": ("7",),
    "k:date": ("2026-05-01T00:00:00+00:00",),
    "k:ip": ("10.1.2.3",),
    "k:arn": ("arn:aws:iam::111122223333:user/path/bob",),
    "aws:username": ("bob",),
}


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "expected"),
    [
        ("StringEquals", "k:text", "Alpha", True),
        ("StringEquals", "K:Text", ["Beta", "Alpha"], True),
        ("StringEquals", "k:text", "alpha", False),
        ("StringEquals", "k:text", "${aws:username}", False),
        ("StringEqualsIgnoreCase", "k:text", "ALPHA", True),
        ("StringNotEquals", "k:text", "Beta", True),
        ("StringNotEquals", "k:missing", "Beta", True),
        ("StringLike", "k:text", "Al?h*", True),
        ("StringNotLike", "k:text", "Al*", False),
        ("ForAnyValue:StringEquals", "k:many", ["b", "c"], True),
        ("ForAllValues:StringEquals", "k:many", ["b", "c"], False),
        ("ForAllValues:StringEquals", "k:missing", ["b"], True),
        ("ForAnyValue:StringEquals", "k:missing", ["b"], False),
        ("NumericLessThan", "k:number", "8", True),
        ("NumericGreaterThanEquals", "k:number", 7, True),
        ("NumericNotEquals", "k:number", "7", False),
        ("DateLessThan", "k:date", "2026-06-01T00:00:00Z", True),
        ("DateGreaterThan", "k:date", "2026-06-01T00:00:00Z", False),
        ("IpAddress", "k:ip", "10.1.0.0/16", True),
        ("NotIpAddress", "k:ip", "10.1.0.0/16", False),
        ("ArnLike", "k:arn", "arn:aws:iam::*:user/path/*", True),
        ("ArnEquals", "k:arn", "arn:aws:iam::111122223333:user/bob", False),
        ("Bool", "k:missing", "true", False),
        ("BoolIfExists", "k:missing", "true", True),
        ("Null", "k:missing", True, True),
        ("Null", "k:text", "true", False),
        ("Null", "k:text", "false", True),
    ],
)
def test_operators(operator: str, key: str, wanted: str | int | list[str], *, expected: bool) -> None:
    condition = {operator: {key: list(wanted) if isinstance(wanted, list) else wanted}}
    assert holds(condition, CONTEXT) is expected  # type: ignore[arg-type]  # JSON is invariant


def test_every_operator_of_a_condition_must_hold() -> None:
    assert not holds({"Bool": {"k:missing": "true"}, "StringEquals": {"k:text": "Alpha"}}, CONTEXT)


@pytest.mark.parametrize("operator", ["StringMatches", "ForAnyValue:Nonsense", ""])
def test_unknown_operators_are_known_as_such(operator: str) -> None:
    assert not known_operator(operator)


@pytest.mark.parametrize(
    ("pattern", "filled"),
    [
        ("user/${aws:username}", "user/bob"),
        ("user/${aws:missing}", None),
        ("user/${aws:missing, 'nobody'}", "user/nobody"),
        ("a${*}b", "a*b"),
    ],
)
def test_policy_variables(pattern: str, filled: str | None) -> None:
    assert substitute(pattern, CONTEXT) == filled


@given(st.text())
def test_a_star_matches_anything_and_text_itself(text: str) -> None:
    assert like("*", text)
    assert like(text.replace("*", "?"), text)


WHO = Identity(("arn:aws:iam::111122223333:user/bob",), "111122223333", "aws")


@pytest.mark.parametrize(
    ("statement", "decision", "delegated"),
    [
        ({"Effect": "Allow", "Principal": "*"}, Decision.ALLOWED, False),
        ({"Effect": "Allow", "Principal": {"AWS": "111122223333"}}, Decision.SILENT, True),
        ({"Effect": "Deny", "Principal": {"AWS": "111122223333"}}, Decision.DENIED, False),
        ({"Effect": "Allow", "Principal": {"AWS": WHO.arns[0]}}, Decision.ALLOWED, False),
        ({"Effect": "Deny", "NotPrincipal": {"AWS": WHO.arns[0]}}, Decision.SILENT, False),
        ({"Effect": "Deny", "NotPrincipal": {"AWS": "444455556666"}}, Decision.DENIED, False),
        ({"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}}, Decision.SILENT, False),
    ],
)
def test_principals(statement: dict[str, object], decision: Decision, *, delegated: bool) -> None:
    document = policy({"Action": "kms:*", "Resource": "*", **statement})
    found = decide_resource(parse_policy(document), Asked("kms:Encrypt", "key", {}), WHO)
    assert (found.decision, found.delegated) == (decision, delegated)
