"""A tool that is called directly gets, gives and raises what it does when its arguments go through the validator.

A tool that takes the context is never called directly, so each function is called with one and without.
"""

from __future__ import annotations

import enum
import time
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from neuroscript import ArgSpec, ErrorCode, Fuzzy, Interpreter, Limits, NeuroScriptError, ToolSpec
from neuroscript.runtime.budget import Fuel
from tests.compiler.support import procedure

VALUES: list[Any] = [
    None,
    True,
    0,
    -7,
    2**70,
    2.0,
    2.5,
    -0.0,
    "",
    "5",
    "x",
    "é",
    b"x",
    Fuzzy(0.5),
    [],
    [1],
    [True],
    [1, 2.0],
    [1.5, 2.5],
    ["a", "5"],
    [1, "a"],
    [None],
    [{}],
    [{"a": [1]}, {}],
    [[1], [2]],
    {},
    {"a": 1, "b": None},
    {"a": {"b": [1]}},
]

HINTS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "number": int | float,
    "bool": bool,
    "bytes": bytes,
    "any": Any,
    "any_or_five": Any,
    "any_or_list": Any,
    "text_or_none": str | None,
    "dict": dict[str, Any],
    "mapping": Mapping[str, Any],
    "list": list[Any],
    "sequence": Sequence[Any],
    "strings": list[str],
    "ints": list[int],
    "floats": list[float],
    "numbers": list[int | float],
    "bools": list[bool],
    "maps": list[dict[str, Any]],
    "shared_maps": Sequence[dict[str, Any]],
}


def shown(value: Any) -> Any:
    """A value with the types of all its parts."""
    if type(value) is list:
        return [shown(item) for item in value]
    if type(value) is dict:
        return {key: shown(item) for key, item in value.items()}
    return type(value).__name__, repr(value)


def with_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one that takes the context too."""

    def tool(ctx: Any, x: Any) -> Any:
        return function(x)

    tool.__annotations__ = dict(function.__annotations__)
    tool.__defaults__ = getattr(function, "__defaults__", None)
    return tool


def both_ways(function: Callable[..., Any], value: Any) -> list[Any]:
    """What a call by position, one by name, and one through the validator give, or how they fail."""
    outcomes: list[Any] = []
    for tool, argument in ((function, "v"), (function, "x: v"), (with_context(function), "v")):
        with Interpreter(plugins=False) as interpreter:
            interpreter.tool("host.Tool")(tool)
            interpreter.load(f"func main(needs v) means\n  return [tool.host.Tool({argument})]\nendfunc\n")
            try:
                outcomes.append(shown(interpreter.run("main", value)))
            except NeuroScriptError as error:
                outcomes.append((error.code, error.message, error.line, error.column))
    return outcomes


def as_values(function: Callable[..., Any], value: Any) -> list[Any]:
    """What calls of the tool in a variable, in a list, and by library functions give, or how they fail."""
    outcomes: list[Any] = []
    for call in (
        "[f(v)]",
        "[[f][0](v)]",
        "tool.list.Rest([f(v), f(v)])",
        "tool.list.Map([v], f)",
        "[tool.list.Reduce([v], through, 1)]",
    ):
        with Interpreter(plugins=False) as interpreter:
            interpreter.tool("host.Tool")(function)
            interpreter.load(
                "func through(needs a, x) means\n  set f = tool.host.Tool\n  return f(x)\nendfunc\n"
                f"func main(needs v) means\n  set f = tool.host.Tool\n  return {call}\nendfunc\n"
            )
            try:
                outcomes.append(shown(interpreter.run("main", value)))
            except NeuroScriptError as error:
                outcomes.append((error.code, error.message))
    return outcomes


@pytest.mark.parametrize("kind", HINTS)
def test_arguments_arrive_the_same(kind: str) -> None:
    seen: list[Any] = []

    def tool(x: Any) -> None:
        seen.append(shown(x))

    tool.__annotations__["x"] = HINTS[kind]
    tool.__defaults__ = {"any_or_five": (5,), "any_or_list": ([1],), "text_or_none": (None,)}.get(kind)
    for value in VALUES:
        seen.clear()
        directly, by_name, checked = both_ways(tool, value)
        assert directly == by_name == checked, value
        assert all(each == (directly if type(directly) is list else directly[:2]) for each in as_values(tool, value))
        assert all(each == seen[0] for each in seen), value


class Word(str):
    __slots__ = ()


class Count(int):
    pass


class Rows(list[Any]):
    pass


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def cyclic() -> list[Any]:
    held: list[Any] = []
    held.append(held)
    return held


RESULTS: list[Any] = [
    *VALUES,
    Word("w"),
    Count(5),
    Colour.RED,
    Level.HIGH,
    Rows([1]),
    (1, (2,)),
    {1: "a", 2.5: "b"},
    {"\ud800": 1},
    UserDict(a=1),
    "a\ud800",
    ["a\ud800"],
    {"a": "\ud800"},
    float("inf"),
    float("nan"),
    [float("inf")],
    2**62,
    -(2**62),
    2**4095,
    2**4096,
    -(2**4096),
    [2**4096],
    {"a": 2**4096},
    object(),
    [object()],
    {None: 1},
    cyclic(),
]


@pytest.mark.parametrize(
    "hint", [str, int, float, int | float, bool, None, dict[str, Any], list[Any], list[str], Any, bytes]
)
def test_results_arrive_the_same(hint: Any) -> None:
    def tool(x: int) -> Any:
        return result

    tool.__annotations__["return"] = hint
    for result in RESULTS:
        directly, by_name, checked = both_ways(tool, 1)
        assert directly == by_name == checked, result
        assert all(each == (directly if type(directly) is list else directly[:2]) for each in as_values(tool, 1)), (
            result
        )


def test_all_arguments_are_evaluated_in_turn_before_any_is_looked_at() -> None:
    def tool(a: str, b: list[str], c: int) -> str:
        return a + "".join(b) + str(c)

    text = """func say(needs x) means
  emit x
  return x
