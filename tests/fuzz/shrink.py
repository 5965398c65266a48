"""Makes a failing program smaller, by leaving out lines for as long as it keeps failing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from .programs import Case
from .routines import Trial

C = TypeVar("C", Case, Trial)


def shrunk(case: C, fails: Callable[[C], bool], attempts: int = 2_000) -> C:
    """The smallest program found that still fails.

    Args:
        case: a program that fails.
        fails: whether a program fails the same way; one that cannot be loaded does not.
        attempts: how many programs to try at most.
    """
    lines = case.source.split("\n")
    size = max(1, len(lines) // 2)
    while size:
        index, removed = 0, False
        while index < len(lines) and attempts > 0:
            shorter = lines[:index] + lines[index + size :]
            attempts -= 1
            if fails(replace(case, source="\n".join(shorter))):
                lines, removed = shorter, True
            else:
                index += 1
        if not removed or size > 1:
            size = size // 2 if size > 1 else int(removed)
        if attempts <= 0:
            break
    for pair in _header_and_end(lines):
        rest = [line for index, line in enumerate(lines) if index not in pair]
        if fails(replace(case, source="\n".join(rest))):
            return shrunk(replace(case, source="\n".join(rest)), fails, attempts)
    return replace(case, source="\n".join(lines))


def _header_and_end(lines: list[str]) -> list[tuple[int, int]]:
    """The first and last line of each block, so that a block can go and its body stay."""
    pairs, open_blocks = [], []
    for index, line in enumerate(lines):
        word = line.split(maxsplit=1)[0] if line.split() else ""
        if word in ("if", "while", "for", "on", "on_error"):
            open_blocks.append(index)
        elif word in ("endif", "endwhile", "endfor", "endon", "endevent") and open_blocks:
            pairs.append((open_blocks.pop(), index))
    return pairs
