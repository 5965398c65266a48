"""Fixtures of the tests of queues and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Queues and a journal in a directory."""
    made = World(tmp_path / "state")
    yield made
    made.close()
