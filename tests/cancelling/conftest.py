"""A world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neuroscript import Limits

from .world import World


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for number in range(300):
        (tmp_path / f"{number}.txt").touch()
    return tmp_path


@pytest.fixture
def world(files: Path) -> Iterator[World]:
    made = World(files, Limits(max_steps=None))
    with made.interpreter:
        yield made
