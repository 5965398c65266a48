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


def _step(match: re.Match[str]) -> str | int:
    if match[2]:
        return int(match[2])
    return next(key for key in (match[1], match[3], match[4]) if key is not None)
