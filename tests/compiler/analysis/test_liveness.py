"""Which statement is the last one to read a variable, or an item of it."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.liveness import Liveness
from neuroscript.compiler.resolve import resolve
from neuroscript.compiler.traversal import statements
from neuroscript.syntax.parser import parse


def last_reads(text: str, params: str = "needs a, b") -> dict[int, set[str]]:
    """What each line of a body is the last to read: ``x`` for a variable, ``x.k`` for an item of it."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    body = resolve(parse(f"func main({params}) means\n{lines}\nendfunc\n")).bodies[0]
    liveness = Liveness(body)
    found: dict[int, set[str]] = {}
    for statement in statements(body.block):
        last = {place for place in liveness.last_reads(statement) if place[0] in body.variables}
        if last:
            found[statement.span[0] - 1] = {name if key is None else f"{name}.{key}" for name, key in last}
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("set x = a\nreturn b", {1: {"a"}, 2: {"b"}}),
        ("set x = a\nset y = a", {2: {"a"}}),
        ("set a = f(a)\nreturn a", {1: {"a"}, 2: {"a"}}),
        ("set x = a.k\nset y = a.n", {1: {"a.k"}, 2: {"a", "a.n"}}),
        ("set x = a.k\nset y = a.k", {2: {"a", "a.k"}}),
        ("set x = a.k\nset y = a", {2: {"a"}}),
        ("set x = a.k\nset a.k = 1", {}),
        ("set x = a.k\nset a = b\nreturn a", {1: {"a", "a.k"}, 2: {"b"}, 3: {"a"}}),
        ('set x = a[b]\nset y = b["k"]', {1: {"a"}, 2: {"b", "b.k"}}),
        ("if a\n  set x = b\nelse\n  set y = 1\nendif", {2: {"b"}}),
        ("if a\n  set x = b\nendif\nreturn b", {4: {"b"}}),
        ("if a\n  set x = b\n  return x\nendif\nset y = b", {2: {"b"}, 3: {"x"}, 5: {"b"}}),
        ("while a\n  set x = b\nendwhile", {}),
        ("while a\n  set b = f(b)\nendwhile\nreturn b", {2: {"b"}, 4: {"b"}}),
        ("while a\n  set r = f(b)\n  set b = r.k\nendwhile", {2: {"b"}, 3: {"r", "r.k"}}),
        ("while a\n  set r = f(b)\n  set b = r.k\n  set n = r.n\nendwhile", {2: {"b"}, 3: {"r.k"}, 4: {"r", "r.n"}}),
        ("while a\n  set x = b\n  break\nendwhile", {2: {"b"}}),
        ("while a\n  set x = b\n  if x\n    break\n  endif\nendwhile", {}),
        ("while a\n  set x = b\n  if x\n    continue\n  endif\n  set b = 1\nendwhile", {}),
        ("for each x in a\n  set y = x\n  set z = b\nendfor", {2: {"x"}}),
        ("for each x in a\n  set y = x\nendfor\nreturn x", {4: {"x"}}),
        ("for each x in a\n  set b = x\nendfor\nset c = b", {2: {"x"}, 4: {"b"}}),
        ("set x = ```{{a.k}} {{b}}```\nset y = a", {1: {"b"}, 2: {"a"}}),
        ("set x = b(a)\nset y = b", {1: {"a"}, 2: {"b"}}),
        ('ask "w", a into b.k\nset x = b', {1: {"a"}, 2: {"b"}}),
        ("set a, b = [b, a]\nreturn a", {1: {"a", "b"}, 2: {"a"}}),
        ("fail a", {1: {"a"}}),
        # An error handler may read after any statement.
        ("on error do\n  emit b\nendon\nset x = a\nset y = b", {4: {"a"}}),
        ("on error do\n  emit ```{{b.k}}```\nendon\nset x = a\nset y = b", {4: {"a"}}),
        ("on error do\n  set b.k = 1\nendon\nset x = a\nset y = b", {4: {"a"}}),
        ("on error do\n  return a\nendon\nset x = a\nreturn b", {5: {"b"}}),
        ("on error do\nendon\nwhile a\n  set b = f(b)\nendwhile\nreturn b", {4: {"b"}, 6: {"b"}}),
        # Execution may go on behind what failed, where nothing has been set, nor returned.
        ("on error do\n  clear_error\nendon\nset x = a", {4: {"a"}}),
        ("on error do\n  clear_error\nendon\nset x = a\nset b = f(b)\nreturn b", {4: {"a"}, 6: {"b"}}),
        ("on error do\n  clear_error\nendon\nreturn f(a)\nreturn a", {5: {"a"}}),
        ("on error do\n  clear_error\nendon\nif a\n  set x = b\n  return x\nendif\nset y = b", {6: {"x"}, 8: {"b"}}),
        (
            "on error do\n  break\nendon\nwhile a\n  set b = 1\n  set x = f(b)\nendwhile\nset y = b",
            {8: {"b"}},
        ),
    ],
)
def test_last_reads(text: str, wanted: dict[int, set[str]]) -> None:
    assert last_reads(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "set x = a\nset y = eval(b)",
        "set x = a\ncall f(b)\nset y = last",
    ],
)
def test_nothing_is_read_last_where_something_else_reads_too(text: str) -> None:
    assert last_reads(text) == {}


