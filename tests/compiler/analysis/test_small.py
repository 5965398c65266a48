"""Which mentions of variables have a bound, and what it is."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.small import Bound, small_numbers
from neuroscript.compiler.resolve import resolve
from neuroscript.compiler.traversal import expressions, statements, walk
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse


def bounds(text: str) -> str:
    """The bounds of each mention of ``x`` in the body of a procedure, in their order; a dash where there are none."""
    source = f"func main(needs a, b, x, xs) means\n{text}\nendfunc\n"
    body = resolve(parse(source)).bodies[0]
    found = small_numbers(body)
    mentions = {
        part.place
        for statement in statements(body.block)
        for expression in expressions(statement)
        for part in walk(expression)
        if isinstance(part, n.Name) and part.name == "x"
    }
    return " ".join(",".join(map(_shown, found.get(span, ()))) or "-" for span in sorted(mentions))


def _shown(bound: Bound) -> str:
    names = [part.name for part in walk(bound.value) if isinstance(part, n.Name)]
    shown = ".".join(names) or str(getattr(bound.value, "value", ""))
    return f"[{shown}]" if bound.is_index else shown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("emit x", "-"),
        ("emit xs[x]\nemit x", "- [xs]"),
        ("emit xs[x] + x", "- -"),
        ("emit xs[x - 1]\nemit x", "- [xs]"),
        ("emit xs[x + 1]\nemit x", "- -"),
        ("emit xs[x][a]\nemit x", "- [xs]"),
        ("emit a.b[x]\nemit x", "- [a]"),
        ("emit main(a)[x]\nemit x", "- -"),
        ("emit a and xs[x]\nemit x", "- -"),
        ("set xs[x] = 1\nemit x", "- [xs]"),
        ("set xs[x] = xs[x] + 1\nemit x", "[xs] - [xs],[xs]"),
        ("emit xs[x]\nset x = x + 1\nemit x", "- [xs] -"),
        ("emit xs[x]\nset x, a = b\nemit x", "- -"),
        ("emit xs[x]\nask a into x\nemit x", "- -"),
        ("if x < a\n  emit x\nelse\n  emit x\nendif\nemit x", "- a - -"),
        ("if a >= x\n  emit x\nendif", "- a"),
        ("if a < x\n  emit x\nelse\n  emit x\nendif", "- - a"),
        ("if not (x < a)\n  emit x\nelse\n  emit x\nendif", "- - a"),
        ("if x < 9 and x < a\n  emit x\nendif", "- 9 a,9"),
        ("if x < 9 or a\n  emit x\nelse\n  emit x\nendif", "- - -"),
        ("if x > 9 or x > a\n  return 0\nendif\nemit x", "- 9 a,9"),
        ("if a and x < 9\n  emit x\nendif", "- 9"),
        ("if 2 * x + 1 < a\n  emit x\nendif", "- -"),
        ("if 2 * x < a\n  emit x\nendif", "- a"),
        ("if x * x <= a\n  emit x\nendif", "- - a"),
        ("if 0 * x <= a\n  emit x\nendif", "- -"),
        ("if x - 1 < a\n  emit x\nendif", "- -"),
        ("if x < main(a)\n  emit x\nendif", "- -"),
        ("if x < a\n  set b = 1\nelse\n  return 0\nendif\nemit x", "- a"),
        ("if b\n  emit xs[x]\nendif\nemit x", "- -"),
        ("if b\n  emit xs[x]\nelse\n  emit xs[x]\nendif\nemit x", "- - [xs]"),
        ("must x < a\nemit x", "- a"),
        ("while x < a\n  emit x\n  set x = x + 1\n  emit x\nendwhile\nemit x", "- a a - -"),
        ("emit xs[x]\nwhile a\n  emit x\nendwhile\nemit x", "- [xs] [xs]"),
        ("emit xs[x]\nwhile a\n  emit x\n  set x = b\nendwhile\nemit x", "- - -"),
        ("emit xs[x]\nfor each x in a\n  emit x\nendfor\nemit x", "- - -"),
        ("while x < len(xs) and xs[x] == a\n  emit x\nendwhile", "- xs [xs],xs"),
        ("on error do\n  clear_error\nendon\nemit xs[x]\nemit x", "- -"),
    ],
)
def test_bounds(text: str, found: str) -> None:
    assert bounds(text) == found
