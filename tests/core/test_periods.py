"""Times as people write them: days, moments and ages, and the period between two of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.errors import InvalidInputError
from kctui.core.periods import check_period, parse_since, parse_until

NOW = datetime(2026, 11, 23, 12, 3, 15, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type] # year, month, day, ...


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-23", at(2026, 11, 23), at(2026, 11, 24)),
        ("2026-11-23T12:03:15Z", NOW, at(2026, 11, 23, 12, 3, 16)),
        ("2026-11-23 12:03:15", NOW, at(2026, 11, 23, 12, 3, 16)),
        ("2026-11-23 12:03:15 UTC", NOW, at(2026, 11, 23, 12, 3, 16)),
        ("2026-11-23T13:03:15+01:00", NOW, at(2026, 11, 23, 12, 3, 16)),
        ("2026-11-23 12:03", at(2026, 11, 23, 12, 3), at(2026, 11, 23, 12, 4)),
        ("2026-11-23T12:03:15.25Z", at(2026, 11, 23, 12, 3, 15, 250_000), at(2026, 11, 23, 12, 3, 15, 250_001)),
        ("30min", NOW - timedelta(minutes=30), NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12), NOW - timedelta(hours=12)),
        (" 7 D ", NOW - timedelta(days=7), NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14), NOW - timedelta(days=14)),
        ("", None, None),
    ],
)
def test_a_day_a_moment_or_an_age_is_read_and_what_is_named_is_in_it(
    text: str, since: datetime | None, until: datetime | None
) -> None:
    assert (parse_since(text, NOW), parse_until(text, NOW)) == (since, until)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "7", "7m", "d", "-7d", "1000000d", "20261123", "2026-W01-1", "2026-02-30", "2026-11-23T25:00:00Z",
     "0001-01-01T00:00:00+23:00", "99999w", "２０２６-11-23", "7d\n7d", "2026-11-23T12:03:15Z; DROP TABLE"],
)  # fmt: skip
def test_anything_else_is_refused_and_says_what_is_allowed(text: str) -> None:
    for parse, field in ((parse_since, "since"), (parse_until, "until")):
        with pytest.raises(InvalidInputError) as refused:
            parse(text, at(1900, 1, 1))
        assert (refused.value.field, "2026-11-23T12:03:15Z" in refused.value.remedy) == (field, True)


def test_the_last_day_there_is_has_no_day_after() -> None:
    assert parse_since("9999-12-31", NOW) == at(9999, 12, 31)
    with pytest.raises(InvalidInputError):
        parse_until("9999-12-31", NOW)


@given(st.text())
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        found = parse_until(text, NOW)
    except InvalidInputError:
        return
    assert found is None or found.tzinfo is UTC


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    check_period(None, NOW)
    check_period(NOW, NOW + timedelta(seconds=1))
    with pytest.raises(InvalidInputError) as refused:
        check_period(NOW, NOW)
    assert refused.value.field == "until"
