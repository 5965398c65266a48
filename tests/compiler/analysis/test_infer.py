"""Types of locals: what is inferred, and that no check is left out where a value may be of another type."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Function, Fuzzy, Interpreter, NeuroScriptError, Session
from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.types import ANY, BOOL, FLOAT, INT, LIST, MAP, NIL, NUM, STR, Type
from neuroscript.compiler.resolve import resolve
from neuroscript.limits import Limits
from neuroscript.syntax.parser import parse
from tests.compiler.support import mentioned, procedure, run


def types(text: str, *procedures: str) -> dict[str, Type]:
    resolved = resolve(parse(procedure(text), "x.ns", Limits()))
    return Inference(resolved.bodies[0], set(), set(procedures)).types


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("set x = 1", INT),
        ("set x = 1.5", FLOAT),
        ('set x = "a"', STR),
        ("set x = [1]", LIST),
        ("set x = {}", MAP),
        ("set x = true", BOOL),
        ("set x = 1 < 2", BOOL),
        ("set x = 1 / 2", NUM),
        ("set x = 2 ** 2", INT),
        ("set x = 1 + 1.5", FLOAT),
        ('set x = 1 + "a"', STR),
        ("set x = a + 1", NUM | STR),
        ("set x = len(a)", INT),
        ("set x = typeof a", STR),
        ("set x = 1\nset x = 1.5", NUM),
        ('set x = 1\nif a\n  set x = "s"\nendif', INT | STR),
        ("set x[0] = 1", LIST),
        ("set x.k = 1", MAP),
        ("set x[a] = 1", LIST | MAP),
        ("set x = 1\nset x[0] = 1", INT | LIST),
        ("set x, y = [1, 2]", INT),
        ("set x, y = a", ANY.kinds),
        ('set x = 1\nset x, y = "ab"', INT),
        ("for each x in [1]\nendfor", INT),
        ("set x = tool.str.ToUpper(a)", ANY.kinds),
        ("set x = main()", ANY.kinds),
        ("set x = a", ANY.kinds),
        ("set x = is_list(a)", ANY.kinds),  # there may be a procedure of this name when the call is made
        ("set x = [1] + [a]", LIST),
        ("set x = a + [1]", LIST | STR | INT | FLOAT),
        ("set x = -1", INT),
        ("set y = 1\nset x = y", INT),
        ('set x = y\nset y = 1\nset y = "a"', INT | STR),
        ('on error do\n  set x = 1\nendon\nset x = "a"', INT | STR),
    ],
)
def test_what_is_inferred(text: str, kinds: int) -> None:
    assert types(text)["x"].kinds == kinds


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("set x = 1", 1),
        ("set x = 255", 8),
        ("set x = 1 + 1", 2),
        ("set x = 255 * 255", 16),
        ("set x = 0\nwhile x < a\n  set x = x + 1\nendwhile", 67),
        ("set x = 1\nwhile x < a\n  set x = x + x\nendwhile", None),
        ("set x = 3\nwhile a\n  set x = x * x\nendwhile", None),
        ("set x = 1\nset y = 1\nwhile a\n  set x = y + 1\n  set y = x + 1\nendwhile", None),
        ("set x = a & 5", 3),
        ("set x = a & b", 64),
        ("set x = 9 & 3", 2),
        ("set x = 9 | 3", 4),
        ("set x = 9 ^ a", 64),
        ("set x = 1\nwhile a\n  set x = x | 8\nendwhile", 4),
        ("set x = ~5", 4),
        ("set x = ~a", 64),
        ("set x = 7 % 5", 3),
    ],
)
def test_the_size_of_whole_numbers(text: str, bits: int | None) -> None:
    assert types(text)["x"].bits == bits


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("set x = [1, 2]", INT),
        ("set x = [1, 0.5]", NUM),
        ("set x = []", 0),
        ("set x = [nil, []]", NIL | LIST),
        ('set x = {"a": 1, "b": "s"}', INT | STR),
        ("set x = []\nset x[0] = 1", INT | NIL),
        ("set x[3] = 0.5", FLOAT | NIL),
        ("set x = {}\nset x.k = 1", INT),
        ("set x = {}\nset x[1] = true", BOOL | NIL),
        ("set x = []\nset x[a] = 1", INT | NIL),
        ("set x = [1]\nset y = x\nset x[0] = 0.5", NUM | NIL),
        ("set y = [1]\nset x = [2]\nset y[0] = 0.5", INT),
        ("set x = [[1]]", LIST),
        ("set x = [[1]]\nset x[0][0] = 0.5", LIST | NIL),
        ("set x.a.b = 1", MAP),
        ("set x = [1]\nif a\n  set x = {}\nendif", INT),
        ("set x = [1]\nset x, y = [[2], 3]", INT),
        ("set x = a", None),
        ("set x = [a]", ANY.kinds),
        ("set x = tool.list.Append([1], 2)", None),
        ("set x = [1]\nset x[0] = a", ANY.kinds),
        ("set x = []\nset x[0] = x", None),
    ],
)
def test_what_lists_and_maps_hold(text: str, kinds: int | None) -> None:
    item = types(text)["x"].item
    assert (item.kinds if item is not None else None) == kinds


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("for each x in [1, 0.5]\nendfor", NUM),
        ('for each x in {"a": 1}\nendfor', INT),
        ('for each x in "ab"\nendfor', STR),
        ("for each x in a\nendfor", ANY.kinds),
        ("for each x in []\nendfor", 0),
        ("set x = [1][a]", INT),
        ('set x = {"a": 1}[a]', INT | NIL),
        ('set x = "ab"[a]', STR),
        ("set x = a[0]", ANY.kinds),
        ("set y[2] = 1\nset x = y[0]", INT | NIL),
        ("set y[2] = 1\nset x = y[0] + 1", INT),
        ("set y = [[1]]\nset x = y[0][0]", INT),
        ("set y = [[[[[1]]]]]\nset x = y[0][0][0][0][0]", ANY.kinds),
    ],
)
def test_what_comes_out_of_lists_and_maps(text: str, kinds: int) -> None:
    assert types(text)["x"].kinds == kinds


@pytest.mark.parametrize(
    ("text", "natural"),
    [
        ("set x = 0", True),
        ("set x = -1", False),
        ("set x = 0\nwhile x < a\n  set x = x + 1\nendwhile", True),
        ("set x = 9\nwhile x > a\n  set x = x - 1\nendwhile", False),
        ("set x = -1\nwhile x < a\n  set x = x + 1\nendwhile", False),
        ("set x = 0\nset y = -1\nwhile a\n  set x = x + y\nendwhile", False),
        ("set x = 0\nset y = 1\nwhile a\n  set x = x + y\n  set y = y - 1\nendwhile", False),
        ("set x = len(a)", True),
        ("set x = len(a) - 1", False),
        ("set x = len(a) * 2 + 1", True),
        ("set x = 7 % a", True),
        ("set x = -7 % 3", False),
        ("set x = 1\nif a\n  set x = -1\nendif", False),
        ("set x = 5 & a", True),
        ("set x = -5 & a", False),
        ("set x = 5 | 3", True),
        ("set x = 5 | a", False),
        ("set x = ~5", False),
        ("for each x in [1, 2]\nendfor", True),
        ("for each x in [1, -2]\nendfor", False),
    ],
)
def test_whole_numbers_that_are_never_negative(text: str, natural: bool) -> None:
    assert types(text)["x"].natural is natural


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('set x = 1\nif a\n  set x = "5"\nendif\nreturn x + 1', "51"),
        ('set x = 1\nif a\n  set x = "5"\nendif\nreturn x - 1', 4),
        ('set x = 1\nif a\n  set x = "b"\nendif\nreturn x < "c"', True),
        ("set x = [1]\nif a\n  set x = {}\nendif\nset x[0] = 5\nreturn x", {"0": 5}),
        ("set x = {}\nif a\n  set x = [1]\nendif\nset x[0] = 5\nreturn x", [5]),
        ('set x = 1\nset x, y = ["a", 2]\nreturn x + y', "a2"),
        ('set x = 1\nfor each x in ["a"]\nendfor\nreturn x + 1', "a1"),
        ('set x = 0\non error do\n  set x = "failed"\n  clear_error\nendon\nset y = 1 / 0\nreturn x + 1', "failed1"),
        (
            "set system_error_code = 5\non error do\n  clear_error\nendon\nset y = 1 / 0\nreturn system_error_code + 1",
            15,
        ),
        (
            'set x = 1\nset i = 0\nwhile i < 2\n  set y = x + 1\n  set x = "s"\n  set i = i + 1\nendwhile\nreturn y',
            "s1",
        ),
        ("set i = 0\nwhile i < 70\n  set i = i + 1\nendwhile\nreturn i * 2 ** 62", 70 * 2**62),
        ("set x = 9223372036854775807\nset x = x + 1\nreturn x", 2**63),
        ("set x = 0.5\nset x = x - 0.5\nreturn [x, typeof x]", [0, "number"]),
        ("set xs = [1]\nset xs[1] = 0.5\nset s = 0\nfor each x in xs\n  set s = s + x\nendfor\nreturn s", 1.5),
        ('set xs = [1]\nset xs[1] = "5"\nset s = 0\nfor each x in xs\n  set s = s + x\nendfor\nreturn s', "15"),
        ('set xs = []\nset xs[2] = 1\nreturn "" + xs[0]', ""),
        ("set xs = []\nset xs[1] = 1\nreturn [xs[0] == nil, xs[1] == 1]", [True, True]),
        ('set m = {}\nset m.k = 1\nreturn [m["k"] + 1, m["x"] == nil]', [2, True]),
        ("set xs = [1]\nset ys = [xs]\nset ys[0][0] = 0.5\nreturn [xs[0] + 1, ys[0][0] + 1]", [2, 1.5]),
        ("set m = {}\nset m[0] = 1\nset m.k = [1]\nreturn [m[0] + 1, m.k[0] + 1]", [2, 2]),
        ("set xs = [9223372036854775807]\nset xs[1] = xs[0] * xs[0]\nreturn xs[1] + 1", (2**63 - 1) ** 2 + 1),
        ("set i = 1\nset xs = [1, 2]\nset i = i - 1\nset xs[i] = 9\nreturn xs", [9, 2]),
    ],
)
def test_no_check_is_missing(text: str, result: Any) -> None:
    outcome = run(text, True)
    assert (outcome.code, outcome.result) == (0, result), outcome.error


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("set xs[1] = 1\nset s = 0\nfor each x in xs\n  set s = s + x\nendfor", 7, (5, 15)),
        ("set xs[1] = 1\nset s = 0\nfor each x in xs\n  set s = x + s\nendfor", 7, (5, 15)),
        ("set xs[1] = 1\nset s = xs[0] * xs[1]", 7, (3, 17)),
        ("set xs[1] = 1\nset s = xs[1] < xs[0]", 7, (3, 17)),
        ("set m.k = 1\nset s = m.k - m.x", 7, (3, 15)),
        ("set xs = [1]\nset xs[0] = [1]\nset s = xs[0] + 1", 7, (4, 17)),
        ("set i = 1\nset xs = [1, 2]\nwhile true\n  set xs[i] = i\n  set i = i - 1\nendwhile", 8, (5, 9)),
        ("set xs = [2 ** 4095]\nset s = xs[0] + xs[0]", 41, (3, 17)),
        (
            "set xs = [9223372036854775807]\nwhile true\n  set xs[0] = xs[0] * xs[0]\nendwhile",
            41,
            (4, 23),
        ),
    ],
)
def test_no_check_of_an_item_is_missing(text: str, code: int, place: tuple[int, int]) -> None:
    outcome = run(text)
    assert (outcome.code, outcome.place) == (code, place), outcome.error


def test_an_item_that_may_be_nil_is_looked_at_for_that_alone() -> None:
    fill = "set xs = []\nset i = 0\nwhile i < 9\n  set xs[i] = i\n  set i = i + 1\nendwhile\n"
    text = fill + "set s = 0\nfor each x in xs\n  set s = s + x\nendfor\nreturn s"
    assert mentioned(procedure(text)).isdisjoint({"type", "int"})
    assert run(text).result == 36


def test_what_a_host_global_means_is_not_inferred() -> None:
    globals_ = {"is_int": Function("is_int", lambda x: "yes"), "N": "5"}
    assert run("set z = true and is_int(5)\nreturn z", globals=globals_).result is True
    assert run("set z = is_int(5)\nreturn [z == true, z + 1, N + 1]", globals=globals_).result == [False, "yes1", "51"]


def test_a_fuzzy_is_no_boolean() -> None:
    half = Fuzzy(0.5)
    assert run("return not a", half).result == half
    assert run("set x = a and true\nreturn x", half).result == half
    assert run("set x = false or a\nreturn x", half).result == half
    assert run("if a or not a\n  return 1\nendif\nreturn 0", half).result == 0
    assert run("set x = a == 0.5\nreturn x", half).result is False


def code_of(session: Session, text: str) -> int:
    try:
        session.evaluate(text)
    except NeuroScriptError as error:
        return int(error.code)
    return 0


@pytest.mark.parametrize("value", ["a", [1], None, 1.5, True])
@pytest.mark.parametrize(
    "text",
    ["set y = x - 1\nset x = 1", "set y = x < 1\nset x = 1", "set y = x[0]\nset x = [1]", "set y = x + 1\nset x = 1"],
)
def test_variables_of_a_session_may_hold_anything(value: Any, text: str) -> None:
    session = Interpreter(plugins=False, globals={"VALUE": value}).session()
    session.evaluate("set x = VALUE")
    assert code_of(session, text) in (0, 7, 8)


def test_growing_what_the_host_has_set_is_refused_when_it_runs() -> None:
    outcome = run("set N = N + 1\nreturn N", globals={"N": 3})
    assert (outcome.code, outcome.result) == (43, None)


def test_fuzzies_are_ordered_beside_numbers_and_not_beside_one_another() -> None:
    given = {"HIGH": Fuzzy(0.75), "LOW": Fuzzy(0.25)}
    assert run("return [HIGH > 0.5, 0.5 < LOW]", globals=given).result == [True, False]
    assert run("return HIGH > LOW", globals=given).code == 7
