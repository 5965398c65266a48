"""Procedures that pass values to each other: what the compiler knows of them changes nothing that a script can see."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from tests.compiler.support import procedure

INSERT = procedure(
    'if node == nil\n  return {"v": v, "l": nil, "r": nil, "n": 1}\nendif\n'
    "if v == node.v\n  set node.n = node.n + 1\nelse if v < node.v\n  set node.l = insert(node.l, v)\nelse\n"
    "  set node.r = insert(node.r, v)\nendif\nreturn node",
    "insert",
    "(needs node, v)",
)
TOTAL = procedure(
    "if node == nil\n  return 0\nendif\nreturn total(node.l) + node.v * node.n + total(node.r)", "total", "(needs node)"
)
TREES = INSERT + TOTAL
GROWN = procedure("set t = nil\nfor each x in {}\n  set t = insert(t, x)\nendfor\nreturn total(t)", "main", "()")


def result(source: str, *args: Any, name: str = "main") -> Any:
    """The result of a call by the host, or the code and the line of its error."""
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source)
        try:
            return interpreter.run(name, *args)
        except NeuroScriptError as error:
            return int(error.code), error.line


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ("[3, 1, 2, 3]", 9),
        ("[]", 0),
        ("[1.5, 1, 1.5]", 4),
        ("[2 ** 100, 1]", 2**100 + 1),
        ('[2, "1"]', "01020"),  # a string is less than a number as it reads, is repeated by it, and is joined with it
        ("[2, nil]", (7, 7)),
    ],
)
def test_trees_of_maps(items: str, found: Any) -> None:
    assert result(TREES + GROWN.replace("{}", items)) == found


def test_the_host_passes_what_it_likes() -> None:
    source = TREES + GROWN.replace("{}", "[1]")
    assert result(source, {"v": 2, "n": 0.5, "l": None, "r": {"v": "3", "n": 2}}, name="total") == "10330"
    assert result(source, [1], name="total") == (7, 18)
    assert result(source, "x", 1, name="insert") == (7, 5)
    assert result(source, {"v": 1}, 2, name="insert") == {"v": 1, "r": {"v": 2, "l": None, "r": None, "n": 1}}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("", [1, 2.5]),
        ('set r.a = "x"', ["x", 2.5]),
        ("set r.c = 7", [1, 2.5]),
        ('set r[k] = "changed"', ["changed", 2.5]),
        ("set r = {}", [None, None]),
        ('set r = {"b": nil, "a": [1]}', [[1], None]),
        ("set r = nil", 7),
        ("set r = 5", 7),
        ('if k == "b"\n  set r = nil\nendif', [1, 2.5]),
    ],
)
def test_records_that_change(change: str, found: Any) -> None:
    shown = procedure("return [r.a, r.b]", "shown", "(needs r)")
    main = procedure(f'set k = "a"\nset r = {{"a": 1, "b": 2.5}}\n{change}\nreturn shown(r)', "main", "()")
    given = result(main + shown)
    assert (given[0] if isinstance(given, tuple) else given) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("set p = [1, 2]\nset p[0] = 0.5\nreturn p[0] + p[1]", 2.5),
        ("set p = [1, 2]\nreturn p[2]", (8, 3)),
        ("set p = [1, 2]\nset p[2] = 3\nreturn p[2]", 3),
        ("set p = [1, 2]\nset p[4] = 3\nreturn p[3]", None),
        ("set p = [1, 2]\nset p = p + p\nreturn p[3]", 2),
        ("set p = [1, 2]\nset p = tool.list.Slice(p, 0, 1)\nreturn p[1]", (8, 4)),
        ("set p = [1, 2]\nset a, b = p\nreturn a - b", -1),
        ("set p = [1, 2]\nset p[0], p[1] = [p[1], p[0]]\nreturn p", [2, 1]),
        ("set p = [1, 2]\nset p[0], p[2] = [p[1], p[2]]\nreturn p", (8, 3)),
        ("set p = [1, 2]\nset p[2], p[5] = [p, 2]\nreturn p", [1, 2, [1, 2], None, None, 2]),
        ("set a, b = [1, 2]\nset a, b = [b, a]\nreturn [a, b]", [2, 1]),
        ("set a, a = [1, 2]\nreturn a", 2),
        ("set a, b = [1, 2, 3]\nreturn a", (36, 2)),
        ("set q = [0]\nset i, q[i] = [0, 5]\nreturn [i, q]", [0, [5]]),
        ("set q = [0, 0]\nset i = 1\nset i, q[i] = [0, 5]\nreturn [i, q]", [0, [5, 0]]),
        ("set p = [[1], 2]\nset a, b = p\nset a[0] = 3\nreturn [p, a]", [[[1], 2], [3]]),
        ("set p = [1, 2]\nset p = p + [3]\nset a, b = p\nreturn a", (36, 4)),
        (
            "set m = {}\nset m[1] = 2\nset m[1023] = 3\nset m[1024] = 4\nset m[-1] = 5\nreturn m",
            {"1": 2, "1023": 3, "1024": 4, "-1": 5},
        ),
        (
            (
                "set m = {}\nset i = 1022\nwhile i < 1026\n  set m[i] = i\n  set i = i + 1\nendwhile\n"
                "return [m[1023], m[i - 2], m['1025'], m[i]]"
            ),
            [1023, 1024, 1025, None],
        ),
        ("set p = [1, 2]\nreturn p.a", (7, 3)),
        ("set p = [[1, 2], [3, 4]]\nset p[0][1] = 9\nreturn p[0][1] + p[1][1]", 13),
        ("set p = [[1, 2], [3, 4]]\nset p[2][1] = 9\nreturn p[2]", [None, 9]),
        ('set m = {"a": {"b": {"c": 1}}}\nset n = m\nset m.a.b.c = 2\nreturn [m.a.b.c, n.a.b.c]', [2, 1]),
        ('set m = {"a": {"b": {"c": 1}}}\nset n = m.a.b\nset m.a.b.c = 2\nreturn [m.a.b.c, n.c]', [2, 1]),
        ('set m = {"a": {"b": {}}}\nset m.a.x.c = 2\nreturn m', {"a": {"b": {}, "x": {"c": 2}}}),
        ("set xs = [1]\nset ys = xs\nset xs = xs + [2]\nset xs = xs + [3]\nreturn [xs, ys]", [[1, 2, 3], [1]]),
        ("set xs = [1]\nset xs = xs + [xs]\nset xs = xs + [xs]\nreturn xs", [1, [1], [1, [1]]]),
        ('set x = "a"\nset x = x + [1]\nreturn x', "a[1]"),
        ("set s = 0\nfor each x in [1, 0.5, 2 ** 90]\n  set s = s + x\nendfor\nreturn s", 1.5 + 2.0**90),
    ],
)
def test_lists_and_maps_whose_places_are_known(text: str, found: Any) -> None:
    assert result(procedure(text, "main", "()")) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("set n = len(xs)\nset i = 0\nwhile i < n\n  set s = s + xs[i]\n  set i = i + 1\nendwhile\nreturn s", 6),
        ("set i = 0\nwhile i < len(xs)\n  set s = s + xs[i]\n  set i = i + 1\nendwhile\nreturn s", 6),
        ("set i = 0 - 1\nwhile i < len(xs)\n  set s = s + xs[i]\n  set i = i + 1\nendwhile\nreturn s", (8, 5)),
        (
            (
                "set n = len(xs)\nset i = 0\nwhile i < n\n  set s = s + xs[i]\n  set xs = [1]\n"
                "  set i = i + 1\nendwhile\nreturn s"
            ),
            (8, 6),
        ),
        (
            (
                "set n = len(xs)\nset n = n + 1\nset i = 0\nwhile i < n\n  set s = s + xs[i]\n  set i = i + 1\n"
                "endwhile\nreturn s"
            ),
            (8, 7),
        ),
        (
            (
                "set ys = [1]\nset n = len(xs)\nset i = 0\nwhile i < n\n  set s = s + ys[i]\n  set i = i + 1\n"
                "endwhile\nreturn s"
            ),
            (8, 7),
        ),
        (
            "set i = 0\nwhile i <= len(xs)\n  set s = s + xs[i]\n  set i = i + 1\nendwhile\nreturn s",
            (8, 5),
        ),
    ],
)
def test_items_below_a_length(text: str, found: Any) -> None:
    assert result(procedure(f"set s = 0\n{text}", "main", "(needs xs)"), [1, 2, 3]) == found
