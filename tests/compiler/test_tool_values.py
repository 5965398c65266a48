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
