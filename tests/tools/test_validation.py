"""Arguments of tool calls: their count, their names, and the conversions that lose nothing."""

from __future__ import annotations

import string
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.errors import ArgumentError, ErrorCode, NeuroScriptError
from neuroscript.tools import (
    ArgSpec,
    ArgType,
    ToolSpec,
    compile_validator,
    inline_check,
    map_validated_args_by_name,
    validate_and_convert_args,
)
from neuroscript.tools.validation import convert
from neuroscript.values import ErrorValue, Function, Fuzzy, Handle, TimeDate, ToolValue, read_number, same


def one(kind: ArgType, **fields: Any) -> ToolSpec:
    """A tool of a single argument."""
    return ToolSpec(name="test.One", args=(ArgSpec("value", kind, **fields),))


REPLACE = ToolSpec(
    name="str.Replace",
    args=(
        ArgSpec("input_string", ArgType.STRING),
        ArgSpec("old_substring", ArgType.STRING),
        ArgSpec("new_substring", ArgType.STRING),
        ArgSpec("count", ArgType.INT, required=False, default=-1),
    ),
)
SUM = ToolSpec(name="test.Sum", args=(ArgSpec("label", ArgType.STRING), ArgSpec("terms", ArgType.INT)), variadic=True)


def message(spec: ToolSpec, args: Any, named: Any = None) -> str:
    """What a call that does not fit is told."""
    with pytest.raises(ArgumentError) as caught:
        validate_and_convert_args(spec, args, named)
    assert caught.value.code == ErrorCode.ARG_MISMATCH
    return caught.value.message


# --- types ------------------------------------------------------------------------------------------------------------

MOMENT = TimeDate(2026, 1, 2)
FAILURE = ErrorValue(7, "no")
HANDLE = Handle("conversation")
DOUBLE = Function("double", lambda x: x)


@pytest.mark.parametrize(
    ("kind", "given_value", "converted"),
    [
        (ArgType.STRING, "a", "a"),
        (ArgType.INT, 5, 5),
        (ArgType.INT, 5.0, 5),
        (ArgType.INT, "5", 5),
        (ArgType.INT, " 2.0 ", 2),
        (ArgType.INT, Decimal(3), 3),
        (ArgType.FLOAT, 2.5, 2.5),
        (ArgType.FLOAT, 2, 2.0),
        (ArgType.FLOAT, "1e3", 1000.0),
        (ArgType.NUMBER, 2, 2),
        (ArgType.NUMBER, 0.5, 0.5),
        (ArgType.NUMBER, "-.5", -0.5),
        (ArgType.BOOL, True, True),
        (ArgType.BYTES, b"\xff", b"\xff"),
        (ArgType.BYTES, "é", "é".encode()),
        (ArgType.MAP, {"a": [1]}, {"a": [1]}),
        (ArgType.SLICE_ANY, [1, "a", None], [1, "a", None]),
        (ArgType.SLICE_ANY, (1, 2), [1, 2]),
        (ArgType.SLICE_STRING, ["a"], ["a"]),
        (ArgType.SLICE_INT, [1, 2.0, "3"], [1, 2, 3]),
        (ArgType.SLICE_FLOAT, [1, 2.5], [1.0, 2.5]),
        (ArgType.SLICE_NUMBER, [1, "2.5"], [1, 2.5]),
        (ArgType.SLICE_BOOL, [True], [True]),
        (ArgType.SLICE_MAP, [{}], [{}]),
        (ArgType.SLICE_INT, [], []),
        (ArgType.HANDLE, HANDLE, HANDLE),
        (ArgType.FUNCTION, DOUBLE, DOUBLE),
        (ArgType.FUNCTION, ToolValue("str.ToUpper"), ToolValue("str.ToUpper")),
        (ArgType.TIMEDATE, MOMENT, MOMENT),
        (ArgType.FUZZY, 0.5, Fuzzy(0.5)),
        (ArgType.FUZZY, Fuzzy(1), Fuzzy(1)),
        (ArgType.ERROR, FAILURE, FAILURE),
        (ArgType.NIL, None, None),
        (ArgType.ANY, None, None),
        (ArgType.ANY, 5, 5),
    ],
)
def test_what_passes_or_converts(kind: ArgType, given_value: Any, converted: Any) -> None:
    (value,) = validate_and_convert_args(one(kind), [given_value])
    assert value == converted
    assert type(value) is type(converted)


