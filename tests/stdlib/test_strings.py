"""The tools of group ``str``."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.stdlib.strings import to_lower, to_upper
from tests.stdlib.calls import Small, code, code_of, tool


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Length", ["é😀"], 2),
        ("Contains", ["abc", ""], True),
        ("Contains", ["", "a"], False),
        ("IndexOf", ["abc", "z"], -1),
        ("IndexOf", ["abc", "", 3], 3),
        ("IndexOf", ["abc", "", 10**30], -1),
        ("LastIndexOf", ["abab", "ab"], 2),
        ("Count", ["aaaa", "aa"], 2),
        ("Count", ["abc", ""], 4),
        ("LineCount", [""], 0),
        ("LineCount", ["\n"], 1),
        ("LineCount", ["a\r\nb"], 2),
        ("Lines", ["a\r\nb\n\n"], ["a", "b", ""]),
        ("Lines", [""], []),
        ("Lines", ["a\x0bb\u2028c"], ["a\x0bb\u2028c"]),
        ("TrimSpace", ["\u3000\t a\u00a0"], "a"),
        ("TrimSpace", ["\x1fa\x1f"], "\x1fa\x1f"),
        ("SplitWords", [" a\u00a0b\n"], ["a", "b"]),
        ("SplitWords", ["a\x1fb c"], ["a\x1fb", "c"]),
        ("SplitWords", [""], []),
        ("Split", ["", ""], []),
        ("Split", ["abc", ""], ["a", "b", "c"]),
        ("Split", ["a::b::", "::"], ["a", "b", ""]),
        ("Join", [[], "-"], ""),
        ("Join", [[1, 2.5, True, "x"], ","], "1,2.5,true,x"),
        ("Concat", [["a", 1]], "a1"),
        ("Replace", ["abc", "", "-"], "-a-b-c-"),
        ("Replace", ["abc", "", "-", 2], "-a-bc"),
        ("Replace", ["aaa", "a", "b", 0], "aaa"),
        ("Replace", ["aaa", "a", "b", -5], "bbb"),
        ("Replace", ["aaa", "a", "bb", 10**30], "bbbbbb"),
        ("Substring", ["héllo", 1, 2], "él"),
        ("Substring", ["abc", 5, 1], ""),
        ("Substring", ["abc", 10**30, 10**30], ""),
        ("Substring", ["abc", "1", 1.0], "b"),
        ("Repeat", ["ab", 0], ""),
        ("Repeat", ["", 10**30], ""),
        ("PadLeft", ["abc", 2], "abc"),
        ("PadLeft", ["7", 4, "ab"], "aba7"),
        ("PadRight", ["7", 4, "ab"], "7aba"),
        ("PadRight", ["7", -(10**30)], "7"),
        ("Reverse", ["aé😀"], "😀éa"),
        ("TrimPrefix", ["abc", "x"], "abc"),
        ("TrimSuffix", ["abcabc", "abc"], "abc"),
        ("ToBase64", [""], ""),
        ("FromBase64", ["aGVs\r\nbG8="], "hello"),
        ("ToHex", ["é"], "c3a9"),
        ("ToHex", [b"\x00\xff"], "00ff"),
        ("FromHex", ["C3A9"], "é"),
        ("ToNumber", ["10"], 10),
        ("ToNumber", ["1e3"], 1000.0),
        ("ToString", [None], "nil"),
        ("FormatNumber", [2.675, 2], "2.68"),
        ("FormatNumber", [3, 0], "3"),
        ("FormatNumber", [3, 2], "3.00"),
        ("FormatNumber", [2.5, 0], "3"),
        ("FormatNumber", [-2.5, 0], "-3"),
        ("FormatNumber", [0.1, 20], "0.10000000000000000000"),
        ("FormatNumber", [1e-7, 8], "0.00000010"),
        ("FormatNumber", [9.999, 2], "10.00"),
        ("FormatNumber", [2**4000, 1], str(2**4000) + ".0"),
        ("PadLeft", [5, 3, "0"], "005"),
        ("PadLeft", [2.5, 5], "  2.5"),
        ("PadRight", [1e21, 3], "1000000000000000000000"),
        ("PadRight", [-1, 4, "."], "-1.."),
        ("FormatNumber", [-0.001, 2], "0.00"),
        ("FormatNumber", [10**30, 0], "1" + "0" * 30),
    ],
)
def test_results(name: str, args: list[Any], result: Any) -> None:
    found = tool(f"str.{name}", *args)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("ToUpper", [5], 4),
        ("ToUpper", ["a", "b"], 4),
        ("ToUpper", [], 4),
        ("Join", ["abc", ","], 7),
        ("Join", [["a", None], ","], 7),
        ("Join", [["a", ["b"]], ","], 7),
        ("Concat", ["abc"], 7),
        ("Concat", [[{}]], 7),
        ("Substring", ["abc", -1, 2], 8),
        ("Substring", ["abc", 1, -1], 8),
        ("IndexOf", ["abc", "b", -1], 8),
        ("Repeat", ["a", -1], 8),
        ("PadLeft", ["a", 5, ""], 41),
        ("FromBase64", ["a"], 41),
        ("FromBase64", ["é"], 41),
        ("FromBase64", ["/w=="], 41),
        ("FromHex", ["abc"], 41),
        ("FromHex", ["zz"], 41),
        ("FromHex", ["ff"], 41),
        ("FromHex", ["é"], 41),
        ("ToNumber", ["inf"], 41),
        ("ToNumber", [""], 41),
        ("FormatNumber", [1, -1], 8),
        ("PadLeft", [None, 3], 4),
        ("PadLeft", [True, 3], 4),
        ("PadRight", [[1], 3], 4),
        ("FormatNumber", [1, 101], 8),
        ("ParseJsonString", ["{"], 41),
        ("ToBase64", [5], 4),
    ],
)
def test_errors(name: str, args: list[Any], error: int) -> None:
    assert code(f"str.{name}", *args) == error


# --- case -------------------------------------------------------------------------------------------------------------


def test_case_is_mapped_character_by_character() -> None:
    assert tool("str.ToUpper", "straße ñ ŉ ﬁ ᾳ ǆ ſ") == "STRAßE Ñ ŉ ﬁ ᾼ Ǆ S"
    assert tool("str.ToLower", "ΑΣ ΣΑ İI Ǆ") == "ασ σα ii ǆ"


@given(st.text(max_size=30))
def test_case_keeps_the_length_and_the_places(text: str) -> None:
    for name in ("str.ToUpper", "str.ToLower"):
        mapped = tool(name, text)
        assert mapped == "".join(tool(name, character) for character in text)
        assert len(mapped) == len(text)


@pytest.mark.slow
def test_every_character_maps_to_one() -> None:
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if unicodedata.category(character) != "Cs":
            assert len(to_upper(character)) == len(to_lower(character)) == 1


# --- properties -------------------------------------------------------------------------------------------------------

texts = st.text("ab,é😀 \n", max_size=20)


@given(texts, st.text("ab,", min_size=1, max_size=2))
def test_split_and_join_are_inverse(text: str, delimiter: str) -> None:
    assert tool("str.Join", tool("str.Split", text, delimiter), delimiter) == text


@given(texts)
def test_encodings_are_inverse(text: str) -> None:
    assert tool("str.FromBase64", tool("str.ToBase64", text)) == text
    assert tool("str.FromHex", tool("str.ToHex", text)) == text
    assert tool("str.ParseJsonString", tool("str.ToJsonString", text)) == text


@given(texts)
def test_as_many_lines_as_are_counted(text: str) -> None:
    assert len(tool("str.Lines", text)) == tool("str.LineCount", text)


@given(texts, texts, texts, st.integers(-2, 5))
def test_the_length_of_a_replacement_is_foreseen(text: str, old: str, new: str, count: int) -> None:
    result = text.replace(old, new, count)
    assert tool("str.Replace", text, old, new, count) == result
    if len(result) > len(text):
        assert tool("str.Replace", text, old, new, count, context=Small(max_string=len(result))) == result
        assert code("str.Replace", text, old, new, count, context=Small(max_string=len(result) - 1)) == 37


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Repeat", ["ab", 10**15]),
        ("PadLeft", ["a", 10**15]),
        ("PadRight", ["a", 10**15, "xyz"]),
        ("Replace", ["a" * 100_000, "", "b" * 100_000]),
        ("Join", [["x" * 1_000_000] * 20, ""]),
        ("Join", [[""] * 1000, "x" * 1_000_000]),
        ("Concat", [["x" * 1_000_000] * 20]),
        ("Split", ["," * 2_000_000, ","]),
        ("Split", ["a" * 2_000_000, ""]),
        ("SplitWords", ["a " * 1_500_000]),
        ("Lines", ["\n" * 2_000_000]),
        ("ToHex", ["é" * 5_000_000]),
        ("ToBase64", ["é" * 8_000_000]),
    ],
)
def test_what_would_be_too_large_is_not_made(name: str, args: list[Any]) -> None:
    assert code(f"str.{name}", *args) == 37


def test_the_host_s_limits_hold() -> None:
    small = Small(max_string=10, max_items=3)
    assert tool("str.Repeat", "a", 10, context=small) == "a" * 10
    assert code("str.Repeat", "a", 11, context=small) == 37
    assert code("str.Split", "a,b,c,d", ",", context=small) == 37
    assert code_of(lambda: tool("str.ToString", ["x" * 11], context=small)) == 37
