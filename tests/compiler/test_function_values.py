"""Procedures in variables, lists and maps: what the compiler knows of them changes nothing that a script can see."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter
from tests.compiler.support import procedure, run

PROCEDURES = (
    procedure("return x * 2", "twice", "(needs x)")
    + procedure('return "<" + x + ">"', "quoted", "(needs x)")
    + procedure('return "by name"', "plain", "(needs x)")
    + procedure("return 0 - x", "minus", "(needs x)")
    + procedure("return x + y", "joined", "(needs x, y)")
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("set f = twice\nreturn f(3) + 1", 7),
        ('set f = twice\nif b\n  set f = quoted\nendif\nreturn f("3") + 1', "331"),
        ("set f = quoted\nset f = twice\nreturn f(2)", 4),
        ('set table = {"a": twice, "b": quoted}\nreturn [table["a"](1), table[a](1)]', [2, "<1>"]),
        ('set table = {"a": twice}\nreturn table["x"](1)', 7),
        ('set table = {"b": twice}\nset f = table[a]\nreturn f(1) + f(2)', 6),
        ('set table = {"a": twice}\nset f = table["x" + a]\nreturn f(1)', 7),
        ('set table = {"a": twice}\nset plain = table["x" + a]\nreturn plain(1) + 1', "by name1"),
        ('set table = {"b": twice}\nset f = table[a]\nif f == nil\n  return 0\nendif\nreturn f(1) + f(2)', 6),
        ('set table = {"a": twice}\nset f = table[b]\nif f != nil and f(1)\n  return 0\nendif\nreturn 1', 1),
        ("set list = [twice, quoted]\nreturn list[1](list[0](4))", "<8>"),
        ("set f = twice\nreturn f()", 4),
        ("set f = quoted\nset x = f(1)\nset y = f(x: [2])\nreturn y + 1 + last", "<[2]>1<[2]>"),
        ("set f = twice\nset x = f(2 ** 10)\nset y = f(x: 2 ** 4095 - 1)\nreturn y + y", 41),
        ("set f = twice\nreturn f(nil)", 7),
        ("if b\n  set plain = twice\nendif\nreturn plain(5)", "by name"),  # the variable is not set
        ("set plain = twice\nreturn plain(5)", 10),
        ("set plain = 1\nreturn plain(5)", "by name"),  # and here it holds no function
        ("set f = twice\nset f = nil\nreturn f(1)", 7),
        ("set g = twice\nreturn [typeof g, g == twice, g == quoted, g == nil]", ["function", True, False, False]),
        ('set g = twice\nreturn "" + g', "function<twice>"),
        ("set g = twice\nreturn g + 1", 7),
        ("set g = twice\nreturn g.x", 7),
        ("set g = twice\nfor each x in g\nendfor", 7),
        ("set g = twice\nreturn [not g, g and true, {g: 1}]", [False, True, {"function<twice>": 1}]),
        ("return tool.list.Map([1, 2], twice)[1] + 1", 5),
        ("return tool.list.Map([1, 2], quoted)[1] + 1", "<2>1"),
        ("return tool.list.Reduce([], quoted, 5) + 1", 6),
        ("return tool.list.GroupBy([1, 2, 1], quoted)", {"<1>": [1, 1], "<2>": [2]}),
        ('return [tool.list.Map([1], twice), tool.list.Map(["4"], twice)]', [[2], ["44"]]),
        ('return [tool.list.Filter([1], twice), tool.list.Filter([""], twice)]', [[1], []]),
        ('return tool.list.Reduce([1, "a"], joined, 2)', "3a"),
        ('return [tool.list.Reduce([1], joined, 2), tool.list.Reduce(["b"], joined, "a")]', [3, "ab"]),
        ('return tool.list.Map(["a"], joined, 1)', ["a1"]),
        ("return tool.list.SortBy([1, 3, 2], minus)", [3, 2, 1]),
        ('set x = tool.error.Try(twice, 2)\nset y = tool.error.Try(twice, "3")\nreturn [x, y]', [4, "33"]),
        ('set x = tool.error.Try(minus, 2)\nset y = tool.error.Try(minus, "x")\nreturn [x, y.code]', [-2, 7]),
        ('return tool.list.SortBy([1, "x"], minus)', 7),
        ("return tool.list.Find([1, 2], plain)", 1),
        ("return tool.list.Find([], twice, [])", []),
    ],
)
def test_calls_of_function_values(text: str, found: Any) -> None:
    outcome = run(text, "b", more=PROCEDURES)
    assert (outcome.code or outcome.result) == found


def test_a_value_calls_the_procedure_that_has_its_name_now() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(procedure("set f = twice\nreturn f(4) + 1", "main", "()") + PROCEDURES)
        assert interpreter.run("main") == 9
        interpreter.load(procedure('return "new " + x', "twice", "(needs x)"), replace=True)
        assert interpreter.run("main") == "new 41"
