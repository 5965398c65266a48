"""Long bodies, whose code is generated in parts while Python compiles them."""

from __future__ import annotations

import ast
from typing import Any

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


ENDS = {
    "by a return inside": ("  if a\n    return [total, 1]\n  endif\n  return total", [[44850, 1], 44850]),
    "by its handler": (
        (
            "  on error do\n    set b = total\n    clear_error\n    return system_error_code\n  endon\n"
            "  set b = 1 / len(a)\n  return b"
        ),
        [7, 7],
    ),
    "where a handler is gone on behind": (
        "  on error do\n    set b = total\n    clear_error\n  endon\n  set b = len(a)\n  return [b, total]",
        [[44850, 44850], [44850, 44850]],
    ),
    "in a loop": ("  for each x in [1, 2]\n    if a\n      return x\n    endif\n  endfor", [1, None]),
    "by more than one value": ("  return total, a", [[44850, True], [44850, False]]),
    "by nothing": ("  set a = nil", [None, None]),
}


@pytest.mark.parametrize(("last", "given"), ENDS.values(), ids=ENDS)
def test_the_ways_in_which_one_ends(last: str, given: list[object]) -> None:
    interpreter = load(last)
    assert [interpreter.run("main", a) for a in (True, False)] == given


def test_an_error_is_told_once_for_the_body() -> None:
    with pytest.raises(NeuroScriptError) as failed:
        load("  set b = total.x.y").run("main", False)
    assert [(frame.procedure, frame.line) for frame in failed.value.stack] == [("main", 306)]


def test_a_list_is_changed_in_place_in_each_part() -> None:
    lines = "\n".join(f"  set xs[{number}] = {number}" for number in range(300))
    interpreter = Interpreter(plugins=False, limits={"max_memory": 8 * 1024 * 1024})
    interpreter.load(
        f"func main(needs xs) means\n  set xs = tool.list.Repeat(0, 200000)\n{lines}\n  return xs[299]\nendfunc\n"
    )
    assert interpreter.run("main", []) == 299


def test_later_statements_are_made_once() -> None:
    span = (1, 0, 1, 5)
    made: list[int] = []

    def make() -> list[ast.stmt]:
        made.append(1)
        statement = py.give(py.const(2))
        py.place(statement, span)
        return [statement]

    code = compile(ast.Module([py.Later("later", make, span)], []), "later", "exec")
    names: dict[str, Any] = {}
    exec(code, names)
    assert (names["later"](), made) == (2, [1])
