"""Error recovery: finds the syntax errors of a program that does not parse, more than one in one reading.

The program is read once more over the same tables, without making a tree, on a stack that is never overwritten: where a
token does not fit, the state before it is still there to be asked what could have stood in its place.  Reading goes on
at the next statement, with the blocks as the author seems to have meant them: a header with an error in it still opens
its block, a misspelt keyword counts as the right one, a missing end is put in.  So one mistake is one error.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from neuroscript.syntax.errors.common_mistakes import END_WORDS, FUNCTION_WORDS, MODIFIERS, STATEMENT_WORDS
from neuroscript.syntax.errors.stack import (
    CLOSERS,
    COMMAND,
    DEPTHS,
    ELSE,
    EMIT,
    END_CODES,
    FUNC,
    IF,
    JOINING_CODES,
    ON,
    START,
    STATEMENT_CODES,
    Frame,
    advance,
    expected,
    fed,
    open_blocks,
)
from neuroscript.syntax.lexer import (
    BAD_ESCAPE,
    BAD_METADATA,
    BAD_NUMBER,
    BAD_RANGE,
    BAD_STRING,
    CODES,
    END,
    METADATA,
    NAME,
    NEWLINE,
    NUMBER,
    STRING,
    Positions,
    Tokens,
)
from neuroscript.syntax.tables import KEYWORDS, TERMINALS

MAX_PROBLEMS = 20


_DEFINITION_ENDS = frozenset(CODES[name] for name in ("ENDFUNC", "ENDCOMMAND", "ENDON", "ENDEVENT"))
# Words that can only be the first of a line.
_LINE_WORDS = STATEMENT_CODES | END_CODES | {ELSE, FUNC, COMMAND}
# What a block's header is read as when it has an error in it.
_HEADERS: dict[int, tuple[str, ...]] = {
    CODES[header.split()[0]]: tuple(header.split())
    for header in (
        "IF NAME NEWLINE",
        "WHILE NAME NEWLINE",
        "FOR EACH NAME IN NAME NEWLINE",
        "FUNC NAME MEANS NEWLINE",
        "COMMAND NEWLINE",
        "ON EVENT NAME NEWLINE",
        "ON_ERROR MEANS NEWLINE",
        "ELSE NEWLINE",
    )
}
_ERROR_HEADER = ("ON", "ERROR", "DO", "NEWLINE")
_ELSE_IF_HEADER = ("ELSE", "IF", "NAME", "NEWLINE")
# Comments and strings over several lines, and what ends them.
_FOREIGN_BLOCKS = (
    ("/*", "*/"),
    ('"""', '"""'),
    ("<!--", "-->"),
    ("=begin", "\n=end"),
    ("COMMENT:", "ENDCOMMENT"),
)
_SIGNATURE_WORDS = frozenset(CODES[name] for name in ("NEEDS", "OPTIONAL", "RETURNS", "MEANS"))
_WORDS = frozenset(KEYWORDS.values())
_BETWEEN_VALUES = JOINING_CODES | {CODES["IN"]}
_STAND_INS = {
    BAD_STRING: STRING,
    BAD_ESCAPE: STRING,
    BAD_NUMBER: NUMBER,
    BAD_RANGE: NUMBER,
    BAD_METADATA: METADATA,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A token that does not fit: its place, the stack before it, and the place where its statement begins."""

    place: int
    frame: Frame
    start: int


