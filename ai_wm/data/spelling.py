"""Finds the known name that a misspelt one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from functools import lru_cache

_LONG = 8
"""From so many letters on a name may differ in two of them; two of a shorter one make another word."""

_SHORT = 3
"""Of names with fewer letters than this, those that differ in one have nothing in common."""

_MOST_COMPARED = 100
"""The longest name that is compared letter by letter."""


@lru_cache(maxsize=1024)
def near_miss(name: str, known: frozenset[str]) -> str | None:
    """Returns the known name that differs from ``name`` in so little that it was almost certainly meant, or None.

    So little is: the case, dashes and underscores; one letter, or two of a long name, that is wrong, missing, too many
    or in its neighbour's place; or a missing ``max_`` or ``_seconds``.  A name that is known is no near miss.

    Args:
        name: the name as it was written.
        known: the names that there are.
    """
    if name in known or len(name) > _MOST_COMPARED:
        return None
    plain = _plain(name)
    for other in sorted(known):
        if plain in (_plain(other), _plain(other.removeprefix("max_")), _plain(other.removesuffix("_seconds"))):
            return other
    most = 2 if len(plain) >= _LONG else 1
    found = []
    for other in known:
        wanted = _plain(other)
        if max(len(plain), len(wanted)) >= _SHORT:
            distance = _distance(plain, wanted, most)
            if distance <= most:
                found.append((distance, _distance(name, other, 2 * most), other))
    return min(found)[2] if found else None


def nearest(name: str, known: Collection[str]) -> str | None:
    """Returns the known name to suggest for an unknown one: a near miss, else one that looks alike; None if none does.

    Args:
        name: the unknown name.
        known: the names that there are.
    """
    found = near_miss(name, frozenset(known))
    if found is not None or len(name) > _MOST_COMPARED:
        return found
    alike = difflib.get_close_matches(name, sorted(known), 1)
    return alike[0] if alike else None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _distance(one: str, other: str, most: int) -> int:
    """The number of edits between two texts (optimal string alignment); ``most + 1`` stands for any larger number."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
