"""Directories of workers, and what to do about one without any."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from neuroscript.cli import UsageError, WorkersPlace, find_place

FILES: Final = "ai_worker_*.json"
"""The pattern of the files in a directory of workers."""


def has_workers(directory: Path) -> bool:
    """Whether a directory has the files of workers.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        return any(directory.glob(FILES))
    except OSError as error:
        raise UsageError(f"the directory of workers {str(directory)!r} cannot be read: {error.strerror}") from error


def no_workers(place: WorkersPlace) -> str:
    """Says that there are no workers in a directory, and how to add one or to name another directory."""
    if place.is_default and has_workers(Path()):
        return f"there are no workers in {place.path} yet; there are some in this directory: --workers ."
    return f"there are no workers in {place.path} yet; add one: {how_to_add(place)}"


def how_to_add(place: WorkersPlace) -> str:
    """The command that adds a worker in a directory."""
    where = "" if place.is_default else f" --workers {place.path}"
    return f"neuroscript workers add NAME --model PROVIDER/MODEL{where}"


def worker_names(given: argparse.Namespace) -> list[str]:
    """The names of the workers in the directory that the options choose, for shells that complete them."""
    options = argparse.Namespace(workers=getattr(given, "workers", None), sandbox=getattr(given, "sandbox", None))
    try:
        place = find_place(options)
        if not has_workers(Path(place.path)):
            return []
    except UsageError:
        return []
    from ai_wm.manager import AIWorkerManager

    with AIWorkerManager(place.path) as manager:
        return [definition.name for definition in manager.list_worker_definitions()]
