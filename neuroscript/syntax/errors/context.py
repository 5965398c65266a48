"""A token that does not fit, its neighbours, and the hint that a rule gives about it."""

from __future__ import annotations

from dataclasses import dataclass

from neuroscript.syntax.errors.recovery import Problem
from neuroscript.syntax.errors.stack import DEPTHS, Frame
from neuroscript.syntax.lexer import CODES, END, NEWLINE, Tokens


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint, and a message where the usual one would not do."""

    text: str = ""
    message: str = ""


class Context:
    """A problem and the tokens round it."""

    def __init__(self, tokens: Tokens, problem: Problem, possible: frozenset[int]) -> None:
        self.tokens = tokens
        self.problem = problem
        self.frame = problem.frame
        self.possible = possible
        self.code = tokens.codes[problem.place]
        self.text = tokens.texts[problem.place]
        self.at_start = problem.place == problem.start

    def word(self, distance: int) -> str:
        """The text of a token at some distance, empty outside the program."""
        place = self.problem.place + distance
        return self.tokens.texts[place] if 0 <= place < len(self.tokens.texts) else ""

    def is_near(self, distance: int, name: str) -> bool:
        place = self.problem.place + distance
        return 0 <= place < len(self.tokens.codes) and self.tokens.codes[place] == CODES[name]

    def can(self, name: str) -> bool:
        return CODES[name] in self.possible

    def touches(self, distance: int) -> bool:
        """Whether the neighbour at -1 or 1 stands next to the token without a blank."""
        left = self.problem.place + min(distance, 0)
        return self.tokens.ends[left] == self.tokens.starts[left + 1]

    @property
    def first_word(self) -> str:
        return self.tokens.texts[self.problem.start]

    @property
    def in_signature(self) -> bool:
        return self.first_word in ("func", "def", "function") and not self.at_start

    @property
    def is_assigned(self) -> bool:
        """Whether an equals sign follows, and no arrow."""
        return self.is_near(1, "EQUAL") and self.word(2) != ">"

    def before(self) -> list[str]:
        """The texts of the tokens of the statement that stand before the token."""
        return list(self.tokens.texts[self.problem.start : self.problem.place])

    def after(self) -> list[str]:
        """The texts from the token to the end of its line."""
        return list(self.tokens.texts[self.problem.place : self.problem.place + len(self.line())])

    def bracket(self) -> int:
        """The code of the innermost bracket that is open; that of the end of the file without one."""
        at: Frame | None = self.frame
        while at is not None and at.depth:
            if at.symbol in DEPTHS and at.depth == self.frame.depth:
                return at.symbol
            at = at.below
        return END

    def line(self) -> list[int]:
        """The codes from the token to the end of its line."""
        codes, place = self.tokens.codes, self.problem.place
        return list(codes[place : codes.index(NEWLINE, place)]) if NEWLINE in codes[place:] else list(codes[place:])
