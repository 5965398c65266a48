"""The timedate, the language's type for a moment in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from typing import Any, Self, SupportsIndex

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeDate(datetime):
    """A moment with its offset from UTC, to the nanosecond.  The zero time (year 1) is falsy.

    It is a `datetime` whose comparisons, sums and copies include the nanoseconds; the difference of two moments is
    a `timedelta`, which ends at microseconds.  Without a time zone it is in UTC.
    """

    __slots__ = ("nanosecond",)

    nanosecond: int
    """Nanoseconds beyond ``microsecond``, 0 to 999."""

    def __new__(
        cls,
        year: SupportsIndex,
        month: SupportsIndex = 1,
        day: SupportsIndex = 1,
        hour: SupportsIndex = 0,
        minute: SupportsIndex = 0,
        second: SupportsIndex = 0,
        microsecond: SupportsIndex = 0,
        tzinfo: tzinfo | None = UTC,
        *,
        fold: int = 0,
        nanosecond: int = 0,
    ) -> Self:
        if not 0 <= nanosecond <= 999:
            raise ValueError(f"nanosecond must be in 0..999, not {nanosecond}")
        zone = tzinfo or UTC
        self = datetime.__new__(cls, year, month, day, hour, minute, second, microsecond, zone, fold=fold)
        self.nanosecond = nanosecond
        return self

    @classmethod
    def of(cls, moment: datetime) -> TimeDate:
        """Converts a `datetime` to a value of the language.

        Without an offset it counts as UTC; with an offset of odd seconds, which RFC 3339 cannot write, it is brought to
        UTC.  Its attribute ``nanosecond`` is kept if it has one.
        """
        zone = moment.tzinfo or UTC
        if zone is not UTC:
            offset = zone.utcoffset(moment) or timedelta()
            if offset % _MINUTE:
                moment, zone = datetime.astimezone(moment, UTC), UTC
            else:
                zone = timezone(offset) if offset else UTC
        return cls(
            moment.year,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond,
            zone,
            nanosecond=getattr(moment, "nanosecond", 0),
        )

    @classmethod
    def from_unix_nanoseconds(cls, nanoseconds: int) -> TimeDate:
        """The moment so many nanoseconds after 1970-01-01 00:00 UTC.

        Raises:
            OverflowError: beyond the years 1 to 9999.
        """
        return cls.of(_EPOCH).plus(nanoseconds)

    @property
    def unix_nanoseconds(self) -> int:
        """Nanoseconds since 1970-01-01 00:00 UTC; negative before."""
        passed = datetime.__sub__(self, _EPOCH)
        return ((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000 + self.nanosecond

    @property
    def fraction(self) -> int:
        """The nanoseconds of the second, 0 to 999,999,999."""
        return self.microsecond * 1000 + self.nanosecond

    def plus(self, nanoseconds: int) -> TimeDate:
        """The moment so many nanoseconds later, with the same offset.

        Raises:
            OverflowError: beyond the years 1 to 9999.
        """
        microseconds, rest = divmod(self.nanosecond + nanoseconds, 1000)
        moment = datetime.__add__(self, timedelta(microseconds=microseconds))
        if type(moment) is not TimeDate or moment.tzinfo is not UTC:
            moment = TimeDate.of(moment)
        moment.nanosecond = rest
        return moment

    def __bool__(self) -> bool:
        if self.year > 1 or self.fraction:
            return True
        return (self.month, self.day, self.hour, self.minute, self.second) != (1, 1, 0, 0, 0)

    # --- what a datetime does, with the nanoseconds ------------------------------------------------------------------

    def replace(self, *args: Any, nanosecond: int | None = None, **fields: Any) -> TimeDate:
        """As `datetime.replace`; ``nanosecond`` may be replaced too."""
        moment = TimeDate.of(datetime.replace(self, *args, **fields))
        moment.nanosecond = self.nanosecond if nanosecond is None else nanosecond
        return moment

    def astimezone(self, tz: tzinfo | None = None) -> TimeDate:
        """The same moment with the offset of another time zone."""
        moment = TimeDate.of(datetime.astimezone(self, tz))
        moment.nanosecond = self.nanosecond
        return moment

    def __add__(self, other: timedelta) -> TimeDate:
        if not isinstance(other, timedelta):
            return NotImplemented
        return self.plus((other.days * 86_400 + other.seconds) * 1_000_000_000 + other.microseconds * 1000)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, timedelta) else datetime.__sub__(self, other)

    def _order(self, other: object, holds: Callable[[int], bool]) -> bool:
        """Whether ``holds`` of a number below, at or above 0 as this moment is before, at or after ``other``."""
        if not isinstance(other, datetime):
            return NotImplemented  # type: ignore[no-any-return]
        passed = datetime.__sub__(self, other)
        if passed:
            return holds(-1 if passed.days < 0 else 1)
        return holds(self.nanosecond - int(getattr(other, "nanosecond", 0)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, datetime) and other.tzinfo is None:
            return False
        return self._order(other, lambda order: order == 0)

    def __ne__(self, other: object) -> bool:  # datetime has one of its own, which does not ask __eq__
        return not self == other

    def __lt__(self, other: object) -> bool:
        return self._order(other, lambda order: order < 0)

    def __le__(self, other: object) -> bool:
        return self._order(other, lambda order: order <= 0)

    def __gt__(self, other: object) -> bool:
        return self._order(other, lambda order: order > 0)

    def __ge__(self, other: object) -> bool:
        return self._order(other, lambda order: order >= 0)

    def __hash__(self) -> int:
        # Equal to that of the datetime which it equals.
        return hash((datetime.__hash__(self), self.nanosecond)) if self.nanosecond else datetime.__hash__(self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        fields = (self.year, self.month, self.day, self.hour, self.minute, self.second, self.microsecond)
        return _restore, (fields, self.tzinfo, self.nanosecond)


def _restore(fields: tuple[int, int, int, int, int, int, int], zone: tzinfo, nanosecond: int) -> TimeDate:
    """A pickled or copied moment."""
    return TimeDate(*fields, zone, nanosecond=nanosecond)
