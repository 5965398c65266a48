"""The tools of group ``time``: the clock, and moments as values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import time_ns
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib import time_calendar
from neuroscript.stdlib.time_layout import MAX_LAYOUT, format_time, parse_time
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import TimeDate, number_text

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext

MAX_SLEEP = 86_400
NANOSECONDS = 1_000_000_000


def now() -> TimeDate:
    return TimeDate.from_unix_nanoseconds(time_ns())


def sleep(ctx: ToolContext, seconds: float) -> bool:
    if not 0 <= seconds <= MAX_SLEEP:
        message = f"one can sleep from 0 to {MAX_SLEEP} seconds, not {seconds}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
    ctx.sleep(seconds)
    return True


def difference(start: TimeDate, end: TimeDate) -> float:
    return (end.unix_nanoseconds - start.unix_nanoseconds) / NANOSECONDS


def add(time: TimeDate, seconds: float) -> TimeDate:
    try:
        return time.plus(_nanoseconds(seconds))
    except OverflowError as error:
        message = f"tool.time.Add: {seconds} seconds from there is outside the years 1 to 9999"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message) from error


def to_unix(time: TimeDate) -> float:
    return time.unix_nanoseconds / NANOSECONDS


def from_unix(seconds: float) -> TimeDate:
    try:
        return TimeDate.from_unix_nanoseconds(_nanoseconds(seconds))
    except OverflowError as error:
        message = f"tool.time.FromUnix: {seconds} seconds since 1970 is outside the years 1 to 9999"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message) from error


def _nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds, by their decimal digits: 1700000000.1 ends in a tenth, though no double does."""
    if type(seconds) is int:
        return seconds * NANOSECONDS
    whole, _, fraction = number_text(seconds).partition(".")
    digits = fraction[:9].ljust(9, "0")
    nanoseconds = abs(int(whole)) * NANOSECONDS + int(digits) + (fraction[9:10] >= "5")
    return -nanoseconds if whole[0] == "-" else nanoseconds


def parts(time: TimeDate) -> dict[str, Any]:
    offset = time.utcoffset() or timedelta()
    return {
        "year": time.year,
        "month": time.month,
        "day": time.day,
        "hour": time.hour,
        "minute": time.minute,
        "second": time.second,
        "microsecond": time.microsecond,
        "nanosecond": time.fraction,
        "weekday": time.isoweekday(),
        "yearday": time.timetuple().tm_yday,
        "offset_seconds": int(offset.total_seconds()),
    }


def sleep_spec(name: str) -> ToolSpec:
    """The spec of the sleeping tool, which scripts know by two names."""
    return ToolSpec(
        name=name,
        description="Waits. The host's cancelling ends the wait.",
        args=(ArgSpec("seconds", ArgType.NUMBER, f"How long, from 0 to {MAX_SLEEP}; fractions count."),),
        return_type=ArgType.BOOL,
        return_help="true",
        example=f"call tool.{name}(0.5)",
        error_conditions="4 if the number is out of range.",
        effect="idempotent",
    )


_PARTS = Shape(
    "map of a moment's parts",
    [
        ShapeField("year", ArgType.INT, "The year, 1 to 9999."),
        ShapeField("month", ArgType.INT, "The month, 1 to 12."),
        ShapeField("day", ArgType.INT, "The day of the month, 1 to 31."),
        ShapeField("hour", ArgType.INT, "The hour, 0 to 23."),
        ShapeField("minute", ArgType.INT, "The minute, 0 to 59."),
        ShapeField("second", ArgType.INT, "The second, 0 to 59."),
        ShapeField("microsecond", ArgType.INT, "Microseconds of the second."),
        ShapeField("nanosecond", ArgType.INT, "Nanoseconds of the second."),
        ShapeField("weekday", ArgType.INT, "The weekday: 1 is Monday, 7 Sunday."),
        ShapeField("yearday", ArgType.INT, "The day of the year: 1 is 1 January."),
        ShapeField("offset_seconds", ArgType.INT, "Seconds that its clock is ahead of UTC."),
    ],
)
_TIME = ArgSpec("time", ArgType.TIMEDATE, "The moment.")
_LAYOUT_HELP = (
    "Made of `%Y %m %d %H %M %S %f %j %y %I %p %A %a %B %b %z %%` and other text, as `%d.%m.%Y %H:%M` is for "
    f"`01.03.2025 14:30`, at most {MAX_LAYOUT} characters; left out, RFC 3339 (`2025-03-01T12:00:00Z`)."
)
_LAYOUT = ArgSpec("layout", ArgType.STRING, _LAYOUT_HELP, required=False, default="")

TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="time.Now",
            description="Reads the clock.",
            return_type=ArgType.TIMEDATE,
            return_help="The moment, in UTC.",
            example="set started = tool.time.Now()",
            effect="read",
        ),
        now,
    ),
    (sleep_spec("time.Sleep"), sleep),
    (
        ToolSpec(
            name="time.Format",
            description="Writes a moment as text. Names of days and months are English.",
            args=(_TIME, _LAYOUT),
            return_type=ArgType.STRING,
            return_help="The text.",
            example='tool.time.Format(tool.time.FromUnix(0), "%d %B %Y") = "01 January 1970"',
            error_conditions="41 for a layout with another `%` sequence, or one that is too long.",
            pure=True,
        ),
        format_time,
    ),
    (
        ToolSpec(
            name="time.Parse",
            description="Reads a moment from text. Without an offset it counts as UTC; without a layout a date alone, "
            "or one without seconds, will do.",
            args=(ArgSpec("text", ArgType.STRING, "The text."), _LAYOUT),
            return_type=ArgType.TIMEDATE,
            return_help="The moment.",
            primer="Layouts: `%Y-%m-%d %H:%M:%S %B %a`; without one RFC 3339 (Parse: a date too).",
            example='tool.time.Parse("02.01.1970", "%d.%m.%Y") = tool.time.FromUnix(86400)',
            error_conditions="41 if the text does not have that form, names a moment that there is not or contradicts "
            "itself (`Mon 2024-01-05`), or the layout has another `%` sequence or one of them twice.",
            pure=True,
        ),
        parse_time,
    ),
    (
        ToolSpec(
            name="time.Diff",
            description="Tells how long it is from one moment to another.",
            args=(ArgSpec("start", ArgType.TIMEDATE, "From here."), ArgSpec("end", ArgType.TIMEDATE, "To here.")),
            return_type=ArgType.NUMBER,
            return_help="Seconds, negative if `end` is before `start`.",
            primer="→seconds",
            example="tool.time.Diff(tool.time.FromUnix(0), tool.time.FromUnix(90)) = 90",
            pure=True,
        ),
        difference,
    ),
    (
        ToolSpec(
            name="time.Add",
            description="Goes on from a moment.",
            args=(_TIME, ArgSpec("seconds", ArgType.NUMBER, "How far; negative goes back.")),
            return_type=ArgType.TIMEDATE,
            return_help="The other moment.",
            example="tool.time.Add(tool.time.FromUnix(30), 60) = tool.time.FromUnix(90)",
            error_conditions="41 beyond the years 1 to 9999.",
            pure=True,
        ),
        add,
    ),
    (
        ToolSpec(
            name="time.Unix",
            description="Gives a moment as a number.",
            args=(_TIME,),
            return_type=ArgType.NUMBER,
            return_help="Seconds since 1970-01-01 00:00 UTC, as near as a double is: half a microsecond today.",
            example='tool.time.Unix(tool.time.Parse("1970-01-01T00:01:00Z")) = 60',
            pure=True,
        ),
        to_unix,
    ),
    (
        ToolSpec(
            name="time.FromUnix",
            description="Gives a number as a moment.",
            args=(ArgSpec("seconds", ArgType.NUMBER, "Seconds since 1970-01-01 00:00 UTC."),),
            return_type=ArgType.TIMEDATE,
            return_help="The moment, in UTC.",
            example='tool.time.FromUnix(60) = tool.time.Parse("1970-01-01T00:01:00Z")',
            error_conditions="41 beyond the years 1 to 9999.",
            pure=True,
        ),
        from_unix,
    ),
    (
        ToolSpec(
            name="time.Parts",
            description="Takes a moment apart.",
            args=(_TIME,),
            return_type=ArgType.MAP,
            return_help="Its parts.",
            result_shape=_PARTS,
            primer="→{year,month,day,hour,minute,second,weekday,yearday,…}",
            example="tool.time.Parts(tool.time.FromUnix(0)).year = 1970",
            pure=True,
        ),
        parts,
    ),
]
TOOLS += time_calendar.TOOLS
