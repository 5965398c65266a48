"""The patterns that Python's engine is used for: it finds what RE2 finds, and does not take long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from neuroscript.errors import NeuroScriptError
from neuroscript.stdlib import regex, regex_patterns
from neuroscript.stdlib.regex_parts import LONGEST
from neuroscript.stdlib.regex_short import short_pattern
from tests.stdlib.calls import Small, code, tool

ITEMS = (*"abA0-_.é ^(|+", "a-c", "0-9", "A-Z", r"\d", r"\w", r"\s", r"\.", r"\]", r"\-", "&&", r"\n")
SINGLE = (*"abB01,é-=@ksſ/ ", "ab", ".", r"\d", r"\w", r"\s", r"\S", r"\D", r"\W", r"\.", r"\b", "^", "$", r"\n")
REPEATS = ("*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "+?", "??")
CHARACTERS = "aabbABk0011 ,.-_=\n/@éKſ"


class Patterns:
    """Makes patterns and texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def single(self) -> str:
        """A character, a class, or an anchor."""
        if self.random.random() < 0.6:
            return self.random.choice(SINGLE)
        items = "".join(self.random.choices(ITEMS, k=self.random.randint(1, 4)))
        return f"[{'^' if self.random.random() < 0.3 else ''}{items}]"

    def part(self, depth: int) -> str:
        """A part of a pattern."""
        kind = self.random.random()
        if depth == 0 or kind < 0.3:
            return self.single()
        if kind < 0.6:
            return "".join(self.part(depth - 1) for _ in range(self.random.randint(1, 4)))
        if kind < 0.8:
            part = self.part(depth - 1)
            if self.random.random() < 0.6:
                part = self.random.choice(("(", "(?:", f"(?P<x{self.random.randint(0, 999)}>")) + part + ")"
            return part + self.random.choice(REPEATS)
        branches = "|".join(self.part(depth - 1) for _ in range(self.random.randint(1, 3)))
        return branches if kind < 0.86 else f"{self.random.choice(('(', '(?:'))}{branches})"

    def pattern(self) -> str:
        """A pattern, valid or not."""
        start, end = self.random.choice(("", "", "", "^", "(?i)")), self.random.choice(("", "", "$"))
        return start + self.part(self.random.randint(1, 3)) + end

    def text(self) -> str:
        """A short text."""
        return "".join(self.random.choices(CHARACTERS, k=self.random.randint(0, 14)))


