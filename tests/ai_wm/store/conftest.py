from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_wm.store import Store, engine

from .support import KINDS, open_store


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything that is wasted in the performance file is reason enough to tidy up."""
    monkeypatch.setattr(engine, "WASTE_SHARE", 10**9)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, directory: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    made = open_store(request.param, directory)
    yield made
    made.close()
