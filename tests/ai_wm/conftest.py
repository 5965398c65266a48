from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[AIWorkerManager]:
    """A manager with its files in a directory of the test's own."""
    with AIWorkerManager(sandbox_dir=tmp_path / "sandbox") as made:
        yield made
