"""Places in a text: offsets, lines and columns of the syntax tree, and positions of the protocol.

The tree counts lines from 1 and columns in characters.  The protocol counts both from 0, and columns in the units that
the editor has chosen: UTF-16 unless it can do better.
"""

from __future__ import annotations

from bisect import bisect_right

from lsprotocol import types as lsp

from neuroscript.syntax.nodes import Span
from neuroscript.syntax.source import LINE_END


class Text:
    """A text with its lines, which end as the language has it.

    Args:
        content: the text.
        encoding: the units in which positions count columns.
    """

    def __init__(self, content: str, encoding: str = "utf-16") -> None:
        self.content = content
        self._encoding = encoding
        self._starts = [0, *(match.end() for match in LINE_END.finditer(content))]
        self._is_plain = encoding == "utf-32" or content.isascii()

    @property
    def line_count(self) -> int:
        """The number of lines; the last one may be empty."""
        return len(self._starts)

    def line(self, number: int) -> str:
        """A line, from 0, without its end; empty where there is none."""
        if not 0 <= number < len(self._starts):
            return ""
        start = self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.content)
        return self.content[start:end].rstrip("\r\n")

    def offset(self, position: lsp.Position) -> int:
        """The offset of a position; of one beyond the end of its line, that end."""
        number = min(position.line, len(self._starts) - 1)
        if position.line > number:
            return len(self.content)
        line = self.line(number)
        return self._starts[number] + min(self._column(line, position.character), len(line))

    def position(self, offset: int) -> lsp.Position:
        """The position of an offset."""
        number = bisect_right(self._starts, offset) - 1
        before = self.content[self._starts[number] : offset]
        return lsp.Position(number, self._units(before))

    def range(self, start: int, end: int) -> lsp.Range:
        """The range between two offsets."""
        return lsp.Range(self.position(start), self.position(end))

    def offset_of(self, line: int, column: int) -> int:
        """The offset of a line, from 1, and a column, from 0, of the syntax tree."""
        number = min(line - 1, len(self._starts) - 1)
        return min(self._starts[number] + column, len(self.content))

    def offsets(self, span: Span) -> tuple[int, int]:
        """The offsets of a span of the syntax tree."""
        return self.offset_of(span[0], span[1]), self.offset_of(span[2], span[3])

    def range_of(self, span: Span) -> lsp.Range:
        """The range of a span of the syntax tree."""
        return self.range(*self.offsets(span))

    def whole(self) -> lsp.Range:
        """The range of the whole text."""
        return self.range(0, len(self.content))

    def units(self, start: int, end: int) -> int:
        """How long a piece of a line is in the units of positions."""
        return self._units(self.content[start:end])

    def _units(self, piece: str) -> int:
        if self._is_plain:
            return len(piece)
        if self._encoding == "utf-8":
            return len(piece.encode("utf-8", "surrogatepass"))
        return len(piece) + sum(1 for char in piece if char > "\uffff")

    def _column(self, line: str, units: int) -> int:
        """The characters that so many units at the beginning of a line are."""
        if self._is_plain or line.isascii():
            return units
        column = counted = 0
        while column < len(line) and counted < units:
            counted += self._units(line[column])
            column += 1
        return column
