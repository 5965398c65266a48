"""Moments keep their nanoseconds in all that is done with them."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import Interpreter, TimeDate
from neuroscript.values import equal, from_host, same, text_of, to_host, to_json

EARLIER = TimeDate(2024, 1, 2, 3, 4, 5, 6, nanosecond=7)
LATER = TimeDate(2024, 1, 2, 3, 4, 5, 6, nanosecond=8)

moments = st.builds(
    lambda moment, nanosecond, minutes: TimeDate.of(
        moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    ).replace(nanosecond=nanosecond),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(0, 999),
    st.integers(-23 * 60, 23 * 60),
)


def test_moments_differ_by_a_nanosecond() -> None:
    assert EARLIER < LATER
    assert LATER > EARLIER
    assert EARLIER <= LATER
    assert LATER >= EARLIER
    assert EARLIER != LATER
    assert not equal(EARLIER, LATER)
    assert not same([EARLIER], [LATER])
    assert len({EARLIER, LATER, copy.copy(EARLIER)}) == 2
    assert max([EARLIER, LATER, EARLIER]) is LATER


@pytest.mark.parametrize(
    ("nanosecond", "microsecond", "text"),
    [
        (0, 0, "2024-01-02T03:04:05Z"),
        (1, 0, "2024-01-02T03:04:05.000000001Z"),
        (0, 1, "2024-01-02T03:04:05.000001Z"),
        (10, 0, "2024-01-02T03:04:05.00000001Z"),
        (0, 500_000, "2024-01-02T03:04:05.5Z"),
        (999, 999_999, "2024-01-02T03:04:05.999999999Z"),
    ],
)
def test_the_text_has_as_many_digits_as_are_needed(nanosecond: int, microsecond: int, text: str) -> None:
    moment = TimeDate(2024, 1, 2, 3, 4, 5, microsecond, nanosecond=nanosecond)
    assert text_of(moment) == text
    assert text_of([moment]) == f"[{text}]"
    assert to_json({"at": moment}) == {"at": text}


def test_what_a_datetime_does_keeps_the_nanoseconds() -> None:
    day = timedelta(days=1)
    east = timezone(timedelta(hours=5, minutes=30))
    for moment in (
        EARLIER + day - day,
        day + EARLIER - day,
        EARLIER.replace(year=2025).replace(year=2024),
        EARLIER.astimezone(east).astimezone(UTC),
        copy.copy(EARLIER),
        copy.deepcopy(EARLIER),
        pickle.loads(pickle.dumps(EARLIER)),
        TimeDate.of(EARLIER),
        from_host([EARLIER])[0],
        to_host([EARLIER])[0],
        EARLIER.plus(10**15).plus(-(10**15)),
    ):
        assert type(moment) is TimeDate
        assert moment == EARLIER
        assert (moment.nanosecond, moment.hour, moment.utcoffset()) == (7, 3, timedelta())
    assert text_of(EARLIER.astimezone(east)) == "2024-01-02T08:34:05.000006007+05:30"
    assert EARLIER.astimezone(east) == EARLIER
    assert hash(EARLIER.astimezone(east)) == hash(EARLIER)
    assert timedelta() == LATER - EARLIER  # a timedelta ends at microseconds


def test_a_moment_and_a_datetime_of_the_host() -> None:
    plain = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert plain < EARLIER
    assert plain < EARLIER
    assert EARLIER.replace(nanosecond=0) == plain
    assert hash(EARLIER.replace(nanosecond=0)) == hash(plain)
    assert plain.replace(tzinfo=None) != EARLIER
    assert EARLIER != 5
    with pytest.raises(TypeError):
        assert EARLIER < 5  # type: ignore[operator]


def test_other_clocks_with_nanoseconds_are_understood() -> None:
    class Exact(datetime):
        nanosecond = 321

    moment = from_host(Exact(2024, 1, 1, tzinfo=UTC))
    assert text_of(moment) == "2024-01-01T00:00:00.000000321Z"


def test_an_offset_that_rfc_3339_cannot_write_becomes_utc() -> None:
    odd = timezone(timedelta(minutes=19, seconds=32))
    assert text_of(TimeDate.of(datetime(1930, 1, 1, tzinfo=odd))) == "1929-12-31T23:40:28Z"


def test_without_a_time_zone_a_moment_is_in_utc() -> None:
    assert TimeDate(2024, 1, 1) == TimeDate(2024, 1, 1, tzinfo=UTC)
    assert text_of(TimeDate(2024, 1, 1, tzinfo=None)) == "2024-01-01T00:00:00Z"


@pytest.mark.parametrize("nanosecond", [-1, 1000])
def test_a_nanosecond_is_less_than_a_microsecond(nanosecond: int) -> None:
    with pytest.raises(ValueError, match="nanosecond must be in"):
        TimeDate(2024, 1, 1, nanosecond=nanosecond)


def test_only_the_zero_time_is_falsy() -> None:
    assert not TimeDate(1, 1, 1)
    for moment in (TimeDate(1, 1, 1, nanosecond=1), TimeDate(1, 1, 2), TimeDate(1, 1, 1, 0, 0, 1), EARLIER):
        assert moment


@given(moments)
def test_a_moment_is_its_nanoseconds(moment: TimeDate) -> None:
    again = TimeDate.from_unix_nanoseconds(moment.unix_nanoseconds)
    assert again == moment
    assert again.unix_nanoseconds == moment.unix_nanoseconds
    assert hash(again) == hash(moment)


@given(moments, moments)
def test_moments_are_ordered_as_their_nanoseconds_are(a: TimeDate, b: TimeDate) -> None:
    x, y = a.unix_nanoseconds, b.unix_nanoseconds
    assert [a < b, a <= b, a > b, a >= b, a == b, a != b] == [x < y, x <= y, x > y, x >= y, x == y, x != y]


@given(moments, st.integers(-(10**18), 10**18))
def test_adding_adds(moment: TimeDate, nanoseconds: int) -> None:
    try:
        later = moment.plus(nanoseconds)
    except OverflowError:
        return
    assert later.unix_nanoseconds == moment.unix_nanoseconds + nanoseconds
    assert later.utcoffset() == moment.utcoffset()


def test_a_script_sees_nanoseconds() -> None:
    text = """
func main() means
  set a = tool.time.Parse("2024-01-01T00:00:00.000000001Z")
  set b = tool.time.Parse("2024-01-01T00:00:00.000000002+00:00")
  return [a < b, a == b, a != b, "" + a, tool.time.Diff(a, b), tool.list.Sort([b, a]), tool.time.Parts(b).nanosecond,
    tool.json.Stringify([a]), tool.time.Format(a, "%S.%f"), tool.list.Unique([a, b, a]), tool.time.Add(a, 1)]
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(text)
        result: list[Any] = interpreter.run("main")
    first, second = result[5]
    assert result[:5] == [True, False, True, "2024-01-01T00:00:00.000000001Z", 1e-9]
    assert (first.nanosecond, second.nanosecond) == (1, 2)
    assert result[6:10] == [2, '["2024-01-01T00:00:00.000000001Z"]', "00.000000001", [first, second]]
    assert text_of(result[10]) == "2024-01-01T00:00:01.000000001Z"
