"""The text form of values, and numbers read from text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import ErrorValue, EventValue, Function, Fuzzy, Handle, NeuroScriptError, TimeDate, ToolValue
from neuroscript.values import joined_text, number_text, read_number, text_of

MOMENT = TimeDate.of(datetime(2024, 2, 29, 12, 30, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nil"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (1.5e300, "15" + "0" * 299),
        (2**80, "1208925819614629174706176"),
        ("a b", "a b"),
        ("", ""),
        (b"abc", "bytes(3)"),
        ([], "[]"),
        ([1, "a", None], '[1, "a", nil]'),
        ({"k": 1, "l": [True]}, '{"k": 1, "l": [true]}'),
        (['q"\\\n\u0001é'], '["q\\"\\\\\\n\\u0001é"]'),
        (Function("f", lambda: None), "function<f>"),
        (ToolValue("str.ToUpper"), "tool<str.ToUpper>"),
        (ErrorValue(7, "bad"), "error: bad"),
        (EventValue("e", 1, "s", MOMENT, "id"), "event: e"),
        (MOMENT, "2024-02-29T12:30:05Z"),
        (
            TimeDate.of(datetime(2024, 1, 1, 0, 0, 0, 120000, timezone(timedelta(hours=2)))),
            "2024-01-01T00:00:00.12+02:00",
        ),
        (Fuzzy(0.25), "0.25"),
        (Handle("door"), "<handle door>"),
        ([ErrorValue(7, "bad"), MOMENT, Handle("door")], "[error: bad, 2024-02-29T12:30:05Z, <handle door>]"),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert text_of(value) == text
    assert joined_text(value) == ("" if value is None else text)


def test_a_handle_never_shows_what_it_is() -> None:
    assert text_of(Handle("door")) == text_of(Handle("door")) == repr(Handle("door"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_containers_of_plain_values_read_back_as_json_but_for_nil(value: Any) -> None:
    if isinstance(value, list | dict) and "nil" not in (text := text_of(value)):
        assert json.loads(text) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_numbers_text_reads_back_the_same(number: float) -> None:
    text = number_text(number)
    assert "e" not in text.lower()
    assert float(text) == number


@given(st.integers(-(2**4095), 2**4095))
def test_a_whole_numbers_text_reads_back_exactly(number: int) -> None:
    assert read_number(number_text(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        (" +5 ", 5),
        ("-5.", -5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ("\t7\n", 7),
        ("007", 7),
        ("9" * 1232, int("9" * 1232)),
        ("0" * 5000 + "7", 7),
        (" -" + "0" * 30_000 + "12 ", -12),
        ("0" * 6000, 0),
        ("0" * 25_000 + ".5", 0.5),
        ("1." + "0" * 25_000, 1.0),
    ],
)
def test_what_reads_as_a_number(text: str, number: float) -> None:
    found = read_number(text)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "-",
        "5 5",
        "1_000",
        "0x1",
        "inf",
        "nan",
        "1e",
        "e5",
        "--1",
        "1.2.3",
        "٣",
        "½",
        "1e999",
        "9" * 1300,
        "9" * 5000,
        "5\u00a0",
        "5\0",
    ],
)
def test_what_does_not(text: str) -> None:
    assert read_number(text) is None


def doubled(times: int) -> Any:
    value: Any = ["x" * 10]
    for _ in range(times):
        value = [value, value]
    return value


def test_a_text_is_bounded_before_it_is_made() -> None:
    assert len(text_of(doubled(3), max_string=500)) < 500
    with pytest.raises(NeuroScriptError) as raised:
        text_of(doubled(90), max_string=1000)
    assert raised.value.code == 37


def test_nesting_is_bounded() -> None:
    value: Any = []
    for _ in range(200):
        value = [value]
    with pytest.raises(NeuroScriptError) as raised:
        text_of(value)
    assert raised.value.code == 38
