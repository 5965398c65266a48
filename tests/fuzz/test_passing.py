"""Procedures that pass values to each other do the same compiled as walked, and types hold across them."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from neuroscript.syntax.parser import parse

from .outcome import NAME
from .owned import shared_value
from .passing import make_passing_trial
from .routines import LIMITS
from .shrink import shrunk
from .trials import smallest, trial_difference, walked
from .typed import excluded_value

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def check_many(first: int, count: int) -> None:
    """Compares ``count`` libraries with the tree walker, and looks at the types of their values."""
    for seed in range(first, first + count):
        trial = make_passing_trial(Random(seed))
        found = trial_difference(trial)
        if found:
            small = shrunk(smallest(trial), lambda one: bool(trial_difference(one)), 600)
            shown = f"{small.source}\ncalls {small.calls}\n{small.limits}"
            pytest.fail(f"seed {seed} (NS_FUZZ_SEED={SEED}): {trial_difference(small) or found}\n\n{shown}")
        found = excluded_value(trial) or shared_value(trial)
        assert not found, f"seed {seed} (NS_FUZZ_SEED={SEED}): {found}\n\n{trial.source}"


def test_libraries_agree_with_the_tree_walker_and_their_types() -> None:
    check_many(SEED * 1_000, 60)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_libraries_agree_with_the_tree_walker_and_their_types(part: int) -> None:
    check_many(10_000_000 * SEED + 300 * part, 300)


def test_the_libraries_are_worth_comparing() -> None:
    ends: Counter[str] = Counter()
    for seed in range(80):
        trial = make_passing_trial(Random(seed))
        parse(trial.source, NAME, LIMITS)
        ends.update("limit" if ending.limit else "error" if ending.code else "result" for ending in walked(trial))
    assert ends["result"] > 80
    assert ends["error"] > 40
