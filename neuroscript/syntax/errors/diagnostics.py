"""Diagnostics of syntax errors: what was found, what could stand there, and what the author probably meant.

What could stand at a place is asked of the parser's own tables.  The `hints` on common mistakes are added to it.
"""

from __future__ import annotations

from neuroscript.errors import Diagnostic, ErrorCode
from neuroscript.limits import Limits
from neuroscript.syntax.builder import Finding
from neuroscript.syntax.errors.common_mistakes import END_WORDS, FUNCTION_WORDS, MODIFIERS
from neuroscript.syntax.errors.context import Hint
from neuroscript.syntax.errors.hints import hint_for
from neuroscript.syntax.errors.lexical import lexical_error
from neuroscript.syntax.errors.recovery import Problem, Recovery
from neuroscript.syntax.errors.stack import (
    COMMAND,
    ELSE,
    END_CODES,
    EXPRESSION_CODES,
    FUNC,
    OPERAND_CODES,
    OPERATOR_CODES,
    POSTFIX_CODES,
    STATEMENT_CODES,
    Frame,
    OpenBlock,
    expected,
    open_blocks,
)
from neuroscript.syntax.lexer import (
    BAD_RANGE,
    CODES,
    END,
    HIDDEN,
    METADATA,
    NAME,
    NEWLINE,
    STRING,
    Positions,
    Tokens,
    tokenize,
)
from neuroscript.syntax.source import LINE_END
from neuroscript.syntax.tables import KEYWORDS, PUNCTUATION, SOFT_WORDS, TERMINALS

SOFT_CODES = frozenset(KEYWORDS[word] for word in SOFT_WORDS)
_TEXTS = {code: text for text, code in {**KEYWORDS, **PUNCTUATION}.items()}
_BRACKETS = {CODES["LPAR"]: CODES["RPAR"], CODES["LSQB"]: CODES["RSQB"], CODES["LBRACE"]: CODES["RBRACE"]}
_SHOWN = 30


