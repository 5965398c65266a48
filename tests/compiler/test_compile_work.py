"""The work of loading and compiling grows with a program's length and no faster, whatever there are many of.

What is counted is the lines of the compiler that run, so a busy machine changes nothing.  Long programs are attacks
too: no limit of the run holds before it begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from neuroscript import Interpreter

FEW = 300
"""Of each kind; there are twice as many in the program that this one is compared with."""


def body(*parts: str) -> str:
    return "\n".join(["func main() means", *parts, "endfunc", ""])


def each(count: int, text: str) -> str:
    """Lines made of a text in which ``@`` is a number, ``@-`` the one before it, and ``@+`` the one after it."""
    made = []
    for i in range(count):
        made.append(text.replace("@-", str(max(0, i - 1))).replace("@+", str((i + 1) % count)).replace("@", str(i)))
    return "\n".join(made)


def named(count: int, joined: str = ", ") -> str:
    return joined.join(f"a{i}" for i in range(count))


def ones(count: int) -> str:
    return ", ".join("1" for _ in range(count))


def wide(count: int) -> str:
    """A procedure of many parameters, which passes them on to another."""
    names = named(count)
    return (
        f"func f(needs {names}) means\nreturn a0\nendfunc\nfunc g(needs {names}) means\nreturn f({names})\nendfunc\n"
        + body(f"return g({ones(count)})")
    )


def shifting(count: int) -> str:
    """A recursive procedure whose parameters move on by one with each call."""
    last = count - 1
    return (
        f"func f(needs {named(count)}) means\nif a0 > 3\nreturn 1\nendif\nreturn f(a0 * a0, {named(last)})\nendfunc\n"
        + body(f"return f({', '.join(['2'] * count)})")
    )


def chained(count: int) -> str:
    """Procedures that pass a list on, the last of which changes it."""
    parts = each(count, "func f@(needs xs) means\nset n@ = 1\nreturn f@-(xs)\nendfunc")
    return parts.replace("return f0(xs)\nendfunc", "set xs[0] = 1\nreturn xs\nendfunc", 1) + "\n" + body("return 1")


def chained_backwards(count: int) -> str:
    parts = "\n".join(f"func f{i}(needs xs) means\nreturn f{i + 1}(xs)\nendfunc" for i in range(count))
    return f"{parts}\nfunc f{count}(needs xs) means\nset xs[0] = 1\nreturn xs\nendfunc\n" + body("return 1")


PROGRAMS: dict[str, Callable[[int], str]] = {
    "procedures": lambda n: each(n, "func f@() means\nendfunc") + "\n" + body(),
    "procedures as values": lambda n: (
        each(n, "func f@(needs x) means\nset g = f@-\nreturn tool.list.Map([x], g)\nendfunc") + "\n" + body()
    ),
    "procedures in a ring": lambda n: (
        each(n, "func f@(needs x) means\nif x > 3\nreturn [x]\nendif\nreturn f@+(x + 1)\nendfunc")
        + "\n"
        + body("return f0(1)")
    ),
    "procedures that change what they get": chained,
    "procedures that pass on what the last changes": chained_backwards,
    "event handlers": lambda n: each(n, 'on event "e@" as e do\nemit e.payload\nendon') + "\n" + body(),
    "parameters": wide,
    "parameters that move on": shifting,
    "targets": lambda n: body(f"set {named(n)} = [{ones(n)}]"),
    "targets of themselves": lambda n: body(each(n, "set a@ = @"), f"set {named(n)} = [{named(n)}]"),
    "variables": lambda n: body(each(n, "set a@ = @\nset b@ = a@ + a@-")),
    "variables of a loop": lambda n: body(
        each(n, "set a@ = @"), "set k = 0", "while k < 3", each(n, "set a@ = a@+ + 1"), "set k = k + 1", "endwhile"
    ),
    "lists": lambda n: body(each(n, "set a@ = [@]\nset a@[0] = 2\nset b@ = a@")),
    "stores": lambda n: body("set m = {}", each(n, 'set m.k@ = {"a": @}'), each(n, "set m.k@.a = m.k@+.a")),
    "conditions": lambda n: body("set a = 0", each(n, "if a == @\nset b@ = 1\nelse\nset b@ = 2\nendif")),
    "cases": lambda n: body(each(n, "set a@ = @"), "if 1 > 2", each(n, "else if a@ > 9999\nset b = @"), "endif"),
    "conditions on variables": lambda n: body(
        each(n, "set a@ = @"), each(n, "if a@ % 3 == 0 and a@ > 2\nset a@ = a@ / 3\nendif")
    ),
    "loops": lambda n: body("set a = 0", each(n, "for each x@ in [1]\nset a = a + x@\nendfor")),
    "loops that count": lambda n: body(
        "set a = 0", each(n, "set i@ = 0\nwhile i@ < 2\nset a = a + i@\nset i@ = i@ + 1\nendwhile")
    ),
    "handled errors": lambda n: body("on error do\nset e = 1\nclear_error\nendon", each(n, "set a@ = 1 / b@")),
    "calls": lambda n: "func f(needs x) means\nreturn x\nendfunc\n" + body(each(n, "set a@ = f(@)")),
    "operands": lambda n: body("set a = 1", "set s = a" + " + a" * n + ' + "x"' * n, "return a" + " and a" * n),
    "items": lambda n: body("return [" + ", ".join(f'{{"a": {i}, "b": [{i}]}}' for i in range(n)) + "]"),
    "placeholders": lambda n: body("set a = 1", "return ```" + "{{a}} x " * n + "```"),
}


def work(source: str) -> int:
    """How many lines of the packages run for a program to be loaded and its main procedure to be compiled."""
    lines = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if "neuroscript" in frame.f_code.co_filename else None

    before = sys.gettrace()
    with Interpreter(plugins=False, emit=lambda value: None) as interpreter:
        sys.settrace(call)
        try:
            interpreter.load(source, name="long.ns")
            interpreter.run("main")
        finally:
            sys.settrace(before)
    return lines


@pytest.mark.parametrize("kind", PROGRAMS)
def test_twice_the_text_takes_twice_the_work(kind: str) -> None:
    make = PROGRAMS[kind]
    work(make(5))  # what is made once in a process
    few, many = work(make(FEW)), work(make(2 * FEW))
    assert many < few * 2.5
