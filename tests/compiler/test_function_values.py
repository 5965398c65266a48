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
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("set f = twice\nreturn f(3) + 1", 7),
        ('set f = twice\nif b\n  set f = quoted\nendif\nreturn f("3") + 1', "331"),
        ("set f = quoted\nset f = twice\nreturn f(2)", 4),
        ('set table = {"a": twice, "b": quoted}\nreturn [table["a"](1), table[a](1)]', [2, "<1>"]),
        ('set table = {"a": twice}\nreturn table["x"](1)', 7),
        ("set list = [twice, quoted]\nreturn list[1](list[0](4))", "<8>"),
        ("set f = twice\nreturn f()", 4),
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
