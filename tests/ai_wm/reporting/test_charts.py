"""Charts as SVG, and the numbers on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai_wm.reporting import formats
from ai_wm.reporting.charts import HEIGHT, WIDTH, Chart, Series, draw, nice_scale, text
from tests.ai_wm.reporting.records import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
DAYS = tuple(date(2026, 6, day) for day in range(1, 6))


def chart(*series: Series, bars: bool = True, shown: Callable[..., str] = formats.count) -> Chart:
    return Chart("key", "Tasks & more", "Bars.", DAYS, 1, series, shown, bars)


def drawn(made: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(draw(made).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def titles(root: ElementTree.Element, shape: str) -> list[str | None]:
    return [each.findtext(f"{SVG}title") for each in root.iter(f"{SVG}{shape}") if len(each)]


def test_bars_are_stacked_and_say_what_they_are() -> None:
    root = drawn(chart(Series("a", 0, [1, 0, 2, None, 4]), Series("b", 1, [3, 0, 0, 0, 0])))
    assert titles(root, "rect") == [
        "a, 1 Jun 2026: 1",
        "b, 1 Jun 2026: 3",
        "a, 3 Jun 2026: 2",
        "a, 5 Jun 2026: 4",
    ]
    first, second, *_, last = [
        (float(each.get("y", 0)), float(each.get("height", 0))) for each in root.iter(f"{SVG}rect")
    ]
    assert second[0] + second[1] == pytest.approx(first[0], abs=0.02)
    assert first[1] * 3 == pytest.approx(second[1], abs=0.05)
    assert first[1] + second[1] == pytest.approx(last[1], abs=0.05)


def test_lines_are_broken_where_there_is_nothing() -> None:
    root = drawn(chart(Series("a", 2, [1, 2, None, 4, 5]), bars=False))
    (line,) = [each for each in root.iter(f"{SVG}path") if each.get("class") == "line c2"]
    assert line.get("d", "").count("M") == 2
    assert line.get("d", "").count("L") == 2
    assert len(titles(root, "path")) == 4


def test_a_chart_has_a_name_and_a_description() -> None:
    root = drawn(chart(Series("a", 0, [1] * 5)))
    assert (root.get("role"), root.get("aria-labelledby"), root.get("aria-describedby")) == ("img", "key-t", "key-d")
    assert (root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")) == ("Tasks & more", "Bars.")


@pytest.mark.parametrize("bars", [True, False])
@example(values=[None, None, None, None, 5e-324])
@given(values=st.lists(st.none() | st.floats(-1e9, 1e15), min_size=5, max_size=5))
def test_nothing_is_drawn_outside(bars: bool, values: list[float | None]) -> None:
    root = drawn(chart(Series(HOSTILE, 0, values), Series("b", 7, [None] * 5), bars=bars))
    for each in root.iter(f"{SVG}rect"):
        x, y, width, height = (float(each.get(name, "nan")) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + width <= WIDTH
        assert 0 <= y < y + height <= HEIGHT
    for each in root.iter(f"{SVG}path"):
        if each.get("class", "").startswith("dot"):
            x, y = map(float, each.get("transform", "")[10:-1].split())
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


@given(st.just(0.0) | st.floats(1e-9, 1e18), st.just(0.0) | st.floats(-1e18, -1e-9), st.booleans())
def test_a_scale_has_few_round_ticks_and_covers_its_values(largest: float, least: float, whole: bool) -> None:
    scale = nice_scale(largest, least, whole=whole)
    assert 2 <= len(scale) <= 7
    assert scale[0] <= least * (1 - 1e-6)
    assert scale[-1] >= largest * (1 - 1e-6)
    assert 0 in scale
    if whole and largest >= 1:
        assert all(math.isclose(tick, round(tick)) for tick in scale)


@pytest.mark.parametrize(
    ("shown", "value", "expected"),
    [
        (formats.count, 0, "0"),
        (formats.count, 999, "999"),
        (formats.count, 12_345, "12.3k"),
        (formats.count, 1_000_000, "1M"),
        (formats.count, 0.25, "0.25"),
        (formats.count, -3, "-3"),
        (formats.cost, 0, "0"),
        (formats.cost, 0.000031, "3.1e-05"),
        (formats.cost, 0.0123, "0.012"),
        (formats.cost, 4.5, "4.50"),
        (formats.cost, 12_345.6, "12,346"),
        (formats.milliseconds, None, "–"),
        (formats.milliseconds, 85.4, "85 ms"),
        (formats.milliseconds, 1234, "1.23 s"),
        (formats.milliseconds, 204_000, "3.4 min"),
        (formats.share, 1, "100 %"),
        (formats.share, 0.9999, "99.9 %"),
        (formats.share, 0.004, "0.4 %"),
        (formats.share, 0, "0 %"),
        (formats.rating, 4.5, "4.5"),
        (formats.rating, -2.0, "-2"),
        (formats.rating, 40.0, "40"),
    ],
)
def test_numbers_as_people_read_them(shown: Callable[..., str], value: float | None, expected: str) -> None:
    assert shown(value) == expected  # type: ignore[arg-type]


@given(st.text())
def test_foreign_text_is_text(said: str) -> None:
    made = text(said)
    assert not set(made) & set("<>\"'\x1b\u202e\n")
    assert ElementTree.fromstring(f"<p>{made}</p>") is not None
