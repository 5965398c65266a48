"""Loops that go through lists by numbers, and recursion with a table, do the same compiled as walked."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from neuroscript.compiler.analysis.small import small_numbers
from neuroscript.compiler.resolve import resolve
from neuroscript.syntax.parser import parse

from .indexes import make_index_trial
from .owned import shared_value
from .trials import trial_difference, walked
from .typed import excluded_value

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def check_many(first: int, count: int) -> None:
    """Compares ``count`` libraries with the tree walker, and looks at the types of their values."""
    for seed in range(first, first + count):
        trial = make_index_trial(Random(seed))
        found = trial_difference(trial) or excluded_value(trial) or shared_value(trial)
        assert not found, f"seed {seed} (NS_FUZZ_SEED={SEED}): {found}\n\n{trial.source}"


def test_libraries_agree_with_the_tree_walker_and_their_types() -> None:
    check_many(SEED * 1_000, 30)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_libraries_agree_with_the_tree_walker_and_their_types(part: int) -> None:
    check_many(10_000_000 * SEED + 300 * part, 300)


def test_the_libraries_are_worth_comparing() -> None:
    ends: Counter[str] = Counter()
    bounds = 0
    for seed in range(40):
        trial = make_index_trial(Random(seed))
        bounds += len(small_numbers(resolve(parse(trial.source)).bodies[0]))
        ends.update("limit" if ending.limit else "error" if ending.code else "result" for ending in walked(trial))
    assert ends["result"] > 60
    assert ends["error"] > 30
    assert bounds > 200