endfunc
func main(needs a, b, c) means
  return tool.host.Tool(say(a), say(b), say(c))
endfunc
func turned(needs a, b, c) means
  return tool.host.Tool(c: say(c), a: say(a), b: say(b))
endfunc
"""
    emitted: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append) as interpreter:
        interpreter.tool("host.Tool")(tool)
        interpreter.load(text)
        assert interpreter.run("main", "a", ["b"], 1) == "ab1"
        assert interpreter.run("turned", "a", ["b"], 1) == "ab1"
        with pytest.raises(NeuroScriptError, match=r"argument 1 \(a\) must be a string"):
            interpreter.run("main", 5, ["b"], "x")
    assert emitted == ["a", ["b"], 1, 1, "a", ["b"], 5, ["b"], "x"]


@pytest.mark.parametrize("value", [[1, 2], [[1], 2], {"a": 1}, {"a": [1]}, [{"a": {}}]])
@pytest.mark.parametrize("hint", [list[Any] | dict[str, Any], Any])
def test_a_tool_that_changes_its_argument_changes_a_copy(hint: Any, value: Any) -> None:
    def spoil(x: Any) -> None:
        for item in [x, *(x if isinstance(x, list) else x.values())]:
            if isinstance(item, list):
                item.append("spoilt")
            elif isinstance(item, dict):
                item["spoilt"] = True

    spoil.__annotations__["x"] = list[Any] if hint is not Any and isinstance(value, list) else hint
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Spoil")(spoil)
        interpreter.load("func main(needs v) means\n  call tool.host.Spoil(v)\n  return v\nendfunc\n")
        assert interpreter.run("main", value) == value


def test_what_a_tool_keeps_no_script_changes() -> None:
    kept: list[Any] = []

    def keep(xs: Sequence[int]) -> None:
        kept.append(xs)

    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Keep")(keep)
        text = "set xs = [1]\ncall tool.host.Keep(xs)\nset xs[0] = 2\nset xs = tool.list.Append(xs, 3)\nreturn xs"
        interpreter.load(procedure(text))
        assert interpreter.run("main") == [2, 3]
    assert kept == [[1]]


def test_what_a_tool_gives_it_may_go_on_changing() -> None:
    rows: list[Any] = [{"n": 1}, [2]]

    def give() -> list[Any]:
        return rows

    def change() -> None:
        rows[0]["n"] = 5
        rows[1].append(3)
        rows.append(4)

    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Give")(give)
        interpreter.tool("host.Change")(change)
        interpreter.load(procedure("set xs = tool.host.Give()\ncall tool.host.Change()\nreturn xs"))
        assert interpreter.run("main") == [{"n": 1}, [2]]


def test_variadic_arguments_pass_directly() -> None:
    def tool(label: str, *terms: int) -> str:
        return label + str(sum(terms))

    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Tool")(tool)
        text = "set y = tool.list.Concat([x], [], [1])\nreturn [tool.host.Tool('a', 1, x), tool.host.Tool('b'), y]"
        interpreter.load(procedure(text, signature="(needs x)"))
        assert interpreter.run("main", 5) == ["a6", "b0", [5, 1]]
        with pytest.raises(NeuroScriptError, match=r"argument 3 \(terms\) must be a whole number"):
            interpreter.run("main", "x")


@pytest.mark.parametrize("function", [time.sleep, lambda seconds: time.sleep(seconds)])
@pytest.mark.parametrize("kind", ["float", "any", "slice_any"])
def test_the_time_of_a_tool_is_not_the_scripts(function: Callable[[float], None], kind: str) -> None:
    def taken(seconds: Any) -> None:
        function(seconds[0] if isinstance(seconds, list) else seconds)

    spec = ToolSpec(name="host.Wait", args=(ArgSpec("seconds", kind),))  # type: ignore[arg-type]
    value = "[0.02]" if kind == "slice_any" else "0.02"
    with Interpreter(plugins=False, limits=Limits(max_seconds=0.15)) as interpreter:
        interpreter.tools.register(spec, taken if kind == "slice_any" else function)
        interpreter.load(
            procedure(f"set i = 0\nwhile i < 20\n  call tool.host.Wait({value})\n  set i = i + 1\nendwhile\nreturn i")
        )
        assert interpreter.run("main") == 20


SHORT = {"s": "abc", "xs": [1, 2, 3], "m": {"a": 1}, "n": 2}
LONG = {"s": "abc" * 3000, "xs": list(range(9000)), "m": {str(i): i for i in range(9000)}, "n": 9000}


@pytest.mark.parametrize(
    ("call", "looks"),
    [
        ("tool.str.ToUpper(s)", True),
        ("tool.str.Contains('abc', s)", True),
        ("tool.str.Split(s, 'b')", True),
        ("tool.str.Repeat('x', n)", True),
        ("tool.str.PadLeft('x', n)", True),
        ("tool.str.Substring(s, 0, n)", True),
        ("tool.str.Join(xs, '')", True),
        ("tool.str.ToString(xs)", True),
        ("tool.json.Stringify(xs)", True),
        ("tool.list.Range(0, n)", True),
        ("tool.list.Repeat(1, n)", True),
        ("tool.list.Reverse(xs)", True),
        ("tool.list.Concat([1], xs)", True),
        ("tool.map.Keys(m)", True),
        ("tool.str.Length(s)", False),
        ("tool.str.Substring(s, 1, 2)", False),
        ("tool.list.Get(xs, 1)", False),
        ("tool.map.Get(m, 'a')", False),
    ],
)
def test_the_clock_is_looked_at_where_there_is_much_to_do(
    call: str, looks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [0]
    check_limits = Fuel.check_limits

    def counting(fuel: Fuel) -> float:
        counted[0] += 1
        return check_limits(fuel)

    monkeypatch.setattr(Fuel, "check_limits", counting)
    counts = []
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(procedure(f"return {call}", signature="(needs s, xs, m, n)"))
        for values in (SHORT, LONG):
            counted[0] = 0
            interpreter.run("main", **values)
            counts.append(counted[0])
    assert counts[0] == 0
    assert (counts[1] > 0) is looks


def test_two_tools_of_one_function_fail_under_their_own_names() -> None:
    def bad(x: dict[str, int]) -> int:
        raise ValueError("no")

    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.First")(bad)
        interpreter.tool("host.Second")(bad)
        interpreter.load(
            procedure("if x\n  return tool.host.First({})\nendif\nreturn tool.host.Second({})", signature="(needs x)")
        )
        for value, name in ((True, "First"), (False, "Second")):
            with pytest.raises(NeuroScriptError, match=f"tool.host.{name} failed: ValueError: no") as raised:
                interpreter.run("main", value)
            assert raised.value.code == ErrorCode.TOOL_EXECUTION_FAILED


def test_a_function_of_values_alone_fails_under_its_name() -> None:
    def bad(ctx: Any, x: str) -> str:
        raise ValueError("no")

    spec = ToolSpec(name="host.Bad", args=(ArgSpec("x", "string"),), pure=True)  # type: ignore[arg-type]
    with Interpreter(plugins=False) as interpreter:
        interpreter.tools.register(spec, bad)
        interpreter.load(procedure("return tool.host.Bad(x)", signature="(needs x)"))
        with pytest.raises(NeuroScriptError, match=r"tool\.host\.Bad failed: ValueError: no") as raised:
            interpreter.run("main", "a")
    assert raised.value.line == 2