def explain(
    tokens: Tokens, findings: list[Finding], deep: int | None, name: str, limits: Limits, added: int = 0
) -> list[Diagnostic]:
    """The diagnostics of a program that the parser has refused, the first one first.

    Args:
        tokens: as the parser had them.
        findings: of the tree's builder, up to where it came.
        deep: the place of the token that nests too deeply, if any; nothing after it is read.
        name: of the file.
        limits: the limits that hold.
        added: how many lines at the beginning are not the author's, which messages do not count or name.
    """
    every = tokenize(tokens.source, every_newline=True)
    writer = _Writer(every, Positions(every), name, added)
    place_of = {start: place for place, start in enumerate(every.starts) if every.codes[place] != END}
    stop = None if deep is None else place_of[tokens.starts[deep]]
    found = [writer.diagnostic(place_of[tokens.starts[place]], message) for place, message in findings]
    found += [writer.problem(problem) for problem in Recovery(every, writer.positions, stop).run()]
    found.sort(key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    if stop is not None:
        message = f"blocks, brackets and operators inside one another go deeper than {limits.max_nesting} levels here"
        hint = "give a part a name with `set`, or move it into a procedure of its own"
        found.append(writer.diagnostic(stop, message, hint, ErrorCode.NESTING_DEPTH_EXCEEDED))
    return found


class _Writer:
    """Makes diagnostics of places and messages."""

    def __init__(self, tokens: Tokens, positions: Positions, name: str, added: int) -> None:
        self.tokens = tokens
        self.codes = tokens.codes
        self.positions = positions
        self.name = name
        self.added = added
        self.line_starts = tokens.line_starts()

    def diagnostic(
        self, place: int, message: str, hint: str = "", code: int = ErrorCode.SYNTAX, offset: int = 0, width: int = 0
    ) -> Diagnostic:
        """One finding at a token, or at ``offset`` characters into it and ``width`` wide."""
        start = self.tokens.starts[place] + offset
        line = self.positions.line(place) if not offset else self._line(start)
        first = self.line_starts[line - 1]
        shown = LINE_END.split(self.tokens.source[first : self._line_limit(line)], maxsplit=1)[0]
        column = start - first
        if not width:
            token = LINE_END.split(self.tokens.texts[place][offset:], maxsplit=1)[0]
            width = 1 if self.codes[place] == NEWLINE else len(token)
        end = min(column + max(width, 1), max(len(shown), column + 1))
        return Diagnostic(line, column + 1, "error", code, message, self.name, end + 1, shown, hint)

    def _line(self, offset: int) -> int:
        return sum(1 for start in self.line_starts if start <= offset)

    def _line_limit(self, line: int) -> int:
        return self.line_starts[line] if line < len(self.line_starts) else len(self.tokens.source)

    # --- one problem -------------------------------------------------------------------------------------------------

    def problem(self, problem: Problem) -> Diagnostic:
        """The diagnostic of a token that does not fit."""
        place = problem.place
        if self.codes[place] > HIDDEN:
            error = lexical_error(self.codes[place], self.tokens, place)
            code = ErrorCode.INVALID_VALUE if self.codes[place] == BAD_RANGE else ErrorCode.SYNTAX
            return self.diagnostic(place, error.message, error.hint, code, error.offset, error.width)
        possible = expected(problem.frame)
        hint = hint_for(self.tokens, problem, possible) or Hint()
        message = hint.message or self._message(problem, possible)
        bracket = self._open_bracket(problem.frame)
        if bracket is not None and self._comment_follows(bracket.place):
            cure = "`#` begins a comment that reaches to the end of the line; a length is `len(x)`"
            return self.diagnostic(bracket.place, f"the `{_TEXTS[bracket.symbol]}` is not closed on its line", cure)
        return self.diagnostic(place, message, hint.text)

    def _comment_follows(self, place: int) -> bool:
        """Whether ``#name`` stands right after a token, as where another language takes a length."""
        after = self.tokens.source[self.tokens.ends[place] : self.tokens.ends[place] + 2]
        return after[:1] == "#" and (after[1:].isalpha() or after[1:] == "_")

    def _message(self, problem: Problem, possible: frozenset[int]) -> str:
        place, frame = problem.place, problem.frame
        code = self.codes[place]
        bracket = self._open_bracket(frame)
        blocks = [block for block in open_blocks(frame) if self._is_authors(block.place)]
        if bracket is not None:
            return self._in_bracket(place, bracket, possible)
        if code == END and blocks:
            return f"the file ends, but {self._blocks(blocks)} still open: expected `{_TEXTS[blocks[0].closers[0]]}`"
        if place == problem.start:
            if code in END_CODES or code == ELSE:
                return self._end_word(code, blocks)
            if code in (FUNC, COMMAND) and blocks:
                closer = _TEXTS[blocks[0].closers[0]]
                return f"found `{_TEXTS[code]}`, but {self._blocks(blocks)} still open: expected `{closer}` first"
            word = self.tokens.texts[place]
            if word == "}" or word.lower() in END_WORDS:
                if not blocks:
                    return f"`{word}` closes nothing here: no block is open"
                closer = _TEXTS[blocks[0].closers[0]]
                if END_WORDS.get(word.lower(), "") in ("", TERMINALS[blocks[0].closers[0]]):
                    return f"found `{word}`, but {self._block(blocks[0])} ends with `{closer}`"
        return f"found {self.token(place)}, expected {phrase(possible)}"

    def _in_bracket(self, place: int, bracket: Frame, possible: frozenset[int]) -> str:
        code = self.codes[place]
        opening = _TEXTS[bracket.symbol]
        closing = _TEXTS[_BRACKETS[bracket.symbol]]
        line = self.positions.line(bracket.place)
        where = f"the `{opening}` in column {self.positions.span(bracket.place, bracket.place)[1] + 1}"
        if line != self.positions.line(place):
            where += f" of line {line - self.added}"
        if code in _BRACKETS.values():
            if code == _BRACKETS[bracket.symbol]:
                return f"found `{closing}`, expected {phrase(possible)}"
            return f"`{_TEXTS[code]}` does not close {where}: expected {phrase(possible)}"
        far = line != self.positions.line(place) or code == END
        if far and (code == END or code in STATEMENT_CODES or code in END_CODES):
            return f"{where} is not closed: found {self.token(place)}, expected {phrase(possible)}"
        return f"found {self.token(place)}, expected {phrase(possible)}"

    def _end_word(self, code: int, blocks: list[OpenBlock]) -> str:
        word = _TEXTS[code]
        if code == ELSE:
            closers = [_TEXTS[block.closers[0]] for block in blocks]
            if "endif" not in closers:
                return "`else` belongs to an `if`, and none is open here"
            if closers[0] == "endif":
                return f"a second `else` in {self._block(blocks[0])}: expected `endif`"
            return f"found `else`, but {self._block(blocks[0])} is still open: expected `{closers[0]}`"
        owner = next((block for block in blocks if code in block.closers), None)
        if owner is not None:
            inner = blocks[: blocks.index(owner)]
            return (
                f"found `{word}`, but {self._blocks(inner)} still open: expected `{_TEXTS[inner[0].closers[0]]}` first"
            )
        opener = _OPENED_BY[word]
        if not blocks:
            return f"`{word}` closes {opener}, and none is open here"
        closer = _TEXTS[blocks[0].closers[0]]
        return f"`{word}` closes {opener}, and none is open here: {self._block(blocks[0])} ends with `{closer}`"

    def _block(self, block: OpenBlock) -> str:
        line = self.positions.line(block.place)
        text = _OPENING_WORDS[_TEXTS[block.closers[0]]]
        if text == "func":
            place = block.place + 1
            while self.tokens.texts[place].lower() in (*FUNCTION_WORDS, *MODIFIERS):
                place += 1
            text = f"func {self.tokens.texts[place]}" if self.codes[place] == NAME else text
        elif text == "on":
            text = "on error" if self.codes[block.place + 1] == CODES["ERROR"] else "on event"
            text = "on_error" if self.codes[block.place] == CODES["ON_ERROR"] else text
        return f"the `{text}` of line {line - self.added}"

    def _blocks(self, blocks: list[OpenBlock]) -> str:
        """Up to three blocks, with ``is`` or ``are``."""
        named = [self._block(block) for block in blocks[:3]]
        if len(blocks) > 3:
            named.append(f"{len(blocks) - 3} more")
        return _listed(named, "and") + (" is" if len(blocks) == 1 else " are")

    def _open_bracket(self, frame: Frame) -> Frame | None:
        """The innermost bracket that is open."""
        at: Frame | None = frame
        while at is not None and at.depth:
            if at.symbol in _BRACKETS and at.depth == frame.depth:
                return at if self._is_authors(at.place) else None
            at = at.below
        return None

    def _is_authors(self, place: int) -> bool:
        return self.positions.line(place) > self.added

    def token(self, place: int) -> str:
        """A token as a message shows it."""
        code, text = self.codes[place], self.tokens.texts[place]
        if code == END:
            return "the end of the file"
        if code == NEWLINE:
            return "the end of the line"
        if code == METADATA:
            return "metadata"
        line = LINE_END.split(text, maxsplit=1)[0]
        if len(line) > _SHOWN or line != text:
            line = line[:_SHOWN] + "…"
        if code == STRING or text.startswith(("'''", "```")):
            return f"the string {line}"
        return f"`{line}`"


_OPENING_WORDS = {
    "endfunc": "func",
    "endcommand": "command",
    "endif": "if",
    "endwhile": "while",
    "endfor": "for each",
    "endon": "on",
    "endevent": "on",
}
_OPENED_BY = {
    "endfunc": "a procedure",
    "endcommand": "a command block",
    "endif": "an `if`",
    "endwhile": "a `while`",
    "endfor": "a `for each`",
    "endon": "an `on error` or `on event`",
    "endevent": "an `on event`",
}


def phrase(possible: frozenset[int]) -> str:
    """What could stand somewhere, in the words of a person: at most a handful of things."""
    rest = set(possible)
    if NAME in rest:
        rest -= SOFT_CODES
    parts: list[str] = []
    if rest >= OPERAND_CODES - SOFT_CODES:
        parts.append("an expression" if rest >= EXPRESSION_CODES - SOFT_CODES else "a value")
        rest -= EXPRESSION_CODES | {CODES["MUST"]}
    if rest >= STATEMENT_CODES:
        parts.append("a statement")
        rest -= STATEMENT_CODES | {METADATA, NEWLINE}
    if rest >= {FUNC, CODES["ON"]}:
        rest -= {CODES["ON"], METADATA, NEWLINE, END}
        parts.append("`on event`")
    if rest >= OPERATOR_CODES:
        parts.append("an operator")
        rest -= OPERATOR_CODES | POSTFIX_CODES
    if rest >= {CODES["DOT"], CODES["LSQB"]}:
        rest -= POSTFIX_CODES if NEWLINE in rest else {CODES["DOT"], CODES["LSQB"]}
    if NEWLINE in rest:
        parts.append("the end of the line")
        rest -= {NEWLINE, END}
    for code, words in ((NAME, "a name"), (STRING, "a string"), (METADATA, "metadata"), (END, "the end of the file")):
        if code in rest:
            parts.append(words)
            rest.discard(code)
    return _listed([*(f"`{_TEXTS.get(code, TERMINALS[code])}`" for code in sorted(rest)), *parts], "or")


def _listed(parts: list[str], word: str) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"
