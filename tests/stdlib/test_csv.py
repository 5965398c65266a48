"""``csv``: tables as text and back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.errors import NeuroScriptError
from neuroscript.values import Fuzzy, TimeDate
from tests.stdlib.calls import Small, code, outcome, tool


def parse(text: str, header: bool = True, **options: Any) -> Any:
    return tool("csv.Parse", text, header, **options)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("\n\n", []),
        ("a", [["a"]]),
        ("a,b", [["a", "b"]]),
        ("1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
        ("1,2\r\n3,4\r\n", [["1", "2"], ["3", "4"]]),
        ("1,2\r3,4\r", [["1", "2"], ["3", "4"]]),
        ("1,2\n\n\r\n3,4", [["1", "2"], ["3", "4"]]),
        (",\n", [["", ""]]),
        ('""\n', [[""]]),
        (' a , "b"\n'.replace('"', ""), [[" a ", " b"]]),
        ('"a","b"', [["a", "b"]]),
        ('"a,b",c', [["a,b", "c"]]),
        ('"say ""no""",c', [['say "no"', "c"]]),
        ('"""",c', [['"', "c"]]),
        ('"two\nlines",c\nd,e', [["two\nlines", "c"], ["d", "e"]]),
        ('"two\r\nlines",c\r\nd,e', [["two\r\nlines", "c"], ["d", "e"]]),
        ('a,"b"\nc,d', [["a", "b"], ["c", "d"]]),
        ('a,"b",\nc,d,', [["a", "b", ""], ["c", "d", ""]]),
        ("\ufeffa,b", [["a", "b"]]),
        ('\ufeff"a",b', [["a", "b"]]),
        ("a\u2028b,c\x0bd", [["a\u2028b", "c\x0bd"]]),
    ],
)
def test_rows_are_read(text: str, rows: list[list[str]]) -> None:
    assert parse(text, False) == rows


def test_the_header_names_the_cells() -> None:
    assert parse("name,note\nAnn,x\nBob,\n") == [{"name": "Ann", "note": "x"}, {"name": "Bob", "note": ""}]
    assert parse("name,note\n") == []
    assert parse(",b\n1,2") == [{"": "1", "b": "2"}]
    assert tool("csv.Parse", "a\n1") == [{"a": "1"}]


@pytest.mark.parametrize(
    ("text", "header", "error", "words"),
    [
        ("a,b\n1", True, 41, "line 2 has 1 cell, but the header has 2 cells"),
        ("a,b\n1,2,3", True, 41, "line 2 has 3 cells, but the header has 2 cells"),
        ("1,2\n\n3,4\n5", False, 41, "line 4 has 1 cell, but the first row has 2 cells"),
        ('a,b\n"x\ny",2\n3', True, 41, "line 4 has 1 cell"),
        ('"x\r\n\r\ny",2\n3', False, 41, "line 4 has 1 cell"),
        ('"x\ry",2\n3', False, 41, "line 3 has 1 cell"),
        ('a,b\n"x"y,2', True, 41, "line 2: there is text behind the quote"),
        ('a,b\nx"y,2', True, 41, "line 2: there is a quote in a cell that is not in quotes"),
        ('a,b\n1,"x', True, 41, "line 2: a cell begins with a quote and has none at its end"),
        ('a,b\n1, "x"', True, 41, "line 2: there is a quote in a cell"),
        ("a,b,a\n", True, 42, "columns 1 and 3 are both called 'a'"),
    ],
)
def test_what_is_no_table_is_said_with_its_line(text: str, header: bool, error: int, words: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        parse(text, header)
    assert caught.value.code == error
    assert words in caught.value.message


def test_a_table_may_have_as_many_rows_as_a_list() -> None:
    assert code("csv.Parse", "a\n" + "1\n" * 11, context=Small(max_items=10)) == 37
    assert code("csv.Parse", "," * 20, False, context=Small(max_items=10)) == 37
    assert len(parse("a\n" + "1\n" * 10, context=Small(max_items=10))) == 10


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([[]], ""),
        ([[], ["a", "b"]], "a,b\n"),
        ([[{"a": 1, "b": "x"}]], "a,b\n1,x\n"),
        ([[{"a": 1}, {"b": 2}]], "a,b\n1,\n,2\n"),
        ([[{"a": 1, "b": 2}], ["b"]], "b\n2\n"),
        ([[{"a": 1}], ["a", "c"]], "a,c\n1,\n"),
        ([[[1, 2], [3, 4]]], "1,2\n3,4\n"),
        ([[[1, 2]], ["a", "b"]], "a,b\n1,2\n"),
        ([[[1.5, 2.0, 1e21, True, None]]], "1.5,2,1000000000000000000000,true,\n"),
        ([[[TimeDate(2024, 1, 2), Fuzzy(0.5)]]], "2024-01-02T00:00:00Z,0.5\n"),
        ([[['say "no"', "a,b", "two\nlines", "\r"]]], '"say ""no""","a,b","two\nlines","\r"\n'),
        ([[[" x "]]], " x \n"),
        ([[[""]]], '""\n'),
        ([[[None], ["a"]]], '""\na\n'),
        ([[["\ufeffx"]]], '"\ufeffx"\n'),
        ([[["=1+1", "+x", "-x", "@x", "\tx"]]], "'=1+1,'+x,'-x,'@x,'\tx\n"),
        ([[["=1,2"]]], '"\'=1,2"\n'),
        ([[["-5", "+5", "-5.5e3", "x=1", "'=1"]]], "-5,+5,-5.5e3,x=1,'=1\n"),
        ([[[-5]]], "-5\n"),
        ([[{"=a": "=b"}]], "'=a\n'=b\n"),
        ([[["=1+1"]], None, True], "=1+1\n"),
    ],
)
def test_tables_are_written(args: list[Any], text: str) -> None:
    assert tool("csv.Format", *args) == text


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ([[1]], 7),
        ([["a,b"]], 7),
        ([[{"a": 1}, [1]]], 7),
        ([[[1], None]], 7),
        ([[[[1]]]], 7),
        ([[{"a": {"b": 1}}]], 7),
        ([[[b"x"]]], 7),
        ([[[1], [1, 2]]], 41),
        ([[[1, 2]], ["a"]], 41),
        ([[[]]], 41),
        ([[{}]], 41),
        ([[], ["a", "a"]], 42),
        ([{"a": 1}], 4),
        ([[], "a"], 4),
        ([[], [1]], 4),
    ],
)
def test_what_is_no_row_is_an_error(args: list[Any], error: int) -> None:
    assert code("csv.Format", *args) == error


