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
from tests.stdlib.calls import code, outcome, tool

NOON = TimeDate(2025, 3, 1, 12, 5, 9, 250, tzinfo=UTC)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("", "2025-03-01T12:05:09.00025Z"),
        ("%Y-%m-%d", "2025-03-01"),
        ("%d.%m.%y", "01.03.25"),
        ("%H:%M:%S.%f", "12:05:09.000250"),
        ("%%f", "%f"),
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
        ("2025-03-01 12:05:09.123456789+02:00", "", "2025-03-01T12:05:09.123456789+02:00"),
        ("2025-03-01T12:05", "", "2025-03-01T12:05:00Z"),
        ("2025-03-01", "", "2025-03-01T00:00:00Z"),
        (" 1.3.2025 ", "%d.%m.%Y", "2025-03-01T00:00:00Z"),
        ("march 1, 99", "%B %d, %y", "1999-03-01T00:00:00Z"),
        ("01 Feb 2024 12:30 am", "%d %b %Y %I:%M %p", "2024-02-01T00:30:00Z"),
        ("01 Feb 2024 12:30 pm", "%d %b %Y %I:%M %p", "2024-02-01T12:30:00Z"),
        ("2024 366", "%Y %j", "2024-12-31T00:00:00Z"),
        ("07:00 -0330", "%H:%M %z", "1970-01-01T07:00:00-03:30"),
        ("5%", "%d%%", "1970-01-05T00:00:00Z"),
        ("Fri 2024-01-05", "%a %Y-%m-%d", "2024-01-05T00:00:00Z"),
        ("friday 5.1.24", "%A %d.%m.%y", "2024-01-05T00:00:00Z"),
        ("Fri 005 2024", "%a %j %Y", "2024-01-05T00:00:00Z"),
        ("Mon 10:00", "%a %H:%M", "1970-01-01T10:00:00Z"),  # no date that it could contradict
        ("Mon 5 Jan", "%a %d %b", "1970-01-05T00:00:00Z"),
        ("Jan 01 2024", "%b %m %Y", "2024-01-01T00:00:00Z"),
        ("060 2024-02-29", "%j %Y-%m-%d", "2024-02-29T00:00:00Z"),
        ("13:30 PM", "%H:%M %p", "1970-01-01T13:30:00Z"),
        ("00 12 AM", "%H %I %p", "1970-01-01T00:00:00Z"),
        ("1.5", "%S.%f", "1970-01-01T00:00:01.5Z"),
        ("1.000000001", "%S.%f", "1970-01-01T00:00:01.000000001Z"),
        ("2025-03-01 12:05:09", "", "2025-03-01T12:05:09Z"),
        ("2025-03-01 12:05 +01:00", "", "2025-03-01T12:05:00+01:00"),
        ("2025-03-01T12:05:09-00:00", "", "2025-03-01T12:05:09Z"),
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
        ("2025-03-01T12:05:09,5Z", ""),
        ("2025-03-01T12:05:09.1234567890Z", ""),
        ("2025-03-01T12:05:60Z", ""),
        ("2025-03-01Z", ""),
        ("2025-03-01T12:05:09+24:00", ""),
        ("2025-03-01T12:05:09+01:60", ""),
        ("2023 366", "%Y %j"),
        ("2023 000", "%Y %j"),
        ("2023 400", "%Y %j"),
        ("00.01.2024", "%d.%m.%Y"),
        ("01.00.2024", "%d.%m.%Y"),
        ("29.02.2023", "%d.%m.%Y"),
        ("Mon 2024-01-05", "%a %Y-%m-%d"),
        ("Monday 5.1.24", "%A %d.%m.%y"),
        ("Mon Friday", "%a %A"),
        ("Feb 01 2024", "%b %m %Y"),
        ("Jan February", "%b %B"),
        ("061 2024-02-29", "%j %Y-%m-%d"),
        ("Mon 005 2024", "%a %j %Y"),
        ("13:30 AM", "%H:%M %p"),
        ("01:30 PM", "%H:%M %p"),
        ("13 02", "%H %I"),
        ("PM", "%p"),
        ("24 2024", "%y %Y"),
        ("24 2024-01-05", "%y %Y-%m-%d"),
        ("5 5", "%d %d"),
    ],
)
def test_what_is_no_moment_is_said_to_be_none(text: str, layout: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        parse_time(text, layout)
    assert caught.value.code == ErrorCode.INVALID_VALUE


@pytest.mark.parametrize("layout", ["%q", "%", "%5d", "%999999999d", "%-d", "%E"])
def test_a_layout_knows_its_own_sequences_only(layout: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        format_time(NOON, layout)
    assert caught.value.code == ErrorCode.INVALID_VALUE
    assert "known are" in caught.value.message


@pytest.mark.parametrize(
    ("text", "layout", "words"),
    [
        ("01.03.2025", "", '"%d.%m.%Y %H:%M" reads 01.03.2025 14:30'),
        ("2025", "%d.%m.%Y", '"%d.%m.%Y %H:%M" reads 01.03.2025 14:30'),
        ("01.03.2025", "DD.MM.YYYY", "no % sequence"),
        ("x", "%q", '"%d.%m.%Y %H:%M" reads 01.03.2025 14:30'),
        ("Mon 2024-01-05", "%a %Y-%m-%d", "2024-01-05 is a Friday, not a Monday"),
        ("13:30 AM", "%H:%M %p", "AM does not go with hour 13"),
        ("2023 366", "%Y %j", "the year 2023 has no day 366"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, layout: str, words: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        parse_time(text, layout)
    assert words in caught.value.message


@given(st.datetimes(timezones=st.timezones().filter(lambda zone: "/" in str(zone))))
def test_every_moment_reads_back_from_its_own_text(moment: datetime) -> None:
    offset = moment.utcoffset() or timedelta()
    time = TimeDate.of(moment)
    if offset % timedelta(minutes=1) == timedelta():
        assert parse_time(format_time(time, ""), "") == time
        layout = "%Y-%m-%d %H:%M:%S.%f %z"
        assert parse_time(format_time(time, layout), layout) == time


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(0, 999),
    st.lists(st.sampled_from(["%Y", "%m", "%d", "%H", "%M", "%S", "%f", "%j", "%I", "%p", "%A", "%a", "%B", "%b"])),
)
def test_what_a_layout_writes_it_reads_without_a_contradiction(
    moment: datetime, nanosecond: int, parts: list[str]
) -> None:
    time = TimeDate.of(moment).replace(nanosecond=nanosecond)
    layout = " ".join(dict.fromkeys(["%Y", "%m", "%d", "%H", *parts]))
    read = parse_time(format_time(time, layout), layout)
    assert (read.date(), read.hour) == (time.date(), time.hour)
    assert format_time(read, layout) == format_time(time, layout)


@given(st.text(), st.text(alphabet="%YmdHMSfjyIpAaBbz -:"))
def test_any_text_and_any_layout_give_a_moment_or_an_error(text: str, layout: str) -> None:
    try:
        assert isinstance(parse_time(text, layout), TimeDate)
    except NeuroScriptError as error:
        assert error.code == ErrorCode.INVALID_VALUE  # noqa: PT017 - either outcome is right


def test_seconds_and_moments() -> None:
    start = from_unix(0)
    assert text_of(from_unix(1700000000.1)) == "2023-11-14T22:13:20.1Z"
    assert text_of(from_unix(-0.5)) == "1969-12-31T23:59:59.5Z"
    assert text_of(add(start, 1e-9)) == "1970-01-01T00:00:00.000000001Z"
    assert text_of(add(start, 4e-10)) == "1970-01-01T00:00:00Z"
    assert text_of(add(start, 0.0000000015)) == "1970-01-01T00:00:00.000000002Z"
    assert difference(start, add(start, 1e-9)) == 1e-9
    assert to_unix(parse_time("2024-01-01T00:00:00.000000001Z", "")) == 1704067200
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
        "nanosecond": 7000,
        "weekday": 1,
        "yearday": 365,
        "offset_seconds": -19800,
    }


# --- the calendar -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2024-01-31", 1, "2024-02-29T00:00:00Z"),
        ("2023-01-31", 1, "2023-02-28T00:00:00Z"),
        ("2024-03-31", -1, "2024-02-29T00:00:00Z"),
        ("2024-02-29", 12, "2025-02-28T00:00:00Z"),
        ("2024-02-29", 48, "2028-02-29T00:00:00Z"),
        ("2024-12-15", 1, "2025-01-15T00:00:00Z"),
        ("2024-01-15", -1, "2023-12-15T00:00:00Z"),
        ("2024-01-31T23:59:59.123456789+05:30", 1, "2024-02-29T23:59:59.123456789+05:30"),
        ("1900-01-31", 1, "1900-02-28T00:00:00Z"),
        ("2000-01-31", 1, "2000-02-29T00:00:00Z"),
        ("2024-05-31", 0, "2024-05-31T00:00:00Z"),
    ],
)
def test_months_end_where_the_month_does(start: str, months: int, end: str) -> None:
    assert text_of(tool("time.AddMonths", parse_time(start, ""), months)) == end


times = st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1)).map(TimeDate.of)


