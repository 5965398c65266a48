"""Placeholders in text: ``{{name}}``, ``{{a.b}}``, ``{{a[0]}}``, ``{{a["k"]}}`` (language reference, section 5).

They are found once, when a program is loaded or ``eval`` runs; what replaces them is the runtime's.
"""

from __future__ import annotations

import re
from typing import TypeAlias

# A name and the way from its value to the one that is meant: keys as text, indexes as numbers.
Placeholder: TypeAlias = tuple[str, list[str | int]]

_STEP = r"""\.[A-Za-z_][A-Za-z0-9_]*|\[[ \t]*(?:[0-9]{1,18}|"[^"\\\r\n]*"|'[^'\\\r\n]*')[ \t]*\]"""
_PLACEHOLDER = re.compile(rf"\{{\{{[ \t]*([A-Za-z_][A-Za-z0-9_]*)((?:{_STEP})*+)[ \t]*\}}\}}")
_LINE_END = re.compile(r"\r\n?|\n")
_EACH_STEP = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_]*)|\[[ \t]*(?:([0-9]+)|"([^"]*)"|'([^']*)')[ \t]*\]""")


def placeholders(text: str) -> list[str | Placeholder]:
    """The pieces of ``text`` in order: literal text, and placeholders as (name, path).

    What is not of a placeholder's form stays text: ``{{ 1 + 1 }}``, ``{{}}``.  ``last`` is a name like any other.

    >>> placeholders('Dear {{ name }}, {{a.b[0]["k"]}}!')
    ['Dear ', ('name', []), ', ', ('a', ['b', 0, 'k']), '!']
    """
    pieces: list[str | Placeholder] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        if match.start() > end:
            pieces.append(text[end : match.start()])
        end = match.end()
        pieces.append((match[1], [_step(step) for step in _EACH_STEP.finditer(match[2])]))
    if end < len(text):
        pieces.append(text[end:])
    return pieces


def placeholder_spans(text: str, span: tuple[int, int, int, int], *, raw: bool) -> list[tuple[int, int, int, int]]:
    """The places of the placeholders of a string in the program, in their order.

    A string in quotes with escapes in it, whose text is not as long as it is written, gives its own place for each.

    Args:
        text: the string's text.
        span: where the string stands, with its quotes.
        raw: whether it is a raw string, whose text is as it is written.
    """
    line, column, end_line, end_column = span
    exact = raw or (line == end_line and end_column - column == len(text) + 2)
    start = column + (3 if raw else 1)
    breaks = [0, *(match.end() for match in _LINE_END.finditer(text))]
    spans = []
    row = 0
    for match in _PLACEHOLDER.finditer(text):
        while row + 1 < len(breaks) and breaks[row + 1] <= match.start():
            row += 1
        first = match.start() - breaks[row] + (0 if row else start)
        here = (line + row, first, line + row, first + len(match[0]))  # a placeholder stands on one line
        spans.append(here if exact else span)
    return spans


def _step(match: re.Match[str]) -> str | int:
    if match[2]:
        return int(match[2])
    return next(key for key in (match[1], match[3], match[4]) if key is not None)
