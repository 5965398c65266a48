"""The tools of group ``regex``."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.errors import EvaluationError
from tests.stdlib.calls import Small, code, tool


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Match", ["^é.$", "é日"], True),
        ("Match", ["a", ""], False),
        ("Match", ["", ""], True),
        ("Match", ["(?i)STRASSE", "strasse"], True),
        ("Find", ["[0-9]+", "abc"], None),
        ("Find", ["日.", "本日は"], "日は"),
        ("FindAll", ["", "aé😀b"], ["", "", "", "", ""]),
        ("FindAll", ["a*", "baaac"], ["", "aaa", ""]),
        ("FindAll", ["(a)(b)?", "aab"], ["a", "ab"]),
        ("FindAll", [r"\b\w", "ab cd"], ["a", "c"]),
        ("FindAll", ["^a", "aaa"], ["a"]),
        ("FindAll", ["x", ""], []),
        ("Groups", ["(a)|(b)", "b"], ["b", None, "b"]),
        ("Groups", ["(a)", "x"], None),
        ("NamedGroups", ["(?P<k>a)(?P<v>b)?(c)", "ac"], {"k": "a", "v": None}),
        ("NamedGroups", ["(?P<k>a)", "x"], None),
        ("FindAllGroups", ["(.)=(.)", "é=1 b=2"], [["é=1", "é", "1"], ["b=2", "b", "2"]]),
        ("Replace", ["a*", "baaac", "-"], "-b-c-"),
        ("Replace", ["(a)(b)?", "ab a", "[$2|$1]"], "[b|a] [|a]"),
        ("Replace", ["(?P<n>a)", "a", "${n}1 $n $$n $0"], "a1 a $n a"),
        ("Replace", ["a", "aaa", "b", 2], "bba"),
        ("Replace", ["a", "aaa", "b", 0], "aaa"),
        ("Replace", ["a", "a", r"\1 $"], r"\1 $"),
        ("Split", [",", "a,,b,"], ["a", "", "b", ""]),
        ("Split", ["", "aé😀"], ["a", "é", "😀"]),
        ("Split", ["x*", "axxb"], ["a", "b"]),
        ("Split", [",", ""], [""]),
        ("Escape", ["a.b*[é]"], r"a\.b\*\[é\]"),
    ],
)
def test_results(name: str, args: list[Any], result: Any) -> None:
    assert tool(f"regex.{name}", *args) == result


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("a(b", "missing ) at the end, after 'a(b'"),
        ("[z-a]", "invalid character class range near 'z-a', at character 2"),
        ("a[b", "missing ] near '[b', at character 2"),
        ("x{1001}", "invalid repetition size near '{1001}', at character 2"),
        (r"(a)\1", r"invalid escape sequence near '\\1', at character 4"),
        ("(?<=a)b", "without look-around"),
        ("((a{100}){100}){100}", "invalid repetition size"),
        (r"\pL{900}", "pattern too large"),
        ("a" * 5000, "the pattern has 5000 characters; at most 4096 will do"),
    ],
)
def test_what_is_no_pattern(pattern: str, complaint: str) -> None:
    for call in (("regex.Match", pattern, "x"), ("str.ReplaceRegex", pattern, "x", "y")):
        with pytest.raises(EvaluationError) as caught:
            tool(*call)
        assert caught.value.code == 41
        assert complaint in caught.value.message


@pytest.mark.parametrize(
    "pattern",
    [
        "(?P<a>x)(?P<a>y)",
        "(?P<a>x)|(?<a>y)",
        "(?P<a>x(?P<b>y(?P<a>z)))",
        r"(?P<a>\()[(?P<b>](?P<a>.)",
        r"(?P<a>.)\Q(?P<b>\E(?P<a>.)",
    ],
)
def test_a_name_twice_is_refused(pattern: str) -> None:
    for name in ("regex.Match", "regex.NamedGroups", "str.MatchRegex"):
        with pytest.raises(EvaluationError, match="the pattern holds the name 'a' twice, again at character"):
            tool(name, pattern, "xy")


@pytest.mark.parametrize(
    "pattern",
    ["(?P<a>x)(?P<b>y)(z)", r"(?P<a>x)\(?P<a>", "(?P<a>x)([(?P<a>])", r"(?P<a>x)(\Q(?P<a>)\E)", r"(?P<a>[]\]]\[)(.)"],
)
def test_a_name_once_and_what_only_looks_like_it_is_right(pattern: str) -> None:
    assert tool("regex.Match", pattern, "none") is False


def test_what_is_no_replacement() -> None:
    for replacement in ("$2", "$name", "${99999999999999}"):
        assert code("regex.Replace", "(a)", "a", replacement) == 41


def test_parts_of_characters_are_not_text() -> None:
    assert code("regex.FindAll", r"\C", "é") == 41
    assert code("regex.Replace", r"\C", "é", "$0-") == 41


words = st.text("abé,😀 ", max_size=12)


@given(words)
def test_an_escaped_text_matches_itself(text: str) -> None:
    assert tool("regex.Find", "^" + tool("regex.Escape", text + ".*(") + "$", text + ".*(") == text + ".*("


@given(st.sampled_from(["a", "a+", "[ab]", "é|😀", ",", " ?a", r"\w", "(a)(b)", "a*b"]), words)
def test_matches_are_those_of_python(pattern: str, text: str) -> None:
    """For patterns without empty matches, where both agree on what a match is."""
    expected = [match.group() for match in re.finditer(pattern, text, re.ASCII)]
    assert tool("regex.FindAll", pattern, text) == expected
    assert tool("regex.Replace", pattern, text, "<$0>") == re.sub(pattern, r"<\g<0>>", text, flags=re.ASCII)
    spans = [m.span() for m in re.finditer(pattern, text, re.ASCII)]
    ends = [0, *[end for _, end in spans]]
    starts = [*[start for start, _ in spans], len(text)]
    assert tool("regex.Split", pattern, text) == [text[a:b] for a, b in zip(ends, starts, strict=True)]


@given(st.sampled_from(["", "a*", "b?", r"\b", "(a|)", "^|a"]), words)
def test_matches_are_apart_and_in_order(pattern: str, text: str) -> None:
    found = tool("regex.FindAll", pattern, text)
    assert len(found) <= len(text) + 1
    assert tool("regex.Replace", pattern, text, "") == tool("regex.Replace", pattern, text, "", len(found))
    assert "".join(tool("regex.Split", "", text)) == text


# --- bombs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 500_000 + "!"),
        ("(a|aa)+$", "a" * 500_000 + "!"),
        ("(a*)*b", "a" * 500_000),
        ("(.*)(.*)(.*)(.*)(.*)(.*)x", "a" * 500_000),
        ("(x+x+)+y", "x" * 500_000),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 500_000),
    ],
)
def test_what_would_explode_elsewhere_does_not_match_here(pattern: str, text: str) -> None:
    started = time.thread_time()
    assert tool("regex.Match", pattern, text) is False
    assert time.thread_time() - started < 1


def test_too_much_work_is_refused() -> None:
    text = "ab" * 500_000
    assert code("regex.Match", "(?:a?b?){900}[cd]", text) == 37
    assert code("regex.FindAll", "a[ab]{900}[cd]", text) == 37


def test_classes_of_many_characters_are_no_work() -> None:
    assert tool("regex.Match", r"(\pL+)[0-9]$", "é" * 500_000 + "1")
    assert tool("regex.Match", "[日-本]+$", "日" * 10_000)


def test_searching_the_same_text_again_and_again_is_ended() -> None:
    checks = Small()
    started = time.thread_time()
    assert code("regex.FindAll", "a.*b|a", "a" * 1_000_000, context=checks) == 37
    assert time.thread_time() - started < 2
    assert checks.checked > 0


def test_what_would_be_too_large_is_not_made() -> None:
    small = Small(max_items=5, max_string=50)
    assert code("regex.FindAll", "a", "a" * 6, context=small) == 37
    assert code("regex.FindAllGroups", "(a)(a)", "a" * 6, context=small) == 37
    assert code("regex.Split", "a", "a" * 5, context=small) == 37
    assert len(tool("regex.Split", "a", "a" * 4, context=small)) == 5
    assert code("regex.Replace", "a", "a" * 10, "b" * 10, context=small) == 37
    assert code("str.ReplaceRegex", "", "a" * 40, "é" * 40, context=small) == 37
    assert code("regex.Escape", "." * 30, context=small) == 37


def test_old_patterns_are_forgotten() -> None:
    from neuroscript.stdlib import regex_patterns

    for number in range(300):
        assert tool("regex.Match", f"a{{{number}}}", "a" * 300)
    for _ in range(5):  # short texts need no program of RE2
        assert tool("regex.Find", "a{299}", "b" * 5000 + "a" * 300) == "a" * 299
        assert not tool("regex.Match", "a{299}", "a" * 200)
    assert len(regex_patterns._programs) <= 16
    assert len(regex_patterns._compiled) <= 128
