"""Names of values' types for messages that scripts see."""

from __future__ import annotations

from typing import Any

from neuroscript import type_name


def type_word(value: Any) -> str:
    """Returns the language's name of a value's type, or Python's where a host gives what is no value of a script."""
    word = type_name(value)
    return type(value).__name__ if word == "unknown" else word


def described_type(value: Any) -> str:
    """Returns the type of a value with its article, if it takes one: ``a number``, ``an error``, ``nil``, ``bytes``."""
    word = type_word(value)
    if value is None or word == "bytes":
        return word
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
