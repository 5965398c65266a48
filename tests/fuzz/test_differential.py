"""Programs made at random do the same compiled as walked: values, emits, error codes and lines."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroscript.syntax.parser import parse

from .outcome import NAME, Outcome, difference, interpret, walk
from .programs import LIMITS, Case, make_case
from .shrink import shrunk

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def differs(case: Case) -> str:
    """What sets the two apart for this program, or an empty text."""
    return difference(walk(case), interpret(case))


def check(case: Case, where: str) -> Outcome:
    """Fails with the smallest program that still shows the difference."""
    expected = walk(case)
    found = difference(expected, interpret(case))
    if found:
        small = shrunk(case, lambda one: bool(differs(one)))
        pytest.fail(f"{where}: {differs(small) or found}\n\n{small.source}\nentry {small.entry}, events {small.events}")
    return expected


def run_many(first: int, count: int) -> None:
    """Compares ``count`` programs, and sees to it that they are worth comparing."""
    limited = invalid = failed = emitted = 0
    for seed in range(first, first + count):
        case = make_case(Random(seed))
        outcome = check(case, f"seed {seed} (NS_FUZZ_SEED={first})")
        limited += outcome.limited
        invalid += outcome.error is not None and outcome.error[0] == 15
        failed += outcome.error is not None
        emitted += len(outcome.emits)
    assert invalid == 0, "the generator writes programs that the grammar accepts"
    assert limited < count * 0.1, "hardly a program reaches a limit"
    assert failed < count * 0.6, "most programs run to their end"
    assert emitted > count * 5, "programs show what they do"


def test_programs_agree_with_the_tree_walker() -> None:
    run_many(SEED, 300)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_programs_agree_with_the_tree_walker(part: int) -> None:
    run_many(1_000_000 * SEED + 1_100 * part, 1_100)


def run_short(first: int, count: int) -> None:
    """Compares where ``count`` programs end that may take few steps and call one another hardly deep."""
    limited = 0
    for seed in range(first, first + count):
        random = Random(seed)
        case = make_case(random)
        limits = replace(LIMITS, max_steps=random.randint(1, 90), max_depth=random.choice((2, 3, 5, 60)))
        expected = walk(case, limits)
        found = difference(expected, interpret(case, limits))
        assert not found, f"seed {seed} (NS_FUZZ_SEED={SEED}), {limits}: {found}\n\n{case.source}"
        limited += expected.limited
    assert limited > count * 0.2, "many programs reach a limit"


def test_programs_end_at_the_same_step_and_depth() -> None:
    run_short(SEED * 1_000, 120)


@pytest.mark.slow
def test_many_programs_end_at_the_same_step_and_depth() -> None:
    run_short(100_000_000 * SEED, 4_000)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_programs_that_hypothesis_makes_agree(random: Random) -> None:
    case = make_case(random)
    assert not differs(case), case.source


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_many_programs_that_hypothesis_makes_agree(random: Random) -> None:
    case = make_case(random)
    assert not differs(case), case.source


def test_the_generator_writes_valid_programs() -> None:
    for seed in range(200):
        parse(make_case(Random(seed)).source, NAME, LIMITS)
