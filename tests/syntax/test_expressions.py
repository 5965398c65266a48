"""Expressions: how tight the operators bind, and what the tree of each form is."""

from __future__ import annotations

import pytest

from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.syntax import nodes
from tests.syntax.shapes import expression, shape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("a and b | c", "(a and (b | c))"),
        ("a | b ^ c & d", "(a | (b ^ (c & d)))"),
        ("a & b == c", "(a & (b == c))"),
        ("a == b < c", "(a == (b < c))"),
        ("a < b + c", "(a < (b + c))"),
        ("a + b * c", "(a + (b * c))"),
        ("a * -b", "(a * (- b))"),
        ("-2 ** 2", "(- (2 ** 2))"),
        ("not a == b", "((not a) == b)"),
        ("typeof x == TYPE_LIST", "((typeof x) == TYPE_LIST)"),
        ("no x.y or some z[0]", "((no x['y']) or (some z[0]))"),
        ("2 ** 3 ** 4", "(2 ** (3 ** 4))"),
        ("2 ** (-1)", "(2 ** (- 1))"),
        ("a.b ** c()", "(a['b'] ** c())"),
        ("- - ~ not a", "(- (- (~ (not a))))"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(expression(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b - c + d", "(a + b - c + d)"),
        ("(a + b) - c", "((a + b) - c)"),
        ("a + (b - c)", "(a + (b - c))"),
        ("a == b != c == d", "(a == b != c == d)"),
        ("a < b >= c", "(a < b >= c)"),
        ("a * b / c % d", "(a * b / c % d)"),
        ("a or b or c", "(a or b or c)"),
    ],
)
def test_one_level_is_one_flat_chain_and_parentheses_begin_another(text: str, expected: str) -> None:
    assert shape(expression(text)) == expected


def test_a_long_sum_is_not_deep() -> None:
    chain = expression("a" + " + a" * 50_000)
    assert isinstance(chain, nodes.Chain)
    assert len(chain.rest) == 50_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, [2], [],]", "[1, [2], []]"),
        ("[[1]]", "[[1]]"),
        ('{"a": 1, b + "c": [2],}', "{'a': 1, (b + 'c'): [2]}"),
        ("{}", "{}"),
        ("true", "True"),
        ("nil", "None"),
        ("last.code", "last['code']"),
        ("x.event.if[0]['k']", "x['event']['if'][0]['k']"),
        ("f()", "f()"),
        ("f(1, g(2), a: 3, b: last)", "f(1, g(2), a: 3, b: last)"),
        ("(f)(1)", "<f>(1)"),
        ("f(1)(2)", "<f(1)>(2)"),
        ('handlers["add"](1).x', "<handlers['add']>(1)['x']"),
        ("len([1])", "len([1])"),
        ("log(10) + ln(2)", "(log(10) + ln(2))"),
        ("tool.str.ToUpper(x)", "tool:str.ToUpper(x)"),
        ("tool.a.error.for.D()", "tool:a.error.for.D()"),
        ('eval("{{x}}" + y)', "eval(('{{x}}' + y))"),
        ("```{{x}}\n```", "raw '{{x}}\\n'"),
        ("'''{{x}}\n'''", "'{{x}}\\n'"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert shape(expression(text)) == expected


def test_a_call_by_name_knows_where_the_name_stands() -> None:
    call = expression("  area(1)")
    assert isinstance(call, nodes.Call)
    assert call.name_span == (2, 7, 2, 11)
    tool = expression("tool.str.Join(x)")
    assert isinstance(tool, nodes.ToolCall)
    assert tool.name_span == (2, 5, 2, 18)


@pytest.mark.parametrize(
    "text",
    [
        "1 2",
        "2 ** -1",
        "f(a: 1, 2)",
        "+1",
        "x[]",
        "x[1:2]",
        "()",
        "a b",
        "f(,)",
        "f(1,,)",
        "f(a: 1,,)",
        "tool",
        "tool()",
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(NeuroScriptSyntaxError):
        expression(text)