@pytest.mark.parametrize(
    ("kind", "given_value", "complaint"),
    [
        (ArgType.STRING, 5, "must be a string, not number 5"),
        (ArgType.STRING, True, "must be a string, not boolean true"),
        (ArgType.STRING, b"a", "must be a string, not bytes"),
        (ArgType.STRING, None, "must be a string, not nil"),
        (ArgType.STRING, [1], "must be a string, not a list of 1 item"),
        (ArgType.INT, 2.5, "must be a whole number, not number 2.5"),
        (ArgType.INT, True, "must be a whole number, not boolean true"),
        (ArgType.INT, "2.5", 'must be a whole number, not string "2.5"'),
        (ArgType.INT, "0x10", "must be a whole number"),
        (ArgType.INT, "1_000", "must be a whole number"),
        (ArgType.FLOAT, "inf", "must be a number"),
        (ArgType.FLOAT, 2**53 + 1, "must be a number"),
        (ArgType.FLOAT, 2**2000, "must be a number, not number of 2001 bits"),
        (ArgType.NUMBER, False, "must be a number, not boolean false"),
        (ArgType.BOOL, 1, "must be a boolean, not number 1"),
        (ArgType.BOOL, "true", "must be a boolean"),
        (ArgType.MAP, [], "must be a map, not a list of 0 items"),
        (ArgType.SLICE_ANY, "abc", 'must be a list, not string "abc"'),
        (ArgType.SLICE_ANY, {"a": 1}, "must be a list, not a map of 1 entry"),
        (ArgType.SLICE_STRING, ["a", 1], "must be a list of strings, but item 1 is number 1"),
        (ArgType.SLICE_INT, [True], "must be a list of whole numbers, but item 0 is boolean true"),
        (ArgType.SLICE_MAP, [{}, None], "must be a list of maps, but item 1 is nil"),
        (ArgType.HANDLE, "<handle conversation>", "must be a handle"),
        (ArgType.FUNCTION, "main", "must be a function"),
        (ArgType.TIMEDATE, "2026-01-02", "must be a timedate"),
        (ArgType.FUZZY, 1.5, "must be a fuzzy, or a number from 0 to 1"),
        (ArgType.NIL, 0, "must be nil"),
        (ArgType.ANY, object(), "is not a value of the language"),
        (ArgType.FLOAT, float("nan"), "is not a value of the language"),
    ],
)
def test_what_is_refused(kind: ArgType, given_value: Any, complaint: str) -> None:
    text = message(one(kind), [given_value])
    assert text.startswith("tool.test.One: argument 1")
    assert complaint in text
    assert text.endswith("usage: tool.test.One(value)")


def test_the_message_names_tool_argument_expected_and_given() -> None:
    spec = ToolSpec(name="str.ToUpper", args=[ArgSpec("input_string", ArgType.STRING)])  # type: ignore[arg-type]
    assert message(spec, [5]) == (
        "tool.str.ToUpper: argument 1 (input_string) must be a string, not number 5; "
        "usage: tool.str.ToUpper(input_string)"
    )


def test_a_long_value_is_shortened_and_a_secret_is_not_shown() -> None:
    assert 'string "' + "x" * 40 + '…"' in message(one(ArgType.INT), ["x" * 1000])
    secret = ToolSpec(name="net.Login", args=(ArgSpec("api_key", ArgType.MAP),))
    assert message(secret, ["sk-12345"]).startswith("tool.net.Login: argument 1 (api_key) must be a map, not a string;")


# --- counts and names -------------------------------------------------------------------------------------------------


def test_optional_arguments_have_their_default() -> None:
    assert validate_and_convert_args(REPLACE, ["a", "b", "c"]) == ["a", "b", "c", -1]
    assert validate_and_convert_args(REPLACE, ["a", "b", "c", None]) == ["a", "b", "c", -1]
    assert validate_and_convert_args(REPLACE, ["a", "b", "c", "2"]) == ["a", "b", "c", 2]


def test_arguments_by_name() -> None:
    expected = ["aXbX", "X", "-", 1]
    by_name = {"old_substring": "X", "new_substring": "-", "count": 1}
    assert validate_and_convert_args(REPLACE, ["aXbX"], by_name) == expected
    assert validate_and_convert_args(REPLACE, {"input_string": "aXbX", **by_name}) == expected
    assert map_validated_args_by_name(REPLACE, expected) == {"input_string": "aXbX", **by_name}


def test_optional_arguments_may_stand_before_required_ones() -> None:
    spec = ToolSpec(name="a.B", args=(ArgSpec("id", ArgType.STRING, required=False), ArgSpec("name", ArgType.STRING)))
    assert validate_and_convert_args(spec, [None, "x"]) == [None, "x"]
    assert validate_and_convert_args(spec, {"name": "x"}) == [None, "x"]
    assert "argument 2 (name) is missing" in message(spec, ["x"])