def results(pattern: str, text: str, replacement: str) -> list[Any]:
    """What the tools give, or their errors."""
    calls: tuple[Callable[[], Any], ...] = (
        lambda: regex.match(None, pattern, text),
        lambda: regex.find(None, pattern, text),
        lambda: regex.find_all(None, pattern, text),
        lambda: regex.groups(None, pattern, text),
        lambda: regex.named_groups(None, pattern, text),
        lambda: regex.find_all_groups(None, pattern, text),
        lambda: regex.replace(None, pattern, text, replacement, -1),
        lambda: regex.replace(None, pattern, text, replacement, 1),
        lambda: regex.split(None, pattern, text),
    )
    found: list[Any] = []
    for call in calls:
        try:
            found.append(call())
        except NeuroScriptError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_both_engines_find_the_same(seed: int) -> None:
    made = Patterns(seed)
    short = 0
    for _ in range(500):
        pattern = made.pattern()
        try:
            compiled = regex_patterns.compiled_pattern(pattern, "regex.Match")
        except NeuroScriptError:
            continue
        known = short_pattern(pattern)
        if known is None:
            continue
        short += 1
        for _ in range(4):
            text, replacement = made.text(), made.random.choice(("", "x", "$0", "$1-", "[$$]", "\\1"))
            compiled.uses, compiled.short = 1000, None
            wanted = results(pattern, text, replacement)
            compiled.short = known
            assert results(pattern, text, replacement) == wanted, (pattern, text, replacement)
    assert short > 200


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("^[a-z]+$", LONGEST, LONGEST),  # fails or matches after one way through the text
        ("[0-9]+", LONGEST, LONGEST),  # matches as soon as there is a digit
        (r"\d{4}-\d\d-\d\d", 4096, LONGEST),
        ("[a-z]+!", 300, 500),  # a try at each place may read the rest
        (r"\w+@\w+\.com", 300, 500),
        (r'^(\S+) - (\S+) "(GET|POST|PUT) (\S+)" (\d{3})$', 4096, LONGEST),  # each end is tried in a few steps
        (r"^[\w.+-]+@[\w-]+\.[\w.]+$", LONGEST, LONGEST),
        (r"^\d{1,3}(\.\d{1,3}){3}$", LONGEST, LONGEST),
        (r"https?://[^\s/]+(/\S*)?", 4096, LONGEST),  # what comes last is of the match in any case
        (r"(.*?): (.*)", 200, 400),
        ("a.*b", 200, 400),  # each try has as many ends
        ("a(.*b)?", 200, 400),
        ("a.*b.*c", 30, 60),  # and each of them as many again
        ("a*a*b", 30, 100),
        (r"\s*(.*?)\s*;", 16, 30),
    ],
)
def test_a_pattern_is_for_texts_that_it_is_quick_for(pattern: str, least: int, most: int) -> None:
    short = short_pattern(pattern)
    assert short is not None
    assert least <= short.most <= most


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(?:a|a)*b",
        "(?:a*b?)*c",
        "(a|b|ab)*c",
        "(?:a{1,5}b?){3}c",
        "a*a*a*a*b",
        "(a|ab)(a|ab)(a|ab)(a|ab)(a|ab)c",
        "(a?)*b",
        "a*" * 20,
        "((((((((((a))))))))))",
        r"\pL+",
        r"\Ba",
        "[[:alpha:]]+",
        "(?s).",
        "(?i)é",
        "a" * 300,
    ],
)
def test_what_may_take_long_or_means_something_else_is_left_to_re2(pattern: str) -> None:
    regex_patterns.compiled_pattern(pattern, "regex.Match")  # is valid
    assert short_pattern(pattern) is None


def test_without_regard_to_case_it_is_for_ascii_alone() -> None:
    short = short_pattern("(?i)k+")
    assert short is not None
    assert (short.most, short.most_ascii) == (0, LONGEST)
    for _ in range(5):
        assert tool("regex.FindAll", "(?i)k+", "kK \u212a") == ["kK", "\u212a"]


@pytest.mark.parametrize("seed", range(4))
def test_no_text_takes_long(seed: int) -> None:
    made = Patterns(seed)
    for _ in range(150):
        pattern = made.pattern()
        try:
            regex_patterns.compiled_pattern(pattern, "regex.Match")
        except NeuroScriptError:
            continue
        short = short_pattern(pattern)
        if short is None:
            continue
        for unit in ("a", "ab", "0", "a ", "aab", "b,", "a="):
            text = (unit * short.most_ascii)[: short.most_ascii]
            started = time.thread_time()
            for _ in (short.groups or short.whole).finditer(text):
                pass
            assert time.thread_time() - started < 1, (pattern, unit)  # some milliseconds; without a bound, years


SMALL = Small(max_items=100, max_string=1000)


class TestLimits:
    """The limits of the run hold for short texts as well."""

    @pytest.fixture(autouse=True)
    def _often(self) -> None:
        for pattern in (",", "(a)(b)"):
            for _ in range(5):
                tool("regex.Match", pattern, "x")

    def test_items(self) -> None:
        assert code("regex.FindAll", ",", "," * 200, context=SMALL) == 37
        assert code("regex.Split", ",", "," * 200, context=SMALL) == 37
        assert code("regex.FindAllGroups", "(a)(b)", "ab" * 60, context=SMALL) == 37

    def test_characters(self) -> None:
        assert code("regex.Replace", ",", "," * 100, "x" * 100, context=SMALL) == 37
        assert code("regex.Replace", "(a)(b)", "ab" * 100, "$1" * 100, context=SMALL) == 37
