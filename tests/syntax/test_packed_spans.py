"""Spans that trees keep as numbers are the spans of the text, however long its lines and however many there are."""

from __future__ import annotations

import pytest

from neuroscript.limits import Limits
from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse
from neuroscript.syntax.spans import LONG, SHORT, widths
from tests.syntax.shapes import text_of_span, walk

BODY = (
    '  set xs = [1,\n    "é😀", a.b(2)]\n  if -x ** 2 > tool.str.Length(```a\nb```)\n    emit {"k": xs[0]}\n  endif\n'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("\n" * 300_000, ""),
        ("", f'  set long = "{"x" * 5_000}" + y\n'),
        ("", f"  set long = [{'1, ' * 1_400}\n    z]\n"),
        ("", f'  set wide = "{"x" * 4_070}" + y\n'),
        ("", f"  set rows = [{'1,' + chr(10)}{'2,' + chr(10) * 3_000} z]\n"),
    ],
    ids=["short", "many lines", "a long line", "long lines", "nearly long", "many lines in one"],
)
def test_every_node_has_the_span_of_its_text(before: str, after: str) -> None:
    source = f"{before}func main(needs a, x) means\n{BODY}{after}endfunc\n"
    program = parse(source, limits=Limits(max_source=None))
    parts = [*walk(program.procedures)]
    assert len(parts) > 20
    for part in parts:
        shown = text_of_span(source, part.span)
        match part:
            case nodes.Name(name=name) | nodes.Param(name=name):
                assert shown == name
            case nodes.Literal(value=int() as value):
                assert shown == str(value)
            case nodes.Literal(value=str() as value):
                assert shown.strip('"`') == value
            case nodes.ToolCall(name=name):
                assert (shown[-1], text_of_span(source, part.name_span)) == (")", f"tool.{name}")
            case nodes.ListExpr():
                assert shown[0] + shown[-1] == "[]"
            case nodes.Chain(rest=rest):
                assert [text_of_span(source, nodes.span_of(place)) for _, _, place in rest] == [
                    operator for operator, _, _ in rest
                ]


@pytest.mark.parametrize(
    ("longest", "lines", "bits"),
    [(4095, 262_143, SHORT), (4096, 1, LONG), (10, 262_144, LONG)],
)
def test_what_is_too_large_for_a_small_number_is_a_large_one(longest: int, lines: int, bits: tuple[int, int]) -> None:
    assert widths(longest, lines) == bits
