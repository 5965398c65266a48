"""Ctrl-C at a chosen moment, for tests."""

from __future__ import annotations

import dis
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import ai_wm

PACKAGE = str(Path(ai_wm.__file__).parent)

_CHECKED = frozenset({"CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD", "RESUME"})
"""The instructions after which Python calls the handlers of signals."""


class Interrupt:
    """Raises KeyboardInterrupt in this thread, once, at the n-th moment (from 0) at which the package is running.

    Args:
        at: which moment.
        each_call: whether the moments are those between two instructions at which Python handles signals, rather than
            the beginnings of the lines.
    """

    def __init__(self, at: int, *, each_call: bool = False) -> None:
        self.left = at
        self.each_call = each_call
        self.where = ""
        """The place where it came, if it did."""
        self._before: dict[FrameType, str] = {}

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *exception: object) -> None:
        sys.settrace(None)
        self._before.clear()

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if self.where or not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        outer: FrameType | None = frame
        while outer is not None:
            if outer.f_code.co_name in ("__del__", "give_back"):  # Python itself stops what is raised in a destructor
                return None
            outer = outer.f_back
        frame.f_trace_opcodes = self.each_call
        frame.f_trace_lines = not self.each_call
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            before, self._before[frame] = self._before.get(frame, ""), dis.opname[frame.f_code.co_code[frame.f_lasti]]
            counts = before in _CHECKED
        else:
            counts = event == "line"
        if counts and not self.where and not _leaves_block(frame):
            self.left -= 1
            if self.left < 0:
                self.where = f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self._step


def _leaves_block(frame: FrameType) -> bool:
    """Whether the next step ends a ``with`` block, before which Python handles no signal."""
    code = frame.f_code.co_code[frame.f_lasti :: 2]
    names = [dis.opname[code[index]] for index in range(min(8, len(code)))]
    while names and names[0] in ("NOP", "SWAP"):
        names.pop(0)
    return names[:3] == ["LOAD_CONST"] * 3 and names[3] in ("CALL", "PRECALL")
