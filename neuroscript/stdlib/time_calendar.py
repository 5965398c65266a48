"""The tools of group ``time`` that go by the calendar: days, months, weekdays."""

from __future__ import annotations

from datetime import timedelta

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import Group, fail, required
from neuroscript.tools.spec import ArgType
from neuroscript.values import TimeDate, number_text

_group = Group("time")
TOOLS = _group.tools

_TIME = required("time", ArgType.TIMEDATE, "The moment.")
_BEYOND = "41 beyond the years 1 to 9999"
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_in_month(year: int, month: int) -> int:
    """The number of days of a month by the Gregorian calendar."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _DAYS[month - 1] + leap


@_group.tool(
    "AddDays",
    _TIME,
    required("days", ArgType.INT, "How many days; negative goes back."),
    returns=ArgType.TIMEDATE,
    result="The moment at the same time of day, with the same offset.",
    example='tool.time.AddDays(tool.time.Parse("2024-02-28"), 2) = tool.time.Parse("2024-03-01")',
    errors=_BEYOND,
)
def add_days(time: TimeDate, days: int) -> TimeDate:
    """Goes on from a moment by whole days."""
    try:
        return time + timedelta(days=days)
    except OverflowError:
        fail(ErrorCode.INVALID_VALUE, "time.AddDays", f"{_count(days)} days from there is outside the years 1 to 9999")


@_group.tool(
    "AddMonths",
    _TIME,
    required("months", ArgType.INT, "How many months; negative goes back."),
    returns=ArgType.TIMEDATE,
    result="The same day of that month, or its last day where the month is shorter, at the same time of day.",
    example='tool.time.AddMonths(tool.time.Parse("2024-01-31"), 1) = tool.time.Parse("2024-02-29")',
    errors=_BEYOND,
)
def add_months(time: TimeDate, months: int) -> TimeDate:
    """Goes on from a moment by months of the calendar."""
    year, month = divmod(time.year * 12 + time.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        problem = f"{_count(months)} months from there is outside the years 1 to 9999"
        fail(ErrorCode.INVALID_VALUE, "time.AddMonths", problem)
    month += 1
    return time.replace(year=year, month=month, day=min(time.day, days_in_month(year, month)))


@_group.tool(
    "EndOfMonth",
    _TIME,
    returns=ArgType.TIMEDATE,
    result="The last day of the moment's month, at the same time of day.",
    example='tool.time.EndOfMonth(tool.time.Parse("2024-02-10")) = tool.time.Parse("2024-02-29")',
)
def end_of_month(time: TimeDate) -> TimeDate:
    """Goes to the last day of the month."""
    return time.replace(day=days_in_month(time.year, time.month))


@_group.tool(
    "Weekday",
    _TIME,
    returns=ArgType.INT,
    result="1 for Monday to 7 for Sunday, where the moment's own offset has it.",
    primer="→1_Monday…7",
    example='tool.time.Weekday(tool.time.Parse("2024-02-29")) = 4',
)
def weekday(time: TimeDate) -> int:
    """Tells the day of the week."""
    return time.isoweekday()


def _count(number: int) -> str:
    return number_text(number) if number.bit_length() < 64 else "so many"
