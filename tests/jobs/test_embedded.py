"""The embedded engine keeps to the suite of all engines, and to what its files and processes need besides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .embedded_place import EmbeddedPlace

pytest.register_assert_rewrite("tests.jobs.conformance")

from .conformance import JobEngineConformance  # noqa: E402 - its asserts are rewritten first


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPlace]:
    made = EmbeddedPlace(tmp_path, monkeypatch)
    yield made
    made.close()


class TestEmbeddedEngine(JobEngineConformance):
    """All of the suite."""