@pytest.mark.parametrize(
    ("args", "named", "complaint"),
    [
        (["a"], {}, "argument 2 (old_substring) is missing"),
        (["a", "b", "c", 1, 2], {}, "tool.str.Replace takes 3 to 4 arguments, not 5"),
        (["a", "b", "c"], {"cuont": 1}, "there is no argument cuont; did you mean count?"),
        (["a", "b", "c"], {"zzz": 1}, "there is no argument zzz;"),
        (["a", "b", "c"], {"input_string": "x"}, "argument 1 (input_string) is given twice, by position and by name"),
    ],
)
def test_what_does_not_fit_the_signature(args: list[Any], named: dict[str, Any], complaint: str) -> None:
    text = message(REPLACE, args, named)
    assert complaint in text
    assert text.endswith("usage: tool.str.Replace(input_string, old_substring, new_substring, count?)")


def test_a_tool_without_arguments() -> None:
    spec = ToolSpec(name="time.Now")
    assert validate_and_convert_args(spec, []) == []
    assert "takes no arguments, not 1" in message(spec, [1])


def test_a_variadic_argument_takes_what_is_left() -> None:
    assert validate_and_convert_args(SUM, ["a", 1, "2", 3.0]) == ["a", [1, 2, 3]]
    assert validate_and_convert_args(SUM, {"label": "a", "terms": [1, 2]}) == ["a", [1, 2]]
    assert "argument 3 (terms) must be a whole number, not number 1.5" in message(SUM, ["a", 1, 1.5])
    assert "at least one is needed" in message(SUM, ["a"])
    assert "must be a list when given by name" in message(SUM, {"label": "a", "terms": 5})
    free = ToolSpec(name="io.Print", args=(ArgSpec("values", ArgType.ANY, required=False),), variadic=True)
    assert validate_and_convert_args(free, []) == [[]]
    assert validate_and_convert_args(free, [None, 1]) == [[None, 1]]


# --- properties -------------------------------------------------------------------------------------------------------

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(string.printable, max_size=8) | st.binary(max_size=4)
values = st.recursive(
    scalars | st.sampled_from([MOMENT, FAILURE, HANDLE, DOUBLE, Fuzzy(0.25)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=6,
)
arguments = st.builds(
    lambda name, kind, required, default: ArgSpec(name, kind, "", required, None if required else default),
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(list(ArgType)),
    st.booleans(),
    scalars,
)
specs = st.builds(
    lambda args, variadic: ToolSpec(
        name="t.T", args=args, variadic=variadic and bool(args) and args[-1].default is None
    ),
    st.lists(arguments, max_size=4, unique_by=lambda arg: arg.name).map(tuple),
    st.booleans(),
)


def outcome(call: Any, *args: Any) -> Any:
    try:
        return call(*args)
    except NeuroScriptError as error:
        return error.code, error.message


@given(specs, st.lists(values, max_size=5), st.dictionaries(st.sampled_from("abcde"), values, max_size=2))
def test_the_generated_validator_agrees_with_the_slow_way(
    spec: ToolSpec, args: list[Any], named: dict[str, Any]
) -> None:
    fast = outcome(compile_validator(spec), list(args), named)
    slow = outcome(lambda: convert(spec, list(args), named))
    assert type(fast) is type(slow)
    if isinstance(fast, list):
        assert len(fast) == len(spec.args)
        assert same(fast, slow)
    else:
        assert fast == slow


@given(specs, st.lists(values, max_size=4))
def test_where_every_inline_check_holds_the_arguments_pass_as_they_are(spec: ToolSpec, args: list[Any]) -> None:
    if spec.variadic or len(args) != len(spec.args):
        return
    templates = [inline_check(arg) for arg in spec.args]
    if all(t is not None and eval(t.format("x"), {"x": v}) for t, v in zip(templates, args, strict=True)):
        assert all(a is b for a, b in zip(convert(spec, args), args, strict=True))


@given(st.sampled_from([ArgType.INT, ArgType.FLOAT, ArgType.NUMBER]), values)
def test_numbers_convert_without_loss_or_not_at_all(kind: ArgType, value: Any) -> None:
    result = outcome(convert, one(kind), [value])
    if isinstance(result, tuple):
        return
    (number,) = result
    assert type(number) in {ArgType.INT: (int,), ArgType.FLOAT: (float,)}.get(kind, (int, float))
    assert type(value) is not bool
    assert number == (read_number(value) if type(value) is str else value)


@given(st.sampled_from(list(ArgType)), values)
def test_conversion_happens_once(kind: ArgType, value: Any) -> None:
    result = outcome(convert, one(kind), [value])
    if isinstance(result, list):
        assert convert(one(kind), result) == result


def test_a_list_that_passes_is_not_copied() -> None:
    items = [1, 2, 3]
    for kind in (ArgType.SLICE_INT, ArgType.SLICE_ANY, ArgType.SLICE_NUMBER, ArgType.ANY):
        assert compile_validator(one(kind))([items])[0] is items


def test_a_host_s_list_is_copied() -> None:
    items = [1, 2, 3]
    assert validate_and_convert_args(one(ArgType.SLICE_INT), [items])[0] is not items
