"""Work grows with size as it should, counted and not timed.

What is counted are calls, of Python and of C functions, and the items of lists and maps that are copied whole.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
import scale

CONSTANT = {"list, passed 20,000 times"}
COPIES = frozenset({"copy", "extend", "update", "list", "dict"})
SMALLER = {
    "load many procedures": 3,
    "… and compile all of them": 3,
    "load one long procedure": 4,
    "… and compile it": 4,
    "load nested blocks": 1,
    "recursion": 1,
    "event handlers": 2,
}


def work(run: scale.Run) -> int:
    """The calls that a run makes, and the items that it copies."""
    total = 0

    def count(frame: FrameType, event: str, function: Any) -> None:
        nonlocal total
        if event == "call":
            total += 1
        elif event == "c_call":
            total += 1
            owner = getattr(function, "__self__", None)
            if function.__name__ in COPIES and isinstance(owner, list | dict):
                total += len(owner)

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return total


@pytest.mark.parametrize("case", scale.CASES, ids=lambda case: case.name)
def test_work_grows_with_size(case: scale.Case) -> None:
    sizes = [size // SMALLER.get(case.name, 12) for size in case.sizes]
    runs = [case.prepare(size) for size in sizes]
    runs[0]()  # what is made at the first use is not counted
    counts = [work(run) for run in runs]
    for before, middle, after in zip(counts, counts[1:], counts[2:], strict=False):
        # The second doubling adds twice what the first one does, give or take what does not depend on the size.
        added = 0 if case.name in CONSTANT else middle - before
        assert after - middle <= 2.2 * added + 0.02 * before, counts
    if case.name not in CONSTANT:
        assert counts[-1] > 3 * counts[0], counts


def test_copying_in_every_turn_would_be_noticed() -> None:
    def run(size: int) -> int:
        def quadratic() -> None:
            items: list[int] = []
            for item in range(size):
                items = items.copy()
                items.append(item)

        return work(quadratic)

    counts = [run(size) for size in (50, 100, 200)]
    assert counts[2] - counts[1] > 2.5 * (counts[1] - counts[0])
