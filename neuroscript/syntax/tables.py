"""The LALR tables as the lexer, the parser and the error messages use them.

`_tables`, which `generate` writes, holds them packed: equal rows once.
"""

from __future__ import annotations

from neuroscript.syntax._tables import (
    GOTOS,
    KEYWORDS,
    NONTERMINALS,
    PATTERNS,
    PUNCTUATION,
    ROWS,
    RULES,
    STATE_GOTOS,
    STATE_ROWS,
    TERMINALS,
)

__all__ = [
    "ACTIONS",
    "BUILTIN_WORDS",
    "GOTO",
    "KEYWORDS",
    "NONTERMINALS",
    "PATTERNS",
    "PUNCTUATION",
    "RULES",
    "SOFT_WORDS",
    "TERMINALS",
    "WORDS",
    "landing",
]


BUILTIN_WORDS = frozenset(
    {"acos", "asin", "atan", "cos", "fuzzy", "last", "len", "ln", "log", "sin", "tan", "timedate"}
)
"""Words that are names to the grammar, and may be those of variables and parameters, but not of procedures."""

SOFT_WORDS = frozenset({"as", "command", "error", "event", "into", "named", "with"})
"""Keywords that may be names of variables and parameters where no rule of the grammar needs them (rule ``soft``)."""

WORDS = BUILTIN_WORDS.union(KEYWORDS)
"""Every word that has a meaning of its own."""


def _unpacked(texts: tuple[tuple[int, ...], ...], numbers: tuple[int, ...]) -> list[dict[int, int]]:
    rows = [dict(zip(row[0::2], row[1::2], strict=True)) for row in texts]
    return [rows[number] for number in numbers]


ACTIONS = _unpacked(ROWS, STATE_ROWS)
"""For each state, what a token does: a positive number is the next state, 0 the end of the program, and a negative one
stands for the rule ``-1 - action``, which is applied."""

GOTO = _unpacked(GOTOS, STATE_GOTOS)
"""For each state, the state that a nonterminal leads to."""


def landing(state: int, nonterminal: int, code: int) -> int:
    """The state after ``state`` and ``nonterminal``, past the rules that only pass it on before the token ``code``."""
    gotos = GOTO[state]
    target = gotos[nonterminal]
    while True:
        action = ACTIONS[target].get(code, 0)
        if action >= 0:
            return target
        nonterminal, size, method = RULES[-1 - action]
        if size != 1 or method:
            return target
        target = gotos[nonterminal]
