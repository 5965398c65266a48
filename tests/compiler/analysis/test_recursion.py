"""How much the numbers grow that a procedure passes to itself."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.recursion import recursion_of
from neuroscript.compiler.analysis.types import ANY, INT, NIL, NUM, T_NIL, Type
from neuroscript.compiler.resolve import resolve
from neuroscript.syntax.parser import parse


@pytest.mark.parametrize(
    ("calls", "params", "growth", "least"),
    [
        ("f(n - 1, m)", "mn", 1, 1),
        ("f(n, m)", "mn", 0, 0),
        ("f(3 * n + 1, m)", "mn", 3, 2),
        ("f(n + m, m - 100)", "mn", 1, 7),
        ("f(-n, 5)", "mn", 0, 3),
        ("f((n - n % 2) / 2, m)", "mn", 1, 2),
        ("f(tool.math.Floor(n / 2), len(m))", "n", 0, 2),
        ("f(n * m, m)", "m", 0, 0),
        ("f(m, n)\nset x = f(n + 1, n - 1)", "mn", 1, 1),
        ("f(n, xs[n])", "n", 0, 0),
        ("f(n - k, m)", "m", 0, 0),
        ("f(m: n - 1, n: 2)", "mn", 1, 2),
        ("f(n * 0.5, m)", "m", 0, 0),
        ("f(n)", "n", 0, 0),
        ("f(n ** 2, n)", "", 0, 0),
        ("f(k, k)", "", 0, 0),
        ("g(n, m)", "", 0, 0),
        ("f(n - 1, m)\nset n = 3", "m", 0, 0),
    ],
)
def test_numbers_passed_on(calls: str, params: str, growth: int, least: int) -> None:
    source = f"func f(needs n optional m) means\nset k = 1\nset xs = []\nset r = {calls}\nendfunc\n"
    body = resolve(parse(source)).bodies[0]
    found = recursion_of(body, body.calls)
    assert (found and ("".join(sorted(found.params)), found.growth, found.least)) == (
        (params, growth, least) if params else None
    )


@pytest.mark.parametrize(
    ("first", "given", "bits"),
    [
        (Type(INT, 10), Type(INT, 10), 510),
        (T_NIL, Type(INT | NIL, 0), 501),
        (Type(INT, 10), Type(INT), 510),
        (Type(INT), Type(INT), None),
        (Type(INT, 10), Type(NUM, 10), None),
        (ANY, ANY, None),
        (Type(INT, 4000), Type(INT, 4000), None),
    ],
)
def test_how_long_they_get(first: Type, given: Type, bits: int | None) -> None:
    body = resolve(parse("func f(needs n) means\nreturn f(n - 1)\nendfunc\n")).bodies[0]
    found = recursion_of(body, body.calls)
    assert found is not None
    assert found.bits({"n": first}, {"n": given}, 500) == bits