@given(times, st.integers(-5000, 5000))
def test_adding_months_keeps_the_day_or_takes_the_last_one(time: TimeDate, months: int) -> None:
    later = tool("time.AddMonths", time, months)
    assert (later.year - time.year) * 12 + later.month - time.month == months
    assert later.timetz() == time.timetz()
    assert later.day == time.day or (later.day < time.day and (later + timedelta(1)).day == 1)


@given(times, st.integers(-100_000, 100_000))
def test_days_are_days(time: TimeDate, days: int) -> None:
    later = tool("time.AddDays", time, days)
    assert difference(time, later) == days * 86_400
    assert (tool("time.Weekday", later) - tool("time.Weekday", time) - days) % 7 == 0


@given(times)
def test_after_the_end_of_a_month_comes_a_first(time: TimeDate) -> None:
    end = tool("time.EndOfMonth", time)
    assert (end.year, end.month, end.timetz()) == (time.year, time.month, time.timetz())
    assert tool("time.AddDays", end, 1).day == 1


@pytest.mark.parametrize("name", ["AddDays", "AddMonths"])
@pytest.mark.parametrize("count", [10**7, -(10**7), 10**30, -(2**4000)])
def test_the_calendar_ends(name: str, count: int) -> None:
    assert code(f"time.{name}", NOON, count) == ErrorCode.INVALID_VALUE


@given(
    st.from_regex(r"(0000|1999|2024|9999)-(02|13)-(01|29|30)([Tt ](00|24):(00|59)(:(07|60))?(Z|z)?)?", fullmatch=True)
    | st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds"))
)
def test_a_moment_in_whole_seconds_reads_as_any_other(text: str) -> None:
    with_blank = outcome(lambda: tool("time.Parse", f" {text}"))
    assert outcome(lambda: tool("time.Parse", text)) == with_blank.replace(f"' {text}'", f"'{text}'")
