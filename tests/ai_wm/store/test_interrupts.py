"""Ctrl-C at any line of storing something: what was written is known, what was not is not, and the store goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from ai_wm.store import JsonStore

from .support import Files, record, reopened
from .test_faults import OPERATIONS
from .test_power_loss import known, opened

STORING: CodeType = JsonStore._store.__code__
PACKAGE = str(Path(sys.modules["ai_wm.store"].__file__ or "").parent)


class Interrupt:
    """Raises KeyboardInterrupt before the n-th line that is run while something is stored (from 0)."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.done = False

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *exception: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        outer: FrameType | None = frame
        while outer is not None and outer.f_code is not STORING:
            outer = (
                None if outer.f_code.co_name == "__del__" else outer.f_back
            )  # Python itself stops what is raised there
        inside = outer is not None and frame.f_code.co_filename.startswith(PACKAGE)
        return self._line if inside else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line" and not self.done:
            self.left -= 1
            if self.left < 0:
                self.done = True
                raise KeyboardInterrupt
        return self._line


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "definition"])
def test_an_interrupt_at_any_line(tmp_path: Path, name: str) -> None:
    operation: Callable[[JsonStore], Any] = OPERATIONS[name]
    at, over = 0, False
    while not over:
        place = tmp_path / str(at)
        store = opened(place / "sandbox", Files())
        interrupt = Interrupt(at)
        try:
            with interrupt:
                operation(store)
        except KeyboardInterrupt:
            pass
        over = not interrupt.done
        again = reopened(place / "sandbox", place / "copy")
        assert known(store) == known(again), f"interrupted at line {at}"
        store.add_record(record("next"))
        store.add_record(record("next of a live instance", "live"))
        assert {"next", "next of a live instance"} <= known(store)[0].keys()
        again.close()
        store.close()
        at += 1
    assert at > 10
