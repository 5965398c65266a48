"""Text → tokens, as parallel arrays of codes and offsets.

One regular expression splits the whole text into tokens and the blanks between them, so that the loop over the text
runs inside `re`.  It matches any text at all: what is no token has a code of its own (``BAD_…``), which no state of the
parser accepts, so that the fast path never asks.  A code is found once for each distinct text.

What the grammar leaves to the lexer is here: a newline inside brackets is white space, a keyword after a dot is a name,
a backslash joins lines, and string escapes and numbers have their values.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, islice
from operator import sub
from typing import Any

from neuroscript.syntax.source import LINE_END
from neuroscript.syntax.spans import SHORT, Span, unpacked, widths
from neuroscript.syntax.tables import KEYWORDS, PATTERNS, PUNCTUATION, TERMINALS
from neuroscript.values import INT_LIMIT

CODES = {name: code for code, name in enumerate(TERMINALS)}
END = CODES["$END"]
DOT = CODES["DOT"]
METADATA = CODES["METADATA"]
NAME = CODES["NAME"]
NEWLINE = CODES["NEWLINE"]
NUMBER = CODES["NUMBER"]
STRING = CODES["STRING"]
RAW_STRING = CODES["RAW_STRING"]
LITERAL_STRING = CODES["LITERAL_STRING"]

# Codes that no rule of the grammar knows.
HIDDEN = len(TERMINALS)
BAD_CHARACTER = HIDDEN + 1
BAD_NUMBER = HIDDEN + 2
BAD_RANGE = HIDDEN + 3
BAD_STRING = HIDDEN + 4
BAD_ESCAPE = HIDDEN + 5
BAD_METADATA = HIDDEN + 6

_OPERATORS = "|".join(re.escape(text) for text in sorted(PUNCTUATION, key=lambda text: (-len(text), text)))
# Strings and numbers are matched loosely, to their end as a reader sees it; `_Codes` looks closer.
_DIGITS = r"[0-9A-Za-z_]*+(?:(?<=[eE])[+-][0-9A-Za-z_]*+)?"
_QUOTED = r"{0}(?:[^{0}\\\r\n]++|\\(?:\r\n|[\s\S]|\Z))*+{0}?"
_TOKEN = re.compile(
    "("
    + "|".join(
        [
            PATTERNS["NAME"],
            PATTERNS["NEWLINE"],
            rf"[0-9]{_DIGITS}(?:\.{_DIGITS})*+",
            r"'''[\s\S]*?(?:'''|\Z)",
            r"```[\s\S]*?(?:```|\Z)",
            _QUOTED.format('"'),
            _QUOTED.format("'"),
            PATTERNS["METADATA"],
            _OPERATORS,
            PATTERNS["CONTINUATION"],
            r"[^ \t\f]",
        ]
    )
    + ")"
)
_NUMBER = re.compile(PATTERNS["NUMBER"])
_STRING = re.compile(PATTERNS["STRING"])
_METADATA = re.compile(
    r"::[ \t\f]*(?:([A-Za-z0-9_.:-]*?[A-Za-z0-9_.-])[ \t\f]*:(?:[ \t\f]+(.*))?"
    r"|([A-Za-z0-9_.-]+):(.*)"
    r"|([A-Za-z0-9_.-][A-Za-z0-9_.:-]*)(?:[ \t\f]+(.*))?)",
    re.DOTALL,
)
_JOINED_LINE = re.compile(r"\\(?:\r\n?|\n)")

_ESCAPE = re.compile(
    r"\\(?:u([Dd][89ABab]..)\\u([Dd][C-Fc-f]..)|u(....)|x(..)|([0-3][0-7]{2}|[0-7]{2})|(\r\n?|\n)|(.))", re.DOTALL
)
_SIMPLE_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v"}

_MAX_DIGITS = len(str(INT_LIMIT))


class _Codes(dict[str, int]):
    """The code of each token's text; the texts that are no keyword or punctuation are classified when first met.

    ``literals`` then holds the values of the literals, ``joined`` tells whether a backslash joins lines somewhere.
    """

    def __init__(self) -> None:
        super().__init__(_FIXED)
        self.literals: dict[str, Any] = {}
        self.joined = False

    def __missing__(self, text: str) -> int:
        self[text] = code = self._code(text, text[0])
        return code

    def _code(self, text: str, first: str) -> int:
        if first.isalpha() or first == "_":
            return NAME if first.isascii() else BAD_CHARACTER
        if first in "\r\n#-/":
            return NEWLINE
        if first in "0123456789":
            return self._number(text)
        if first in "\"'`":
            return self._string(text)
        if text.startswith("::"):
            return self._metadata(text)
        if first == "\\" and len(text) > 1:
            self.joined = True
            return HIDDEN
        return BAD_CHARACTER

    def _number(self, text: str) -> int:
        if not _NUMBER.fullmatch(text):
            return BAD_NUMBER
        if text.isdigit():
            digits = text.lstrip("0") or "0"
            if len(digits) > _MAX_DIGITS or not int(digits) < INT_LIMIT:
                return BAD_RANGE
            self.literals[text] = int(digits)
        else:
            value = float(text)
            if not math.isfinite(value):
                return BAD_RANGE
            self.literals[text] = value
        return NUMBER

    def _string(self, text: str) -> int:
        if text.startswith(("'''", "```")):
            if len(text) < 6 or not text.endswith(text[:3]):
                return BAD_STRING
            self.literals[text] = text[3:-3]
            return RAW_STRING if text[0] == "`" else LITERAL_STRING
        if text[0] == "`":
            return BAD_CHARACTER
        if not _STRING.fullmatch(text):
            return BAD_ESCAPE if closed(text) else BAD_STRING
        self.literals[text] = _ESCAPE.sub(_unescaped, text[1:-1]) if "\\" in text else text[1:-1]
        return STRING

    def _metadata(self, text: str) -> int:
        match = _METADATA.fullmatch(_JOINED_LINE.sub("", text))
        if not match:
            return BAD_METADATA
        key, value = match[1] or match[3] or match[5], match[2] or match[4] or match[6] or ""
        self.literals[text] = (key, value.strip())
        return METADATA


_FIXED = {**KEYWORDS, **PUNCTUATION}
_KEYWORD_CODES = frozenset(KEYWORDS.values())


def closed(text: str) -> bool:
    """Whether a quoted string, whatever its escapes, has its closing quote."""
    return len(text) > 1 and text[-1] == text[0] and (len(text) - len(text[1:-1].rstrip("\\"))) % 2 == 0


def _unescaped(match: re.Match[str]) -> str:
    high, low, code, byte, octal, newline, char = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if code or byte:
        return chr(int(code or byte, 16))
    if octal:
        return chr(int(octal, 8))
    return "" if newline else _SIMPLE_ESCAPES.get(char, char)


@dataclass(slots=True)
class Tokens:
    """The tokens of a text: for the n-th its code, text and offsets.  The last one is the end of the file.

    ``values`` has the values of the literals by their texts, ``bracket_depth`` tells how deep the brackets go.
    """

    source: str
    codes: bytes
    texts: list[str]
    starts: Sequence[int]
    ends: Sequence[int]
    values: dict[str, Any]
    bracket_depth: int

    def line_starts(self) -> list[int]:
        """The offsets at which the lines begin."""
        source = self.source
        if "\r" in source:
            return [0, *(match.end() for match in LINE_END.finditer(source))]
        starts = list(accumulate(map((1).__add__, map(len, source.split("\n"))), initial=0))
        starts.pop()
        return starts


class Positions:
    """Lines (from 1) and columns (from 0) of the tokens.  Ends are exclusive.

    Attributes:
        begins, ends: for each token, what a span begins and ends with (`neuroscript.syntax.spans`).
    """

    __slots__ = ("_line", "begins", "ends")

    def __init__(self, tokens: Tokens) -> None:
        line_starts = [*tokens.line_starts(), len(tokens.source) + 1]
        width, height = widths(max(map(sub, line_starts[1:], line_starts), default=0), len(line_starts))
        after_line, after_column = width * 2 + height, width + height
        begins: list[int] = []
        ends: list[int] = []
        line, following = 0, 0
        base = beginning = ending = 0
        # A loop over both lists at once is faster than a bisection for each token, 20 to 80 ms in a megabyte.
        for start, end in zip(tokens.starts, tokens.ends, strict=True):
            if start >= following:
                while start >= following:
                    line += 1
                    base, following = following, line_starts[line]
                beginning = (line << after_line) - (base << after_column) - (line << width)
                ending = (line << width) - base
            begins.append(beginning + (start << after_column))
            if end > following:  # the token goes on beyond its line
                end_line = bisect_right(line_starts, end - 1)
                ends.append((end_line << width) + end - line_starts[end_line - 1])
            else:
                ends.append(ending + end)
        self._line = 0
        short = (width, height) == SHORT
        # Half the size of a list, and they are there until the tree is.
        self.begins: Sequence[int] = array("q", begins) if short else [-number for number in begins]
        self.ends: Sequence[int] = array("q", ends) if short else [-number for number in ends]

    def span(self, first: int, last: int) -> Span:
        """The span from one token to another; equal numbers of lines are one object, so that a tree takes less room."""
        line, column, end_line, end_column = unpacked(self.begins[first] + self.ends[last])
        if line != self._line:
            self._line = line
        return self._line, column, self._line if end_line == line else end_line, end_column

    def line(self, place: int) -> int:
        """The line on which a token begins."""
        return self.span(place, place)[0]


def first_beyond(source: str, most: int) -> int | None:
    """The offset of the token after the first ``most``; None if there are no more.  None of them is kept."""
    if len(source) <= most:
        return None
    match = next(islice(_TOKEN.finditer(source), most, None), None)
    return None if match is None else match.start()


def tokenize(source: str, *, every_newline: bool = False) -> Tokens:
    """The tokens of ``source``: a newline at its end, whether written or not, then the end of the file.

    Nothing is refused here; `source.decode` is for what text is accepted.

    Args:
        source: the text.
        every_newline: keep the newlines inside brackets, for a reader that cannot trust the brackets.
    """
    codes = _Codes()
    size = len(source)
    # A comment is one token with the end of its line, so the last line gets one for the while.
    parts = _TOKEN.split(source if source.endswith(("\n", "\r")) else source + "\n")
    texts = parts[1::2]
    found = bytes(map(codes.__getitem__, texts))
    offsets = array("q", accumulate(map(len, parts)))
    del parts
    known: dict[str, str] = {}
    texts = list(map(known.setdefault, texts, texts))  # equal texts are one object, so that a tree takes less room
    starts, ends = offsets[0::2], offsets[1::2]
    starts.pop()
    if ends:
        ends[-1] = min(ends[-1], size)
    deepest = 0
    if not every_newline:
        found, deepest = _with_brackets_joined(found)
    if codes.joined:
        found = _without_repeated_newlines(found)
    if HIDDEN in found:
        kept = bytes(map(HIDDEN.__ne__, found))
        found = bytes(compress(found, kept))
        texts = list(compress(texts, kept))
        starts, ends = array("q", compress(starts, kept)), array("q", compress(ends, kept))
    if _KEYWORD_AFTER_DOT.search(found):
        found = _KEYWORD_AFTER_DOT.sub(bytes((DOT, NAME)), found)
    if not found or found[-1] != NEWLINE:
        found += bytes((NEWLINE,))
        texts.append("")
        starts.append(size)
        ends.append(size)
    texts.append("")
    starts.append(size)
    ends.append(size)
    return Tokens(source, found + bytes((END,)), texts, starts, ends, codes.literals, deepest)


def pieces(source: str) -> Iterator[tuple[int, str, str]]:
    """Every token with its code and the blanks before it, for a reader of the text as it is written.

    Nothing is hidden: newlines inside brackets and backslashes that join lines are tokens too.  The last token is
    empty, and has the blanks at the end.
    """
    codes = _Codes()
    before = END
    parts = _TOKEN.split(source)
    for blanks, text in zip(parts[::2], [*parts[1::2], ""], strict=True):
        code = codes[text] if text else END
        if before == DOT and code in _KEYWORD_CODES:
            code = NAME
        yield code, blanks, text
        before = code


def _class_of(codes: list[int]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % code for code in codes) + b"]"


_OPENING = {CODES[name]: CODES["R" + name[1:]] for name in ("LPAR", "LSQB", "LBRACE")}
_KEYWORD_AFTER_DOT = re.compile(b"\\x%02x" % DOT + _class_of(sorted(KEYWORDS.values())))
_BRACKET = re.compile(_class_of([*_OPENING, *_OPENING.values()]))


def _with_brackets_joined(codes: bytes) -> tuple[bytes, int]:
    """The codes with the newlines inside brackets hidden, and how deep the brackets go."""
    marked: bytearray | None = None
    depth = first = deepest = 0
    for match in _BRACKET.finditer(codes + _ALL_CLOSED):
        place = match.start()
        if match[0] in _OPENING_BYTES:
            if not depth:
                first = place
            depth += 1
            if depth > deepest:
                deepest = depth
        elif depth:
            depth = depth - 1 if place < len(codes) else 0
            if not depth and codes.find(NEWLINE, first, place) >= 0:
                marked = marked or bytearray(codes)
                marked[first:place] = codes[first:place].replace(_NEWLINE_BYTE, _HIDDEN_BYTE)
    return (codes if marked is None else bytes(marked)), deepest


def _without_repeated_newlines(codes: bytes) -> bytes:
    """Empty lines are one newline with the one before them, also where a joined line stands between."""
    marked = bytearray(codes)
    after_newline = False
    for place, code in enumerate(codes):
        if code == NEWLINE:
            if after_newline:
                marked[place] = HIDDEN
            after_newline = True
        elif code != HIDDEN:
            after_newline = False
    return bytes(marked)


_NEWLINE_BYTE = bytes((NEWLINE,))
_HIDDEN_BYTE = bytes((HIDDEN,))
_OPENING_BYTES = frozenset(bytes((code,)) for code in _OPENING)
# Stands at the end and closes the brackets that are left open.
_ALL_CLOSED = bytes((CODES["RPAR"],))
