"""Long bodies, whose code is generated in parts while Python compiles them."""

from __future__ import annotations

import ast

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript.compiler.codegen import pyast as py

LINES = "\n".join(f"  set total = total + {number}" for number in range(300))


def load(last: str) -> Interpreter:
    interpreter = Interpreter(plugins=False)
    text = f'func main(needs a) means\n  set total = 0\n{LINES}\n  if a\n    set b = "set"\n  endif\n{last}\nendfunc\n'
    interpreter.load(text, "long.ns")
    return interpreter


def test_all_parts_run_in_order() -> None:
    assert load("  return total").run("main", True) == sum(range(300))


def test_a_variable_that_may_not_be_set_is_tested() -> None:
    interpreter = load("  return b")
    assert interpreter.run("main", True) == "set"
    with pytest.raises(NeuroScriptError) as failed:
        interpreter.run("main", False)
    assert failed.value.line == 306


def test_later_statements_are_made_once() -> None:
    span = (1, 0, 1, 5)
    made: list[int] = []

    def make() -> list[ast.stmt]:
        made.append(1)
        statement = py.assign("a", py.const(2))
        py.place(statement, span)
        return [statement]

    code = compile(ast.Module([py.Later(make, span)], []), "later", "exec")
    names: dict[str, int] = {}
    exec(code, names)
    assert (names["a"], made) == (2, [1])
