"""The plugins that are installed: entry points of distributions, in the group ``neuroscript.plugins``."""

from __future__ import annotations

import os
import sys
from importlib import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

GROUP = "neuroscript.plugins"


def installed() -> tuple[Callable[[Any], object], ...]:
    """The function of every plugin, which takes the interpreter; their modules are imported."""
    return tuple(entry.load() for entry in _entries())


def _entries() -> Iterable[metadata.EntryPoint]:
    """What ``metadata.entry_points`` gives for the group.

    That parses the files of all distributions, which takes 7 ms where a hundred are installed; to look which of them
    name the group at all takes one.  Where archives are on the path it is left to do it.
    """
    found: dict[str, metadata.EntryPoints] = {}
    seen: set[str] = set()
    for place in sys.path:
        try:
            if place.endswith(".egg"):
                return metadata.entry_points(group=GROUP)
            names = os.listdir(place or os.curdir)
        except NotADirectoryError:
            return metadata.entry_points(group=GROUP)
        except OSError:  # nothing is there, or nothing that can be read
            continue
        for name in names:
            stem, kind = os.path.splitext(name)
            if kind not in (".dist-info", ".egg-info"):
                continue
            distribution = stem.partition("-")[0].lower()
            if distribution in seen:  # an earlier place has it, and counts
                continue
            seen.add(distribution)
            path = os.path.join(place, name)
            if _names_the_group(os.path.join(path, "entry_points.txt")):
                found[distribution] = metadata.Distribution.at(path).entry_points.select(group=GROUP)
    return [entry for entries in found.values() for entry in entries]


def _names_the_group(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return GROUP.encode() in file.read()
    except OSError:  # most distributions have no such file
        return False
