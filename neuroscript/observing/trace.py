"""The trace of a run: each statement as it begins, and the values that it gave its variables."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from neuroscript.observing.bodies import Open, Stack, Stacks
from neuroscript.observing.masking import Mask
from neuroscript.observing.showing import failure_text, shown
from neuroscript.output import one_line
from neuroscript.runtime.programs import Place
from neuroscript.runtime.watching import ASK, Watcher, inner_of, variables_of

_WIDEST_PLACE = 24
_DEEPEST = 12  # calls that are indented; deeper ones show their number
_LEAST = 24  # characters of a statement or value, however narrow the terminal


class _Last:
    """The statement of a body that began last: its line, and the variables it sets, until their values are shown."""

    __slots__ = ("line", "pending")

    def __init__(self) -> None:
        self.line = 0
        self.pending: tuple[str, ...] = ()


class Trace(Watcher):
    """Writes what a run does, a line for each statement and for each value that it sets.

    Args:
        write: takes a line.
        mask: masks secrets.
        width: gives the characters of a line.
    """

    def __init__(self, write: Callable[[str], object], mask: Mask, width: Callable[[], int]) -> None:
        self._write = write
        self._mask = mask
        self._width = width
        self._lines: dict[str, list[str]] = {}
        self._places: dict[str, dict[int, Place]] = {}
        self._stacks: Stacks[_Last] = Stacks()
        self._column = 0  # as wide as the widest place
        self._lock = threading.Lock()

    def compiled(self, file: str, text: str, places: Sequence[Place]) -> None:
        self._lines[file] = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._places[file] = {place.line: place for place in places}
        widest = max((len(f"{file}:{place.line}") for place in places), default=0)
        self._column = min(max(self._column, widest), _WIDEST_PLACE)

    def begin(self, frame: FrameType, file: str, line: int) -> None:
        stack = self._stacks.here()
        body = stack.find(frame)
        if body is None:
            body = stack.enter(frame, file, _Last())
            self._entered(stack, body, line)
        else:
            self._values(stack, body, frame)
        place = self._places.get(file, {}).get(line)
        self._line(f"{file}:{line}", stack, self._source(file, line, place))
        body.state.line = line
        body.state.pending = place.sets if place is not None else ()

    def turn(self, frame: FrameType, file: str, line: int) -> None:
        stack = self._stacks.here()
        body = stack.find(frame)
        place = self._places.get(file, {}).get(line)
        if body is not None and place is not None:
            if body.state.line != line:  # else it is the first turn
                self._values(stack, body, frame)
            body.state.line, body.state.pending = line, place.sets
            self._values(stack, body, frame)

    def result(self, frame: FrameType, value: Any) -> None:
        stack = self._stacks.here()
        if value is not None and stack.find(frame) is not None:
            self._line("", stack, "-> ", lambda most: shown(value, self._mask, most))

    def caught(self, frame: FrameType, failure: BaseException) -> None:
        stack = self._stacks.here()
        body = stack.find(frame)
        if body is not None:
            body.state.pending = ()
            self._line("", stack, f"on error: {self._failure(failure)}")

    def left(self, frame: FrameType, failure: BaseException | None) -> None:
        stack = self._stacks.here()
        if not stack.bodies or stack.bodies[-1].frame is not frame:
            return
        body = stack.bodies[-1]
        if failure is None:
            self._values(stack, body, frame)
        else:
            self._line("", stack, f"failed: {self._failure(failure)}")
        stack.leave(frame)

    def tool_ends(self, name: str, result: Any, failure: BaseException | None) -> None:
        stack = self._stacks.here()
        # A reply that goes into a variable is shown as its value.
        if name == ASK and failure is None and not (stack.bodies and stack.bodies[-1].state.pending):
            self._line("", stack, "reply: ", lambda most: shown(result, self._mask, most))

    # --- lines -------------------------------------------------------------------------------------------------------

    def _entered(self, stack: Stack[_Last], body: Open[_Last], line: int) -> None:
        code = body.frame.f_code
        given = variables_of(body.frame)
        names = [name.removeprefix("v_") for name in code.co_varnames[: code.co_argcount] if name.startswith("v_")]
        told = [f"{name} = {shown(given[name], self._mask, 40, name=name)}" for name in names if name in given]
        self._line("", stack, f"{body.name}({', '.join(told)})", outside=True)

    def _values(self, stack: Stack[_Last], body: Open[_Last], frame: FrameType) -> None:
        pending, body.state.pending = body.state.pending, ()
        if not pending:
            return
        variables = variables_of(frame) | (variables_of(body.frame) if inner_of(frame) else {})
        for name in pending:
            if name in variables:
                value = variables[name]

                def write(most: int, name: str = name, value: Any = value) -> str:
                    return shown(value, self._mask, most, name=name)

                self._line("", stack, f"{name} = ", write)

    def _source(self, file: str, line: int, place: Place | None) -> str:
        lines = self._lines.get(file, [])
        text = lines[line - 1].strip() if line <= len(lines) else ""
        return self._mask.source(text) + (" …" if place is not None and place.last > line else "")

    def _failure(self, failure: BaseException) -> str:
        return self._mask.text(failure_text(failure))

    def _line(
        self,
        place: str,
        stack: Stack[_Last],
        text: str,
        value: Callable[[int], str] | None = None,
        *,
        outside: bool = False,
    ) -> None:
        """Writes a line.

        Args:
            place: of a statement, as the error messages have it; empty for what a statement did.
            stack: the running bodies, which say how far it is indented.
            text: what stands there.
            value: gives a value to stand behind that, in so many characters.
            outside: whether it stands where the caller's statements do.
        """
        with self._lock:
            place = one_line(place, _WIDEST_PLACE * 2)
            if len(place) > _WIDEST_PLACE:
                place = f"…{place[1 - _WIDEST_PLACE :]}"
            depth = len(stack.bodies) - 1
            shift = "  " * min(depth, _DEEPEST) + (f"({depth}) " if depth > _DEEPEST else "")
            inner = "" if place or outside else "    "
            head = f"{place:{self._column}}  {shift}{inner}"
            room = max(self._width() - len(head), _LEAST)
            if value is not None:
                text += value(max(room - len(text), _LEAST))
            shown_text = one_line(text, max(room, 4 * _LEAST) * 2)
            if len(shown_text) > room:
                shown_text = shown_text[: room - 1] + "…"
            self._write(f"{head}{shown_text}")


def width_of_standard_error() -> int:
    """The characters of a line of standard error: those of the terminal, or many."""
    if not sys.stderr.isatty():
        return 200
    import shutil

    return shutil.get_terminal_size().columns
