from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import AnyLimiter, Clock, make_limiter


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "exclusive"])
def limiter(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[AnyLimiter]:
    """A limiter of each kind, on a clock that stands still."""
    made = make_limiter(request.param, tmp_path, clock)
    yield made
    made.close()
