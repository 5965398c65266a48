"""Charts as inline SVG, with accessible names: stacked bars and lines, of a few series over some days."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from neuroscript.cli import visible

WIDTH, HEIGHT = 560, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 12, 26
_PLOT_WIDTH, _PLOT_HEIGHT = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_TICKS: Final = 4
_LEAST_SPAN: Final = 1e-300  # the ticks of a shorter axis would be numbers that floating point does not tell apart
_MOST_LABELS: Final = 7
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MARKS: Final = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
    "M-3.2 -3.2h6.4v6.4h-6.4z",
    "M0 -4.6L4.4 3.4H-4.4z",
    "M0 -4.8L4.8 0L0 4.8L-4.8 0z",
    "M0 4.6L4.4 -3.4H-4.4z",
    "M-1.5 -4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "M-4.4 -2.2h8.8v4.4h-8.8z",
    "M-2.2 -4.4h4.4v8.8h-4.4z",
)
"""The marks of the series, so that they are told apart without colour."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart or a layer of its bars: its label, the number of its colour, and a value for each bin."""

    label: str
    colour: int
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Args:
        key: a word that is unique in the page.
        title: its heading.
        description: what it shows, in a sentence, for those who do not see it.
        days: the first day of each bin.
        days_each: how many days a bin has.
        series: the series.
        shown: makes the text of a value.
        bars: whether the series are stacked bars; otherwise they are lines.
        top: the end of the scale; None: the largest value.
    """

    key: str
    title: str
    description: str
    days: Sequence[date]
    days_each: int
    series: Sequence[Series]
    shown: Callable[[float], str]
    bars: bool
    top: float | None = None
    whole: bool = False
    """Whether the values are whole numbers, between which the scale has no ticks."""

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for series in self.series for value in series.values)

    def day(self, number: int) -> str:
        """Returns the text for a bin: its day, or its first day and how many it has."""
        text = long_day(self.days[number])
        return text if self.days_each == 1 else f"{self.days_each} days from {text}"


def text(value: object) -> str:
    """Makes foreign text safe for a page: markup is escaped, control and direction characters are shown."""
    return html.escape(visible(str(value)).replace("\n", " ").replace("\t", " "))


def long_day(day: date) -> str:
    """Returns a day as ``5 Jun 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def mark(series: int) -> str:
    """Returns the mark of a series as a small picture for legends."""
    path = f'<path class="s{series}" d="{_MARKS[series]}"/>'
    return f'<svg class="mark" viewBox="-6 -6 12 12" aria-hidden="true">{path}</svg>'


def draw(chart: Chart) -> str:
    """Draws a chart."""
    least, largest = _range(chart)
    scale = nice_scale(largest if chart.top is None else chart.top, least, whole=chart.whole)
    names = f'aria-labelledby="{chart.key}-t" aria-describedby="{chart.key}-d"'
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {names}>',
        f'<title id="{chart.key}-t">{text(chart.title)}</title>',
        f'<desc id="{chart.key}-d">{text(chart.description)}</desc>',
        *_grid(chart, scale),
        *(_bars(chart, scale) if chart.bars else _lines(chart, scale)),
        "</svg>",
    ]
    return "".join(parts)


def nice_scale(largest: float, least: float = 0, *, whole: bool = False) -> list[float]:
    """Returns the ticks of an axis at round numbers: 0, at least the largest value, and at most the least below 0."""
    largest, least = max(largest, 0), min(least, 0)
    span = largest - least
    if not _LEAST_SPAN < span < math.inf:
        return [0.0, 1.0]
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= rough * (1 - 1e-9)), 10 * power)
    if whole:
        step = float(max(1, math.ceil(step)))
    first, last = math.floor(least / step * (1 - 1e-9)), math.ceil(largest / step * (1 - 1e-9))
    return [step * number for number in range(first, last + 1)]


def _range(chart: Chart) -> tuple[float, float]:
    if chart.bars:
        sums = [sum(series.values[number] or 0 for series in chart.series) for number in range(len(chart.days))]
        return 0, max(sums, default=0)
    values = [value for series in chart.series for value in series.values if value is not None]
    return min(values, default=0), max(values, default=0)


def _x(chart: Chart, number: int) -> float:
    """The middle of a bin."""
    return _LEFT + _PLOT_WIDTH * (number + 0.5) / len(chart.days)


def _y(value: float, scale: Sequence[float]) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - min(max((value - scale[0]) / (scale[-1] - scale[0]), 0), 1))


def _grid(chart: Chart, scale: Sequence[float]) -> list[str]:
    parts = []
    for tick in scale:
        y = _y(tick, scale)
        kind = "base" if tick == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{chart.shown(tick)}</text>')
    every = math.ceil(len(chart.days) / _MOST_LABELS)
    for number in range(0, len(chart.days), every):
        day = chart.days[number]
        label = f"{day.day} {_MONTHS[day.month - 1]}"
        if chart.days_each > 7:
            label = f"{_MONTHS[day.month - 1]} {day.year}"
        parts.append(
            f'<text class="tick" x="{_x(chart, number):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>'
        )
    return parts


def _bars(chart: Chart, scale: Sequence[float]) -> list[str]:
    parts = []
    width = min(44.0, max(1.5, _PLOT_WIDTH / len(chart.days) * 0.72))
    for number in range(len(chart.days)):
        below = 0.0
        for series in chart.series:
            value = series.values[number] or 0
            if value <= 0:
                continue
            high, low = _y(below + value, scale), _y(below, scale)
            below += value
            said = f"{series.label}, {chart.day(number)}: {chart.shown(value)}"
            parts.append(
                f'<rect class="bar s{series.colour}" x="{_x(chart, number) - width / 2:.1f}" y="{high:.2f}" '
                f'width="{width:.1f}" height="{max(low - high, 0.5):.2f}"><title>{text(said)}</title></rect>'
            )
    return parts


def _lines(chart: Chart, scale: Sequence[float]) -> list[str]:
    parts = []
    for series in chart.series:
        path, before = [], None
        for number, value in enumerate(series.values):
            if value is not None:
                step = "L" if before == number - 1 and number else "M"
                path.append(f"{step}{_x(chart, number):.1f} {_y(value, scale):.1f}")
                before = number
        parts.append(f'<path class="line c{series.colour}" d="{"".join(path)}"/>')
    for series in chart.series:
        for number, value in enumerate(series.values):
            if value is not None:
                place = f"{_x(chart, number):.1f} {_y(value, scale):.1f}"
                said = f"{series.label}, {chart.day(number)}: {chart.shown(value)}"
                parts.append(
                    f'<path class="dot s{series.colour}" transform="translate({place})" d="{_MARKS[series.colour]}">'
                    f"<title>{text(said)}</title></path>"
                )
    return parts
