"""Layouts of times in the forms of other languages, and ours for them."""

from __future__ import annotations

import pytest

from neuroscript import NeuroScriptError
from neuroscript.stdlib.foreign_layouts import in_our_form
from tests.stdlib.calls import tool

LAYOUTS = {
    # Go
    "2006-01-02": "%Y-%m-%d",
    "2006-01-02T15:04:05Z07:00": "%Y-%m-%dT%H:%M:%S%z",
    "Mon, 02 Jan 2006 15:04:05 -0700": "%a, %d %b %Y %H:%M:%S %z",
    "Monday, 2 January 2006": "%A, %d %B %Y",
    "3:04 PM": "%I:%M %p",
    # Java, C#, JavaScript
    "YYYY-MM-DD": "%Y-%m-%d",
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyy-MM-dd'T'HH:mm": "%Y-%m-%dT%H:%M",
    "dddd, DD MMMM YYYY": "%A, %d %B %Y",
    "HH:MM:SS": "%H:%M:%S",
    "hh:mm A": "%I:%M %p",
    # PHP, and a percent sign left out
    "d.m.Y H:i": "%d.%m.%Y %H:%M",
    "Y-m-d": "%Y-%m-%d",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_of_another_language_is_translated(layout: str) -> None:
    assert in_our_form(layout) == LAYOUTS[layout]


@pytest.mark.parametrize("layout", ["", "today", "date", "long", "DD DD", "%Y-01-02x", "week w", "Y" * 100])
def test_what_is_no_layout_is_left_alone(layout: str) -> None:
    assert in_our_form(layout) == ""


def test_the_error_of_parse_says_how_the_layout_is_written_here() -> None:
    with pytest.raises(NeuroScriptError) as caught:
        tool("time.Parse", "2025-03-01", "2006-01-02")
    told = caught.value.message
    assert "write '%Y-%m-%d'" in told
    assert '"%d.%m.%Y %H:%M" reads 01.03.2025 14:30' in told
