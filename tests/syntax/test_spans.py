"""Spans: each node covers the text that it was made of."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse
from tests.syntax.shapes import expression, statement, text_of_span, walk

PROGRAM = """\
:: title: spans
func area(needs w, h
  returns a) means   # the header
  :: note: n
  set x.y[0], z = must [w * (h + 1), -2 ** 3, f(1, k: "a")["b"].c]
  if w > 0 and h
    call tool.str.Join([w], ",")
  else if (w)[0] == ```two
lines```
    emit "one \\
two" + last
  else
    fail
  endif
  for each item in [1,
      2]
    break
  endfor
  on error do
    clear_error
  endon
  on event "x" named "n" as e do
    ask who, "p" with {"k": 1} into m.n
  endon
  while not w   # a comment
  endwhile
  mustbe is_string(w)
  return w, h
endfunc
"""


def texts(kind: type[nodes.Node]) -> list[str]:
    """The texts of all nodes of one kind, in the order of the tree."""
    return [text_of_span(PROGRAM, node.span) for node in walk(parse(PROGRAM)) if type(node) is kind]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (nodes.Procedure, ["func area(needs w, h\n  returns a) means"]),
        (nodes.Param, ["w", "h", "a"]),
        (nodes.Set, ['set x.y[0], z = must [w * (h + 1), -2 ** 3, f(1, k: "a")["b"].c]']),
        (nodes.Target, ["x.y[0]", "z", "m.n"]),
        (nodes.If, ["if w > 0 and h"]),
        (nodes.CallStmt, ['call tool.str.Join([w], ",")']),
        (nodes.Emit, ['emit "one \\\ntwo" + last']),
        (nodes.Fail, ["fail"]),
        (nodes.ForEach, ["for each item in [1,\n      2]"]),
        (nodes.Break, ["break"]),
        (nodes.OnError, ["on error do"]),
        (nodes.ClearError, ["clear_error"]),
        (nodes.OnEvent, ['on event "x" named "n" as e do']),
        (nodes.Ask, ['ask who, "p" with {"k": 1} into m.n']),
        (nodes.While, ["while not w"]),
        (nodes.Must, ["mustbe is_string(w)"]),
        (nodes.Return, ["return w, h"]),
        (
            nodes.Chain,
            ["w * (h + 1)", "h + 1", "w > 0 and h", "w > 0", "(w)[0] == ```two\nlines```", '"one \\\ntwo" + last'],
        ),
        (nodes.Unary, ["-2 ** 3", "not w"]),
        (nodes.Power, ["2 ** 3"]),
        (nodes.Index, ['f(1, k: "a")["b"].c', 'f(1, k: "a")["b"]', "(w)[0]"]),
        (nodes.Call, ['f(1, k: "a")', "is_string(w)"]),
        (nodes.Argument, ["1", 'k: "a"', "[w]", '","', "w"]),
        (nodes.ToolCall, ['tool.str.Join([w], ",")']),
        (nodes.Raw, ["```two\nlines```"]),
        (nodes.MapExpr, ['{"k": 1}']),
    ],
)
def test_the_text_of_each_node(kind: type[nodes.Node], expected: list[str]) -> None:
    assert texts(kind) == expected


def operators(text: str) -> list[tuple[str, str]]:
    """The operators of a chain with the text under their spans."""
    source = f"func f() means\nemit {text}\nendfunc\n"
    chain: Any = expression(text)
    return [(op, text_of_span(source, nodes.span_of(place))) for op, _, place in chain.rest]


def test_operators_have_spans() -> None:
    assert operators("a + (b) - [c,\nd] + e") == [("+", "+"), ("-", "-"), ("+", "+")]
    assert operators("a and b and c") == [("and", "and"), ("and", "and")]
    power = expression("a ** b")
    assert isinstance(power, nodes.Power)
    assert power.op_span == (2, 7, 2, 9)


def test_a_chain_reaches_round_the_parentheses_of_its_operands() -> None:
    assert expression("(a) + (b)").span == (2, 5, 2, 14)
    assert expression("((a))").span == (2, 7, 2, 8)
    assert expression("-(a)").span == (2, 5, 2, 9)


def test_columns_count_characters() -> None:
    assert statement('emit "😀é" + x').value.rest[0][1].span == (2, 12, 2, 13)


def test_a_command_block_has_the_span_of_its_word() -> None:
    assert parse("\n  command # c\nendcommand").commands[0].span == (2, 2, 2, 9)
