"""Libraries made at random do the same specialised as walked, to the step, and fail where plain code does.

What leaves out checks is under test here: counting loops, specialised bodies, and lists that nothing else holds.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from neuroscript.syntax.parser import parse

from .outcome import NAME
from .routines import LIMITS, Trial, make_trial
from .shrink import shrunk
from .trials import smallest, trial_difference, walked

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def check(trial: Trial, where: str) -> None:
    """Fails with the smallest library that still shows a difference."""
    found = trial_difference(trial)
    if found:
        small = shrunk(smallest(trial), lambda one: bool(trial_difference(one)), 600)
        shown = f"{small.source}\ncalls {small.calls}\n{small.limits}"
        pytest.fail(f"{where}: {trial_difference(small) or found}\n\n{shown}")


def check_many(first: int, count: int) -> None:
    """Compares ``count`` libraries."""
    for seed in range(first, first + count):
        check(make_trial(Random(seed)), f"seed {seed} (NS_FUZZ_SEED={SEED})")


def test_libraries_agree_with_the_tree_walker() -> None:
    check_many(SEED * 1_000, 70)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_libraries_agree_with_the_tree_walker(part: int) -> None:
    check_many(10_000_000 * SEED + 200 * part, 200)


def test_the_libraries_are_worth_comparing() -> None:
    ends: Counter[str] = Counter()
    for seed in range(80):
        trial = make_trial(Random(seed))
        parse(trial.source, NAME, LIMITS)
        ends.update("limit" if ending.limit else "error" if ending.code else "result" for ending in walked(trial))
    assert ends["result"] > ends["error"] > ends["limit"] > 0
