"""What the compiler relies on is true of every value of a program; and the watches that tell so do tell."""

from __future__ import annotations

import os
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from neuroscript.compiler.analysis import specialize as special
from neuroscript.compiler.analysis.escape import EscapeAnalysis
from neuroscript.compiler.analysis.types import (
    BOOL,
    FLOAT,
    INT,
    LIST,
    MAP,
    NIL,
    OTHER,
    T_NIL,
    T_STR,
    Shapes,
    Type,
    function,
    shaped,
)
from neuroscript.values import Function, Fuzzy

from .owned import shared_value
from .routines import Call, Trial, make_trial
from .typed import admits, excluded_value

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


SHAPES = Shapes()
PAIR = SHAPES.shape(LIST, (0, 1))
PAIR.put(0, Type(INT))
PAIR.put(1, T_STR)
NODE = SHAPES.shape(MAP, ("value", "next"))
NODE.put("value", Type(INT))
NODE.put("next", T_NIL)
NODE.put("next", shaped(NODE))


def check_many(first: int, count: int) -> None:
    """Looks at the values of ``count`` libraries, and at who holds them."""
    for seed in range(first, first + count):
        trial = make_trial(Random(seed))
        found = excluded_value(trial) or shared_value(trial)
        assert not found, f"seed {seed} (NS_FUZZ_SEED={SEED}): {found}\n\n{trial.source}"


def test_no_value_is_excluded_or_shared() -> None:
    check_many(SEED * 1_000, 60)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_value_of_many_is_excluded_or_shared(part: int) -> None:
    check_many(10_000_000 * SEED + 400 * part, 400)


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (Type(INT), 5, True),
        (Type(INT), 5.0, False),
        (Type(INT), True, False),
        (Type(INT, 3), 7, True),
        (Type(INT, 3), -7, True),
        (Type(INT, 3), 8, False),
        (Type(INT, natural=True), 0, True),
        (Type(INT, natural=True), -1, False),
        (Type(FLOAT | NIL), None, True),
        (Type(BOOL), Fuzzy(0.5), False),
        (Type(OTHER), Fuzzy(0.5), True),
        (function("f"), Function("f", call=print), True),
        (function("f"), Function("g", call=print), False),
        (function("f").union(T_NIL), None, True),
        (Type(OTHER), Function("f", call=print), True),
        (Type(LIST), [object], True),
        (Type(LIST, item=Type(INT, 3)), [1, 7], True),
        (Type(LIST, item=Type(INT, 3)), [1, 8], False),
        (Type(MAP, item=Type(INT)), {"a": None}, False),
        (Type(LIST | MAP, item=Type(0)), [], True),
        (Type(LIST | MAP, item=Type(0)), [1], False),
        (shaped(PAIR), [1, "a"], True),
        (shaped(PAIR), [1, 2], False),
        (shaped(PAIR), [1], False),
        (shaped(PAIR), {"0": 1, "1": "a"}, False),
        (shaped(PAIR).union(T_NIL), None, True),
        (shaped(NODE), {"value": 1, "next": {"value": 2, "next": None}}, True),
        (shaped(NODE), {"value": 1, "next": {"value": 2}}, False),
        (shaped(NODE), {"value": 1, "next": None, "more": 0}, False),
    ],
)
def test_what_a_type_admits(kind: Type, value: Any, fits: bool) -> None:
    assert admits(kind, value) is fits


def test_a_size_that_is_too_small_is_found() -> None:
    source = "func f(needs n, x) means\n  if n <= 0\n    return x\n  endif\n  return f(n - 1, x * 2)\nendfunc\n"
    trial = Trial(source, (Call("f", (3, 2**79)),))
    assert excluded_value(trial) == ""
    with patch.object(special, "_at_depth", lambda bits, growth, max_depth: bits):
        assert "do not admit" in excluded_value(trial)


def test_a_holder_that_is_overlooked_is_found() -> None:
    source = "func f() means\n  set xs = [1]\n  set ys = [xs]\n  set xs[0] = 2\n  return ys\nendfunc\n"
    trial = Trial(source, (Call("f"),))
    assert shared_value(trial) == ""
    with patch.object(EscapeAnalysis, "by", lambda self, statement: iter(())):
        assert "xs has another holder" in shared_value(trial)


@pytest.mark.parametrize("failing", ['fail "x"', "set y = 1 / 0", "set y = true * 0.5"])
def test_what_an_error_handler_returns_is_a_result_of_a_procedure_that_calls_itself(failing: str) -> None:
    source = f"""func f(needs n) means
  on error do
    clear_error
    return 8
  endon
  if n <= 0
    return 1
  endif
  set x = f(n % 3 - 1)
  {failing}
  return 3
endfunc

func main(needs n) means
  return f(n)
endfunc
"""
    assert excluded_value(Trial(source, (Call("main", (4,)),))) == ""
