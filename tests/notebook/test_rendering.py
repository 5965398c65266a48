"""Tables, maps and texts as HTML and as plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from neuroscript.notebook.rendering import MAX_COLUMNS, MAX_ROWS, html_of, is_table, plain_of

ROWS = [{"name": "a", "n": 1, "note": None}, {"n": 22.5, "more": "x\ny"}]


class Reader(HTMLParser):
    """Reads the tags, and the text of the cells, by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data


def test_a_list_of_maps_is_a_table_of_all_their_keys() -> None:
    assert plain_of(ROWS) == ("name     n  note  more\n────  ────  ────  ────\na        1  nil\n      22.5        x⏎y")
    html = html_of(ROWS)
    assert html is not None
    assert Reader(html).rows == [
        ["name", "n", "note", "more"],
        ["a", "1", "nil", ""],
        ["", "22.5", "", "x\ny"],
    ]


@pytest.mark.parametrize("value", [[], [1], [{}], [{"a": 1}, 2], [{"a": 1}, {}], {"a": 1}, "a", None])
def test_anything_else_is_no_table(value: Any) -> None:
    assert not is_table(value)


def test_a_map_is_a_table_of_its_keys() -> None:
    html = html_of({"a": 1, "b": {"c": [True]}})
    assert html is not None
    assert Reader(html).rows == [["a", "1"], ["b", '{"c": [true]}']]
    assert plain_of({"a": 1}) == '{"a": 1}'


@pytest.mark.parametrize("value", [1, 1.5, True, "short", [], {}, [1, 2]])
def test_what_plain_text_shows_as_well_has_no_html(value: Any) -> None:
    assert html_of(value) is None


@pytest.mark.parametrize("place", ["key", "cell", "map key", "map value", "text"])
def test_nothing_that_a_program_says_becomes_markup(place: str) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror='a' \"b\">&\x1b[2J\u202e\n"
    value: Any = {
        "key": [{hostile: 1}],
        "cell": [{"a": hostile}],
        "map key": {hostile: 1},
        "map value": {"a": [hostile]},
        "text": hostile,
    }[place]
    html = html_of(value)
    assert html is not None
    assert Reader(html).tags <= {"table", "thead", "tbody", "tr", "th", "td", "span", "p", "pre"}
    assert not re.search("[\x1b\u202e]", html + plain_of(value))


def test_large_values_are_cut_and_it_is_told() -> None:
    many = [{f"k{i}": "x" * 100_000 for i in range(MAX_COLUMNS + 5)}] * (MAX_ROWS + 1)
    told = f"{MAX_ROWS} of {MAX_ROWS + 1} rows and {MAX_COLUMNS} of {MAX_COLUMNS + 5} columns"
    plain, html = plain_of(many), html_of(many)
    assert html is not None
    assert plain.endswith(f"\n({told})")
    assert told in html
    assert len(plain) < 200_000
    assert len(html) < 2_000_000
    keys = html_of({f"k{i}": i for i in range(MAX_ROWS + 1)})
    assert keys is not None
    assert f"{MAX_ROWS} of {MAX_ROWS + 1} keys" in keys
    long = html_of("x" * 100_000)
    assert long is not None
    assert len(long) < 20_000


TOO_LONG = ["x" * 1_000_000] * 100
"""A list whose text is longer than any may be."""


@pytest.mark.parametrize("value", [TOO_LONG, {"a": TOO_LONG}, [{"a": TOO_LONG}]])
def test_a_value_whose_text_is_too_long_is_told_of(value: Any) -> None:
    for text in (plain_of(value), html_of(value)):
        assert text is None or re.search(r"a (list of 100|map of 1), whose text", text)


@pytest.mark.parametrize("value", [[{"price": "$5 or $6"}], {"price": "$5 or $6"}, "$5 or\n$6"])
def test_dollars_are_no_formulas(value: Any) -> None:
    assert re.match('<[a-z]+ class="tex2jax_ignore mathjax_ignore"', html_of(value) or "")


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_table_fits_a_narrow_terminal_if_it_can(width: int) -> None:
    rows = [{"first": "a text that is rather long", "second": "another one that is longer"}]
    assert max(map(len, plain_of(rows, width).split("\n"))) <= width
    assert plain_of(rows, 80) == plain_of(rows)
