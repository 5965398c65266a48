"""Which loops may look each item up in the list or map as it is by then."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.walks import is_walked_by_key, leaves_early
from neuroscript.compiler.resolve import resolve
from neuroscript.compiler.traversal import statements
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse


def first_loop(text: str) -> n.ForEach:
    """The first loop of a body with the parameters ``m``, ``j`` and ``f``."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    body = resolve(parse(f"func main(needs m, j, f) means\n{lines}\nendfunc\n")).bodies[0]
    return next(statement for statement in statements(body.block) if isinstance(statement, n.ForEach))


@pytest.mark.parametrize(
    ("collection", "body", "wanted"),
    [
        ("m", "set m[k] = v", True),
        ("m.a", "set m.a[k] = v", True),
        ("m.a[j]", "set m.a[j][k] = v", True),
        ("m.a", "set m.a[k].x.y = 1", True),
        ("m.a", "if v\nset m.a[k] = f(v)\nendif", True),
        ("m.a", "set v.x = 1\nset m.b = 2\nset m.a[k] = v", True),
        ("m.a", "set v = nil\nset m.a[k] = v", True),
        # nothing is gained
        ("m.a", "emit v", False),
        ("m.a", "set m.b[k] = v", False),
        ("m.a", "set j[k] = v", False),
        # other items may be set, or the whole
        ("m.a", "set m.a[k] = v\nset m.a[j] = v", False),
        ("m.a", "set m.a[k] = v\nset m.a.x = v", False),
        ("m.a", "set m.a[k] = v\nset m.a[k + 1] = v", False),
        ("m.a", "set m.a[k] = v\nset m[j] = v", False),
        ("m.a", "set m.a[k] = v\nset m.a = v", False),
        ("m.a", "set m.a[k] = v\nset m = f(m)", False),
        ("m.a", "set m.a[k] = v\nset m.a = tool.map.Delete(m.a, k)", False),
        ("m.a", "set m.a[k] = v\nwhile j\nset m = v\nendwhile", False),
        ("m.a", 'set m.a[k] = v\nask "w", "p" into m', False),
        ("m.a", 'set m.a[k] = v\nask "w", "p" into m.a[k]', False),
        ("m", "set m[k] = v\nset m.x = 1", False),
        # the names that lead there
        ("m.a", "set k = 1\nset m.a[k] = v", False),
        ("m.a", "for each k in j\nendfor\nset m.a[k] = v", False),
        ("m.a[j]", "set m.a[j][k] = v\nset j = 1", False),
        ("m.a[j]", "set m.a[j][k] = v\nset j.x = 1", False),
        ("m[m.a]", "set m[m.a][k] = v", False),
        ("m[j + 1]", "set m[j + 1][k] = v", False),
        ("f(m)", "set m[k] = v", False),
    ],
)
def test_loops_that_set_the_current_item_alone(collection: str, body: str, wanted: bool) -> None:
    assert is_walked_by_key(first_loop(f"for each k, v in {collection}\n{body}\nendfor")) == wanted


@pytest.mark.parametrize("names", ["v", "m, v", "k, m", "j, v", "k, j"])
def test_names_that_are_no_new_ones(names: str) -> None:
    assert not is_walked_by_key(first_loop(f"for each {names} in m[j]\nset m[j][k] = v\nendfor"))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("set m[k] = v", False),
        ("set m[k] = v\nbreak", False),
        ("if v\nset m[k] = 1\nreturn m\nendif", False),
        ("if v\nbreak\nendif\nset m[k] = v", True),
        ("if v\nset m[k] = 1\nelse\nreturn m\nendif", True),
        ("if v\nfail v\nendif\nset m[k] = v", True),
        ("while v\nbreak\nendwhile\nset m[k] = v", False),
        ("while v\nreturn v\nendwhile\nset m[k] = v", True),
    ],
)
def test_loops_that_may_be_left_before_they_have_set_anything(body: str, wanted: bool) -> None:
    assert leaves_early(first_loop(f"for each k, v in m\n{body}\nendfor")) == wanted
