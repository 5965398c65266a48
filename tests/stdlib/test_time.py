"""``time``: moments as text and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib.time import add, difference, from_unix, now, parts, to_unix
from neuroscript.stdlib.time_layout import format_time, parse_time
from neuroscript.values import TimeDate, text_of

NOON = TimeDate(2025, 3, 1, 12, 5, 9, 250, tzinfo=UTC)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("", "2025-03-01T12:05:09.00025Z"),
        ("%Y-%m-%d", "2025-03-01"),
        ("%d.%m.%y", "01.03.25"),
        ("%H:%M:%S.%f", "12:05:09.000250"),
        ("%I:%M %p", "12:05 PM"),
        ("%A, %d %B", "Saturday, 01 March"),
        ("%a %b", "Sat Mar"),
        ("day %j", "day 060"),
        ("%z", "+0000"),
        ("100%%", "100%"),
        ("no sequence at all\n", "no sequence at all\n"),
    ],
)
def test_a_layout_writes(layout: str, text: str) -> None:
    assert format_time(NOON, layout) == text


@pytest.mark.parametrize(
    ("text", "layout", "moment"),
    [
        ("2025-03-01T12:05:09Z", "", "2025-03-01T12:05:09Z"),
        ("2025-03-01t12:05:09.5z", "", "2025-03-01T12:05:09.5Z"),
        ("2025-03-01 12:05:09.123456789+02:00", "", "2025-03-01T12:05:09.123456+02:00"),
        ("2025-03-01T12:05", "", "2025-03-01T12:05:00Z"),
        ("2025-03-01", "", "2025-03-01T00:00:00Z"),
        (" 1.3.2025 ", "%d.%m.%Y", "2025-03-01T00:00:00Z"),
        ("march 1, 99", "%B %d, %y", "1999-03-01T00:00:00Z"),
        ("01 Feb 2024 12:30 am", "%d %b %Y %I:%M %p", "2024-02-01T00:30:00Z"),
        ("01 Feb 2024 12:30 pm", "%d %b %Y %I:%M %p", "2024-02-01T12:30:00Z"),
        ("2024 366", "%Y %j", "2024-12-31T00:00:00Z"),
        ("07:00 -0330", "%H:%M %z", "1970-01-01T07:00:00-03:30"),
        ("5%", "%d%%", "1970-01-05T00:00:00Z"),
    ],
)
def test_a_layout_reads(text: str, layout: str, moment: str) -> None:
    assert text_of(parse_time(text, layout)) == moment


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("tomorrow", ""),
        ("2025-02-30", ""),
        ("2025-13-01", ""),
        ("2025-03-01T25:00:00Z", ""),
        ("2025-03-01T12:00:00+25:00", ""),
        ("2025-03-01T12:00:00+01:75", ""),
        ("20250301", ""),
        ("٢٠٢٥-03-01", ""),
        ("0000-01-01", ""),
        ("", ""),
        ("13:00 pm", "%I:%M %p"),
        ("0", "%j"),
        ("9999 366", "%Y %j"),
        ("x", "%q"),
        ("x", "%"),
        ("1 1", "%d %d"),
        ("9" * 5000, "%d"),
    ],
)
def test_what_is_no_date_is_said_to_be_none(text: str, layout: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        parse_time(text, layout)
    assert caught.value.code == ErrorCode.INVALID_VALUE


@pytest.mark.parametrize("layout", ["%q", "%", "%5d", "%999999999d", "%-d", "%E"])
def test_a_layout_knows_its_own_sequences_only(layout: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        format_time(NOON, layout)
    assert caught.value.code == ErrorCode.INVALID_VALUE
    assert "known are" in caught.value.message


@given(st.datetimes(timezones=st.timezones().filter(lambda zone: "/" in str(zone))))
def test_every_moment_reads_back_from_its_own_text(moment: datetime) -> None:
    offset = moment.utcoffset() or timedelta()
    time = TimeDate.of(moment)
    if offset % timedelta(minutes=1) == timedelta():
        assert parse_time(format_time(time, ""), "") == time
        layout = "%Y-%m-%d %H:%M:%S.%f %z"
        assert parse_time(format_time(time, layout), layout) == time


@given(st.text(), st.text(alphabet="%YmdHMSfjyIpAaBbz -:"))
def test_any_text_and_any_layout_give_a_moment_or_an_error(text: str, layout: str) -> None:
    try:
        assert isinstance(parse_time(text, layout), TimeDate)
    except NeuroScriptError as error:
        assert error.code == ErrorCode.INVALID_VALUE  # noqa: PT017 - either outcome is right


def test_seconds_and_moments() -> None:
    start = from_unix(0)
    assert text_of(start) == "1970-01-01T00:00:00Z"
    assert text_of(add(start, 90.5)) == "1970-01-01T00:01:30.5Z"
    assert difference(start, add(start, -3)) == -3
    assert to_unix(from_unix(-12.25)) == -12.25
    assert abs(to_unix(now()) - datetime.now(UTC).timestamp()) < 5
    assert type(add(start, 1)) is TimeDate


@pytest.mark.parametrize("seconds", [1e18, -1e18, 10**400, 3e11])
def test_moments_beyond_the_calendar_are_an_error(seconds: float) -> None:
    for operation in (from_unix, lambda far: add(NOON, far)):
        with pytest.raises(NeuroScriptError, match=re.escape("years 1 to 9999")):
            operation(seconds)


def test_the_parts_of_a_moment() -> None:
    assert parts(parse_time("2024-12-30T23:59:58.000007-05:30", "")) == {
        "year": 2024,
        "month": 12,
        "day": 30,
        "hour": 23,
        "minute": 59,
        "second": 58,
        "microsecond": 7,
        "weekday": 1,
        "yearday": 365,
        "offset_seconds": -19800,
    }
