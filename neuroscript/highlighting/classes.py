"""The one table of how words are coloured: every keyword, and the names with a meaning of their own, in classes."""

from __future__ import annotations

from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax.tables import PUNCTUATION, SOFT_WORDS
from neuroscript.values import TYPE_CONSTANTS

CONTROL = frozenset(
    [
        "break",
        "clear",
        "clear_error",
        "continue",
        "do",
        "each",
        "else",
        "endfor",
        "endif",
        "endon",
        "endwhile",
        "endevent",
        "fail",
        "for",
        "if",
        "in",
        "must",
        "mustbe",
        "on",
        "on_error",
        "return",
        "while",
    ]
)
"""Words of the flow of control."""

DEFINITION = frozenset(["endcommand", "endfunc", "func", "means", "needs", "optional", "returns"])
"""Words of which definitions are made."""

STATEMENT = frozenset(["ask", "call", "emit", "promptuser", "set", "whisper"])
"""Words that begin the other statements."""

OPERATOR = frozenset(["and", "eval", "no", "not", "or", "some", "typeof"])
"""Words that are operators."""

CONSTANT = frozenset({"false", "nil", "true"})
"""Words that are values."""

TOOL = frozenset({"tool"})
"""The word that begins the name of a tool."""

SOFT = SOFT_WORDS
"""Words that are keywords only where the grammar needs them."""

HARD_CLASSES = (CONTROL, DEFINITION, STATEMENT, OPERATOR, CONSTANT, TOOL)
"""The classes of the words that are reserved everywhere."""

BUILTIN_FUNCTIONS = frozenset({*BUILTINS, "len"})
VARIABLES = frozenset({"last", "system_error", "system_error_code", "system_error_message"})
TYPES = frozenset(TYPE_CONSTANTS)

OPERATOR_SIGNS = tuple(sorted((sign for sign in PUNCTUATION if sign not in "()[]{},.:"), key=lambda s: (-len(s), s)))
"""The operators, the longest first."""

AFTER = {"error": ("on",), "event": ("on", "clear")}
"""Soft words that are keywords after others."""

NO_NAME_BEFORE = "=.,[()]"
"""What stands after a soft word that is a name."""


def alternatives(words: frozenset[str]) -> str:
    """A regular expression for any of the words, in a fixed order, the longer ones first."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))
