"""The embedded engine as the conformance suite needs it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from neuroscript import NeuroScriptError
from neuroscript.jobs import EmbeddedEngine
from neuroscript.jobs.embedded import clock
from neuroscript.jobs.embedded.serving import EmbeddedServing

from .place import Other


class EmbeddedPlace:
    """A directory with embedded engines."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self._monkeypatch = monkeypatch
        self._engines: list[EmbeddedEngine] = []
        self._others: list[Other] = []

    def open(self) -> EmbeddedEngine:
        engine = EmbeddedEngine.open(self.directory)
        self._engines.append(engine)
        return engine

    def other(self, die_at: str = "") -> Other:
        other = Other("tests.jobs.embedded_place:open_other", str(self.directory), die_at)
        self._others.append(other)
        assert other.hear() == "ready"
        return other

    def advance(self, seconds: float) -> None:
        wall = clock.wall
        self._monkeypatch.setattr(clock, "wall", lambda: wall() + seconds)

    def close(self) -> None:
        for other in self._others:
            other.close()
        for engine in self._engines:
            with suppress(NeuroScriptError):  # its disk may be full
                engine.close()


def open_other(directory: str, die_at: str) -> EmbeddedEngine:
    """Opens an engine whose process kills itself at a moment."""
    if die_at:
        name, late = {"taken": ("_start", False), "ending": ("_finish", False), "ended": ("_finish", True)}[die_at]
        step = getattr(EmbeddedServing, name)

        def dying(*given: Any) -> None:
            if late:
                step(*given)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(EmbeddedServing, name, dying)
    return EmbeddedEngine.open(directory)
