"""Statements that put back what a tool makes of a list or map change it in place, and nobody else sees it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError
from neuroscript.errors import UNCATCHABLE

LISTS = [
    ("tool.list.Concat(V, [7])", [1, 2, 3, 7]),
    ("tool.list.Concat(V, [7], [], [8, 9])", [1, 2, 3, 7, 8, 9]),
    ("tool.list.Concat(V)", [1, 2, 3]),
    ("tool.list.Prepend(V, 7)", [7, 1, 2, 3]),
    ("tool.list.Insert(V, 1, [7])", [1, [7], 2, 3]),
    ("tool.list.Insert(V, 3, 7)", [1, 2, 3, 7]),
    ("tool.list.Remove(V, 1)", [1, 3]),
    ("tool.list.Rest(V)", [2, 3]),
    ("tool.list.Slice(V, 0, len(V) - 1)", [1, 2]),
    ("tool.list.Slice(V, 0, len(V) - 2)", [1]),
    ("tool.list.Slice(V, 1, len(V))", [2, 3]),
    ("tool.list.Slice(V, 1, len(V) - 1)", [2]),
    ("tool.list.Slice(V, 2, len(V))", [3]),
    ("V + [7, 8]", [1, 2, 3, 7, 8]),
]
MAPS = [
    ('tool.map.Set(V, "k", 2)', {"a": 1, "k": 2}),
    ('tool.map.Set(V, "a", [2])', {"a": [2]}),
    ("tool.map.Set(V, 5, 2)", {"a": 1, "5": 2}),
    ('tool.map.Delete(V, "a")', {}),
    ('tool.map.Delete(V, "b")', {"a": 1}),
    ('tool.map.Merge(V, {"a": 2}, {"b": 3})', {"a": 2, "b": 3}),
]
CASES = [("[1, 2, 3]", *case) for case in LISTS] + [('{"a": 1}', *case) for case in MAPS]

# Where the list or map stands, and how it is made.
PLACES = [
    ("v", "set v = {start}"),
    ("m.v", 'set m = {{"v": {start}}}'),
    ('m["v"].w', 'set m = {{"v": {{"w": {start}}}}}'),
    ("m[1]", "set m = [0, {start}]"),
    ("m[i]", "set m = [0, {start}]\nset i = 1"),
]


def run(text: str, *args: Any, **options: Any) -> Any:
    with Interpreter(plugins=False, **options) as interpreter:
        interpreter.load(f"func main(needs n) means\n{text}\nendfunc")
        return interpreter.run("main", *(args or (0,)))


@pytest.mark.parametrize(("place", "made"), PLACES)
@pytest.mark.parametrize(("start", "call", "expected"), CASES)
def test_the_value_is_what_the_tool_gives(start: str, call: str, expected: Any, place: str, made: str) -> None:
    statement = f"{made.format(start=start)}\nset {place} = {call.replace('V', place)}"
    assert run(f"{statement}\nreturn {place}") == expected


@pytest.mark.parametrize(("place", "made"), PLACES)
@pytest.mark.parametrize(("start", "call", "expected"), CASES)
def test_what_else_holds_it_keeps_what_it_had(start: str, call: str, expected: Any, place: str, made: str) -> None:
    before = run(f"return {start}")
    root = place.split(".")[0].split("[")[0]
    statement = f"set {place} = {call.replace('V', place)}"
    for held in (place, root, f"[{place}]", f'{{"x": {root}}}'):
        text = f"{made.format(start=start)}\nset other = {held}\nset same = other\n{statement}\nreturn [{place}, other]"
        whole = run(f"{made.format(start=start)}\nreturn {held}")
        assert run(text) == [expected, whole]
    # A literal is the same at each call.
    text = f"{made.format(start=start)}\nset before = {place}\n{statement}\nreturn before"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(f"func main() means\n{text}\nendfunc")
        assert [interpreter.run("main"), interpreter.run("main")] == [before, before]


@pytest.mark.parametrize(("place", "made"), PLACES)
@pytest.mark.parametrize("call", ["Rest(V)", "Slice(V, 1, len(V))", "Slice(V, 0, len(V) - 1)"])
def test_an_empty_list_gets_no_shorter(call: str, place: str, made: str) -> None:
    statement = f"{made.format(start='[]')}\nset {place} = tool.list.{call.replace('V', place)}"
    assert run(f"{statement}\nreturn {place}") == []


@pytest.mark.parametrize("place", ["v", "m.v"])
@pytest.mark.parametrize("value", ['"ab"', "nil", '{"a": 1}', "7"])
@pytest.mark.parametrize("call", ["Rest(V)", "Slice(V, 1, 2)", "Slice(V, 0, 1)"])
def test_what_is_no_list_is_an_error(call: str, value: str, place: str) -> None:
    statement = f'set m = {{"v": {value}}}\nset v = {value}\nset {place} = tool.list.{call.replace("V", place)}'
    with pytest.raises(NeuroScriptError) as caught:
        run(statement)
    assert (caught.value.code, caught.value.line) == (4, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set v = [1]\nset v = tool.list.Concat(v, v)\nreturn v", [1, 1]),
        ('set v = {"a": 1}\nset v = tool.map.Set(v, "m", v)\nreturn v', {"a": 1, "m": {"a": 1}}),
        ('set m = {"v": [1]}\nset m.v = tool.list.Insert(m.v, 0, m)\nreturn m', {"v": [{"v": [1]}, 1]}),
        ('set m = {"v": [1]}\nset m.v = m.v + [m.v]\nreturn m', {"v": [1, [1]]}),
        ("set v = [1, 2]\nfor each x in v\nset v = tool.list.Concat(v, [x])\nendfor\nreturn v", [1, 2, 1, 2]),
        ("set v = [1, 2]\ncall tool.list.Reverse(v)\nset v = tool.list.Rest(v)\nreturn [v, last]", [[2], [2]]),
        ("set v = [1, 2]\nset v, x = tool.list.Pop(v)\nreturn [v, x]", [[1], 2]),
        ("set v = [1, 2]\nset w = v\nset v, x = tool.list.Pop(v)\nreturn [v, x, w]", [[1], 2, [1, 2]]),
        ("set v = [[1], [2]]\nset v, x = tool.list.Pop(v)\nset x[1] = 3\nreturn [v, x]", [[[1]], [2, 3]]),
        ("set v = [1, 2]\nset v, v = tool.list.Pop(v)\nreturn v", 2),
        ("set v = [1, 2]\nset x, v = tool.list.Pop(v)\nreturn [v, x]", [2, [1]]),
        ('set m = {"v": [1, 2]}\nset m.v, x = tool.list.Pop(m.v)\nreturn [m.v, x]', [[1], 2]),
        ('set m = {"v": [1, 2]}\nset w = m.v\nset m.v, x = tool.list.Pop(m.v)\nreturn [m.v, x, w]', [[1], 2, [1, 2]]),
        ('set m = {"v": [1, 2]}\nset w = m\nset m.v, x = tool.list.Pop(m.v)\nreturn [m.v, x, w.v]', [[1], 2, [1, 2]]),
        ('set m = {"v": [1, 2]}\nset m.v, m = tool.list.Pop(m.v)\nreturn m', 2),
        ("set k = 1\nset m = [0, [5, 6]]\nset m[k], k = tool.list.Pop(m[k])\nreturn [m, k]", [[0, [5]], 6]),
        ('set m = {"v": [[1], [2]]}\nset m.v, x = tool.list.Pop(m.v)\nset x[1] = 3\nreturn [m.v, x]', [[[1]], [2, 3]]),
    ],
)
def test_a_value_that_is_its_own_argument(text: str, expected: Any) -> None:
    assert run(text) == expected


@pytest.mark.parametrize(
    ("made", "call", "code"),
    [
        ("[1]", "tool.list.Insert(V, 5, 0)", 8),
        ("[1]", "tool.list.Insert(V, -1, 0)", 8),
        ("[1]", "tool.list.Remove(V, 1)", 8),
        ("[1]", 'tool.list.Remove(V, "a")', 4),
        ("[1]", "tool.list.Concat(V, 1)", 4),
        ("[1]", "tool.list.Rest(V, 1)", 4),
        ("7", "tool.list.Rest(V)", 4),
        ("7", "tool.map.Merge(V, {})", 4),
        ("[1, 2, 3, 4]", "tool.list.Prepend(V, 5)", 37),
        ("[1, 2, 3, 4]", "tool.list.Concat(V, [5])", 37),
        ("[1, 2, 3, 4]", "V + [5]", 37),
        ("[]", "tool.list.Prepend(V, [[[[]]]])", 38),
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', 'tool.map.Set(V, "e", 5)', 37),
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', 'tool.map.Merge(V, {"e": 5})', 37),
        ('{"a": 1}', "tool.map.Set(V, nil, 5)", 7),
        ('{"a": 1}', "tool.map.Delete(V, [])", 7),
        ("[]", "tool.list.Pop(V)", 8),
    ],
)
@pytest.mark.parametrize("place", ["v", "m.v"])
def test_an_error_leaves_the_value_as_it_was(made: str, call: str, code: int, place: str) -> None:
    start = f"set v = {made}" if place == "v" else f'set m = {{"v": {made}}}'
    target = f"{place}, x" if "Pop" in call else place
    statement = f"set {target} = {call.replace('V', place)}"
    text = f"{start}\non error do\n  emit [system_error.code, {place} == {made}]\n  clear_error\nendon\n{statement}"
    emitted: list[Any] = []
    limits = Limits(max_items=4, max_nesting=4)
    if code not in UNCATCHABLE:
        run(f"{text}\nreturn 0", limits=limits, emit=emitted.append)
        assert emitted == [[code, True]]
    with pytest.raises(NeuroScriptError) as caught:
        run(f"{start}\n{statement}\nreturn 0", limits=limits)
    assert caught.value.code == code
    assert caught.value.line == 3


def test_an_entry_that_is_there_is_replaced_in_a_full_map() -> None:
    text = 'set v = {"a": 1, "b": 2}\nset v = tool.map.Set(v, "b", 3)\nset v = tool.map.Merge(v, {"a": 4})\nreturn v'
    assert run(text, limits=Limits(max_items=2)) == {"a": 4, "b": 3}


TURNS = 50


@pytest.mark.parametrize("place", ["v", "m.v"])
def test_a_loop_that_takes_the_last_item_copies_nothing(place: str) -> None:
    test_a_loop_copies_nothing("tool.list.Range(0, 99)", "set V, x = tool.list.Pop(V)", place)


@pytest.mark.parametrize("place", ["v", "m.v"])
@pytest.mark.parametrize(
    ("start", "statement"),
    [
        ("[]", "set V = tool.list.Concat(V, [i])"),
        ("[]", "set V = tool.list.Prepend(V, i)"),
        ("[]", "set V = tool.list.Insert(V, 0, i)"),
        ("[]", "set V = V + [i]"),
        ("tool.list.Range(0, 99)", "set V = tool.list.Rest(V)"),
        ("tool.list.Range(0, 99)", "set V = tool.list.Remove(V, 0)"),
        ("{}", 'set V = tool.map.Set(V, "k" + i, i)'),
        ("{}", 'set V = tool.map.Merge(V, {"k": i})'),
        ("{}", 'set V = tool.map.Delete(V, "k")'),
    ],
)
def test_a_loop_copies_nothing(start: str, statement: str, place: str) -> None:
    made = f"set v = {start}" if place == "v" else f'set m = {{"v": {start}}}'
    loop = f"{made}\nset i = 0\nwhile i < n\n{statement.replace('V', place)}\nset i = i + 1\nendwhile\nreturn {place}"
    calls: list[str] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.endswith(("lists.py", "maps.py", "operators.py")):
            calls.append(frame.f_code.co_name)

    with Interpreter(plugins=False) as interpreter:
        interpreter.load(f"func main(needs n) means\n{loop}\nendfunc")
        interpreter.run("main", 1)
        sys.setprofile(note)
        try:
            interpreter.run("main", TURNS)
        finally:
            sys.setprofile(None)
    changes = [name for name in calls if name not in ("integers", "join", "joined", "pieces")]
    assert len(changes) < TURNS / 4, changes
