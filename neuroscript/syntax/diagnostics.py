"""What is wrong with a program, in words."""

from __future__ import annotations

from neuroscript.errors import Diagnostic, ErrorCode
from neuroscript.runtime.limits import Limits
from neuroscript.syntax import parser
from neuroscript.syntax._tables import RULES
from neuroscript.syntax.builder import Finding
from neuroscript.syntax.lexer import BAD_RANGE, Positions, Tokens


def explain(
    tokens: Tokens, findings: list[Finding], deep: int | None, name: str, limits: Limits
) -> list[Diagnostic]:
    """The findings of a program that does not parse."""
    positions = Positions(tokens)

    def at(place: int, message: str, code: int = ErrorCode.SYNTAX) -> Diagnostic:
        return Diagnostic(positions.lines[place], positions.columns[place] + 1, "error", code, message, name)

    if deep is not None:
        return [at(deep, "the program is nested too deeply", ErrorCode.NESTING_DEPTH_EXCEEDED)]
    place = _stuck(tokens)
    if place is None:
        return [at(*finding) for finding in findings]
    if tokens.codes[place] == BAD_RANGE:
        return [at(place, "the number is out of range", ErrorCode.INVALID_VALUE)]
    return [at(place, f"unexpected {tokens.texts[place] or 'end'!r}")]


def _stuck(tokens: Tokens) -> int | None:
    states, place = [0], 0
    while True:
        action = parser.ACTIONS[states[-1]].get(tokens.codes[place])
        if action is None:
            return place
        if action == 0:
            return None
        if action > 0:
            states.append(action)
            place += 1
        else:
            nonterminal, size, _ = RULES[-1 - action]
            if size:
                del states[-size:]
            states.append(parser.GOTO[states[-1]][nonterminal])
