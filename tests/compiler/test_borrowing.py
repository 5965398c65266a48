"""A procedure sees by the reference count whether its caller still holds what it was given, also where Python borrows.

From Python 3.14 on a parameter alone does not count; these programs tell on any version.
"""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator
from random import Random
from types import CodeType
from typing import Any

import pytest

from neuroscript import Interpreter
from neuroscript.compiler.codegen import borrowing
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.temporaries import only_variable_holds
from neuroscript.runtime import abi
from neuroscript.values.holders import IN_CONTAINER, IN_LOCAL, UNBORROWED
from tests.fuzz.passing import make_passing_trial
from tests.fuzz.programs import make_case

from .support import procedure, run, watch

HANDLER = "on error do\n  clear_error\nendon\n"
CHANGES = {
    "an item": "set v[0] = 9",
    "an item in a loop": "for each i in [0, 1]\n  set v[i] = 9\nendfor",
    "appending": "set v = tool.list.Append(v, 9)",
    "adding": "set v = v + [9]",
    "removing": "set v = tool.list.Remove(v, 0)",
    "popping": "set v, last_one = tool.list.Pop(v)",
    "under another name": "set mine = v\nset mine[0] = 9",
    "under a third name": "set other = v\nset mine = other\nset mine[0] = 9",
    "what must be": "set mine = must v\nset mine[0] = 9",
    "where it is certain": "set mine = nil\nif v\n  set mine = v\nendif\nset mine[0] = 9",
    "in a branch": "if w\n  set v = w\nendif\nset v[0] = 9",
    "after it failed": "on error do\n  set v[0] = 9\n  clear_error\nendon\nfail",
    "under a handler": f"{HANDLER}set mine = v\nset mine[0] = 9\nset v[1] = 9",
    "by a hole": "set v[4] = 9",
    "further on": "call further(v, w)",
}
CALLS = {
    "a variable": "set r = change(xs)",
    "two parameters": "set r = change(xs, xs)",
    "by name": "set r = change(w: xs, v: xs)",
    "a value": "set f = change\nset r = f(xs)",
    "a tool": "set r = tool.list.Map([xs], change)",
    "another procedure": "set r = between(xs)",
    "in a loop": "for each x in [xs, xs]\n  set r = change(x)\nendfor",
    "in one expression": "set r = [change(xs), xs, change(xs, xs)]",
}
MORE = procedure("return change(v, v)", "between", "(needs v)") + procedure(
    "set v[0] = 9\nif w\n  set w[1] = 9\nendif\nreturn v", "further", "(needs v optional w)"
)


@pytest.mark.parametrize("before", ["", HANDLER], ids=["plain", "under a handler"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_the_caller_holds_stays_as_it_was(change: str, before: str) -> None:
    program = procedure(f"{CHANGES[change]}\nreturn [v, w]", "change", "(needs v optional w)") + MORE
    for number, call in enumerate(CALLS.values()):
        text = f"{before}set xs = [1, 2]\nset r = nil\n{call}\nset again = xs\n{call}\nreturn [xs, again]"
        program += procedure(text, f"main_{number}")
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(program)
        found = {call: interpreter.run(f"main_{number}") for number, call in enumerate(CALLS)}
    assert found == {call: [[1, 2], [1, 2]] for call in CALLS}


def test_one_parameter_is_changed_and_the_other_is_not() -> None:
    more = procedure("set v[0] = 9\nreturn [v, w]", "change", "(needs v, w)")
    assert run("set xs = [1]\nreturn change(xs, xs)", more=more).result == [[9], [1]]


@pytest.mark.parametrize("before", ["", HANDLER], ids=["plain", "under a handler"])
@pytest.mark.parametrize("name", ["v", "mine"])
def test_what_nobody_else_holds_is_changed_in_place(name: str, before: str) -> None:
    own = f"set {name} = v\n" if name != "v" else ""
    show = f"call tool.probe.See({name})\n"
    grow = f"{before}{own}set i = 0\nwhile i < 20\n  set {name}[i] = i\n  {show}  set i = i + 1\nendwhile"
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(procedure("call grow([])") + procedure(f"{grow}\nreturn {name}", "grow", "(needs v)"))
        interpreter.run("main")
    # The variable `v` goes on to hold what it was given, so that another name's list is copied at its first change.
    assert (len(seen.identities), seen.copies) == (20, 0)


# --- the code that Python makes of it ---------------------------------------------------------------------------------


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def counted(code: CodeType) -> Iterator[tuple[str, int, set[str]]]:
    """The locals whose reference counts are looked at, what these are compared with, and the opcodes that pass them."""
    instructions = [each for each in dis.get_instructions(code) if each.opname not in ("NOP", "NOT_TAKEN")]
    for place, instruction in enumerate(instructions):
        if instruction.opname == "LOAD_GLOBAL" and instruction.argval == abi.REFCOUNT:
            end = next(index for index in range(place, len(instructions)) if instructions[index].opname == "CALL")
            passing = [each for each in instructions[place + 1 : end] if each.opname.startswith(("LOAD_", "STORE_"))]
            names = {each.argval for each in passing}
            if len(names) == 1:  # else a local is bound to what is counted
                yield names.pop(), instructions[end + 1].argval, {each.opname for each in passing}


@pytest.mark.skipif(not borrowing.IS_NEEDED, reason="this Python borrows nothing")
@pytest.mark.parametrize("make", [make_case, make_passing_trial])
def test_what_is_compared_with_a_greater_count_is_never_borrowed(make: Any) -> None:
    unborrowed: set[str] = set()
    for seed in range(12):
        with Interpreter(plugins=False) as interpreter:
            interpreter.load(make(Random(seed)).source)
            interpreter.loader.compile_all()
            functions = [each.__code__ for each in interpreter.runtime.namespace.values() if hasattr(each, "__code__")]
            for code in (inner for function in functions for inner in codes(function)):
                for name, count, opcodes in counted(code):
                    alone = IN_LOCAL if name.startswith(abi.VARIABLE) else IN_CONTAINER
                    assert count in (alone, alone + UNBORROWED)
                    if count != alone:
                        unborrowed |= opcodes
    assert unborrowed >= {"LOAD_FAST"}
    assert not {opcode for opcode in unborrowed if "BORROW" in opcode}


def test_a_parameter_that_is_copied_where_it_is_shared_is_taken_hold_of() -> None:
    copied = py.set_variable("m", ast.Dict([None], [py.variable("m")]))  # `{**m}`, whose key is no node
    function = py.function("p_f", ["d", "v_m"], [], [py.when(only_variable_holds("m"), [ast.Pass()], [copied])])
    assert isinstance(function, ast.FunctionDef)
    borrowing.count_holders(function, 0)
    assert ast.unparse(function.body[0]) == "v_m = (v_m,)[0]"
