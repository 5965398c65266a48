"""Tools as values: read as constants, and called directly where they are library functions."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, Limits, Policy
from neuroscript.errors import NeuroScriptError


def result(body: str, **options: Any) -> Any:
    """What a procedure of this body gives."""
    interpreter = Interpreter(plugins=False, **options)
    interpreter.load(f"func main() means\n{body}\nendfunc\nfunc half(needs n) means\n  return n / 2\nendfunc\n", "t.ns")
    return interpreter.run("main")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('tool.list.Map([" a", "B "], tool.str.TrimSpace)', ["a", "B"]),
        ('tool.list.Map(["a", "Ä"], tool.str.ToLower)', ["a", "ä"]),
        ('tool.list.Map(["a,b", "c"], tool.str.Split, ",")', [["a", "b"], ["c"]]),
        ('tool.list.Map(["5", "x"], tool.str.PadLeft, 3, "0")', ["005", "00x"]),
        ("tool.list.Map([1.5, 2], tool.math.Round)", [2, 2]),  # with the default of the other argument
        ("tool.list.Map([1, 2.0], tool.str.ToString)", ["1", "2"]),
        ('tool.list.Map(["4", 9], tool.math.Sqrt)', [2, 3]),  # the first is converted
        ('tool.list.Filter(["a", ""], tool.str.Length)', ["a"]),
        ('tool.list.Any(["a", 5], tool.str.Length)', True),  # the second is not asked for
        ("tool.list.Map([[2, 1], [3]], tool.list.Sort)", [[1, 2], [3]]),
        ("tool.list.Map([[1], [2]], tool.list.Map, half)", [[0.5], [1]]),
        ("tool.list.Reduce([1, 2], tool.math.Add, 3)", 6),
        ("tool.error.Try(tool.math.Sqrt, -1).code", 41),
        ("tool.list.Reduce(tool.list.Range(0, 200), tool.math.Add, 0)", 19900),
        ("tool.list.Map(tool.list.Map(tool.list.Range(0, 100), tool.str.ToString), len)", [1] * 10 + [2] * 90),
        ('tool.list.Filter([1, "a"], is_string)', ["a"]),
        ("[half][0](4)", 2),
        ('{"f": half}.f(4)', 2),
        ('[{"f": [tool.str.ToUpper]}][0].f[0]("a")', "A"),
        ('[len][0]("abc")', 3),
        ("[is_string][0](1)", False),
        ("[half][0](n: 4)", 2),
        ("tool.error.Try(tool.str.ToUpper, 5).code", 4),
        ("tool.error.Try(len, 5).code", 7),
        ("tool.error.Try(len).code", 4),
        ("tool.error.Try(half, 4)", 2),
        ('tool.error.Try(half, "x").code', 7),
        ("tool.error.Try(half).code", 4),
        ("tool.error.Try(half, 1, 2).code", 4),
        ('tool.list.SortBy([{"n": 1}, {"n": 2}], "n", true)', [{"n": 2}, {"n": 1}]),
    ],
)
def test_values(expression: str, value: Any) -> None:
    assert result(f"  return {expression}") == value


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("tool.list.Map([1], tool.str.ToUpper)", 4),
        ('tool.list.Map(["a"], tool.str.Substring)', 4),
        ('tool.list.Map(["a", -1], tool.math.Sqrt)', 4),
        ("tool.list.Map([4, -1], tool.math.Sqrt)", 41),
        ('tool.list.Map(["a"], nil)', 4),
        ("[5][0](1)", 7),
        ("[nil][0](1)", 7),
        ("[half][0]()", 4),
        ("[half][0](1, 2)", 4),
        ("[len][0](1, 2)", 4),
        ("[len][0](1)", 7),
        ("[tool.str.ToUpper][0](1)", 4),
    ],
)
def test_errors_have_their_place(expression: str, code: int) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        result(f"  return {expression}")
    assert (caught.value.code, caught.value.line) == (code, 2)


def test_a_variable_holds_a_tool_for_any_number_of_arguments() -> None:
    body = '  set f = tool.str.PadLeft\n  return [f("a", 3), f("a", 3, "."), f(12, 4), tool.error.Try(f, "a").code]'
    assert result(body) == ["  a", "..a", "  12", 4]


def test_what_the_policy_does_not_permit_is_refused() -> None:
    for body in ("  set f = tool.str.ToUpper\n  return f", '  return tool.list.Map(["a"], tool.str.ToUpper)'):
        with pytest.raises(NeuroScriptError) as caught:
            result(body, policy=Policy(deny=("str.ToUpper",)))
        assert caught.value.code == 10


def test_a_tool_is_asked_for_its_permission_when_it_is_called() -> None:
    interpreter = Interpreter(plugins=False)
    interpreter.load('func main() means\n  return tool.list.Map(["a"], tool.str.ToUpper)\nendfunc\n', "t.ns")
    assert interpreter.run("main") == ["A"]
    interpreter.policy = Policy(deny=("str.ToUpper",))
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("main")
    assert caught.value.code == 10


def test_time_is_looked_at_between_calls_of_a_library_function() -> None:
    body = """
  set xs = tool.list.Repeat(tool.str.Repeat("a", 4000), 100000)
  return len(tool.list.Map(xs, tool.str.ToUpper))"""
    with pytest.raises(NeuroScriptError) as caught:
        result(body, limits=Limits(max_seconds=0.01))
    assert caught.value.code == 37


def test_a_built_in_function_that_is_a_value_may_be_replaced() -> None:
    interpreter = Interpreter(plugins=False)
    interpreter.load(
        "func give() means\n  return is_string\nendfunc\nfunc main(needs f) means\n  return f(1)\nendfunc\n"
    )
    function = interpreter.run("give")
    assert interpreter.run("main", function) is False
    interpreter.load("func is_string(needs x) means\n  return 9\nendfunc\n")
    assert interpreter.run("main", function) == 9


@pytest.mark.parametrize("call", ["f(1)", "[f][0](1)", "tool.list.Map([1], f)[0]", "tool.error.Try(f, 1)"])
def test_the_hosts_tools_and_its_policy_may_change_between_two_calls(call: str) -> None:
    interpreter = Interpreter(plugins=False)
    interpreter.tool("app.F")(lambda x: x + 1)
    interpreter.load(f"func main() means\n  set f = tool.app.F\n  return {call}\nendfunc\n")
    assert [interpreter.run("main"), interpreter.run("main")] == [2, 2]
    interpreter.tools.unregister("app.F")
    interpreter.tool("app.F")(lambda x: x + 2)
    assert [interpreter.run("main"), interpreter.run("main")] == [3, 3]
    interpreter.policy = Policy(deny=("app.F",))
    if "Try" in call:
        assert interpreter.run("main").code == 10
        return
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("main")
    assert caught.value.code == 10


def test_a_tool_that_forbids_itself_is_called_once() -> None:
    calls: list[int] = []
    interpreter = Interpreter(plugins=False)

    @interpreter.tool("app.Once")
    def once(x: int) -> int:
        calls.append(x)
        interpreter.policy = Policy(deny=("app.Once",))
        return x

    interpreter.load("func main() means\n  return tool.list.Map([1, 2, 3], tool.app.Once)\nendfunc\n")
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("main")
    assert (caught.value.code, calls) == (10, [1])


def test_folding_changes_its_result_in_place() -> None:
    body = """
  set m = tool.list.Reduce(tool.list.Range(0, 2000), counted, {})
  set start = {"a": [0]}
  set other = tool.list.Reduce([1, 2], grown, start)
  return [len(m), start, other]"""
    more = """
func counted(needs m, i) means
  set m["k" + i] = i
  return m
endfunc
func grown(needs m, i) means
  set m.a = m.a + [i]
  return m
endfunc
"""
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"func main() means\n{body}\nendfunc\n{more}")
    assert interpreter.run("main") == [2000, {"a": [0]}, {"a": [0, 1, 2]}]
