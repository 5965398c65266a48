"""The structure of an input of an interactive session: what of it is loaded or run, and the blocks that are open."""

from __future__ import annotations

from enum import Enum
from itertools import groupby

from neuroscript.records import record
from neuroscript.syntax.errors.stack import DEPTHS
from neuroscript.syntax.lexer import BAD_STRING, CODES, END, METADATA, NEWLINE, tokenize
from neuroscript.syntax.source import LINE_END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from neuroscript.syntax.lexer import Tokens

_OPENING = frozenset(CODES[word] for word in ("FUNC", "IF", "WHILE", "FOR", "ON", "ON_ERROR"))
_CLOSING = frozenset(
    CODES[word] for word in ("ENDFUNC", "ENDIF", "ENDWHILE", "ENDFOR", "ENDON", "ENDEVENT", "ENDCOMMAND")
)
_FUNC, _ON, _EVENT, _COMMAND, _ERROR, _ON_ERROR = (
    CODES[word] for word in ("FUNC", "ON", "EVENT", "COMMAND", "ERROR", "ON_ERROR")
)
COMMENT_MARKS = ("#", "--", "//")
RAW_MARKS = ("```", "'''")
"""What begins and ends the strings that may have several lines."""


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
    found = [  # what stands in no block, with its offset
        (_kind(tokens.codes[index], tokens.codes[index + 1]), tokens.starts[index])
        for index, depth in _statements(tokens)
        if depth == 0
    ]
    ends = [*(offset for _, offset in found), len(source)][1:]
    groups = groupby(zip(_with_metadata(found), found, ends, strict=True), key=lambda each: each[0])
    parts = []
    for kind, group in groups:
        members = list(group)
        start, last, end = members[0][1][1], members[-1][1][1], members[-1][2]
        parts.append(_part(source, kind, start, last, end))
    return parts


@record(frozen=True)
class Definition:
    """A procedure, an event handler or a command block of an input.

    Args:
        name: of the procedure; empty for the others.
        text: all of it, with the comments above it.
        body: what stands between its first word and its last one.
    """

    name: str
    text: str
    body: str


def definitions(part: Part) -> list[Definition]:
    """The definitions of a part that is not of statements, in their order."""
    source = part.text
    tokens = tokenize(source)
    codes, starts, ends = tokens.codes, tokens.starts, tokens.ends
    lines = [(index, depth) for index, depth in _statements(tokens) if codes[index] != METADATA or depth]
    found = []
    before = 0
    for place, (index, depth) in enumerate(lines):
        if depth:
            continue
        last = next((each for each, inner in lines[place + 1 :] if inner == 1 and codes[each] in _CLOSING), index)
        above = [line.strip() for line in source[before : starts[index]].splitlines()]
        comments = [line for line in above if line.startswith(COMMENT_MARKS)]
        before = ends[last]
        name = tokens.texts[index + 1] if codes[index] == _FUNC else ""
        text = "\n".join([*comments, source[starts[index] : before]])
        found.append(Definition(name, text, source[ends[index] : starts[last]]))
    return found


def open_depth(source: str) -> int | None:
    """How many blocks and brackets are open where a text ends; None within a raw string."""
    tokens = tokenize(source)
    if any(code == BAD_STRING and text[:3] in RAW_MARKS for code, text in zip(tokens.codes, tokens.texts, strict=True)):
        return None
    depth = 0
    for index, before in _statements(tokens):
        depth = before + _change(tokens, index, before)
    return depth + max(sum(DEPTHS.get(code, 0) for code in tokens.codes), 0)


def last_is_error_handler(source: str) -> bool:
    """Whether an error handler is the last that a text has outside of blocks, so that it handles nothing."""
    tokens = tokenize(source)
    outside = [index for index, depth in _statements(tokens) if depth == 0]
    first, following = (tokens.codes[outside[-1]], tokens.codes[outside[-1] + 1]) if outside else (END, END)
    return first == _ON_ERROR or (first == _ON and following == _ERROR)


def _statements(tokens: Tokens) -> Iterator[tuple[int, int]]:
    """The tokens that begin a line, by number, and in how many blocks each stands, as its end does too."""
    depth = 0
    for index in _line_starts(tokens):
        change = _change(tokens, index, depth)
        yield index, depth
        depth += change


def _change(tokens: Tokens, index: int, depth: int) -> int:
    """By how much a line that begins with a token changes the number of open blocks."""
    code = tokens.codes[index]
    if code in _OPENING or (code == _COMMAND and tokens.codes[index + 1] == NEWLINE):
        return 1
    return -1 if code in _CLOSING and depth else 0


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
