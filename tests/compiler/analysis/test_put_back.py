"""Before which statements places let go of what is changed and put back."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.put_back import Item, ItemsPutBack
from neuroscript.compiler.resolve import resolve
from neuroscript.compiler.traversal import statements
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse


def let_go(text: str) -> dict[int, str]:
    """The items that are let go of, by line of a body, in which ``change`` is a procedure that changes its argument."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    body = resolve(parse(f"func main(needs m, k, j) means\n{lines}\nendfunc\n")).bodies[0]
    items = ItemsPutBack(body, lambda call: [arg.value for arg in call.args] if call.name == "change" else [])
    found: dict[int, str] = {}
    for statement in statements(body.block):
        passed = items.passed(statement)
        noted = [f"{item.name} of {_shown(item)}" for item in items.before(statement)]
        noted += [f"after {item.name} of {_shown(item)}" for item in items.within(statement)]
        noted += [f"argument {_shown(passed)}"] if passed is not None else []
        if noted:
            found[statement.span[0] - 1] = ", ".join(noted)
    return found


def _shown(item: Item) -> str:
    return item.root + "".join(f"[{_key(key)}]" for key in item.path)


def _key(key: n.Expr) -> str:
    match key:
        case n.Literal(value=value):
            return str(value)
        case n.Index(value=owner, index=index):
            return f"{_key(owner)}.{_key(index)}"
    assert isinstance(key, n.Name)
    return key.name


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("set t = m[k]\nset t.x = 1\nset m[k] = t\nreturn m", {2: "t of m[k]"}),
        ("set t = m[k]\nset t.x = 1\nset t.y = 2\nset m[k] = t\nreturn m", {2: "t of m[k]"}),
        ("set t = m.a[k].b\nset t.x = 1\nset m.a[k].b = t\nreturn m", {2: "t of m[a][k][b]"}),
        ("set t = m[k]\nset t = change(t)\nset m[k] = t\nreturn m", {2: "t of m[k]"}),
        ("set t = m[k]\nset m[k] = change(t)\nreturn m", {2: "t of m[k]"}),
        ("set t = m[k]\nset m[k] = other(t)\nreturn m", {}),
        ("set t = m[k]\nset t = t + [1]\nset m[k] = t\nreturn m", {2: "t of m[k]"}),
        # nothing reads it any more
        ("set t = m[k]\nset t.x = 1\nreturn t", {2: "t of m[k]"}),
        ("set t = m[k]\nset t.x = 1\nset m = {}\nreturn [m, t]", {2: "t of m[k]"}),
        ("set t = m.a\nset t.x = 1\nset m.a = t\nreturn m", {2: "t of m[a]"}),
        # something else does
        ("set t = m[k]\nset t.x = 1\nreturn m", {}),
        ("set t = m[k]\nset t.x = 1\nemit m\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t.x = 1\nemit m[j]\nset m[k] = t\nreturn m", {}),
        ("set t = m.a\nset t.x = 1\nemit m.b\nset m.a = t\nreturn m", {2: "t of m[a]"}),
        ("set t = m.a\nset t.x = 1\nemit m.a.x\nset m.a = t\nreturn m", {}),
        ('set t = m["0"]\nset t.x = 1\nemit m[0]\nset m["0"] = t\nreturn m', {}),
        ("set t = m[k]\nset t.x = 1\nset m[j].x = 2\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t.x = 1\nset s = ```{{m.a}}```\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t.x = len(m)\nset m[k] = t\nreturn m", {2: "after t of m[k]"}),
        # another item is set, which may be this one
        (
            "set t = m[k]\nset u = m[j]\nset t.x = 1\nset u.x = 1\nset m[j] = u\nset m[k] = t\nreturn m",
            {3: "t of m[k]", 4: "u of m[j]"},
        ),
        ("set t = m.a[k]\nset t.x = 1\nset m[j] = 2\nset m.a[k] = t\nreturn m", {2: "t of m[a][k]"}),
        # the key changes
        ('set t = m[k]\nset t.x = 1\nset k = "b"\nset m[k] = t\nreturn m', {}),
        ("set t = m[k]\nset t.x = 1\nfor each k in j\nendfor\nset m[k] = t\nreturn m", {}),
        # ways through
        ("set t = m[k]\nset t.x = 1\nif j\n  set m[k] = t\nendif\nreturn m", {}),
        ("set t = m[k]\nset t.x = 1\nif j\n  set m[k] = t\nelse\n  set m[k] = 1\nendif\nreturn m", {2: "t of m[k]"}),
        ("set t = m[k]\nif j\n  return m\nendif\nset t.x = 1\nset m[k] = t\nreturn m", {5: "t of m[k]"}),
        ("set t = m[k]\nif t == nil\n  set t = {}\nendif\nset t.x = 1\nset m[k] = t\nreturn m", {5: "t of m[k]"}),
        ("set t = m[k]\nif j\n  set t.x = 1\nendif\nset m[k] = t\nreturn m", {3: "t of m[k]"}),
        ("set t = m[k]\nwhile j\n  set t.x = 1\nendwhile\nset m[k] = t\nreturn m", {2: "t of m[k]"}),
        ("set t = m[k]\nwhile m\n  set t.x = 1\nendwhile\nset m[k] = t\nreturn m", {}),
        ("while j\n  set t = m[k]\n  set t.x = 1\n  set m[k] = t\nendwhile\nreturn m", {3: "t of m[k]"}),
        ("while j\n  set t = m[k]\n  set t.x = 1\nendwhile\nreturn m", {}),
        ("while j\n  set t = m[k]\n  set t.x = 1\n  if j\n    break\n  endif\n  set m[k] = t\nendwhile", {}),
        (
            "while j\n  set t = m[k]\n  if j\n    break\n  endif\n  set t.x = 1\n  set m[k] = t\nendwhile",
            {6: "t of m[k]"},
        ),
        # keys that are items
        ("set t = m[j.k]\nset t.x = 1\nset m[j.k] = t\nreturn m", {2: "t of m[j.k]"}),
        ("set t = m[j.k]\nset t.x = 1\nset m[j.i] = t\nreturn m", {}),
        ("set t = m[j.k]\nset j.k = 1\nset t.x = 1\nset m[j.k] = t\nreturn m", {}),
        ("set t = m[j.k]\nset t.x = 1\nset j.i = 1\nset m[j.k] = t\nreturn m", {2: "t of m[j.k]"}),
        ("set t = m[j.k]\nset t.x = 1\nset j.k = 1\nset m[j.k] = t\nreturn m", {}),
        ("set t = m[j.k]\nset t.x = 1\nset j = k\nset m[j.k] = t\nreturn m", {}),
        ("set t = m[j[k]]\nset t.x = 1\nset k = 1\nset m[j[k]] = t\nreturn m", {}),
        ("set t = m[j.k]\nset t.x = 1\nif k\nset j.k = 1\nendif\nset m[j.k] = t\nreturn m", {}),
        ("set t = m[j.k]\nfor each j in k\nset t.x = 1\nendfor\nset m[j.k] = t\nreturn m", {}),
        ("set t = m[j[k]]\nset t.x = 1\nset m[j[k]] = t\nreturn m", {2: "t of m[j.k]"}),
        ("set t = m[m.k]\nset t.x = 1\nset m[m.k] = t\nreturn m", {}),
        ("set t = m.a[m.k]\nset t.x = 1\nset m.a[m.k] = t\nreturn m", {2: "t of m[a][m.k]"}),
        ("set t = m.a[m.k]\nset t.x = 1\nset m.n = 1\nset m.a[m.k] = t\nreturn m", {2: "t of m[a][m.k]"}),
        ("set t = m.a[m.k]\nset m.n = 1\nset t.x = 1\nset m.a[m.k] = t\nreturn m", {3: "t of m[a][m.k]"}),
        ("set t = m.a[m.k]\nset t.x = 1\nset m.k = 1\nset m.a[m.k] = t\nreturn m", {}),
        ("set t = m.a[m.k]\nset m.k = 1\nset t.x = 1\nset m.a[m.k] = t\nreturn m", {}),
        ("set t = m.a[m.a]\nset t.x = 1\nset m.a[m.a] = t\nreturn m", {}),
        ("set t = m.a[m.k]\nset t.x = 1\nset m[k] = 1\nset m.a[m.k] = t\nreturn m", {}),
        (
            "set t = m.a[m.k]\nif k\n  set t.x = 1\nendif\nset t.y = 2\nset m.a[m.k] = t\nreturn m",
            {3: "t of m[a][m.k]", 5: "t of m[a][m.k]"},
        ),
        ("set t = m[j.k]\nif t == nil\nset t = {}\nendif\nset t.x = 1\nset m[j.k] = t", {5: "t of m[j.k]"}),
        ("if k\nset t = m[j.k]\nendif\nset t.x = 1\nset m[j.k] = t\nreturn m", {}),
        ("if k\nset t = m[j.k]\nelse\nset t = m[j.k]\nendif\nset t.x = 1\nset m[j.k] = t\nreturn m", {}),
        # arguments
        ("set t = change(m[k])\nset m[k] = t\nreturn m", {1: "argument m[k]"}),
        ("set t, u = change(m[k])\nset m[k] = t\nreturn m", {1: "argument m[k]"}),
        ("set t, u = change(m[k])\nif u\nset m[k] = t\nendif\nreturn m", {}),
        ("set t, k = change(m[k])\nset m[k] = t\nreturn m", {}),
        ("set t, m = change(m[k])\nset m[k] = t\nreturn m", {}),
        ("set t = change(m[k], len(m))\nset m[k] = t\nreturn m", {}),
        ("set t = change(m[k])\nemit m\nset m[k] = t\nreturn m", {}),
        ("set t = other(m[k])\nset m[k] = t\nreturn m", {}),
        # other arguments that read what the item is in
        ("set t = m[k]\nset t = change(t, m.a.n)\nset m[k] = t\nreturn m", {2: "after t of m[k]"}),
        ("set t = m[k]\nset t, u = change(t, m.a.n + 1)\nset m[k] = t\nreturn m", {2: "after t of m[k]"}),
        ("set t = m[k]\nset t = change(t, m)\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t = change(t, t, m.a.n)\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t, k = change(t, m.a.n)\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t = change(t, m.a.n)\nemit m\nset m[k] = t\nreturn m", {}),
        # one in the other
        ("set t = m[k]\nset u = t.u\nset u.x = 1\nset t.u = u\nset m[k] = t\nreturn m", {3: "t of m[k], u of t[u]"}),
        # something may read variables at any time
        ("on error do\n  emit m\nendon\nset t = m[k]\nset t.x = 1\nset m[k] = t\nreturn m", {}),
        ("on error do\n  emit t\nendon\nset t = m[k]\nset t.x = 1\nset m[k] = t\nreturn m", {5: "t of m[k]"}),
        ("on error do\n  clear_error\nendon\nset t = m[k]\nset t.x = 1\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t.x = 1\nemit eval(j)\nset m[k] = t\nreturn m", {}),
        ("set t = m[k]\nset t.x = 1\nemit last\nset m[k] = t\nreturn m", {}),
    ],
)
def test_items_that_are_let_go_of(text: str, wanted: dict[int, str]) -> None:
    assert let_go(text) == wanted
