from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.world import World, world_in


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A host with secrets; at the end of the test none of them may have leaked."""
    with world_in(tmp_path) as made:
        yield made