class Recovery:
    """One reading of a program that finds its syntax errors.

    Args:
        tokens: with every newline, since brackets may not be closed.
        positions: of the tokens.
        stop: a place at which to stop without another problem.
    """

    def __init__(self, tokens: Tokens, positions: Positions, stop: int | None = None) -> None:
        self.tokens = tokens
        self.codes = tokens.codes
        self.positions = positions
        self.stop = len(tokens.codes) if stop is None else stop
        self.problems: list[Problem] = []
        self._start = 0
        # Procedures inside procedures are read as blocks that `endfunc` ends, so that their ends are no errors.
        self._nested: set[int] = set()
        self._misused: set[int] = set()  # reserved words that the program has taken for names

    def run(self) -> list[Problem]:
        """All the problems, in the order of the text."""
        frame: Frame | None = START
        place = 0
        while frame is not None and place < self.stop and len(self.problems) < MAX_PROBLEMS:
            code = self.codes[place]
            if code == NEWLINE and frame.depth > 0:
                place += 1
                continue
            ahead = advance(frame, code, place)
            if ahead is None:
                frame, place = self._recover(frame, place)
                continue
            if code == END:
                break
            frame = ahead
            place += 1
            if code == NEWLINE:
                self._start = place
        return self.problems

    # --- where to go on ----------------------------------------------------------------------------------------------

    def _recover(self, frame: Frame, place: int) -> tuple[Frame | None, int]:
        code = self.codes[place]
        if code == FUNC_END and self._ends_nested(frame):
            return fed(frame, ["ENDIF"], place), place + 1
        self._report(frame, place)
        if code == END:
            return None, place
        foreign = self._after_foreign(place)
        if foreign is not None:
            outside = self._statement_start(frame)
            return outside, self._after_line(self._line_end(foreign, 0))
        text, following = self.tokens.texts[place], self.codes[place + 1]
        if code == BAD_STRING and text.startswith(("'''", "```")):
            return None, place  # all that follows is inside of it
        if text == "\\" and following == NEWLINE:
            return frame, place + 2  # it was meant to join the lines
        if code == NEWLINE and self.codes[place - 1] in JOINING_CODES and following not in _LINE_WORDS | {END}:
            return frame, place + 1
        if code in _STAND_INS:
            ahead = advance(frame, _STAND_INS[code], place)
            if ahead is not None:
                return ahead, place + 1
        if place != self._start:
            return self._within_statement(frame, place)
        if code in END_CODES or code == ELSE:
            return self._at_end_word(frame, place)
        if code in (FUNC, COMMAND) and open_blocks(frame):
            return self._at_definition(frame, place)
        return self._at_word(frame, place)

    def _report(self, frame: Frame, place: int) -> None:
        """Notes a problem; further ones in the same statement are likely to be of its making."""
        if self._is_misused_again(frame, place):
            return
        self._note_misuse(frame, place)
        line, starts = self.positions.line, self.tokens.starts
        last = self.problems[-1] if self.problems else None
        if last is None or (line(last.start) != line(self._start) and starts[last.place] != starts[place]):
            self.problems.append(Problem(place, frame, self._start))

    def _is_misused_again(self, frame: Frame, place: int) -> bool:
        """Whether a problem is one more use of a reserved word that the program has taken for a name."""
        code, before = self.codes[place], self.codes[place - 1] if place else NEWLINE
        if code in self._misused and (code not in _BETWEEN_VALUES or advance(frame, NAME, place) is not None):
            return True
        return before in self._misused - _BETWEEN_VALUES

    def _is_misused(self, frame: Frame, place: int) -> bool:
        """Whether a reserved word stands where a name could."""
        return self.codes[place] in _WORDS and place != self._start and advance(frame, NAME, place) is not None

    def _note_misuse(self, frame: Frame, place: int) -> None:
        """Notes a reserved word that stands for a name, which comes again wherever the name is used."""
        code = self.codes[place]
        if not self._is_misused(frame, place):
            return
        declares = advance(frame, STRING, place) is None
        if declares or code not in _LINE_WORDS | _BETWEEN_VALUES | {IF, CODES["FOR"], CODES["DO"]}:
            self._misused.add(code)
        if declares and self.codes[self._start] == FUNC:
            rest = self.codes[place : self._line_end(place, 0)]
            self._misused.update(code for code in rest if code in _WORDS - _SIGNATURE_WORDS)

    def _after_foreign(self, place: int) -> int | None:
        """The place after a comment or a long string of another language over several lines, if one begins here."""
        source, start = self.tokens.source, self.tokens.starts[place]
        for opening, closing in _FOREIGN_BLOCKS:
            for begin in (start, start - 1, start - 2):
                if begin >= 0 and source.startswith(opening, begin) and begin + len(opening) > start:
                    end = source.find(closing, begin + len(opening))
                    if end < 0 or "\n" not in source[begin:end]:
                        return None
                    starts = self.tokens.starts
                    return next(at for at in range(place, len(starts)) if starts[at] >= end + len(closing))
        return None

    def _within_statement(self, frame: Frame, place: int) -> tuple[Frame | None, int]:
        """Goes on after the line: with the statement if it is whole without the rest, else without it."""
        opener = self._opener()
        if frame.depth and self.codes[place - 1] == NEWLINE and self.codes[place] in _LINE_WORDS:
            end = place - 1
        elif opener in _HEADERS:
            end = self.codes.index(NEWLINE, place)  # a brace at the end of a header is closed much later
        else:
            end = self._line_end(place, frame.depth)
        first = place + 1 if self._is_misused(frame, place) else place
        ends_too = any(code in CLOSERS.get(opener, ()) for code in self.codes[first:end])
        if not ends_too:
            if not frame.depth and advance(frame, NEWLINE, end) is not None:
                return frame, end
            at: Frame | None = frame if opener in _HEADERS else None
            while at is not None:
                ahead = fed(at, self._header(opener), self._start) if not at.depth else None
                if ahead is not None:
                    return ahead, self._after_line(end)
                at = at.below
        outside = self._statement_start(frame)
        if advance(outside, EMIT, place) is None and not ends_too:
            return self._next_definition(outside, self._start)
        return outside, self._after_line(end)

    def _opener(self) -> int:
        """The keyword that the statement begins with, or that its first word stands for."""
        code = self.codes[self._start]
        if code == NAME:
            code = KEYWORDS.get(self.tokens.texts[self._start].lower(), code)
        if code in _HEADERS:
            return code
        function = self.tokens.texts[self._function_word(self._start)].lower()
        mistake = STATEMENT_WORDS.get(function)
        if function == "func":
            return FUNC
        return CODES[mistake.terminals[0]] if mistake and mistake.terminals else code

    def _header(self, opener: int) -> tuple[str, ...]:
        following = self.codes[self._start + 1]
        if opener == ON and following == CODES["ERROR"]:
            return _ERROR_HEADER
        return _ELSE_IF_HEADER if opener == ELSE and following == IF else _HEADERS[opener]

    def _at_end_word(self, frame: Frame, place: int) -> tuple[Frame | None, int]:
        """An `end…` or `else` that the innermost block does not have: ends the blocks that lack theirs."""
        code = self.codes[place]
        blocks = open_blocks(frame)
        inner: Frame | None = frame
        for block in blocks:
            inner = fed(inner, [TERMINALS[block.closers[0]], "NEWLINE"], place)
            if inner is None:
                break
            if advance(inner, code, place) is not None:
                return inner, place
        end = self._line_end(place, 0)
        fits = len(blocks) > 1 or code in _DEFINITION_ENDS
        if code != ELSE and blocks and fits and self._column(place) == self._column(blocks[0].place):
            # It stands under the word that opens the innermost block: the wrong word for its end.
            ahead = fed(frame, [TERMINALS[blocks[0].closers[0]]], place)
            if ahead is not None:
                return ahead, end
        return frame, self._after_line(end)

    def _at_definition(self, frame: Frame, place: int) -> tuple[Frame | None, int]:
        """A procedure or command block inside another: nested if it is indented, else the end is missing."""
        blocks = open_blocks(frame)
        if self.codes[place] == FUNC and self._column(place) > self._column(blocks[-1].place):
            self._nested.add(place)
            return fed(frame, _HEADERS[IF], place), self._after_line(self._line_end(place, 0))
        at: Frame | None = frame
        for block in blocks:
            at = fed(at, [TERMINALS[block.closers[0]], "NEWLINE"], place)
        if at is not None and advance(at, self.codes[place], place) is not None:
            return at, place
        return self._next_definition(frame, place) if at is None else self._next_definition(at, place)

    def _at_word(self, frame: Frame, place: int) -> tuple[Frame | None, int]:
        """A statement that does not begin with a keyword: reads on as if the one that was meant stood there."""
        if self.tokens.texts[place] == "}" and self.codes[place + 1] == ELSE:
            self._start = place + 1
            return frame, place + 1
        names, whole_line = self._meant(frame, place)
        ahead = fed(frame, names, place) if names else None
        if ahead is not None:
            return ahead, self._line_end(place, 0) if whole_line else self._function_word(place) + 1
        for name in self._missing_word(place):
            ahead = fed(frame, [name], place)
            if ahead is not None and advance(ahead, self.codes[place], place) is not None:
                return ahead, place
        if advance(frame, EMIT, place) is None:
            return self._next_definition(frame, place)
        return frame, self._after_line(self._line_end(place, 0))

    def _meant(self, frame: Frame, place: int) -> tuple[tuple[str, ...], bool]:
        """The terminals that a word stands for, and whether they are all of its line."""
        word = self.tokens.texts[place]
        lower = word.lower()
        if word == "}" or (self.codes[place] == NAME and lower in END_WORDS):
            blocks = open_blocks(frame)
            together = KEYWORDS.get(f"end{self.tokens.texts[place + 1].lower()}") if lower == "end" else None
            if together is not None:
                return (TERMINALS[together],), True
            return ((END_WORDS.get(lower) or TERMINALS[blocks[0].closers[0]],) if blocks else ()), True
        if self.codes[place] != NAME:
            return (), False
        keyword = keyword_meant(word, expected(frame))
        if keyword is not None:
            return (TERMINALS[KEYWORDS[keyword]],), False
        function = self.tokens.texts[self._function_word(place)].lower()
        if function == "func":
            return ("FUNC",), False
        mistake = STATEMENT_WORDS.get(function)
        return (mistake.terminals if mistake else ()), False

    def _function_word(self, place: int) -> int:
        """The place of the ``function`` after words such as ``local`` and ``async``; of the word itself without one."""
        at = place
        while self.tokens.texts[at].lower() in MODIFIERS:
            at += 1
        return at if self.tokens.texts[at].lower() in (*FUNCTION_WORDS, "func") else place

    def _missing_word(self, place: int) -> Iterable[str]:
        """The keyword that is missing before an assignment or a call."""
        end = self._line_end(place, 0)
        line = self.codes[place:end]
        if CODES["EQUAL"] in line:
            yield "SET"
        if CODES["LPAR"] in line:
            yield "CALL"

    def _next_definition(self, frame: Frame, place: int) -> tuple[Frame | None, int]:
        """The next line at which a definition can begin, on the same column or further to the left."""
        column = self._column(place)
        while True:
            place = self._after_line(self._line_end(place, 0))
            code = self.codes[place]
            if code == END:
                return (frame if advance(frame, END, place) is not None else None), place
            if (
                code in (FUNC, COMMAND, ON)
                and self._column(place) <= column
                and advance(frame, code, place) is not None
            ):
                return frame, place

    # --- the text ----------------------------------------------------------------------------------------------------

    def _column(self, place: int) -> int:
        return self.positions.span(place, place)[1]

    def _line_end(self, place: int, depth: int) -> int:
        """The place of the newline that ends the statement at ``place``, or of the end of the file."""
        codes = self.codes
        while codes[place] != END:
            if codes[place] == NEWLINE and (depth <= 0 or codes[place + 1] in _LINE_WORDS):
                break
            depth = max(0, depth + DEPTHS.get(codes[place], 0))
            place += 1
        return place

    def _after_line(self, end: int) -> int:
        self._start = end + 1 if self.codes[end] == NEWLINE else end
        return self._start

    def _statement_start(self, frame: Frame) -> Frame:
        """The stack as it was before the statement."""
        at = frame
        while at.depth or (advance(at, EMIT, at.place) is None and advance(at, FUNC, at.place) is None):
            if at.below is None:
                break
            at = at.below
        return at

    def _ends_nested(self, frame: Frame) -> bool:
        blocks = open_blocks(frame)
        return bool(blocks) and blocks[0].opener == IF and blocks[0].place in self._nested


FUNC_END = CODES["ENDFUNC"]


def keyword_meant(word: str, possible: frozenset[int]) -> str | None:
    """The keyword among ``possible`` that ``word`` is but for its case or a typing mistake."""
    keywords = [keyword for keyword, code in KEYWORDS.items() if code in possible]
    lower = word.lower()
    if lower in keywords:
        return lower
    if lower in STATEMENT_WORDS or lower in END_WORDS:
        return None
    # From four letters on: among shorter words nearly all are alike.
    close = difflib.get_close_matches(lower, keywords, n=1, cutoff=0.75) if len(word) > 3 else []
    return close[0] if close else None
