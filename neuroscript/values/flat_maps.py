"""Which maps hold no lists or maps, as far as can be told at once."""

from __future__ import annotations

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CONTAINERS = frozenset({list, dict})
_SMALL = 16  # entries of a map that are looked at one by one


def _looks_nested(entries: dict[str, Any]) -> bool:
    return len(entries) > _SMALL or not _CONTAINERS.isdisjoint(map(type, entries.values()))


_knows_flat_maps = hasattr(gc, "is_tracked") and not gc.is_tracked({"key": 1})  # until Python 3.13

may_nest: Callable[[Any], bool] = gc.is_tracked if _knows_flat_maps else _looks_nested
"""Whether a map may hold lists or maps: Python's garbage collector need not keep track of one that holds none."""
