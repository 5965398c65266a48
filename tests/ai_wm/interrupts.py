"""Ctrl-C at a chosen line of the package."""

from __future__ import annotations

import dis
import sys
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import ai_wm

PACKAGE = str(Path(ai_wm.__file__).parent)


@cache
def ends_of_blocks(code: CodeType) -> frozenset[int]:
    """The places in a function where a ``with`` block that was left normally calls ``__exit__``.

    A tracer is told of the line again there, but no signal is handled between the end of the block and that call.
    """
    instructions = [each for each in dis.get_instructions(code) if each.opname not in ("CACHE", "NOP")]
    found = set()
    for index in range(len(instructions) - 3):
        arguments, call = instructions[index : index + 3], instructions[index + 3]
        ends = all(each.opname == "LOAD_CONST" and each.argval is None for each in arguments)
        if ends and call.opname in ("PRECALL", "CALL"):
            found.add(arguments[0].offset)
            if index and instructions[index - 1].opname == "SWAP":  # a value is being returned
                found.add(instructions[index - 1].offset)
    return frozenset(found)


class InterruptAt:
    """Context manager that raises KeyboardInterrupt before the n-th line (from 0) that this thread runs in the package.

    Attributes:
        where: the file and the line at which it was raised; empty if there are fewer.
    """

    def __init__(self, line: int) -> None:
        self.left = line
        self.where = ""

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *exception: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        outer: FrameType | None = frame
        while outer is not None:
            if outer.f_code.co_name == "__del__":  # Python itself stops what is raised there
                return None
            outer = outer.f_back
        return self._line

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line" and not self.where and frame.f_lasti not in ends_of_blocks(frame.f_code):
            self.left -= 1
            if self.left < 0:
                self.where = f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self._line
