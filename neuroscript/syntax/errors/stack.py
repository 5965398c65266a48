"""An immutable parser stack, which can be asked what could come next.

The driver in `parser` is for speed; this is for questions.  The classes of terminals that messages speak of come from
the same tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from neuroscript.syntax.lexer import CODES, END, NEWLINE
from neuroscript.syntax.tables import ACTIONS, NONTERMINALS, RULES, TERMINALS, landing


class Frame(NamedTuple):
    """One symbol on the parser's stack, and all those below it."""

    state: int
    symbol: int  # a terminal's code, or ~ the number of a nonterminal
    place: int  # of its first token
    depth: int  # brackets open after it
    below: Frame | None


START = Frame(0, END, 0, 0, None)
DEPTHS = {CODES[name]: 1 for name in ("LPAR", "LSQB", "LBRACE")} | {CODES[n]: -1 for n in ("RPAR", "RSQB", "RBRACE")}

EMIT, FUNC, COMMAND, ELSE, IF, ON = (CODES[name] for name in ("EMIT", "FUNC", "COMMAND", "ELSE", "IF", "ON"))
_HANDLER_HEAD = ~NONTERMINALS.index("_handler_head")

# The terminals that end the block which a symbol opens; the first is the one to write.
CLOSERS: dict[int, tuple[int, ...]] = {
    opener: tuple(CODES[name] for name in closers.split())
    for opener, closers in (
        (FUNC, "ENDFUNC"),
        (COMMAND, "ENDCOMMAND"),
        (IF, "ENDIF"),
        (CODES["WHILE"], "ENDWHILE"),
        (CODES["FOR"], "ENDFOR"),
        (ON, "ENDON ENDEVENT"),
        (_HANDLER_HEAD, "ENDON"),
    )
}
END_CODES = frozenset(code for codes in CLOSERS.values() for code in codes)


def advance(frame: Frame, code: int, place: int) -> Frame | None:
    """The stack after one more token; None if it does not fit.  The end of the file leaves it as it is."""
    while True:
        action = ACTIONS[frame.state].get(code)
        if action is None:
            return None
        if action > 0:
            return Frame(action, code, place, frame.depth + DEPTHS.get(code, 0), frame)
        if action == 0:
            return frame
        nonterminal, size, _ = RULES[-1 - action]
        below, first = frame, place
        for _ in range(size):
            first = below.place
            assert below.below is not None
            below = below.below
        frame = Frame(landing(below.state, nonterminal, code), ~nonterminal, first, below.depth, below)


def expected(frame: Frame) -> frozenset[int]:
    """The terminals that can follow."""
    return frozenset(code for code in range(len(TERMINALS)) if advance(frame, code, frame.place) is not None)


def fed(frame: Frame | None, names: Iterable[str], place: int) -> Frame | None:
    """The stack after the terminals of these names, None if one does not fit."""
    for name in names:
        if frame is not None:
            frame = advance(frame, CODES[name], place)
    return frame


def _after(*names: str) -> frozenset[int]:
    frame = fed(START, ["COMMAND", "NEWLINE", *names], 0)
    assert frame is not None
    return expected(frame)


# Classes of terminals, as the tables have them.
STATEMENT_CODES = _after("BREAK", "NEWLINE") - END_CODES
EXPRESSION_CODES = _after("EMIT")
OPERAND_CODES = _after("EMIT", "NUMBER", "POWER")
POSTFIX_CODES = _after("CALL", "NUMBER") | {CODES["POWER"]}
OPERATOR_CODES = _after("EMIT", "NUMBER") - POSTFIX_CODES - {NEWLINE}
# After these an operand follows: no line ends with one.
JOINING_CODES = OPERATOR_CODES | {CODES["POWER"], CODES["COMMA"]}


@dataclass(frozen=True, slots=True)
class OpenBlock:
    """A block that is open: the symbol that opened it, and the place of its first token."""

    opener: int
    place: int

    @property
    def closers(self) -> tuple[int, ...]:
        """The terminals that can end it; the first is the one to write."""
        return CLOSERS[self.opener]


def open_blocks(frame: Frame) -> list[OpenBlock]:
    """The blocks that are open, the innermost first."""
    blocks = []
    at: Frame | None = frame
    while at is not None:
        follows_else = at.symbol == IF and at.below is not None and at.below.symbol == ELSE
        if at.symbol in CLOSERS and not follows_else:
            blocks.append(OpenBlock(at.symbol, at.place))
        at = at.below
    return blocks
