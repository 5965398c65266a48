"""Loops that count become loops over a range, and nobody can tell: by no counter, by no step, by no error."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Fuzzy, Limits
from tests.compiler.support import mentioned, procedure, run

LOOP = "set i = {start}\nwhile i {test}\n  {body}\n  set i = i {step}\nendwhile\nreturn {result}"


def loop(start: str = "0", test: str = "< 3", body: str = "", step: str = "+ 1", result: str = "[i, seen]") -> str:
    """A loop that notes its counter in ``seen``."""
    notes = "set seen = tool.list.Append(seen, i)"
    text = LOOP.format(start=start, test=test, body=f"{notes}\n  {body}" if body else notes, step=step, result=result)
    return f"set seen = []\n{text}"


# --- what the counter is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "test", "step", "result"),
    [
        ("0", "< 3", "+ 1", [3, [0, 1, 2]]),
        ("0", "<= 3", "+ 1", [4, [0, 1, 2, 3]]),
        ("3", "> 0", "- 1", [0, [3, 2, 1]]),
        ("3", ">= 0", "- 1", [-1, [3, 2, 1, 0]]),
        ("0", "< 7", "+ 3", [9, [0, 3, 6]]),
        ("0", "<= 6", "+ 3", [9, [0, 3, 6]]),
        ("5", "> 0", "- 2", [-1, [5, 3, 1]]),
        ("4", ">= 0", "- 2", [-2, [4, 2, 0]]),
        ("-2", "< 0", "+ 1", [0, [-2, -1]]),
        ("3", "< 3", "+ 1", [3, []]),
        ("9", "< 3", "+ 1", [9, []]),
        ("0", "> 3", "- 1", [0, []]),
        ("0", "< 2.5", "+ 1", [3, [0, 1, 2]]),
        ("0", "<= 2.0", "+ 1", [3, [0, 1, 2]]),
        ("9223372036854775806", "< 9223372036854775808", "+ 1", [2**63, [2**63 - 2, 2**63 - 1]]),
        ("0", "< 9223372036854775808", "+ 4611686018427387904", [2**63, [0, 2**62]]),
    ],
)
def test_the_counter_in_the_loop_and_after_it(start: str, test: str, step: str, result: Any) -> None:
    assert run(loop(start, test, step=step)).result == result


@pytest.mark.parametrize(
    ("bound", "result"),
    [
        (2, [2, [0, 1]]),
        (0, [0, []]),
        (-5, [0, []]),
        (2.0, [2, [0, 1]]),
        (1.5, [2, [0, 1]]),
        (-0.0, [0, []]),
        ("2", [2, [0, 1]]),
        (" 1.5 ", [2, [0, 1]]),
        (Fuzzy(0.5), [1, [0]]),
    ],
)
@pytest.mark.parametrize("test", ["< a", "<= a - 1"], ids=["bound", "no bound"])
def test_a_bound_of_any_kind_that_compares(bound: Any, result: Any, test: str) -> None:
    if test == "<= a - 1" and not isinstance(bound, int):
        test = "< a"
    assert run(loop(test=test), bound).result == result


@pytest.mark.parametrize("bound", ["x", "", None, True, [], {}, [3]])
@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_a_bound_that_does_not_compare(bound: Any, operator: str) -> None:
    sign = "+" if "<" in operator else "-"
    outcome = run(loop(test=f"{operator} a", step=f"{sign} 1", body="emit i"), bound)
    assert (outcome.code, outcome.place, outcome.emitted) == (7, (4, 11), [])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (loop(test="< len(a)"), [3, [0, 1, 2]]),
        (loop(test="< len(a)", body='set a = "x"'), [1, [0]]),
        (loop(test="< len(a)", body="set a[1] = 0"), [3, [0, 1, 2]]),
        (loop(test="< len(a)", body="if i < 2\n    set a[i + 3] = 0\n  endif"), [5, [0, 1, 2, 3, 4]]),
        (loop(test="< len(a)", body="if i < 2\n    set a = tool.list.Append(a, i)\n  endif"), [5, [0, 1, 2, 3, 4]]),
        (loop(test="< b", body="set b = b - 1"), [2, [0, 1]]),
        (loop(test="< b", body='if i == 1\n    set b = "7"\n  endif'), [7, [0, 1, 2, 3, 4, 5, 6]]),
        (loop(test="< b", body="if i == 1\n    set b, c = [2, 1]\n  endif"), [2, [0, 1]]),
        (loop(test="< b", body="for each b in [2]\n  endfor"), [2, [0, 1]]),
        (loop(body="set i = i + 1"), [4, [0, 2]]),
        (loop(body="if i == 1\n    set i = 0.5\n  endif"), [3.5, [0, 1, 1.5, 2.5]]),
        (loop(body="for each i in [7]\n  endfor"), [8, [0]]),
        (loop(body="set i, j = [i + 1, 0]"), [4, [0, 2]]),
        (loop(body="if i == 1\n    break\n  endif"), [1, [0, 1]]),
        (loop(body="for each x in [1]\n    break\n  endfor"), [3, [0, 1, 2]]),
        (loop(body="for each x in [1]\n    continue\n  endfor"), [3, [0, 1, 2]]),
        (loop(body="if i == 1\n    set i = 5\n    continue\n  endif"), [5, [0, 1]]),
        (loop(body="if i == 1\n    return i\n  endif"), 1),
        (loop(start="0.0"), [3, [0, 1, 2]]),
        (loop(start='"0"', step="- -1"), [3, ["0", 1, 2]]),
        (loop(step="+ 0.5", test="< 1"), [1, [0, 0.5]]),
        (loop(step="+ by").replace("set seen", "set by = 2\nset seen", 1), [4, [0, 2]]),
        (loop(step="+ by", body="set by = 2").replace("set seen", "set by = 1\nset seen", 1), [4, [0, 2]]),
        (loop(step="+ by").replace("set seen", "set by = 1.5\nset seen", 1), [3, [0, 1.5]]),
        (loop(step="- by", test="> -2").replace("set seen", "set by = 1\nset seen", 1), [-2, [0, -1]]),
        (loop(test="< i", result="i"), 0),
    ],
)
def test_what_changes_the_counter_or_the_bound_counts(text: str, result: Any) -> None:
    outcome = run(text, "abc" if "len(a)" in text and "set a[" not in text and "Append(a" not in text else [7, 8, 9], 3)
    assert (outcome.code, outcome.result) == (0, result), outcome.error


def test_loops_inside_one_another() -> None:
    inner = "set j = i\n  while j < 3\n    set seen = tool.list.Append(seen, [i, j])\n    set j = j + 1\n  endwhile"
    text = f"set seen = []\nset i = 0\nwhile i < 3\n  {inner}\n  set i = i + 1\nendwhile\nreturn [i, j, seen]"
    assert run(text).result == [3, 3, [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]]


def test_a_counter_that_is_never_set() -> None:
    outcome = run("while i < 3\n  set i = i + 1\nendwhile")
    assert (outcome.code, outcome.place) == (9, (2, 9))


def test_a_counter_of_an_outer_loop_s_later_turn_may_be_anything() -> None:
    text = (
        'set i = 0\nfor each x in [1, 2]\n  while i < 3\n    set i = i + 1\n  endwhile\n  set i = "2"\nendfor\nreturn i'
    )
    assert run(text).result == "2"
    assert run(text.replace('"2"', '""')).code == 7


@pytest.mark.parametrize("by", ["nil", "true", "[1]", "{}"])
@pytest.mark.parametrize(("start", "test", "step"), [("0", "< 3", "+ by"), ("3", "> 0", "- by")])
def test_a_step_that_does_not_add(by: str, start: str, test: str, step: str) -> None:
    text = LOOP.format(start=start, test=test, body="emit i", step=step, result="i")
    outcome = run(f"set by = 1\nset by = {by}\n{text}")
    assert (outcome.code, outcome.place, outcome.emitted) == (7, (7, 15), [int(start)])


# --- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (loop(test="< 3"), 4),
        (loop(test="< 0"), 1),
        (loop(test="<= 3"), 5),
        (loop(test="< 4", step="+ 3"), 3),
        (loop(start="3", test="> 0", step="- 1"), 4),
        (loop(test="< a"), 6),
        (loop(test="< 4.5"), 6),
        (loop(test="< len(b)"), 3),
        (loop(body="if i == 1\n    break\n  endif"), 2),
        (loop(body="if i == 1\n    return 1\n  endif"), 2),
        (loop(body="if i == 0\n    set i = 1\n  endif"), 3),
        ("for each x in [1, 2, 3]\nendfor", 4),
        ("for each x in [1, 2, 3]\n  break\nendfor", 1),
        ("for each x in nil\nendfor", 1),
        (loop(body="for each x in [1, 2]\n  endfor"), 4 + 3 * 3),
        ("set i = 0\nwhile i < 2\n  call main2()\n  set i = i + 1\nendwhile", 5),
    ],
)
def test_a_loop_takes_a_step_for_each_of_its_tests(text: str, steps: int) -> None:
    more = procedure("emit 1", "main2", "()")
    for handler in ("", "on error do\nendon\n"):  # under an error handler loops are left as they are
        enough = run(handler + text, 5, "ab", more=more, limits=Limits(max_steps=steps + 1))
        short = run(handler + text, 5, "ab", more=more, limits=Limits(max_steps=steps))
        assert (enough.code, short.code) == (0, 37), text


@pytest.mark.parametrize("text", [loop(test="< a"), loop(test="< len(a)"), loop(test="< a", body="set a = 1")])
def test_a_test_that_fails_has_taken_its_step(text: str) -> None:
    assert run(text, True, limits=Limits(max_steps=2)).code == 7
    assert run(text, True, limits=Limits(max_steps=1)).code == 37


# --- what the code is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (loop(), True),
        (loop(test="< a"), True),
        (loop(test="< len(a)"), True),
        (loop(start="9", test=">= 0", step="- 2"), True),
        (loop(body="if a\n    break\n  endif"), True),
        (loop(body="while a\n    continue\n  endwhile"), True),
        (loop(body="continue"), False),
        (loop(body="if a\n    continue\n  endif"), False),
        (loop(body="set i = i"), False),
        (loop(test="< a", body="set a = 1"), False),
        (loop(test="< a", body="set a[0] = 1"), False),
        (loop(test="< a + 1"), False),
        (loop(test="< a[0]"), False),
        (loop(step="+ 1.0"), False),
        (loop(start="0.5"), False),
        (loop(start="a"), False),
        (loop(test="!= 3"), False),
        (loop(step="- 1"), False),
    ],
)
def test_which_loops_count(text: str, counts: bool) -> None:
    source = procedure(text)
    assert ("_range" in mentioned(source) | mentioned(source, "t_main")) is counts
