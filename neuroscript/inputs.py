"""Splits an input of an interactive session into what is loaded and what is run, in the order of its lines."""

from __future__ import annotations

from enum import Enum
from itertools import groupby

from neuroscript.records import record
from neuroscript.syntax.lexer import CODES, END, METADATA, NEWLINE, tokenize
from neuroscript.syntax.source import LINE_END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neuroscript.syntax.lexer import Tokens

_OPENING = frozenset(CODES[word] for word in ("FUNC", "IF", "WHILE", "FOR", "ON", "ON_ERROR"))
_CLOSING = frozenset(
    CODES[word] for word in ("ENDFUNC", "ENDIF", "ENDWHILE", "ENDFOR", "ENDON", "ENDEVENT", "ENDCOMMAND")
)
_FUNC, _ON, _EVENT, _COMMAND = (CODES[word] for word in ("FUNC", "ON", "EVENT", "COMMAND"))


class Kind(Enum):
    """What a part of an input is."""

    DEFINITIONS = "procedures and event handlers"
    COMMANDS = "command blocks"
    STATEMENTS = "statements, or an expression"


@record(frozen=True)
class Part:
    """A part of an input.

    Args:
        kind: what it is.
        text: its text behind as many line ends as there are lines before it, so that each line keeps its number.
        last_line: the offset in ``text`` of its last statement or expression.
    """

    kind: Kind
    text: str
    last_line: int


def split(source: str) -> list[Part]:
    """The parts of an input: neighbours are of different kinds; one that holds nothing but comments is no part."""
    tokens = tokenize(source)
    found: list[tuple[Kind | None, int]] = []  # what stands in no block, with its offset
    depth = 0
    for index in _line_starts(tokens):
        code, following = tokens.codes[index], tokens.codes[index + 1]
        if depth == 0:
            found.append((_kind(code, following), tokens.starts[index]))
        if code in _OPENING or (code == _COMMAND and following == NEWLINE):
            depth += 1
        elif code in _CLOSING and depth:
            depth -= 1
    ends = [*(offset for _, offset in found), len(source)][1:]
    groups = groupby(zip(_with_metadata(found), found, ends, strict=True), key=lambda each: each[0])
    parts = []
    for kind, group in groups:
        members = list(group)
        start, last, end = members[0][1][1], members[-1][1][1], members[-1][2]
        parts.append(_part(source, kind, start, last, end))
    return parts


def _with_metadata(found: list[tuple[Kind | None, int]]) -> list[Kind]:
    """The kinds, with metadata as part of the definitions that they stand before."""
    kinds: list[Kind] = []
    following = Kind.DEFINITIONS
    for kind, _ in reversed(found):
        if kind is None:
            kind = following if following is not Kind.STATEMENTS else Kind.DEFINITIONS
        kinds.append(kind)
        following = kind
    return kinds[::-1]


def _part(source: str, kind: Kind, start: int, last_line: int, end: int) -> Part:
    blank = blanked(source[:start])
    return Part(kind, blank + source[start:end], last_line - start + len(blank))


def blanked(text: str) -> str:
    """What stands in the place of a text, so that what follows keeps its lines and columns: line ends, and blanks."""
    ends = [match.end() for match in LINE_END.finditer(text)]
    return "\n" * len(ends) + " " * (len(text) - (ends[-1] if ends else 0))


def _line_starts(tokens: Tokens) -> list[int]:
    """The tokens that begin a statement, by number."""
    codes = tokens.codes
    return [
        index
        for index in range(len(codes))
        if codes[index] not in (NEWLINE, END) and (index == 0 or codes[index - 1] == NEWLINE)
    ]


def _kind(code: int, following: int) -> Kind | None:
    """What a line begins by its first two tokens; None for metadata."""
    if code == METADATA:
        return None
    if code == _FUNC or (code == _ON and following == _EVENT):
        return Kind.DEFINITIONS
    if code == _COMMAND and following == NEWLINE:
        return Kind.COMMANDS
    return Kind.STATEMENTS
