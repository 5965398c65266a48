"""A list or map that nothing else holds is changed without a look; one that something else may hold never is.

Each way to hold a list is tried between two changes of it: what is held stays as it was.
"""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter
from tests.compiler.support import mentioned, procedure, run

SAME = procedure("return given", "same", "(needs given)")
CHANGED = procedure('set given[0] = "theirs"\nreturn given', "changed", "(needs given)")
CHANGES = {
    "item": ("set xs[0] = 9", [9, 2]),
    "next": ("set xs[2] = 9", [1, 2, 9]),
    "hole": ("set xs[3] = 9", [1, 2, None, 9]),
    "last": ("set xs[len(xs)] = 9", [1, 2, 9]),
    "append": ("set xs = tool.list.Append(xs, 9)", [1, 2, 9]),
}
HOLDS = [
    "set keep = xs",
    "set keep = [xs][0]",
    'set keep = {"k": xs}.k',
    "set box = [xs]",
    "set box[0] = xs",
    "set box = [1, [2, [xs]]]",
    'set box = {"k": xs}',
    "set box.k = xs",
    'set box = {"a": {}}\nset box.a.b = xs',
    "set keep, box = [xs, 1]",
    "set box, keep = [1, xs]",
    "set box = tool.list.Append([], xs)",
    "set keep = same(xs)",
    "set keep = same(given: xs)",
    "set box = same([xs])",
    "set f = same\nset keep = f(xs)",
    "set box = tool.list.Map([xs], same)",
    "call same(xs)\nset keep = last",
    "call changed(xs)",
    "call tool.list.Length(changed(xs))",
    "set keep = must xs",
    "if true\n  set keep = xs\nendif",
    "if false\nelse\n  set keep = xs\nendif",
    "if same(xs) == 1\nelse if true\n  set keep = xs\nendif",
    "if no keep and same(xs) != 1\n  set keep = last\nendif",
    "for each x in [1, 2]\n  set keep = xs\nendfor",
    "for each x in [xs]\n  set keep = x\nendfor",
    "while no keep\n  set keep = xs\nendwhile",
    "set keep = xs\nset box = [keep]",
    "set keep = xs\nset xs = keep",
    "emit xs",
    "whisper self, xs",
    'call tool.event.Emit("held", xs)',
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("hold", HOLDS)
def test_what_is_held_stays_as_it_was(hold: str, change: str) -> None:
    statement, changed = CHANGES[change]
    start = "set keep = nil\nset box = nil\nset xs = [0]\nset xs[0] = 1\nset xs[1] = 2"
    outcome = run(f"{start}\n{hold}\n{statement}\nreturn [xs, keep, box]", more=SAME + CHANGED)
    assert outcome.code == 0, outcome.error
    xs, *others = outcome.result
    held = _lists([*others, *outcome.emitted])
    assert xs == changed
    assert changed not in held
    assert "set keep" not in hold or others[0] == [1, 2]
    assert "set box" not in hold or [1, 2] in held or others[1] == 1


def _lists(value: Any) -> list[Any]:
    """A value and all that it holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(found for item in inner for found in _lists(item))]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        # Another target of the same statement.
        ("set xs = [1]\nset ys = [2]\nset xs, xs[0] = [ys, 9]\nreturn [xs, ys]", [[9], [2]]),
        ("set xs = [1]\nset ys = [2]\nset xs[0], xs = [9, ys]\nset xs[0] = 8\nreturn [xs, ys]", [[8], [2]]),
        ("set xs = [1]\nset xs, ys, xs[0] = [[2], xs, 9]\nreturn [xs, ys]", [[9], [1]]),
        ("set xs = [1]\nset xs[0], ys, xs[1] = [9, xs, 8]\nreturn [xs, ys]", [[9, 8], [1]]),
        ("set xs = [1]\nset ys = [2]\nset xs, ys = [ys, xs]\nset xs[0] = 9\nreturn [xs, ys]", [[9], [1]]),
        # Itself.
        ("set xs = [1]\nset xs[0] = xs\nreturn xs", [[1]]),
        ("set xs = [1]\nset xs[1] = xs\nset xs[1][0] = 2\nreturn xs", [1, [2]]),
        ("set xs = [1]\nset xs = tool.list.Append(xs, xs)\nset xs[0] = 2\nreturn xs", [2, [1]]),
        ("set xs = [1]\nset xs[0] = [xs, xs]\nset xs[0][1][0] = 2\nreturn xs", [[[1], [2]]]),
        ("set m = {}\nset m.a = 1\nset m.m = m\nset m.m.a = 2\nreturn m", {"a": 1, "m": {"a": 2}}),
        ("set xs = [1]\nset xs[len(xs)] = xs\nset xs[0] = 2\nreturn xs", [2, [1]]),
        # A loop's later turn.
        (
            "set k = []\nset xs = [0]\nfor each i in [1, 2, 3]\n  set xs[0] = i\n  set k[i] = xs\nendfor\nreturn k",
            [None, [1], [2], [3]],
        ),
        (
            (
                "set xs = [0]\nfor each i in [1, 2, 3]\n  set xs[0] = i\n  if i == 1\n    set k = xs\n  endif\n"
                "  set xs[1] = i\nendfor\nreturn [xs, k]"
            ),
            [[3, 3], [1]],
        ),
        (
            "set k = [7]\nset xs = [0]\nfor each i in [1, 2]\n  set xs[0] = i\n  set xs = k\nendfor\nreturn [xs, k]",
            [[7], [7]],
        ),
        (
            (
                "set k = [7]\nset xs = []\nset i = 0\nwhile i < 2\n  set xs[i] = i\n  set xs = k\n  set i = i + 1\n"
                "endwhile\nreturn [xs, k]"
            ),
            [[7], [7]],
        ),
        (
            (
                "set k = []\nset i = 0\nwhile i < 2\n  set xs = []\n  set j = 0\n  while j < 2\n    set xs[j] = i\n"
                "    set k[len(k)] = xs\n    set j = j + 1\n  endwhile\n  set i = i + 1\nendwhile\nreturn k"
            ),
            [[0], [0, 0], [1], [1, 1]],
        ),
        # What walks a list sees it as it was.
        (
            "set xs = [1, 2]\nset s = 0\nfor each x in xs\n  set xs[1] = 9\n  set s = s + x\nendfor\nreturn [s, xs]",
            [3, [1, 9]],
        ),
        (
            "set xs = [1, 2]\nfor each x in xs\n  set xs = tool.list.Append(xs, x)\nendfor\nreturn xs",
            [1, 2, 1, 2],
        ),
        (
            'set m = {"a": 1}\nset s = 0\nfor each x in m\n  set m.b = 9\n  set s = s + x\nendfor\nreturn [s, m]',
            [1, {"a": 1, "b": 9}],
        ),
        ("set xs = [[1], [2]]\nfor each xs in xs\n  set xs[1] = 9\nendfor\nreturn xs", [2, 9]),
        (
            "set k = [[1], [2]]\nset xs = []\nfor each xs in k\n  set xs[0] = 9\nendfor\nreturn [xs, k]",
            [[9], [[1], [2]]],
        ),
        # One of two branches.
        (
            "set k = [7]\nif b\n  set xs = [1]\nelse\n  set xs = k\nendif\nset xs[0] = 9\nreturn [xs, k]",
            [[9], [7]],
        ),
        (
            "set k = [7]\nset xs = [1]\nif a\n  set xs = k\nelse\n  return 1\nendif\nset xs[0] = 9\nreturn [xs, k]",
            [[9], [7]],
        ),
        ("set xs = [1]\nif a\n  set k = xs\nendif\nset xs[0] = 9\nreturn [xs, k]", [[9], [1]]),
        ("set xs = [1]\nif a\n  set k = xs\n  set xs[0] = 8\nendif\nset xs[0] = 9\nreturn [xs, k]", [[9], [1]]),
        ("set xs = [1]\nwhile true\n  set k = xs\n  break\nendwhile\nset xs[0] = 9\nreturn [xs, k]", [[9], [1]]),
        # What was a parameter, a result, `last`.
        ("set a[0] = 9\nset k = a\nset a[0] = 8\nreturn [a, k]", [[8], [9]]),
        ("set xs = same([1])\nset k = last\nset xs[0] = 9\nreturn [xs, k]", [[9], [1]]),
        ("set xs = tool.list.Append([], 1)\nset xs[0] = 9\nreturn [xs, last]", [[9], [1]]),
        ("set xs = []\nset xs = tool.list.Append(xs, 1)\nset xs[0] = 9\nreturn [xs, last]", [[9], [1]]),
        ("set xs = [1]\ncall same(xs)\nset xs[0] = 9\nreturn [xs, last]", [[9], [1]]),
    ],
)
def test_values_never_share_their_changes(text: str, result: Any) -> None:
    outcome = run(text, [5], more=SAME)
    assert (outcome.code, outcome.result) == (0, result), outcome.error


@pytest.mark.parametrize("unset", ["for each b in [1]\nendfor\nset ys = b", "if a\n  set b = 1\nendif\nset ys = b"])
@pytest.mark.parametrize("change", ["set a[0] = 9", "set a[1] = 9", "set a = tool.list.Append(a, 9)"])
def test_a_variable_that_may_be_unset_makes_nothing_owned(change: str, unset: str) -> None:
    more = procedure(f"{change}\n{unset}", "change", "(needs a)")
    assert run("set xs = [1]\ncall change(xs)\nreturn xs", more=more).result == [1]


def test_what_the_host_was_given_stays_as_it_was() -> None:
    kept: list[Any] = []
    with Interpreter(plugins=False, emit=kept.append) as interpreter:

        @interpreter.tool("host.Keep")
        def keep(value: Any) -> Any:
            kept.append(value)
            return value

        interpreter.load(
            procedure("set xs = [1]\nset ys = tool.host.Keep(xs)\nemit xs\nset xs[0] = 2\nset ys[0] = 3\nreturn xs")
        )
        result = interpreter.run("main")
        kept[0][0] = 4
        assert (result, kept) == ([2], [[4], [1]])
        assert interpreter.run("main") == [2]


# --- what the code is ------------------------------------------------------------------------------------------------

FILL = "set xs = []\nset i = 0\nwhile i < 9\n  {}\n  set i = i + 1\nendwhile\nreturn xs"


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        (FILL.format("set xs[i] = i"), False),
        (FILL.format("set xs = tool.list.Append(xs, i)"), False),
        (FILL.format("set xs[i] = len(xs)"), False),
        (FILL.format("set xs[i] = i\n  if xs[i] > 2\n    emit i\n  endif"), False),
        (FILL.format("set xs[i] = [i]\n  set ys = xs[i]"), False),
        (FILL.format("set xs[i] = xs"), True),
        (FILL.format("set xs[i] = i\n  set ys = xs"), True),
        (FILL.format("set xs[i] = i\n  emit xs"), True),
        (FILL.format("set xs[i] = i\n  call main(xs)"), True),
        (FILL.format("set xs[i] = i\n  for each x in xs\n  endfor"), True),
        (FILL.format("set xs = tool.list.Append(xs, i)\n  set k = last"), True),
        ("set a[0] = 1\nset a[1] = 2", True),
        ("set m = {}\nset m.a = 1\nset m.b = 2\nreturn m", False),
        ("set m = {}\nif a\n  set m.a = 1\nelse\n  set m.b = 1\nendif\nset m.c = 2\nreturn m", False),
        ("set m = {}\nif a\n  set b = m\nendif\nset m.c = 2\nreturn m", True),
        ("on error do\nendon\nset m = {}\nset m.c = 2\nreturn m", False),
        ("on error do\n  clear_error\nendon\nset m = {}\nset m.c = 2\nreturn m", True),
    ],
)
def test_where_code_looks_for_other_holders(text: str, looks: bool) -> None:
    assert ("_refcount" in mentioned(procedure(text))) is looks
