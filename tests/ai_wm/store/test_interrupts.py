"""Ctrl-C at any line of storing, reading or tidying up: what is on the disk is known, and the store goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from ai_wm.store import JsonStore, tidying
from ai_wm.store.change_maker import ChangeMaker
from ai_wm.store.engine import StorageEngine

from .support import Files, record, reopened, retire, spawn
from .test_faults import OPERATIONS
from .test_power_loss import known, opened

pytestmark = pytest.mark.usefixtures("eager")

STORING: CodeType = ChangeMaker._store.__code__
READING: CodeType = StorageEngine.refresh.__code__
LOADING: CodeType = StorageEngine.load.__code__
MOVING: CodeType = StorageEngine.move.__code__
TIDYING: CodeType = tidying.tidy_up.__code__
PACKAGE = str(Path(sys.modules["ai_wm.store"].__file__ or "").parent)


class Interrupt:
    """Raises KeyboardInterrupt before the n-th line (from 0) that a function, or what it calls in the package, runs."""

    def __init__(self, function: CodeType, at: int) -> None:
        self.function = function
        self.left = at
        self.done = False

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *exception: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        outer: FrameType | None = frame
        while outer is not None and outer.f_code is not self.function:
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


def interrupted_everywhere(
    place: Path,
    function: CodeType,
    prepare: Callable[[JsonStore], Any],
    operation: Callable[[JsonStore], Any],
    stride: int,
) -> None:
    """Do something again and again, interrupted some lines later each time, until it is not interrupted any more."""
    at, over = 0, False
    while not over:
        store = opened(place / str(at) / "sandbox", Files())
        prepare(store)
        interrupt = Interrupt(function, at)
        try:
            with interrupt:
                operation(store)
        except KeyboardInterrupt:
            pass
        over = not interrupt.done
        again = reopened(place / str(at) / "sandbox", place / str(at) / "copy")
        assert known(store) == known(again), f"interrupted at line {at}"
        store.add_record(record("next"))
        store.add_record(record("next of a live instance", "live"))
        assert {"next", "next of a live instance"} <= known(store)[0].keys()
        again.close()
        store.close()
        at += stride
    assert at > stride


def nothing(_store: JsonStore) -> None:
    """There is nothing to prepare."""


STORING_SOMETHING = [name for name in OPERATIONS if name != "definition"]
IN_STRIDES = pytest.mark.parametrize("stride", [41, pytest.param(1, marks=pytest.mark.slow)])


@IN_STRIDES
@pytest.mark.parametrize("name", STORING_SOMETHING)
def test_storing(tmp_path: Path, name: str, stride: int) -> None:
    interrupted_everywhere(tmp_path, STORING, nothing, OPERATIONS[name], min(stride, 7))


@IN_STRIDES
@pytest.mark.parametrize("name", ["record", "feedback", "retire", "save", "reload"])
def test_reading_what_another_process_did(tmp_path: Path, name: str, stride: int) -> None:
    others: list[JsonStore] = []

    def prepare(store: JsonStore) -> None:
        other = JsonStore(store._directory, files=Files())
        store.summary("def-1")  # takes in what the other tidied up when it was opened
        spawn(other, "other")
        other.add_record(record("o0", "other"))
        if name == "retire":
            retire(other, "other")
        elif name == "save":
            other.save()
        elif name != "reload":
            OPERATIONS[name](other)
        others.append(other)

    if name == "reload":
        interrupted_everywhere(tmp_path, LOADING, prepare, JsonStore.reload, stride)
    else:
        interrupted_everywhere(tmp_path, READING, prepare, lambda store: store.summary("def-1"), stride)
    for other in others:
        other.close()


@IN_STRIDES
def test_tidying_up(tmp_path: Path, stride: int) -> None:
    interrupted_everywhere(tmp_path, TIDYING, nothing, lambda store: store.save(), min(stride, 11))


@IN_STRIDES
def test_moving_to_the_index_on_disk(tmp_path: Path, stride: int) -> None:
    def move(store: JsonStore) -> None:
        with store._locked():
            store._engine.move()

    def prepare(store: JsonStore) -> None:
        move(store)
        store.add_record(record("behind the mark"))

    interrupted_everywhere(tmp_path / "first", MOVING, nothing, move, stride)
    interrupted_everywhere(tmp_path / "next", MOVING, prepare, move, stride)
