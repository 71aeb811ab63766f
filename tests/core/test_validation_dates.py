"""Rotation schedules and expiration dates: what AWS takes, and no other."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.errors import InvalidInputError
from kctui.core.validation import check_expiry, parse_expiry, parse_rotation, rotation_text

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "days"), [("never", None), ("Never ", None), ("30d", 30), ("180D", 180), ("365", 365), ("3650d", 3650)]
)
def test_a_rotation_schedule_is_accepted(text: str, days: int | None) -> None:
    assert parse_rotation(text) == days


@pytest.mark.parametrize("text", ["", "0d", "3651d", "-1d", "30 days", "monthly", "1.5d", "٣d", "999999d"])
def test_what_is_no_rotation_schedule_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_rotation(text)
    assert refused.value.field == "rotation_schedule"


def test_a_rotation_schedule_is_told_in_words() -> None:
    assert [rotation_text(days) for days in (None, 1, 30)] == ["Never", "every day", "every 30 days"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("never", None),
        ("", None),
        ("2027-03-01", datetime(2027, 3, 1, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)),
        ("2027-03-01T12:00:00Z", datetime(2027, 3, 1, 12, tzinfo=UTC)),
        ("2027-03-01T12:00:00+02:00", datetime(2027, 3, 1, 10, tzinfo=UTC)),
        ("2027-11-23T12:00:00Z", datetime(2027, 11, 23, 12, tzinfo=UTC)),
    ],
)
def test_an_expiration_date_is_accepted(text: str, moment: datetime | None) -> None:
    assert parse_expiry(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22",
        "2026-11-23T12:00:00Z",
        "2027-11-23T12:00:01Z",
        "2027-11-23",
        "2027-03-01T12:00:00",
        "2027-02-30",
        "tomorrow",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
        "2027-03-01\x1b",
    ],
)
def test_an_expiration_date_that_aws_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_expiry(text, NOW)
    assert refused.value.field == "expires"


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        check_expiry(datetime(2027, 3, 1), NOW)  # noqa: DTZ001 -- naive on purpose


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 -- the zone is drawn beside it
    st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
def test_an_accepted_expiration_is_in_the_future_and_within_365_days(drawn: datetime, zone: timezone) -> None:
    moment = drawn.replace(tzinfo=zone)
    within = NOW < moment <= NOW + timedelta(days=365)
    try:
        assert check_expiry(moment, NOW) == moment
    except InvalidInputError:
        assert not within
    else:
        assert within
