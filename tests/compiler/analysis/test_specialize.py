"""Procedures in two versions: whichever runs, the result is the same, and nobody can tell from outside."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from tests.compiler.support import mentioned, procedure, run

FIB = procedure("if n < 2\n  return n\nendif\nreturn fib(n - 1) + fib(n - 2)", "fib", "(needs n)")
FACT = procedure("if n == 0\n  return 1\nendif\nreturn n * fact(n - 1)", "fact", "(needs n)")
COUNT = procedure("if n <= 0\n  return 0\nendif\nreturn 1 + count(n - 1)", "count", "(needs n)")
GCD = procedure("if b == 0\n  return a\nendif\nreturn gcd(b, a % b)", "gcd", "(needs a, b)")
ACK = procedure(
    "if m == 0\n  return n + 1\nendif\nif n == 0\n  return ack(m - 1, 1)\nendif\nreturn ack(m - 1, ack(m, n - 1))",
    "ack",
    "(needs m, n)",
)
GROW = procedure("if n <= 0\n  return x\nendif\nreturn grow(n - 1, x * 2)", "grow", "(needs n, x)")
SUM = procedure(
    "set t = 0\nset i = 0\nwhile i < n\n  set t = t + i * n\n  set i = i + 1\nendwhile\nreturn t", "sum", "(needs n)"
)
WALK = procedure("if i >= len(xs)\n  return 0\nendif\nreturn xs[i] + walk(xs, i + 1)", "walk", "(needs xs, i)")
TREE = procedure('if t == nil\n  return 0\nendif\nreturn t["v"] + tree(t["l"]) + tree(t["r"])', "tree", "(needs t)")
POWER = procedure(
    "set r = 1\nwhile n > 0\n  set r = r * b\n  set n = n - 1\nendwhile\nreturn r", "power", "(needs b, n)"
)
EVEN = procedure("if n == 0\n  return true\nendif\nreturn odd(n - 1)", "even", "(needs n)") + procedure(
    "if n == 0\n  return false\nendif\nreturn even(n - 1)", "odd", "(needs n)"
)
OPTIONAL = procedure("if n == 0\n  return k\nendif\nreturn opt(n - 1, k)", "opt", "(needs n optional k)")


def called(source: str, name: str, *args: Any, **options: Any) -> Any:
    """The result of a call by the host, or the code of the error."""
    with Interpreter(plugins=False, **options) as interpreter:
        interpreter.load(source)
        try:
            return interpreter.run(name, *args)
        except NeuroScriptError as error:
            return f"error {int(error.code)}"


@pytest.mark.parametrize(
    ("source", "name", "args", "result"),
    [
        (FIB, "fib", (20,), 6765),
        (FIB, "fib", (-5,), -5),
        (FIB, "fib", (1.5,), 1.5),
        (FIB, "fib", (2.5,), 2.0),
        (FIB, "fib", (3.0,), 2.0),
        (FIB, "fib", ("1",), "1"),
        (FIB, "fib", (None,), "error 7"),
        (FIB, "fib", ([],), "error 7"),
        (FIB, "fib", (True,), "error 7"),
        (FACT, "fact", (5,), 120),
        (FACT, "fact", (25,), 15511210043330985984000000),
        (FACT, "fact", (5.0,), 120.0),
        (COUNT, "count", (100,), 100),
        (COUNT, "count", (2.5,), 3),
        (GCD, "gcd", (2**64 * 6, 2**64 * 4), 2**65),
        (GCD, "gcd", (48, 36), 12),
        (ACK, "ack", (2, 3), 9),
        (ACK, "ack", (0, 2**62), 2**62 + 1),
        (ACK, "ack", (0, 1.0), 2.0),
        (ACK, "ack", (1, 1.0), 3),
        (SUM, "sum", (5,), 50),
        (SUM, "sum", (-3,), 0),
        (SUM, "sum", (2.5,), 7.5),
        (SUM, "sum", ("3",), "0333"),
        (WALK, "walk", ([1, 2, 3], 0), 6),
        (WALK, "walk", ([1, 0.5], 0), 1.5),
        (WALK, "walk", (["a", "b"], 0), "ab0"),
        (WALK, "walk", ([1, None], 0), "error 7"),
        (WALK, "walk", ([5, 6], 2), 0),
        (WALK, "walk", ("12", 0), "120"),
        (WALK, "walk", ({"0": 5}, 0), 5),
        (TREE, "tree", ({"v": 1, "l": {"v": 2}, "r": {"v": 4}},), 7),
        (TREE, "tree", ({"v": "a", "l": {"v": 2}},), "a20"),
        (TREE, "tree", (None,), 0),
        (TREE, "tree", ([1],), "error 7"),
        (POWER, "power", (2, 70), 2**70),
        (POWER, "power", (1.5, 2), 2.25),
        (EVEN, "even", (11,), False),
        (EVEN, "even", (10.0,), True),
        (OPTIONAL, "opt", (3,), None),
        (OPTIONAL, "opt", (3, "k"), "k"),
    ],
)
def test_a_procedure_gets_what_it_is_for_or_anything_else(source: str, name: str, args: Any, result: Any) -> None:
    got = called(source, name, *args)
    assert (got, type(got)) == (result, type(result))


@pytest.mark.parametrize("x", [1, 3, -1, 2**30, 2**62 - 1, 2**62, -(2**62), 2**64, 0.5])
@pytest.mark.parametrize("n", [0, 1, 3, 30, 66, 400])
def test_a_number_may_grow_past_every_size(x: Any, n: int) -> None:
    got = called(GROW, "grow", n, x)
    assert (got, type(got)) == (x * 2**n, type(x))


@pytest.mark.parametrize("depth", [70, 500, 2000, None])
@pytest.mark.parametrize("factor", [2, 1024, 2**30, 2**62, 2**64, -(2**63), 2**100])
def test_a_number_stays_below_the_language_s_limit(factor: int, depth: int | None) -> None:
    most = 4096 // max(factor.bit_length() - 1, 1)
    source = GROW.replace("x * 2", f"x * ({factor})")
    for n in (most - 2, most - 1, most, most + 1):
        if n >= min(depth or 2000, 1900):
            continue
        for x in (1, -1):
            wanted = x * factor**n
            result = called(source, "grow", n, x, limits=Limits(max_depth=depth))
            assert result == (wanted if wanted.bit_length() <= 4096 else "error 41"), (n, x)


@pytest.mark.parametrize(
    ("turn", "results"),
    [
        ("return 0.5", [3.5, 0.5]),
        ('return "s"', ["3s", "s"]),
        ("return nil", ["error 7", None]),
        ("return", ["error 7", None]),
        ("return [1]", ["error 7", [1]]),
        ("return 4611686018427387904 * 4611686018427387904", [3 + 2**124, 2**124]),
        ("set n = 0.5", [3.0, 0.0]),
        ("set n = n / 4", [3.0, 0.0]),
        ("set n = nil", ["error 7", "error 7"]),
        ("set n = [1]", ["error 7", "error 7"]),
        ("set n = 4611686018427387904 * 4", ["error 37", "error 37"]),
        ("fail n", ["error 1", "error 1"]),
    ],
)
def test_what_leaves_its_type_half_way(turn: str, results: list[Any]) -> None:
    """At 2, the procedure gives something else, or goes on with something else."""
    text = f"if n == 2\n  {turn}\nendif\nif n < 1\n  return n - n\nendif\nreturn n + f(n - 1)"
    source = procedure(text, "f", "(needs n)")
    assert mentioned(source, "t_f")
    assert [called(source, "f", n) for n in (3, 2)] == results


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("fib(6)", 8),
        ("fib(n: 6)", 8),
        ("fib(6.0)", 8.0),
        ("fib(n + 1)", 13),
        ("fib(len([1, 2, 3]))", 2),
        ("fib(4611686018427387904 - 4611686018427387898)", 8),
        ("opt(2)", None),
        ("opt(2, 3)", 3),
        ("opt(k: 3, n: 2)", 3),
        ("opt(n: 2)", None),
        ("gcd(12, b: 18)", 6),
        ("gcd(b: 18, a: 12)", 6),
        ("walk([1, 2], 0)", 3),
        ("walk(i: 1, xs: [1, 2])", 2),
        ("fib()", "error 4"),
        ("fib(1, 2)", "error 4"),
        ("fib(m: 2)", "error 4"),
        ("fib(1, n: 2)", "error 4"),
        ('fib("x")', "error 7"),
        ("g(6)", 8),
        ("tool.list.Map([5, 6, 7.0], fib)", [5, 8, 13.0]),
    ],
)
def test_calls_from_another_procedure(call: str, result: Any) -> None:
    main = procedure(f"set n = 6\nset g = fib\nreturn {call}", "main", "()")
    assert called(FIB + OPTIONAL + GCD + WALK + main, "main") == result


@pytest.mark.parametrize("number", [2**62 - 1, 2**62, 2**4000, 2**4087, 2**4088, 2**4095, 2**4096 - 1])
@pytest.mark.parametrize("sign", ["", "-"])
def test_calls_with_a_number_of_any_size(number: int, sign: str) -> None:
    source = procedure("if n == 0\n  return k\nendif\nreturn twice(n - 1, k + k)", "twice", "(needs n, k)")
    value = -number if sign else number
    for call in (f"twice(1, {sign}{number})", f"twice(k: {sign}{number}, n: 1)", f"twice(0, {sign}{number}) * 2"):
        main = procedure(f"return {call}", "main", "()")
        wanted = value * 2 if (value * 2).bit_length() <= 4096 else "error 41"
        assert called(source + main, "main") == wanted


def test_lists_and_maps_that_are_given_are_not_changed() -> None:
    fill = "set i = 0\nwhile i < len(xs)\n  set xs[i] = xs[i] * 2\n  set i = i + 1\nendwhile\nreturn xs"
    main = "set xs = [1, 2]\nset ys = fill(xs)\nset zs = fill(ys)\nreturn [xs, ys, zs, fill([3])]"
    source = procedure(fill, "fill", "(needs xs)") + procedure(main, "main", "()")
    assert called(source, "main") == [[1, 2], [2, 4], [4, 8], [6]]


# --- how deep --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("argument", "fits"), [(9, True), (10, False)])
@pytest.mark.parametrize("kind", [int, float])
def test_either_version_goes_equally_deep(argument: int, fits: bool, kind: type) -> None:
    got = called(COUNT, "count", kind(argument), limits=Limits(max_depth=10))
    assert got == (argument if fits else "error 37")


@pytest.mark.parametrize("kind", [int, float])
def test_either_version_takes_equally_many_steps(kind: type) -> None:
    main = procedure("return [count(a), count(3)]", "main", "(needs a)")
    assert called(COUNT + main, "main", kind(5), limits=Limits(max_steps=11)) == [5, 3]
    assert called(COUNT + main, "main", kind(5), limits=Limits(max_steps=10)) == "error 37"


def test_a_deep_recursion_without_a_limit() -> None:
    assert called(COUNT, "count", 3000, limits=Limits(max_depth=None)) == 3000
    assert called(COUNT, "count", 3000.0, limits=Limits(max_depth=None)) == 3000
    assert called(GROW, "grow", 3000, 0, limits=Limits(max_depth=None)) == 0


# --- what the code is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name"),
    [(FIB, "fib"), (FACT, "fact"), (GCD, "gcd"), (ACK, "ack"), (SUM, "sum"), (WALK, "walk")],
)
def test_a_procedure_looks_at_its_arguments_and_hands_over(source: str, name: str) -> None:
    assert mentioned(source, f"t_{name}")
    assert f"t1_{name}" in mentioned(source, f"p_{name}")


@pytest.mark.parametrize(
    ("source", "name", "spared"),
    [
        (FIB, "fib", {"type", "_add", "_sub", "_lt"}),
        (FACT, "fact", {"type", "_sub", "_eq"}),
        (COUNT, "count", {"type", "_add", "_sub", "_le"}),
        (SUM, "sum", {"type", "_add", "_mul", "_lt", "_counted"}),
        (GROW, "grow", {"type", "_sub", "_le"}),
    ],
)
def test_what_is_known_needs_no_look(source: str, name: str, spared: set[str]) -> None:
    assert mentioned(source, f"t_{name}").isdisjoint(spared)
    assert len(spared & mentioned(source, f"p_{name}", late=True)) > 1


def test_a_number_that_grows_with_each_call_is_looked_at_where_calls_are_endless() -> None:
    with Interpreter(plugins=False, limits=Limits(max_depth=None)) as interpreter:
        interpreter.load(GROW)
        interpreter.loader.compile_all()
        assert "_mul" in interpreter.runtime.namespace["t1_grow"].__code__.co_names
    assert "_mul" not in mentioned(GROW, "t_grow")


@pytest.mark.parametrize(
    "source",
    [
        procedure('return "a" + n', "f", "(needs n)"),
        procedure("return n", "f", "(needs n)"),
        procedure("return f(n)", "f", "(needs n)"),
        procedure("return f(n - 1.5)", "f", "(needs n)"),
        procedure("on error do\n  clear_error\nendon\nreturn f(n - 1)", "f", "(needs n)"),
        procedure("return n - 1", "f", "(needs n)"),
    ],
)
def test_what_would_not_pay_has_one_version(source: str) -> None:
    assert not mentioned(source, "t_f")


@pytest.mark.parametrize(
    ("text", "pays"),
    [
        ("for each i in tool.list.Range(0, n)\n  emit i * 2.5 / n\nendfor\nreturn n / 2", True),
        ("set i = 0\nwhile i < n\n  set i = i + 0.5 * n - n % 3\nendwhile", True),
        ("set i = 0\nwhile i < 9\n  set i = i + n / 2.5\nendwhile\nreturn n + 0.5", False),
        ("set i = 0\nwhile i < 9\n  set i = i + 1\nendwhile\nreturn n / i", False),
        ("if n == 0\n  return 1\nendif\nfor each x in [1]\n  emit x\nendfor", False),
    ],
)
def test_how_parameters_are_used_in_loops_tells_what_they_are(text: str, pays: bool) -> None:
    source = procedure(text, "f", "(needs n)")
    assert bool(mentioned(source, "t_f")) is pays
    assert run("return [tool.error.Try(f, 3), tool.error.Try(f, 2.5)]", more=source).code == 0
