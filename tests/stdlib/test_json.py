"""The tools of group ``json``."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.values import ErrorValue, Function, Fuzzy, Handle, TimeDate, same
from tests.stdlib.calls import Small, code, code_of, outcome, raw, tool
from tests.stdlib.test_lists import doubled

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(values, st.integers(0, 16))
def test_what_is_written_is_read_again(value: Any, indent: int) -> None:
    text = tool("json.Stringify", value, indent)
    assert same(json.loads(text), json.loads(json.dumps(value)))
    assert same(tool("json.Parse", text), value)


@given(values, st.sampled_from([0, 3]))
def test_the_length_is_foreseen(value: Any, indent: int) -> None:
    text = tool("json.Stringify", value, indent)
    assert code("json.Stringify", value, indent, context=Small(max_string=len(text) - 1)) == 37


@given(st.text(max_size=30) | st.text('[]{},:"0123456789.-eE truefalsn\\u', max_size=30))
def test_any_text_is_json_or_an_error(text: str) -> None:
    if tool("json.Valid", text):
        assert same(tool("json.Parse", text), tool("json.Parse", text))
    else:
        assert code("json.Parse", text) == 41


def test_what_json_lacks() -> None:
    assert (
        tool("json.Stringify", [TimeDate(2026, 1, 2, tzinfo=UTC), Fuzzy(0.5), 2.0, -0.0])
        == '["2026-01-02T00:00:00Z",0.5,2,0]'
    )
    assert tool("json.Stringify", ErrorValue(7, "no")) == '{"code":7,"message":"no"}'
    for odd in (b"x", Handle("x"), Function("f", len)):
        assert code("json.Stringify", [odd]) == 7
    assert code("json.Stringify", [], -1) == code("json.Stringify", [], 17) == 8


def test_text_is_written_as_it_is() -> None:
    assert tool("json.Stringify", 'é\n"\u2028') == '"é\\n\\"\u2028"'
    assert tool("json.Stringify", {"b": 1, "a": []}, 2) == '{\n  "b": 1,\n  "a": []\n}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a value at line 1, column 1"),
        ("[1,\n2,]", "at line 2, column "),
        ('{"a" 1}', "line 1, column 6"),
        ('"abc', "a string that is not closed, and begins at line 1, column 1"),
        ("[NaN]", "NaN is not a number of JSON"),
        ("-Infinity", "-Infinity is not a number of JSON"),
        ("1e999", "the number 1e999 is out of range"),
        ("9" * 1300, "at most 4096 bits, not 1300 digits"),
        ("9" * 5000, "at most 4096 bits, not 5000 digits"),
        (r'"\ud800"', "half of a surrogate pair"),
        (r'{"\udc00": 1}', "half of a surrogate pair"),
        ("'a'", "expected a value at"),
        ("{a: 1}", "expected a key in double quotes at line 1, column 2"),
        ('{"a" 1}', "expected ':' at line 1, column 6"),
        ('{"a": 1 "b": 2}', "expected ',' or the end of the list or map at line 1, column 9"),
        ("[1] x", "more text after the value at line 1, column 5"),
        ("\ufeff1", "a byte order mark (U+FEFF) at line 1, column 1"),
        ('"\x01"', "a control character in a string"),
    ],
)
def test_what_is_no_json(text: str, complaint: str) -> None:
    from neuroscript.errors import EvaluationError

    with pytest.raises(EvaluationError) as caught:
        tool("json.Parse", text)
    assert caught.value.code == 41
    assert complaint in caught.value.message


def test_details_of_reading() -> None:
    assert tool("json.Parse", '{"a":1,"a":2}') == {"a": 2}
    assert tool("json.Parse", r'"\ud83d\ude00"') == "😀"
    assert same(tool("json.Parse", " [-0, -0.0, 1.0] "), [0, 0.0, 1])
    assert tool("json.Parse", "9" * 1233) == int("9" * 1233)


def test_nesting() -> None:
    assert code("json.Parse", "[" * 101 + "]" * 101) == 38
    assert code("json.Parse", "[" * 1_000_000) == 38
    assert code("json.Parse", '{"a":' * 200_000) == 38
    assert isinstance(tool("json.Parse", "[" * 99 + "]" * 99), list)
    assert tool("json.Parse", '"' + "[" * 1000 + '"') == "[" * 1000
    assert tool("json.Parse", r'["\"[[[[", ' + ",".join(["[]"] * 200) + "]")[0] == '"[[[['
    assert code_of(lambda: raw("json.Stringify", deep(200))) == 38


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_shared_parts_are_measured_once() -> None:
    for indent in (0, 2):
        assert code_of(lambda indent=indent: raw("json.Stringify", doubled(60), indent)) == 37  # type: ignore[misc]
    small = doubled(3)
    assert raw("json.Stringify", small) == "[[[[1],[1]],[[1],[1]]],[[[1],[1]],[[1],[1]]]]"
    errors = [ErrorValue(index, "e") for index in range(50)]
    assert [item["code"] for item in json.loads(raw("json.Stringify", errors))] == list(range(50))


@pytest.mark.parametrize(
    "text",
    [
        "[" + "[]," * 3_000_000 + "1]",
        "[" + "{}," * 1_000_000 + "1]",
        '["' + '","' * 4_000_000 + '"]',
        "[" + "1," * 6_000_000 + "1]",
    ],
    ids=["lists", "maps", "strings", "numbers"],
)
def test_what_would_take_too_much_memory_is_not_made(text: str) -> None:
    assert code("json.Parse", text) == 37


def test_the_host_s_limits_hold() -> None:
    assert code("json.Parse", "[[1,2,3,4]]", context=Small(max_items=3)) == 37
    assert code("json.Parse", '{"a":1,"b":2}', context=Small(max_items=1)) == 37
    assert tool("json.Parse", "[[1,2],[3,4]]", context=Small(max_items=2)) == [[1, 2], [3, 4]]
    assert code("json.Parse", "[[1]]", context=Small(max_nesting=1)) == 38
    assert code("json.Stringify", "abc", context=Small(max_string=4)) == 37


def test_hostile_strings_take_no_time() -> None:
    # Quotes that never close, and quotes that all seem to open.
    assert code("json.Parse", '"' + '\\"' * 3_000_000) == 41
    assert code("json.Parse", "[" * 101 + '"' + '\\"' * 3_000_000) in (38, 41)


@pytest.mark.parametrize(
    "number",
    [
        *(
            "1.5",
            "-1.5",
            "0.0",
            "-0.0",
            "-0",
            "-0.05",
            "1e5",
            "1E5",
            "-0e1",
            "1e999",
            "-1e400",
            "0.1e-400",
            "12345678901234567890",
        ),
        *("9" * 310 + ".5", "-" + "9" * 299 + ".0", "0." + "1" * 700, "8" * 1300, "NaN", "Infinity", "1.", ".5", "01"),
    ],
)
def test_a_number_reads_the_same_in_a_long_text_as_in_a_short_one(number: str) -> None:
    short = f'[{{"key": {number}, "e-0": true}}]'
    long = f'[{", ".join(["[]"] * 150)}, {{"key": {number}, "e-0": true}}]'
    wanted = code("json.Parse", short) if not tool("json.Valid", short) else 0
    assert (code("json.Parse", long) if not tool("json.Valid", long) else 0) == wanted
    if not wanted:
        found, value = tool("json.Parse", long)[-1]["key"], tool("json.Parse", short)[0]["key"]
        assert (type(found), repr(found)) == (type(value), repr(value))


_TOKENS = [
    "[",
    "]",
    "{",
    "}",
    '"a"',
    '"b": 1',
    ":",
    ", ",
    "-0",
    "-0.0",
    "1e5",
    "1E400",
    "12",
    "true",
    "null",
    "NaN",
    "nul",
]
_TOKENS += [" ", "\n", "9" * 250, ".5", "[[[[[[[[", '"[{e-0"', "\\n", '"\\ud800"', "\ufeff", "é"]


@given(st.lists(st.sampled_from(_TOKENS), max_size=8).map("".join), st.sampled_from([None, 3]))
def test_a_text_reads_the_same_whether_it_is_short_or_long(text: str, depth: int | None) -> None:
    context = Small(max_nesting=depth)
    long = f"{text}{' ' * 600}"
    for name in ("json.Parse", "json.Valid"):
        read = [outcome(lambda name=name, whole=whole: tool(name, whole, context=context)) for whole in (text, long)]
        # Where a text ends too soon, the place is behind the blanks.
        assert read[0].partition(" at line")[0] == read[1].partition(" at line")[0]
