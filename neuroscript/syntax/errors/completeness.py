"""Tells whole inputs from incomplete ones, for interactive sessions, which ask after each line."""

from __future__ import annotations

from neuroscript.syntax.lexer import CODES, END, NEWLINE, tokenize
from neuroscript.syntax.tables import ACTIONS, GOTO, RULES

_COMMAND = bytes((CODES["COMMAND"], NEWLINE))
_EMIT = bytes((CODES["EMIT"],))
_ENDCOMMAND = bytes((CODES["ENDCOMMAND"], NEWLINE, END))


def incomplete(text: str) -> bool:
    """Whether an input needs more lines: an open block, bracket or raw string, or a line that is continued.

    Args:
        text: lines of a program, of a block's statements, or of one expression.

    Returns:
        False for what is whole, and for what is wrong already, so that it is run and its error is shown.
    """
    if text.endswith("\\"):
        return True
    tokens = tokenize(text)
    if any(word[:3] in ("```", "'''") and (len(word) < 6 or word[-3:] != word[:3]) for word in tokens.texts):
        return True
    codes, program, block = tokens.codes[:-1], bytes((END,)), _ENDCOMMAND
    if not tokens.texts[-2]:
        # The last line end is not the author's: his stands in an open bracket, where it counts as a blank.
        codes, program, block = codes[:-1], b"", b""
    outcomes = (
        _needs_more(codes, program),
        _needs_more(_COMMAND + codes, block),
        # A line that is `command` alone begins a block, though the word may be a variable too.
        None if codes.startswith(_COMMAND) else _needs_more(_COMMAND + _EMIT + codes, block),
    )
    return True in outcomes and False not in outcomes


def _needs_more(codes: bytes, ending: bytes) -> bool | None:
    """Whether the tokens cannot end with ``ending``; None if they are wrong themselves."""
    states = [0]
    if not _fits(states, codes):
        return None
    return not ending or not _fits(states, ending)


def _fits(states: list[int], codes: bytes) -> bool:
    """Whether the parser in these states accepts the tokens, which it then has taken."""
    for code in codes:
        while True:
            action = ACTIONS[states[-1]].get(code)
            if action is None:
                return False
            if action >= 0:
                states.append(action)
                break
            nonterminal, size, _ = RULES[-1 - action]
            if size:
                del states[-size:]
            states.append(GOTO[states[-1]][nonterminal])
    return True