def test_the_text_is_bounded() -> None:
    assert code("csv.Format", [["x" * 60], ["y" * 60]], context=Small(max_string=100)) == 37


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.text('",\n\r =+-@\t', max_size=4)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width)))


@given(tables)
def test_a_table_comes_back_as_it_was(rows: list[list[str]]) -> None:
    text = tool("csv.Format", rows, None, True)
    assert parse(text, False) == rows
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


@given(tables.filter(bool))
def test_a_table_of_maps_comes_back_as_it_was(rows: list[list[str]]) -> None:
    header, *rest = rows
    header = [f"{name}{place}" for place, name in enumerate(header)]
    maps = [dict(zip(header, row, strict=True)) for row in rest]
    assert parse(tool("csv.Format", maps, header, True)) == maps


@given(tables)
def test_what_a_spreadsheet_would_compute_it_does_not(rows: list[list[str]]) -> None:
    for row, found in zip(rows, parse(tool("csv.Format", rows), False), strict=True):
        for cell, written in zip(row, found, strict=True):
            assert written in (cell, f"'{cell}")
            if written[:1] in tuple("=@\t"):
                raise AssertionError(written)
            if written[:1] in tuple("+-"):
                float(written)


@given(st.text(alphabet='a,"\n\r=', max_size=14), st.booleans())
def test_any_text_is_a_table_or_an_error(text: str, header: bool) -> None:
    try:
        rows = parse(text, header)
    except NeuroScriptError as error:
        assert error.code in (41, 42)  # noqa: PT017 - either outcome is right
    else:
        assert len({len(row) for row in rows}) <= 1


BLANKS = ["", " ", "\t", "\r", "\n", "\xa0", "\u2003", "\u3000", "\x0b\x0c", "\x00", "\ufeff", "\u200b", " \t\xa0 "]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
@pytest.mark.parametrize("blanks", BLANKS, ids=ascii)
def test_no_blanks_hide_a_formula(blanks: str, sign: str) -> None:
    """A spreadsheet that passes over blanks would compute the cell, and run what it says."""
    text = f"{blanks}{sign}cmd|' /C calc'!A0"
    assert list(csv.reader(io.StringIO(tool("csv.Format", [[text]]), newline=""))) == [[f"'{text}"]]
    assert list(csv.reader(io.StringIO(tool("csv.Format", [[text]], None, True), newline=""))) == [[text]]


@pytest.mark.parametrize("text", ["-5", " -5", "+1.5e3", " a = b", "a-b", "'=x", " ", "5-3"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert tool("csv.Format", [[text]]) == text + "\n"


@given(
    st.lists(st.sampled_from(["a", "b", "", ",", "\n", " ", '"', "\r", "\ufeff"]), max_size=12).map("".join),
    st.booleans(),
    st.sampled_from([None, 2]),
)
def test_a_text_reads_the_same_whether_it_is_short_or_long(text: str, header: bool, most: int | None) -> None:
    context = Small(max_items=most)
    read = [outcome(lambda whole=whole: parse(whole, header, context=context)) for whole in (text, text + "\n" * 5000)]
    assert read[0] == read[1]
