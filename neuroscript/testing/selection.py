"""Selects tests by words: ``cart and not slow``."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_MOST_NESTED = 50

Test = Callable[[str], bool]


def selection(text: str) -> Test:
    """A test of identities, from words that they hold (case is ignored), ``and``, ``or``, ``not`` and parentheses.

    Raises:
        ValueError: if the text is no such expression.
    """
    words = _TOKEN.findall(text)
    if not words:
        raise ValueError("a word that is in the names of tests is wanted, not an empty text")
    place = 0

    def next_word() -> str:
        return words[place] if place < len(words) else ""

    def take() -> str:
        nonlocal place
        word = next_word()
        place += 1
        return word

    def either(depth: int) -> Test:
        tests = [both(depth)]
        while next_word() == "or":
            take()
            tests.append(both(depth))
        return lambda name: any(test(name) for test in tests)

    def both(depth: int) -> Test:
        tests = [one(depth)]
        while next_word() == "and":
            take()
            tests.append(one(depth))
        return lambda name: all(test(name) for test in tests)

    def one(depth: int) -> Test:
        if depth > _MOST_NESTED:
            raise ValueError("it is nested too deeply")
        word = take()
        if word == "not":
            denied = one(depth + 1)
            return lambda name: not denied(name)
        if word == "(":
            inner = either(depth + 1)
            if take() != ")":
                raise ValueError("a ')' is missing")
            return inner
        if word in ("", ")", "and", "or"):
            raise ValueError(f"a word is missing before {word!r}" if word else "a word is missing at the end")
        lowered = word.lower()
        return lambda name: lowered in name.lower()

    found = either(0)
    if place < len(words):
        raise ValueError(f"'and' or 'or' is missing before {words[place]!r}")
    return found
