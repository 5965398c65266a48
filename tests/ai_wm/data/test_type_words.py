"""The names of types in messages of worker management."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.data.type_words import described_type, type_word
from neuroscript import ErrorValue


@pytest.mark.parametrize(
    ("value", "word", "described"),
    [
        (None, "nil", "nil"),
        (True, "boolean", "a boolean"),
        (3, "number", "a number"),
        (2.5, "number", "a number"),
        ("x", "string", "a string"),
        (b"x", "bytes", "bytes"),
        ([1], "list", "a list"),
        ({"a": 1}, "map", "a map"),
        (ErrorValue(1, "x"), "error", "an error"),
        ({1}, "set", "a set"),
    ],
)
def test_types_have_the_names_of_the_language(value: Any, word: str, described: str) -> None:
    assert (type_word(value), described_type(value)) == (word, described)
