"""Which mentions of variables are certainly not nil, and what expressions certainly read."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.not_nil import not_nil, paths_read
from neuroscript.compiler.resolve import resolve
from neuroscript.compiler.traversal import expressions, statements, walk
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse


def mentions(text: str) -> str:
    """Whether each mention of ``x`` in the body of a procedure is known not to be nil, in their order: y or n."""
    source = f"func main(needs a, x) means\n{text}\nendfunc\n"
    body = resolve(parse(source)).bodies[0]
    found = not_nil(body)
    places = set()
    for statement in statements(body.block):
        for part in (part for expression in expressions(statement) for part in walk(expression)):
            if isinstance(part, n.Name) and part.name == "x":
                places.add(part.place)
        if isinstance(statement, n.Set):
            places.update(target.place for target in statement.targets if target.name == "x" and target.path)
    return "".join("y" if place in found else "n" for place in sorted(places))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("emit x", "n"),
        ("if x == nil\n  return 0\nendif\nemit x", "ny"),
        ("if x == nil\n  emit x\nendif\nemit x", "nnn"),
        ("if x == nil\n  set x = 1\nendif\nemit x", "ny"),
        ("if x != nil\n  emit x\nendif\nemit x", "nyn"),
        ("if x == nil\n  emit x\nelse\n  emit x\nendif", "nny"),
        ("if a\n  return 1\nelse if x == nil\n  fail\nendif\nemit x", "ny"),
        ("if x\n  emit x\nendif", "ny"),
        ("if not (x == nil)\n  emit x\nendif", "ny"),
        ("if no x\n  return 0\nendif\nemit x", "ny"),
        ("if x != nil and x.a == 1\n  emit x\nendif", "nyy"),
        ("if x == nil or x.a == 1\n  return 0\nendif\nemit x", "nyy"),
        ("if x != nil or a\n  emit x\nendif", "nn"),
        ("emit x.a\nemit x", "ny"),
        ("emit x - 1\nemit x", "ny"),
        ("emit x + 1\nemit x", "nn"),  # a string may be joined with nil
        ("emit a and x.a\nemit x", "nn"),
        ("set b = x.a\nset x = nil\nemit x", "nn"),
        ("set x = []\nemit x", "y"),
        ("set x = a\nemit x", "n"),
        ("set x.a = 1\nemit x", "ny"),
        ("set x.a = x.a + 1", "yn"),
        ("set x, b = a\nemit x", "n"),
        ("emit x.a\nwhile a\n  emit x\n  set x = a\nendwhile\nemit x", "nnn"),
        ("emit x.a\nwhile a\n  emit x\n  set x.b = 1\nendwhile\nemit x", "nyyy"),
        ("while x != nil\n  emit x\n  set x = x.next\nendwhile\nemit x", "nyyn"),
        ("emit x.a\nfor each x in a\n  emit x\nendfor\nemit x", "nnn"),
        ("for each e in a\n  if x == nil\n    continue\n  endif\n  emit x\nendfor\nemit x", "nyn"),
        ("on error do\n  clear_error\nendon\nemit x.a\nemit x", "nn"),  # it may have failed
        ("must x\nemit x", "ny"),
        # Behind a fuzzy, the right side of `and` is evaluated in any case.
        ("if a and x != nil and x.a\nendif", "nn"),
        ("if (a and x != nil) and x.a\nendif", "nn"),
        ("if a == 1 and x != nil and x.a\nendif", "ny"),
        ("if x and a and x.b\nendif", "ny"),
    ],
)
def test_mentions_that_are_not_nil(text: str, known: str) -> None:
    assert mentions(text) == known


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("x", set()),
        ("x.a", {("x",)}),
        ("x[i].a + 1", {("x",), ("x", (n.Name, "i"))}),
        ("x[i + 1].a", {("x",), ("x", (("+",), (n.Name, "i"), (int, 1)))}),
        ("x[len(x) - 1].a", {("x",), ("x", (("-",), (("len",), (n.Name, "x")), (int, 1)))}),
        ("x[f(i)].a", {("x",)}),
        ("x[f(i) + 1].a", {("x",)}),
        ('f(x["a"][0])', {("x",), ("x", (str, "a"))}),
        ("a and x.b", set()),
        ("x.b and a", {("x",)}),
        ("[x.b, y[0]]", {("x",), ("y",)}),
    ],
)
def test_what_an_expression_certainly_reads(text: str, paths: set[tuple[object, ...]]) -> None:
    [statement] = parse(f"func main() means\nset z = {text}\nendfunc\n").procedures[0].body
    assert isinstance(statement, n.Set)
    assert paths_read(statement.value) == paths
