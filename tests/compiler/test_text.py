"""Strings that are put together: in the order of their parts, with each part's own value, whatever else is bound."""

from __future__ import annotations

import pytest

from .support import run

CALLS = """
func say(needs x) means
  emit x
  return x
endfunc
"""


@pytest.mark.parametrize("use", ["", "set z = last\n", "emit last\n"], ids=["plain", "last", "last emitted"])
@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ('tool.str.ToUpper("a") + tool.str.ToUpper("b")', "AB"),
        ('tool.str.ToUpper("a") + "-" + tool.str.ToLower("B") + "-" + tool.str.Reverse("xy")', "A-b-yx"),
        ('tool.str.TrimSpace(" nil ") + (tool.str.Substring("s", 0, 0) + 1e-300 ** 1e16)', "nil0"),
        ('say("a") + say("b") + say(3)', "ab3"),
        ('say("a") + (say(1) + "b" + say(2)) + say(nil) + say(true)', "a1b2true"),
        ('"" + say(1)', "1"),
        ('say(1) + ""', "1"),
        ('"" + tool.str.ToUpper("x") + ""', "X"),
        ('len("abc") + "" + len("de") + say(2.5)', "322.5"),
        (
            '"x" + [1, "a"] + {"k": nil} + -0.5 + 100000000000000000000 + 3.0',
            'x[1, "a"]{"k": nil}-0.51000000000000000000003',
        ),
    ],
)
def test_the_parts_of_a_string(expression: str, wanted: str, use: str) -> None:
    assert run(f"set y = say(0)\n{use}set x = {expression}\nreturn x", more=CALLS).result == wanted
    assert (
        run(f'set y = say(0)\n{use}set x = "<"\nset x = x + {expression}\nreturn x', more=CALLS).result == "<" + wanted
    )


def test_last_is_what_the_latest_call_gave_in_a_string() -> None:
    assert run('set s = "a"\nset s = s + tool.str.ToUpper("b")\nreturn s + last', more=CALLS).result == "aBB"
    assert run('set s = tool.str.ToUpper("a") + tool.str.ToUpper("b")\nreturn s + last', more=CALLS).result == "ABB"
    assert run('set s = say("a") + say(7)\nset t = ```{{last}}{{s}}```\nreturn t', more=CALLS).result == "7a7"


@pytest.mark.parametrize("limit", [10, 100, 40_000, 20_000_000])
@pytest.mark.parametrize("count", [1, 5, 3_000, 33_000])
def test_the_length_of_a_string_is_limited_however_it_is_made(limit: int, count: int) -> None:
    from neuroscript.limits import Limits

    for text, size in (
        ("return a + a", 2 * count),
        ('return a + "-" + a', 2 * count + 1),
        ('return "" + a', count),
        ("return a + 7 + a + 1.5", 2 * count + 4),
        ("return ```{{a}}{{a}}{{a}}```", 3 * count),
        ('set s = a\nset s = s + a\nset s = s + 7\nset s = s + a + "x" + 8\nreturn s', 3 * count + 3),
    ):
        if count > limit:
            continue
        outcome = run(text, "y" * count, limits=Limits(max_string=limit))
        if size > limit:
            assert outcome.code == 37, text
        else:
            assert len(outcome.result) == size, text
