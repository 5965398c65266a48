"""Programs of a size or shape that Python's own compiler would refuse, run all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from neuroscript import Interpreter, NeuroScriptError

from .support import run

MANY = 3000


def chain(operator: str, operand: str = "a", count: int = MANY) -> str:
    return f" {operator} ".join([operand] * count)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (f"return {chain('+')}", MANY),
        (f"return {chain('-')}", 2 - MANY),
        (f"return {chain('*')}", 1),
        (f"return {chain('and')}", True),
        (f"return {chain('or', 'b')}", False),
        (f"if {chain('and')}\n  return 1\nendif", 1),
        (f"if {chain('or', 'b')}\n  return 1\nendif", None),
        (f"return {chain('==')}", False),
        (f"return {chain('&')}", 1),
        (f'return len("" + {chain("+")})', MANY),
        (f"return {chain('+', 'f(a)', 500)}", 500),
        (f"return len([{', '.join(['a'] * 20_000)}])", 20_000),
        (f"return len([{', '.join(map(str, range(20_000)))}])", 20_000),
        ("return len({" + ", ".join(f'"k{i}": a' for i in range(8000)) + "})", 8000),
        (f"return len(tool.list.Concat({', '.join(['[a]'] * 5000)}))", 5000),
        ("\n".join(f"set v{i} = a" for i in range(5000)) + "\nreturn v4999", 1),
        (
            "set x = a\nif x == 0\n  return 0\n"
            + "".join(f"else if x == {i}\n  return {i}\n" for i in range(1000, 0, -1))
            + "endif",
            1,
        ),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("before", ["", "on error do\n  clear_error\nendon\n"], ids=["plain", "under a handler"])
def test_long_programs(before: str, text: str, result: object) -> None:
    outcome = run(before + text, 1, more="func f(needs x) means\n  return x\nendfunc\n")
    assert (outcome.code, outcome.result) == (0, result), outcome.error


def test_calls_with_many_arguments() -> None:
    names = [f"p{i}" for i in range(400)]
    more = f"func f(needs {', '.join(names)}) means\n  return p0 + p399\nendfunc\n"
    assert run(f"return f({', '.join(map(str, range(400)))})", more=more).result == 399
    assert run(f"return f({', '.join(f'{name}: {i}' for i, name in enumerate(names))})", more=more).result == 399


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(", ")"),
        ("[", "]"),
        ('{"k": ', "}"),
        ("not ", ""),
        ("typeof ", ""),
        ("(1 + ", ")"),
        ('("a" + ', ")"),
        ("(1 == ", ")"),
        ("(a and ", ")"),
        ("(a or ", ")"),
        ("(7 % ", ")"),
        ("f(", ")"),
        ("f(x: ", ")"),
        ("eval(", ")"),
        ("2 ** ", ""),
    ],
)
def test_expressions_as_deep_as_they_may_be(before: str, after: str) -> None:
    more = "func f(needs x) means\n  return x\nendfunc\n"
    outcome = run(f"return {before * 98}1{after * 98}", 1, more=more)
    assert outcome.code in (0, 14, 41), outcome.error
    assert run(f"return {before * 101}1{after * 101}", 1, more=more).code == 38


BLOCKS = [("if a\n", "endif\n"), ("while true\n", "break\nendwhile\n"), ("for each x in [1]\n", "endfor\n")]


@pytest.mark.parametrize("before", ["", "on error do\n  clear_error\nendon\n"], ids=["plain", "under a handler"])
@pytest.mark.parametrize("kinds", [(0,), (1,), (2,), (0, 1, 2), (1, 2)])
def test_blocks_as_deep_as_they_may_be(before: str, kinds: tuple[int, ...]) -> None:
    blocks = [BLOCKS[kinds[i % len(kinds)]] for i in range(98)]
    opening = "".join(opener for opener, _ in blocks)
    closing = "".join(closer for _, closer in reversed(blocks))
    text = before + "set n = 0\n" + opening + 'set n = n + 1\nset xs[n] = n\nemit "{{n}}"\n' + closing + "return xs"
    outcome = run(text, 1)
    assert (outcome.code, outcome.result, outcome.emitted) == (0, [None, 1], ["{{n}}"]), outcome.error
    assert run(before + opening + "return 5\n" + closing, 1).result == 5
    failing = run(opening + "set y = 1 / 0\n" + closing, 1)
    assert (failing.code, failing.place) == (14, (100, 13))
    assert failing.error is not None
    assert [frame.procedure for frame in failing.error.stack] == ["main"]


def test_a_handler_may_hold_deep_loops() -> None:
    loops = "while true\n" * 40 + "set n = n + 1\nclear_error\n" + "break\nendwhile\n" * 40
    text = f"set n = 0\non error do\n{loops}endon\nset x = 1 / 0\nreturn n"
    assert run(text).result == 1


def test_names_that_python_keeps_for_itself() -> None:
    names = [
        "class",
        "def",
        "None",
        "lambda",
        "__init__",
        "self",
        "d",
        "e",
        "t1",
        "latest",
        "x",
        "v_x",
        "_fuel",
        "type",
        "yield",
    ]
    text = "".join(f"set {name} = {number}\n" for number, name in enumerate(names)) + f"return [{', '.join(names)}]"
    assert run(text).result == list(range(len(names)))
    more = "func import(needs from, async optional await) means\n  return [from, async, await]\nendfunc\n"
    assert run("return import(1, async: 2)", more=more).result == [1, 2, None]


def test_many_evals_of_many_variables() -> None:
    count = 1500
    text = "".join(f"set v{i} = {i}\n" for i in range(count)) + "".join("set t = eval(a)\n" for _ in range(count))
    assert run(text + "return t", "{{v7}}").result == "7"


def test_a_program_of_many_procedures() -> None:
    source = "".join(f"func f{i}(needs n) means\n  return f{i + 1}(n + 1)\nendfunc\n" for i in range(400))
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source + "func f400(needs n) means\n  return n\nendfunc\n")
        assert interpreter.run("f0", 0) == 400


def test_loading_works_deep_inside_a_host() -> None:
    def inside(depth: int) -> object:
        return inside(depth - 1) if depth else run(f"return {'(1 + ' * 95}1{')' * 95}").result

    assert inside(500) == 96


@pytest.mark.parametrize(
    "source", ["func main means\n  return " + "9" * 1300 + "\nendfunc\n", "func main means\n  return 1e400\nendfunc\n"]
)
def test_literals_out_of_range_are_found_at_load(source: str) -> None:
    with Interpreter(plugins=False) as interpreter, pytest.raises(NeuroScriptError) as raised:
        interpreter.load(source)
    assert (raised.value.code, raised.value.line, raised.value.column) == (41, 2, 10)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "func main means\n" + "".join(f" emit x{i}\n set y{i} = 1\n" for i in range(n)) + "endfunc\n",
        lambda n: "func main means\n" + "".join(f" call z{i}()\n call tool.z.Z{i}()\n" for i in range(n)) + "endfunc\n",
    ],
    ids=["names", "calls"],
)
def test_looking_for_the_nearest_names_does_not_grow_with_their_square(make: Callable[[int], str]) -> None:
    def steps(count: int) -> int:
        """The function calls that checking and loading take, which no other work on the machine changes."""
        source, calls = make(count), 0

        def counted(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += 1

        with Interpreter(plugins=False) as interpreter:
            sys.setprofile(counted)
            try:
                interpreter.check(source)
                with suppress(NeuroScriptError):
                    interpreter.load(source)
            finally:
                sys.setprofile(None)
        return calls

    steps(5)
    assert steps(600) < 3 * steps(300)
