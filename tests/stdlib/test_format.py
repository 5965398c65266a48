"""``str.Format`` and ``str.Inspect``: values in texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.errors import NeuroScriptError
from neuroscript.values import ErrorValue, Function, Fuzzy, TimeDate, number_text
from tests.stdlib.calls import Small, code, code_of, raw, tool


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["plain"], "plain"),
        ([""], ""),
        (["{}", "a"], "a"),
        (["{}{}", "a", "b"], "ab"),
        (["{1}{0}{1}", "a", "b"], "bab"),
        (["{} is enough", 1, 2, 3], "1 is enough"),
        (["{{}}"], "{}"),
        (["{{{}}}", 1], "{1}"),
        (["}}{{"], "}{"),
        (["{:}", 1], "1"),
        # Text forms are the language's.
        (["{} {} {}", True, None, 2.0], "true  2"),
        (["{}", [1, "q", None]], '[1, "q", nil]'),
        (["{}", 1e-7], "0.0000001"),
        (["{}", 5.960464477539063e-08], "0.00000005960464477539063"),
        (
            ["{:+}|{:>12}|{:<12}|{:012}|{:=+12}", 1e-7, -1e-7, 1e-7, -1e-7, 1e-7],
            "+0.0000001|  -0.0000001|0.0000001   |-000.0000001|+  0.0000001",
        ),
        (["{:1>12}", 1e-7], "1110.0000001"),
        (["{}", 1e21], "1000000000000000000000"),
        (["{}", ErrorValue(1, "no")], "error: no"),
        (["{}", Fuzzy(0.25)], "0.25"),
        (["{:>22}|", TimeDate(2024, 1, 2)], "  2024-01-02T00:00:00Z|"),
        (["{:>8}|", [1]], "     [1]|"),
        (["{:s}|{:>3s}", 5, 7], "5|  7"),
        (["{:.2s}", 12345], "12"),
        # Sides, fills and widths.
        (["{:<4}|{:>4}|{:^4}|{:4}|{:4}", "a", "a", "a", "a", 1], "a   |   a| a  |a   |   1"),
        (["{:*^7}", "mid"], "**mid**"),
        (["{:é>3}", "x"], "ééx"),
        (["{: >3}", "x"], "  x"),
        (["{:<<3}", "x"], "x<<"),
        (["{:5}|", True], "true |"),
        (["{:.2}", "abc"], "ab"),
        (["{:1}", "abc"], "abc"),
        # Numbers.
        (["{:05d}", 42], "00042"),
        (["{:05d}", -42], "-0042"),
        (["{:+d}{:+}", 1, 2], "+1+2"),
        (["{: d}", 1], " 1"),
        (["{:,}", 1234567], "1,234,567"),
        (["{:,}", 1234567.25], "1,234,567.25"),
        (["{:_d}", 1234567], "1_234_567"),
        (["{:08,}", 1234], "0,001,234"),
        (["{:.2f}", 3], "3.00"),
        (["{:.0f}", 2.5], "2"),
        (["{:.1f}", 2.25], "2.2"),
        (["{:8.3f}|", 3.14159], "   3.142|"),
        (["{:.1%}", 0.256], "25.6%"),
        (["{:.0%}", 1], "100%"),
        (["{:.2e}", 12345.678], "1.23e+04"),
        (["{:g}", 0.00001], "1e-05"),
        (["{:x} {:X} {:o} {:b}", 255, 255, 8, 5], "ff FF 10 101"),
        (["{:#x}", 255], "0xff"),
        (["{:c}", 65], "A"),
        (["{:d}", 3.0], "3"),
        (["{:.3}", 3.14159], "3.14"),
        (["{:.3}", 3], "3"),
        (["{:z.1f}", -0.01], "0.0"),
        (["{:z}", 5], "5"),
        (["{:=+6}", 5], "+    5"),
        (["{:.2f}", "3.14159"], "3.14"),
        (["{:,}", " 1234 "], "1,234"),
        (["{:d}", "5."], "5"),
        (["{:.1f}", Fuzzy(0.25)], "0.2"),
        # Whole numbers are exact.
        (["{:d}", 2**4000], str(2**4000)),
        (["{:.2f}", 2**70 + 1], str(2**70 + 1) + ".00"),
        (["{:,.1f}", -(10**18) - 1], "-1,000,000,000,000,000,001.0"),
        (["{:.0f}|{:#.0f}", 2**60, 2**60], f"{2**60}|{2**60}."),
        (["{:.1%}", 2**60], f"{2**60 * 100}.0%"),
        (["{:>+25.1f}|", 10**18], "   +1000000000000000000.0|"),
        (["{:<25.1f}|", 10**18], "1000000000000000000.0    |"),
        (["{:^25.1f}|", 10**18], "  1000000000000000000.0  |"),
        (["{:025.1f}", -(10**18)], "-0001000000000000000000.0"),
        (["{:*=25.1f}", -(10**18)], "-***1000000000000000000.0"),
        # nil is empty, whatever it should be.
        (["[{}{:.2f}{:,}]", None, None, None], "[]"),
        (["[{:5}{:*>3d}{:03d}]", None, None, None], "[     ***   ]"),
    ],
)
def test_a_template_is_filled(args: list[Any], text: str) -> None:
    assert tool("str.Format", *args) == text


@pytest.mark.parametrize(
    "args",
    [
        ["{"],
        ["}"],
        ["a } b", 1],
        ["{}}", 1],
        ["{{}", 1],
        ["{ }", 1],
        ["{name}", 1],
        ["{0.real}", 1],
        ["{0[0]}", [1]],
        ["{.x}", {"x": 1}],
        ["{!r}", 1],
        ["{0!s:>5}", 1],
        ["{:{}}", 1, 5],
        ["{:{1}}", 1, 5],
        ["{-1}", 1],
        ["{+0}", 1],
        ["{٣}", 1, 2, 3, 4],
        ["{:٣}", 1],
        ["{}"],
        ["{1}", "a"],
        ["{0}{}", "a", "b"],
        ["{}{0}", "a", "b"],
        ["{99999999999999999999}", 1],
        ["{:q}", 1],
        ["{:n}", 1],
        ["{:5 }", 1],
        ["{:,,}", 1],
        ["{:,_}", 1],
        ["{:>>>5}", 1],
        ["{:.}", 1],
        ["{:10001}", 1],
        ["{:.10001f}", 1],
        ["{:99999999999999999999d}", 1],
        ["{:d}", "x"],
        ["{:d}", 2.5],
        ["{:d}", "2.5"],
        ["{:x}", 2.5],
        ["{:d}", True],
        ["{:.2f}", [1]],
        ["{:,}", "x"],
        ["{:+}", "x"],
        ["{:=5}", "x"],
        ["{:.2d}", 1],
        ["{:,x}", 1],
        ["{:,s}", "x"],
        ["{:c}", -1],
        ["{:c}", 0x110000],
        ["{:c}", 0xD800],
        ["{:+c}", 65],
        ["{:e}", 10**400],
        ["{:.3}", 10**400],
        ["{:d}", Function("f", lambda: None)],
    ],
)
def test_what_is_no_template_or_does_not_fit_it_is_error_4(args: list[Any]) -> None:
    assert code("str.Format", *args) == 4


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{name}", "without names"),
        ("a } b", "'}' without its '{' at character 2"),
        ("{0}{}", "both {} and fields with a number"),
        ("{2}", "asks for argument 2 (they count from 0), but there is 1 argument"),
        ("{:.2f}", 'the field {:.2f} is for a number, not string "x"'),
        ("{:20000}", "a width is 10000 at most"),
        ("{:y}", "like >8.2f"),
    ],
)
def test_the_error_says_what_is_wrong(template: str, words: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        tool("str.Format", template, "x")
    assert words in caught.value.message.replace("there are 1", "there is 1")


def test_the_widest_field_is_made() -> None:
    assert len(tool("str.Format", "{:10000}", 1)) == 10_000
    assert len(tool("str.Format", "{:.10000f}", 1.5)) == 10_002


def test_the_result_is_bounded_before_it_is_made() -> None:
    assert code("str.Format", "{:10000}" * 1000, *[1] * 1000, context=Small(max_string=50_000)) == 37
    assert code("str.Format", "{}" * 10, *["x" * 20] * 10, context=Small(max_string=100)) == 37
    assert code_of(lambda: tool("str.Format", "{}", ["x" * 200], context=Small(max_string=100))) == 37


kinds = st.sampled_from("bdeEfFgGoxX%s") | st.just("")
specifications = st.builds(
    "{}{}{}{}{}{}{}{}{}".format,
    st.sampled_from(["", "", "<", ">", "^", "=", "*<", "é>", "0^", "x="]),
    st.sampled_from(["", "", "+", "-", " "]),
    st.sampled_from(["", "", "", "z"]),
    st.sampled_from(["", "", "", "#"]),
    st.sampled_from(["", "", "0"]),
    st.sampled_from(["", "1", "7", "30"]),
    st.sampled_from(["", "", ",", "_"]),
    st.sampled_from(["", "", ".0", ".1", ".3", ".12"]),
    kinds,
)
fractions = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer())


def python(specification: str, value: Any) -> str | None:
    try:
        return format(value, specification)
    except ValueError:
        return None


def ours(specification: str, value: Any) -> str | None:
    try:
        return str(tool("str.Format", f"{{:{specification}}}", value))
    except NeuroScriptError as error:
        assert error.code == 4  # noqa: PT017 - either outcome is right
        return None


@given(specifications, fractions)
def test_doubles_are_as_python_writes_them(specification: str, value: float) -> None:
    expected = python(specification, value)
    if specification.endswith("s"):
        expected = python(specification, number_text(value))
    elif "e" in repr(value) and not specification.endswith(tuple("eEfFgG%")) and "." not in specification:
        return  # the language shows no exponents; see the next test
    assert ours(specification, value) == expected


@given(st.sampled_from(["", ",", "+", ">40", "012"]), fractions)
def test_without_a_code_a_double_has_the_digits_of_its_text_form(specification: str, value: float) -> None:
    shown = tool("str.Format", f"{{:{specification}}}", value)
    assert float(shown.replace(",", "")) == value
    if specification in ("", ">40"):
        assert shown.strip() == number_text(value)


@given(specifications, st.integers(-(2**53), 2**53))
def test_whole_numbers_are_as_python_writes_them(specification: str, value: int) -> None:
    code = specification[-1:]
    if code == "s":
        assert ours(specification, value) == python(specification, number_text(value))
    elif code in tuple("bdeEfFgGoxX%"):
        if ("." in specification and code in "eEgG") or code == "%":
            value %= 10**12  # where doubles are exact
        assert ours(specification, value) == python(specification, value)
    elif "." not in specification and "z" not in specification:
        assert ours(specification, value) == python(specification, value)


@given(
    st.sampled_from(["", "<", ">", "^", "=", "*<", "x="]),
    st.sampled_from(["", "+", " "]),
    st.sampled_from(["", "0", "7", "045", "60", "090"]),
    st.sampled_from(["", ","]),
    st.sampled_from([".0", ".1", ".12"]),
    st.integers(-(2**400), 2**400),
)
def test_large_whole_numbers_have_all_their_digits(
    side: str, sign: str, width: str, group: str, precision: str, value: int
) -> None:
    specification = f"{side}{sign}{width}{group}{precision}f"
    if not side or width[:1] != "0":  # a side and a zero together are refused for decimals
        assert ours(specification, value) == python(specification, Decimal(value))


@given(specifications, st.text(max_size=12))
def test_texts_are_as_python_writes_them(specification: str, value: str) -> None:
    if specification[-1:] in ("", "s") or not specification[-1:].isalpha():
        expected = python(specification, value)
        if expected is None:
            ours(specification, value)  # a number, or error 4
        else:
            assert ours(specification, value) == expected


@given(
    st.text(alphabet="{}01:>.,8fdx!a[]", max_size=12), st.lists(st.integers(0, 99) | st.text(max_size=3), max_size=3)
)
def test_any_template_is_filled_or_refused(template: str, args: list[Any]) -> None:
    try:
        assert type(tool("str.Format", template, *args)) is str
    except NeuroScriptError as error:
        assert error.code == 4  # noqa: PT017 - either outcome is right


# --- Inspect ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["hello"], '"hello"'),
        ([123], "123"),
        ([123.45], "123.45"),
        ([True], "true"),
        ([None], "nil"),
        ([["a", 1]], '["a", 1]'),
        ([{"key": "value"}], '{"key": "value"}'),
        ([[]], "[]"),
        ([{}, 128, 0], "{}"),
        ([[1], 128, 0], "..."),
        (['say "no"\n'], r'"say \"no\"\n"'),
        (["this is a very long string that should be truncated", 32], '"this is a very long string th..."'),
        (["12345", 5], '"12345"'),
        ([{"level1": {"level2": "v"}}, 128, 1], '{"level1": ...}'),
        ([{"level1": {"level2": "v"}}, 128, 2], '{"level1": {"level2": "v"}}'),
        ([list(range(10)), 4], "[0, 1, 2, 3, ... 6 more]"),
        ([{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, 4], '{"a": 1, "b": 2, "c": 3, "d": 4, ... 1 more}'),
        ([{"a long key": 1}, 5], '{"a ...": 1}'),
        ([2**100, 5], str(2**100)),
        ([ErrorValue(1, "x" * 50), 20], "error: xxxxxxxxxx..."),
        ([[[[[[[1]]]]]]], "[[[[[...]]]]]"),
        ([b"abc"], "bytes(3)"),
    ],
)
def test_a_value_is_shown_in_short(args: list[Any], text: str) -> None:
    assert tool("str.Inspect", *args) == text


def test_values_of_any_size_are_shown_in_short() -> None:
    assert len(tool("str.Inspect", list(range(100_000)))) < 1000
    assert len(tool("str.Inspect", "x" * 100_000)) == 130
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert raw("str.Inspect", deep, 10, 10**9).startswith("[[[[")
    shared: list[Any] = ["x"]
    for _ in range(40):
        shared = [shared, shared]
    assert len(raw("str.Inspect", shared)) < 1000
    context = Small(max_string=10_000)
    with pytest.raises(NeuroScriptError) as caught:
        raw("str.Inspect", shared, 128, 50, context=context)
    assert caught.value.code == 37


@pytest.mark.parametrize("args", [[1, 3], [1, -1], [1, 10, -1]])
def test_lengths_and_depths_are_sensible(args: list[Any]) -> None:
    assert code("str.Inspect", *args) == 8
