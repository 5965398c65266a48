"""Reads programs that do not parse: the tree of all that can be understood, for editors, whose text is often broken.

The tokens are mended before the tree is made of them.  A statement that does not fit is completed with tokens of no
width, or loses those that nothing can be made of; ends of blocks that are missing are put in.  So every statement that
is right keeps its place in the tree, and the positions are those of the text.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from neuroscript.limits import Limits
from neuroscript.syntax import nodes as n
from neuroscript.syntax.builder import Builder
from neuroscript.syntax.errors.recovery import keyword_meant
from neuroscript.syntax.errors.stack import (
    COMMAND,
    DEPTHS,
    ELSE,
    END_CODES,
    EXPRESSION_CODES,
    FUNC,
    ON,
    START,
    STATEMENT_CODES,
    Frame,
    advance,
    expected,
    open_blocks,
)
from neuroscript.syntax.lexer import (
    BAD_ESCAPE,
    BAD_NUMBER,
    BAD_RANGE,
    BAD_STRING,
    CODES,
    END,
    HIDDEN,
    METADATA,
    NAME,
    NEWLINE,
    NUMBER,
    STRING,
    Positions,
    Tokens,
    tokenize,
)
from neuroscript.syntax.nesting import first_too_deep
from neuroscript.syntax.parser import program_of
from neuroscript.syntax.tables import KEYWORDS, PUNCTUATION, TERMINALS

UNKNOWN = ""
"""The name that stands where one is missing."""

_MOST_FILLED = 30  # tokens that are put in to complete one statement
LINE_WORDS = STATEMENT_CODES | END_CODES | {ELSE, FUNC, COMMAND, METADATA}
"""The terminals that can only be the first of a line, also where a bracket before them is not closed."""
_BRACKETS = frozenset(DEPTHS)
_WRITTEN = {**{code: word for word, code in KEYWORDS.items()}, **{code: sign for sign, code in PUNCTUATION.items()}}
# What completes a statement, the first that fits: what ends something before what begins something.
_FILLERS = tuple(
    CODES[name]
    for name in (
        *("RPAR", "RSQB", "RBRACE", "NAME", "MEANS", "EQUAL", "EACH", "IN", "COLON", "INTO", "ERROR", "DO", "EVENT"),
        *("STRING", "COMMA", "LPAR", "DOT"),
    )
)
_BETWEEN = tuple(CODES[name] for name in ("NAME", "COMMA", "RPAR", "RSQB", "RBRACE"))
_STAND_INS = {BAD_STRING: STRING, BAD_ESCAPE: STRING, BAD_NUMBER: NUMBER, BAD_RANGE: NUMBER}
_SET, _CALL, _EMIT, _EQUAL, _LPAR = (CODES[name] for name in ("SET", "CALL", "EMIT", "EQUAL", "LPAR"))
_AFTER_NAMES = frozenset(CODES[name] for name in ("EQUAL", "DOT", "LSQB", "LPAR", "COMMA"))
_LIKE_CALLS = frozenset({NAME, CODES["TOOL"]})


def read(source: str, name: str = "<script>", limits: Limits | None = None) -> n.Program:
    """The tree of a text, whatever it is; of one that parses it is that of `parser.parse`.

    Args:
        source: the text.
        name: of the file.
        limits: as for `parser.parse`; the tree of a text beyond them is empty.
    """
    limits = limits or Limits()
    if limits.max_source is not None and len(source) > limits.max_source:
        return n.Program(name, "")
    tokens = tokenize(source)
    if first_too_deep(tokens, limits.max_nesting) is not None:
        return n.Program(name, source)
    program = program_of(tokens, Builder(tokens, Positions(tokens), name))
    if program is not None:
        return program
    mender = _Mender(tokenize(source, every_newline=True))
    mender.run()
    whole = n.Program(name, source)
    for part in mender.parts():
        if first_too_deep(part, limits.max_nesting) is not None:
            continue
        found = program_of(part, Builder(part, Positions(part), name))
        assert found is not None, "mended tokens do not parse"
        whole.metadata = whole.metadata or found.metadata
        whole.procedures += found.procedures
        whole.handlers += found.handlers
        whole.commands += found.commands
    return whole


@dataclass(frozen=True)
class Place:
    """What a text before some place comes to.

    Attributes:
        possible: the terminals that can follow, by name.
        first: the first word of the statement that the place is in; empty where one begins.
        is_in_block: whether it is in a procedure, command block or event handler.
        closers: the words that end the blocks that are open, the innermost first.
    """

    possible: frozenset[str]
    first: str
    is_in_block: bool
    closers: tuple[str, ...]


def place_after(source: str) -> Place:
    """What can follow a text, which may have errors itself."""
    mender = _Mender(tokenize(source, every_newline=True))
    frame, first = mender.run_to_end()
    blocks = open_blocks(frame)
    names = frozenset(TERMINALS[code] for code in expected(frame))
    return Place(names, first, bool(blocks), tuple(_WRITTEN[block.closers[0]] for block in blocks))


@dataclass(slots=True)
class _Part:
    """Tokens that are a program by themselves."""

    codes: bytearray = field(default_factory=bytearray)
    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, code: int, text: str, start: int, end: int) -> None:
        self.codes.append(code)
        self.texts.append(text)
        self.starts.append(start)
        self.ends.append(end)


class _Mender:
    """Mends the tokens of one text.

    Args:
        tokens: with every newline, since brackets may not be closed.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._codes = tokens.codes
        self._values = {**tokens.values, '""': ""}
        self._frame = START
        self._done: list[_Part] = []
        self._part = _Part()

    def run(self) -> None:
        """Reads the whole text."""
        for line in self._lines():
            self._line(line)
        self._close_all(len(self._tokens.source))

    def run_to_end(self) -> tuple[Frame, str]:
        """Reads a text to the place where it ends; returns the stack there and the first word of its last statement."""
        lines = list(self._lines())
        size = len(self._tokens.source)
        # The lexer ends a text with a newline, whether one is written or not.
        is_open = bool(lines) and (self._tokens.starts[lines[-1][-1]] == size or self._is_bracketed(lines[-1]))
        for line in lines[:-1] if is_open else lines:
            self._line(line)
        if not is_open or len(lines[-1]) < 2:
            return self._frame, ""
        *places, _ = lines[-1]
        frame = self._opened(places)
        if frame is None:
            return self._frame, self._tokens.texts[places[0]]
        return self._fed(frame, places), self._tokens.texts[places[0]]

    def parts(self) -> Iterator[Tokens]:
        """The mended tokens: those of one program, or of several where one file holds what two have to."""
        for part in self._done:
            codes, starts, ends = bytes(part.codes), array("q", part.starts), array("q", part.ends)
            depth = deepest = 0
            for code in codes:
                depth += DEPTHS.get(code, 0)
                deepest = max(deepest, depth)
            yield Tokens(self._tokens.source, codes, part.texts, starts, ends, self._values, deepest)

    # --- lines -------------------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[list[int]]:
        """The places of the tokens of each statement or header, with the newline that ends it."""
        line: list[int] = []
        depth = 0
        for place, code in enumerate(self._codes):
            if code == END:
                break
            if code != NEWLINE:
                line.append(place)
                depth = max(depth + DEPTHS.get(code, 0), 0) if code in _BRACKETS else depth
            elif not depth or self._codes[place + 1] in LINE_WORDS or self._codes[place + 1] == END:
                yield [*line, place]
                line, depth = [], 0

    def _is_bracketed(self, line: list[int]) -> bool:
        """Whether a line ends within brackets."""
        depth = 0
        for place in line:
            depth = max(depth + DEPTHS.get(self._codes[place], 0), 0)
        return depth > 0

    def _line(self, line: list[int]) -> None:
        *places, newline = line
        before, size = self._frame, len(self._part.codes)
        if not places:
            self._add_if(NEWLINE, newline)
            return
        frame = self._opened(places)
        if frame is None:
            return
        before, size = self._frame, len(self._part.codes) if frame is self._frame else size
        frame = self._completed(self._fed(frame, places))
        ahead = advance(frame, NEWLINE, newline)
        if ahead is None:
            self._frame = before  # nothing can be made of it
            for values in (self._part.codes, self._part.texts, self._part.starts, self._part.ends):
                del values[size:]
            return
        self._frame = ahead
        self._keep(newline, NEWLINE)

    def _opened(self, places: Sequence[int]) -> Frame | None:
        """The stack before the first token of a line, with the blocks ended that have to be; None if none fits."""
        place = places[0]
        code = self._first(places)
        if advance(self._frame, code, place) is not None:
            return self._frame
        if code in END_CODES or code == ELSE:
            return self._closed_to(code, place)
        is_definition = code == FUNC or (code == COMMAND and len(places) == 1)
        if is_definition or (code == ON and not open_blocks(self._frame)):
            self._close_all(self._tokens.starts[place])
            return self._frame
        if not open_blocks(self._frame):
            return None
        return self._begun(places)

    def _begun(self, places: Sequence[int]) -> Frame | None:
        """The stack after a word that makes a statement of a line which begins with none."""
        place = places[0]
        code = self._codes[place]
        if code in (BAD_STRING, BAD_ESCAPE, BAD_NUMBER, BAD_RANGE):
            word = _EMIT
        elif code in _LIKE_CALLS:
            codes = [self._codes[each] for each in places]
            word = _SET if _EQUAL in codes else _CALL if _LPAR in codes else _EMIT
        elif code in EXPRESSION_CODES:
            word = _EMIT
        else:
            return None
        self._fill(word, self._tokens.starts[place])
        return advance(self._frame, word, place)

    def _fed(self, frame: Frame, places: Sequence[int]) -> Frame:
        """The stack after the tokens of a line: those that do not fit are left out, or something is put before them."""
        first = places[0]
        for place in places:
            code = self._first(places) if place == first else self._codes[place]
            code = _STAND_INS.get(code, code)
            if code == NEWLINE or code >= HIDDEN:
                continue
            ahead = advance(frame, code, place)
            if ahead is None:
                for filler in _BETWEEN:
                    between = advance(frame, filler, place)
                    ahead = advance(between, code, place) if between is not None else None
                    if ahead is not None:
                        self._fill(filler, self._end())
                        break
                else:
                    continue
            frame = ahead
            self._keep(place, code)
        return frame

    def _first(self, places: Sequence[int]) -> int:
        """The code of the first token of a line: of the keyword that it stands for, if it is misspelt."""
        code = self._codes[places[0]]
        if code != NAME or len(places) < 2 or self._codes[places[1]] in _AFTER_NAMES:
            return code
        word = keyword_meant(self._tokens.texts[places[0]], expected(self._frame))
        return KEYWORDS[word] if word is not None else code

    def _completed(self, frame: Frame) -> Frame:
        """The stack after what a statement lacks, so that a newline can follow."""
        for _ in range(_MOST_FILLED):
            if advance(frame, NEWLINE, 0) is not None:
                break
            for filler in _FILLERS:
                ahead = advance(frame, filler, 0)
                if ahead is not None:
                    self._fill(filler, self._end())
                    frame = ahead
                    break
            else:
                break
        return frame

    # --- blocks ------------------------------------------------------------------------------------------------------

    def _closed_to(self, code: int, place: int) -> Frame | None:
        """The stack with the inner blocks ended, up to the one that a word ends or goes on with."""
        ends: list[int] = []
        frame: Frame | None = self._frame
        for block in open_blocks(self._frame):
            for each in (block.closers[0], NEWLINE):
                frame = advance(frame, each, place) if frame is not None else None
            ends.append(block.closers[0])
            if frame is None:
                return None
            if advance(frame, code, place) is not None:
                self._end_blocks(ends, self._tokens.starts[place])
                return self._frame
        return None

    def _end_blocks(self, closers: list[int], at: int) -> None:
        for code in closers:
            for each in (code, NEWLINE):
                ahead = advance(self._frame, each, 0)
                assert ahead is not None, "an end of a block does not fit"
                self._frame = ahead
                self._fill(each, at)

    def _close_all(self, at: int) -> None:
        """Ends all blocks, and the program that they are in: what follows is one by itself."""
        self._end_blocks([block.closers[0] for block in open_blocks(self._frame)], at)
        self._fill(END, at)
        self._done.append(self._part)
        self._part = _Part()
        self._frame = START

    # --- tokens ------------------------------------------------------------------------------------------------------

    def _add_if(self, code: int, place: int) -> None:
        ahead = advance(self._frame, code, place)
        if ahead is not None:
            self._frame = ahead
            self._keep(place, code)

    def _keep(self, place: int, code: int) -> None:
        text = self._tokens.texts[place]
        if code != self._codes[place]:  # a literal with an error in it, or a misspelt keyword
            if code == STRING and text not in self._values:
                self._values[text] = text[1:-1] if len(text) > 1 and text[-1] == text[0] else text[1:]
            elif code == NUMBER:
                self._values.setdefault(text, 0)
        self._part.add(code, text, self._tokens.starts[place], self._tokens.ends[place])

    def _fill(self, code: int, at: int) -> None:
        text = UNKNOWN if code == NAME else '""' if code == STRING else _WRITTEN.get(code, "")
        self._part.add(code, text, at, at)

    def _end(self) -> int:
        """Where the last token ends."""
        return self._part.ends[-1] if self._part.ends else 0
