"""Assertions of programs under test: what the operands of a ``must`` were when it did not hold.

Code that is compiled for tests notes the values of a ``must``'s operands in a dictionary of that one evaluation, except
for variables, which are read from the frame when the assertion fails.
"""

from __future__ import annotations

import sys

from neuroscript.errors import NeuroScriptError
from neuroscript.records import record
from neuroscript.runtime.containers import UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Check = Callable[[Any, str], None]


@record(frozen=True)
class Operand:
    """An operand of an assertion that did not hold.

    Attributes:
        text: its source, on one line.
        value: its value.
        side: ``left`` or ``right`` of the comparison that the assertion is, else empty.
        is_literal: whether its source says the value already.
    """

    text: str
    value: Any
    side: str
    is_literal: bool


@record(frozen=True)
class Probes:
    """What code that is compiled for tests reports while it runs.

    Attributes:
        covered: gets the file and the line of each statement that is begun; None: nobody wants to know.
        compiled: gets the file and the lines on which its statements begin, when it is compiled.
    """

    covered: Callable[[str, int], object] | None = None
    compiled: Callable[[str, list[int]], object] | None = None


def note(noted: dict[int, Any], number: int, value: Any) -> Any:
    """Notes the value of an operand, and gives it."""
    noted[number] = value
    return value


def explained(check: Check, value: Any, source: str, noted: dict[int, Any], operands: tuple[Any, ...]) -> None:
    """Raises the error of a ``must`` that does not hold, with the values of its operands.

    Args:
        check: raises the error.
        value: of the expression.
        source: its text.
        noted: the values of operands, by number.
        operands: of each operand its text, its side of the comparison, its number, the name of the variable that it is,
            and whether it is a literal.
    """
    try:
        check(value, source)
    except NeuroScriptError as error:
        frame = sys._getframe(1)
        variables = frame.f_locals
        found: list[Operand] = []
        for text, side, number, name, is_literal in operands:
            if not side and any(one.text == text for one in found):
                continue
            if name is None and number in noted:
                found.append(Operand(text, noted[number], side, is_literal))
            elif name is not None and variables.get(name, UNSET) is not UNSET:
                found.append(Operand(text, variables[name], side, is_literal))
        if type(variables) is dict:
            variables.clear()  # a copy that the frame would keep, and each value in it would count as shared
        error.operands = tuple(found)
        raise
