"""Spans as single numbers: a tree has one in each node, and a tuple of four would take three times the room.

What is packed is ``(line, column, end_line, end_column)``, the end line as how far it is from the line.  The sum of
what a token begins with and what another one ends with is the span from the one to the other.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Span: TypeAlias = tuple[int, int, int, int]

SHORT = 12, 18
"""The bits of a column and of a line where both are small enough for a number of two of Python's digits."""

LONG = 32, 32
"""Those of all other programs, whose spans are negative."""


def widths(longest: int, lines: int) -> tuple[int, int]:
    """The bits of a column and of a line.

    Args:
        longest: characters of the longest line.
        lines: how many lines there are.
    """
    return SHORT if longest < 1 << SHORT[0] and lines < 1 << SHORT[1] else LONG


def unpacked(packed: int) -> Span:
    """The span that is packed into a number."""
    if packed >= 0:
        line, lines = packed >> 42, packed >> 12 & 0x3FFFF
        return line, packed >> 30 & 0xFFF, line + lines if lines else line, packed & 0xFFF
    packed = -packed
    line = packed >> 96
    return line, packed >> 64 & 0xFFFFFFFF, line + (packed >> 32 & 0xFFFFFFFF), packed & 0xFFFFFFFF
