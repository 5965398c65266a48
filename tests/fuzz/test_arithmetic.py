"""Arithmetic at the edges of the ranges of numbers does the same compiled as walked."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from .arithmetic import make_arithmetic
from .outcome import difference, interpret, walk

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def run_many(first: int, count: int) -> None:
    """Compares ``count`` programs."""
    failed = finished = 0
    for seed in range(first, first + count):
        case = make_arithmetic(Random(seed))
        expected, found = walk(case), interpret(case)
        told = difference(expected, found)
        assert not told, f"seed {seed} (NS_FUZZ_SEED={SEED}): {told}\n\n{case.source}"
        assert not has_negative_zero(found.emits), f"seed {seed}: a negative zero\n\n{case.source}"
        failed += expected.error is not None
        finished += expected.error is None
    assert failed > count * 0.1
    assert finished > count * 0.1


def has_negative_zero(value: Any) -> bool:
    """Whether a negative zero is anywhere in a value."""
    if isinstance(value, list | tuple):
        return any(map(has_negative_zero, value))
    return isinstance(value, float) and str(value) == "-0.0"


def test_arithmetic_agrees_with_the_tree_walker() -> None:
    run_many(SEED, 150)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_much_arithmetic_agrees_with_the_tree_walker(part: int) -> None:
    run_many(1_000_000 * SEED + 2_000 * part, 2_000)
