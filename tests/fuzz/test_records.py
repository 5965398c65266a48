"""Programs over records do the same compiled as walked."""

from __future__ import annotations

import os
from random import Random

import pytest

from .programs import Case
from .records import RecordsMaker
from .test_differential import check

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def run_many(first: int, count: int) -> None:
    """Compares ``count`` programs, most of which run to their end."""
    failed = 0
    for seed in range(first, first + count):
        outcome = check(Case(RecordsMaker(Random(seed)).source(), "main"), f"seed {seed}")
        failed += outcome.error is not None
    assert failed < count * 0.7


def test_programs_over_records_agree_with_the_tree_walker() -> None:
    run_many(SEED, 100)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_many_programs_over_records_agree_with_the_tree_walker(part: int) -> None:
    run_many(1_000_000 * SEED + 1_000 * part, 1_000)
