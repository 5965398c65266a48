"""How deep a program nests: found from its tokens, before a tree is made of it.

What counts is what makes a tree deeper: blocks inside a procedure, command block or event handler, brackets, unary
operators, the right side of ``**``, and each step of ``x.a[0](1)``.  Chains of binary operators are flat and do not
count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from neuroscript.syntax.lexer import CODES, HIDDEN, Tokens
from neuroscript.syntax.tables import KEYWORDS, SOFT_WORDS

_OPEN_BLOCKS = frozenset(CODES[name] for name in ("FUNC", "COMMAND", "IF", "WHILE", "FOR", "ON", "ON_ERROR"))
_CLOSE_BLOCKS = frozenset(
    CODES[name] for name in ("ENDFUNC", "ENDCOMMAND", "ENDIF", "ENDWHILE", "ENDFOR", "ENDON", "ENDEVENT")
)
_OPEN_BRACKETS = frozenset(CODES[name] for name in ("LPAR", "LSQB", "LBRACE"))
_CLOSE_BRACKETS = frozenset(CODES[name] for name in ("RPAR", "RSQB", "RBRACE"))
_PREFIXES = frozenset(CODES[name] for name in ("MINUS", "NOT", "NO", "SOME", "TILDE", "TYPEOF"))
_OPERANDS = frozenset(
    CODES[name] for name in ("NAME", "NUMBER", "STRING", "RAW_STRING", "LITERAL_STRING", "TRUE", "FALSE", "NIL")
).union((KEYWORDS[word] for word in SOFT_WORDS), range(HIDDEN + 1, 256))
_NEWLINE, _ELSE, _IF, _POWER, _DOT = (CODES[name] for name in ("NEWLINE", "ELSE", "IF", "POWER", "DOT"))
_COMMAND = CODES["COMMAND"]

_ELSEWHERE = b"".join(b"\\x%02x" % code for code in sorted((_OPEN_BLOCKS | _CLOSE_BLOCKS) - {_COMMAND}))
# `command` begins a block at the beginning of a line; elsewhere it is a name.
_BLOCK_WORD = re.compile(b"[" + _ELSEWHERE + b"]|(?:(?<=\\x%02x)|\\A)\\x%02x" % (_NEWLINE, _COMMAND))
_OPENING_WORDS = frozenset(bytes((code,)) for code in _OPEN_BLOCKS)
_ELSE_IF = bytes((_ELSE, _IF))
# What makes nothing deeper, the ends of lines apart.
_FLAT = bytes({*range(256)} - _OPEN_BRACKETS - _PREFIXES - {_NEWLINE, _POWER, _DOT})
# An `else if` opens no block: in its place, for counting, stands something that is no word for a block.
_NO_BLOCK = bytes((_ELSE, _DOT))


def first_too_deep(tokens: Tokens, limit: int | None) -> int | None:
    """The place of the first token that nests deeper than ``limit``, or None.

    Blocks and brackets, counted each for itself, decide nearly always.  Only a line with more operators than are left
    to the limit can reach it by them; then the whole program is counted through.
    """
    codes = tokens.codes
    if limit is None or limit >= len(codes):
        return None
    # The procedure itself, in which everything stands, does not count.
    depth = deepest = -1
    for match in _BLOCK_WORD.finditer(codes.replace(_ELSE_IF, _NO_BLOCK)):
        if match[0] in _OPENING_WORDS:
            depth += 1
            if depth > deepest:
                deepest = depth
        elif depth >= 0:
            depth -= 1
    left = limit - max(deepest, 0) - tokens.bracket_depth
    lines = codes.translate(None, _FLAT).split(bytes((_NEWLINE,)))
    if max(map(len, lines)) <= left:
        return None
    return _count_through(codes, limit)


@dataclass(slots=True)
class _Level:
    """The inside of a bracket, or a line: the operators before the present operand, and how high it is by now."""

    before: int
    prefixes: int = 0
    height: int = 0
    highest: int = 0

    def finish(self) -> None:
        """The operand has ended; the next one begins anew."""
        self.highest = max(self.highest, self.prefixes + self.height)
        self.prefixes = self.height = 0


def _count_through(codes: bytes, limit: int) -> int | None:
    blocks = -1
    levels = [_Level(0)]
    previous = _NEWLINE
    ended = False  # whether an operand stands before the present token
    for place, code in enumerate(codes):
        level = levels[-1]
        was_ended, ended = ended, False
        if code in _OPEN_BRACKETS:
            levels.append(_Level(level.before + level.prefixes + 1))
        elif code in _CLOSE_BRACKETS:
            if len(levels) > 1:
                level.finish()
                levels.pop()
                levels[-1].height = max(levels[-1].height, level.highest) + 1
            ended = True
        elif code in _OPERANDS and not (code == _COMMAND and previous == _NEWLINE):
            ended = True
        elif code == _DOT:
            level.height += 1
        elif code == _POWER:
            level.prefixes += 1
            level.highest = max(level.highest, level.prefixes + level.height)
            level.height = 0
        elif code in _PREFIXES and not was_ended:
            level.prefixes += 1
        elif code == _NEWLINE:
            levels = [_Level(max(blocks, 0))]
        else:
            level.finish()
            if code in _OPEN_BLOCKS and not (code == _IF and previous == _ELSE):
                blocks += 1
                level.before = blocks
            elif code in _CLOSE_BLOCKS:
                blocks = max(-1, blocks - 1)
        previous = code
        level = levels[-1]
        if level.before + max(level.highest, level.prefixes + level.height) > limit:
            return place
    return None
