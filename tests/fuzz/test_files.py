"""Programs in several files, which load one another while they run, do the same compiled as walked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.oracle.used import programs_of

from .files import make_files, make_used
from .outcome import difference, interpret, walk
from .programs import NAME, Case

SEED = int(os.environ.get("NS_FUZZ_SEED", "1"))


def run_many(first: int, count: int) -> None:
    """Compares ``count`` programs, in two orders of their files."""
    loaded = failed = 0
    for seed in range(first, first + count):
        case = make_files(Random(seed))
        for one in (case, in_another_order(case)):
            expected = walk(one)
            found = difference(expected, interpret(one))
            assert not found, f"seed {seed} (NS_FUZZ_SEED={SEED}): {found}\n\n{shown(one)}"
        loaded += "LoadScript" in case.source and any("func" in script for script in case.scripts)
        failed += expected.error is not None
    assert loaded > count * 0.5, "many programs load more while they run"
    assert failed < count * 0.8, "not all of them end with an error"


def in_another_order(case: Case) -> Case:
    """The same program, its files loaded the other way round."""
    return replace(case, before=case.after[::-1], after=case.before[::-1])


def shown(case: Case) -> str:
    """The files of a program."""
    files = [*case.files, *((f"g_scripts[{number}]", text) for number, text in enumerate(case.scripts))]
    return "\n".join(f"## {name}\n{text}" for name, text in files)


def test_programs_in_several_files_agree_with_the_tree_walker() -> None:
    run_many(SEED, 60)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_programs_in_several_files_agree_with_the_tree_walker(part: int) -> None:
    run_many(1_000_000 * SEED + 1_000 * part, 1_000)


def test_without_events_the_order_of_the_files_makes_no_difference() -> None:
    compared = 0
    for seed in range(SEED, SEED + 40):
        case = make_files(Random(seed))
        if any("on event" in text for _, text in case.files):
            continue
        one, other = interpret(case), interpret(in_another_order(case))
        assert (one.emits, one.error, one.result) == (other.emits, other.error, other.result), shown(case)
        compared += 1
    assert compared > 5


def run_used(first: int, count: int, folder: Path) -> None:
    """Compares ``count`` programs whose files use one another."""
    used = failed = 0
    for seed in range(first, first + count):
        case = make_used(Random(seed), folder / str(seed))
        expected = walk(case)
        found = difference(expected, interpret(case))
        assert not found, f"seed {seed} (NS_FUZZ_SEED={SEED}): {found}\n\n{folder / str(seed)}"
        used += len(programs_of(folder / str(seed) / NAME)) > 3
        failed += expected.error is not None
    assert used > count * 0.5, "many programs use several files"
    assert failed < count * 0.8, "not all of them end with an error"


def test_programs_whose_files_use_one_another_agree_with_the_tree_walker(tmp_path: Path) -> None:
    run_used(SEED, 60, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_programs_whose_files_use_one_another_agree_with_the_tree_walker(tmp_path: Path, part: int) -> None:
    run_used(1_000_000 * SEED + 1_000 * part, 1_000, tmp_path)