def idle_names(text: str) -> dict[int, str]:
    """What each line finds idle, before it, and once its value has been evaluated."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    body = resolve(parse(f"func main(needs a, b) means\n{lines}\nendfunc\n")).bodies[0]
    liveness = Liveness(body)
    found: dict[int, str] = {}
    for statement in statements(body.block):
        shown = [*liveness.idle_aliases(statement)]
        shown += [f"then {name}" for name in liveness.idle_within(statement)]
        if shown:
            found[statement.span[0] - 1] = ", ".join(shown)
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("set x = a.k\nemit x.n\nset a.k.n = 1\nreturn a", {3: "x"}),
        ("set x = a.k\nemit x.n\nset a.k.n = 1\nreturn x", {}),
        ("set x = a.k\nset y = x.n\nemit y.n\nset a.k.n = 1\nreturn a", {4: "x, y"}),
        # where it is given to a procedure, or has been stored
        ("set x = a.k\nemit x.n\nset a = f(a)\nreturn a", {3: "x"}),
        ("set x = a.k\nemit x.n\nreturn f(a)", {3: "x"}),
        ("set x = a.k\nemit x.n\nreturn f(a.k)", {3: "x"}),
        ("set x = a.k\nemit x.n\nreturn f(b)", {}),
        ("set x = a.k\nemit x.n\nset a = f(a, x)\nreturn a", {}),
        ("set x = f(b)\nset a.k = x\nemit x.n\nreturn f(a)", {1: "x", 2: "b", 4: "b, x"}),
        ("while b\n  set x = a.k\n  emit x.n\n  set a = f(a)\nendwhile\nreturn a", {4: "x"}),
        ("while b\n  set a = f(a)\n  emit x.n\n  set x = a.k\nendwhile\nreturn a", {}),
        ("for each x in a\n  emit x.n\n  set a = f(a)\nendfor\nreturn a", {3: "x"}),
        ("for each x in a\n  emit x.n\n  set a = f(a)\nendfor\nreturn x", {}),
        # while its value is evaluated
        ("set x = a.k\nset a.k.n = x.n + 1\nreturn a", {2: "then x"}),
        ("set x = a.k\nset a.k.n = f(a, x.n)\nreturn a", {2: "then x"}),
        ("set x = a.k\nset a.k.n = x.n + 1\nreturn x", {}),
        ("set x = a.k\nset a[x.n].n = x.n + 1\nreturn a", {}),
        ("set x = b.k\nset a.k.n = x.n + 1\nreturn a", {}),
        ("set x = a.k\nset a.k.n, b = [x.n, 1]\nreturn a", {2: "b"}),
        # where both have been with a third
        ("set x = a.k\nset a.l = a.l + [b]\nset x.n = 1\nreturn [a, x]", {2: "then b", 3: "b"}),
        ("set x = a.k\nset a.l = tool.list.Append(a.l, b)\nset x.n = 1\nreturn [a, x]", {2: "then b", 3: "b"}),
        ("set x = a.k\nset a.l = b.n + 1\nset x.n = 1\nreturn [a, x]", {}),
        ("on error do\n  emit x\nendon\nset x = a.k\nset a.k.n = x.n + 1\nreturn a", {}),
        ("on error do\n  clear_error\nendon\nset x = a.k\nset a.k.n = x.n + 1\nreturn a", {5: "then x"}),
    ],
)
def test_names_that_hold_a_part_for_nothing(text: str, wanted: dict[int, str]) -> None:
    assert idle_names(text) == wanted
