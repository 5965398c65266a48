"""Several watchers of one run."""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType
from typing import Any

from neuroscript.runtime.programs import Place
from neuroscript.runtime.watching import Watcher


class Watchers(Watcher):
    """Tells each of several watchers, in their order, and the first one when the others are done: it may measure."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = tuple(watchers)

    def compiled(self, file: str, text: str, places: Sequence[Place]) -> None:
        for one in self._watchers:
            one.compiled(file, text, places)

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        for one in self._watchers:
            one.begin(frame, file, line)
        self._watchers[0].go_on()

    def turn(self, frame: FrameType, file: str, line: int) -> None:
        for one in self._watchers:
            one.turn(frame, file, line)
        self._watchers[0].go_on()

    def result(self, frame: FrameType, value: Any) -> None:
        for one in self._watchers:
            one.result(frame, value)
        self._watchers[0].go_on()

    def left(self, frame: FrameType, failure: BaseException | None) -> None:
        for one in self._watchers:
            one.left(frame, failure)
        self._watchers[0].go_on()

    def caught(self, frame: FrameType, failure: BaseException) -> None:
        for one in self._watchers:
            one.caught(frame, failure)
        self._watchers[0].go_on()

    def tool_begins(self, name: str, values: tuple[Any, ...], names: tuple[str, ...]) -> None:
        for one in self._watchers:
            one.tool_begins(name, values, names)
        self._watchers[0].go_on()

    def tool_ends(self, name: str, result: Any, failure: BaseException | None) -> None:
        for one in self._watchers:
            one.tool_ends(name, result, failure)
        self._watchers[0].go_on()
