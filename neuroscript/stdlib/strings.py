"""The tools of group ``str``: text, by characters (Unicode code points) and never by bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib import format_, inspect_, string_formats
from neuroscript.stdlib.declare import (
    MUCH,
    Context,
    Group,
    check_characters,
    check_items,
    check_run,
    fail,
    joined,
    max_items,
    optional,
    required,
)
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import number_text, text_of

_group = Group("str")
TOOLS = _group.tools

_TEXT = required("input_string", ArgType.STRING, "The text.")
_PART = required("substring", ArgType.STRING, "The text to look for.")

# White space as Unicode's White_Space property has it; Python's own notion adds four control characters.
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_WORD = re.compile(f"[^{_BLANKS}]+")
_MUCH_WORK = 100_000_000  # comparisons of characters that may be made in one go
_LONG = 1_000_000
_ALL_STRINGS = frozenset({str}).issuperset
_ALL_WHOLE = frozenset({int}).issuperset
_MORE_BLANKS = re.compile("[\x1c-\x1f]")


# --- looking ----------------------------------------------------------------------------------------------------------


@_group.tool(
    "Length",
    _TEXT,
    returns=ArgType.INT,
    result="The number of characters.",
    example='tool.str.Length("é😀") = 2',
    brief=True,
)
def length(input_string: str) -> int:
    """Counts the characters of a text."""
    return len(input_string)


@_group.tool(
    "Contains",
    _TEXT,
    _PART,
    returns=ArgType.BOOL,
    result="Whether the substring occurs; the empty one always does.",
    example='tool.str.Contains("hello", "ell") = true',
)
def contains(input_string: str, substring: str) -> bool:
    """Tells whether a text contains another."""
    return substring in input_string


@_group.tool(
    "HasPrefix",
    _TEXT,
    required("prefix", ArgType.STRING, "The beginning to look for."),
    returns=ArgType.BOOL,
    result="Whether the text begins with the prefix.",
    example='tool.str.HasPrefix("hello", "he") = true',
    brief=True,
)
def has_prefix(input_string: str, prefix: str) -> bool:
    """Tells whether a text begins with another."""
    return input_string.startswith(prefix)


@_group.tool(
    "HasSuffix",
    _TEXT,
    required("suffix", ArgType.STRING, "The end to look for."),
    returns=ArgType.BOOL,
    result="Whether the text ends with the suffix.",
    example='tool.str.HasSuffix("hello", "he") = false',
    brief=True,
)
def has_suffix(input_string: str, suffix: str) -> bool:
    """Tells whether a text ends with another."""
    return input_string.endswith(suffix)


@_group.tool(
    "IndexOf",
    _TEXT,
    _PART,
    optional("start_index", ArgType.INT, "Where to begin looking, from 0.", 0),
    returns=ArgType.INT,
    result="The index of the first character of the first occurrence, or -1.",
    primer="→index|-1",
    example='tool.str.IndexOf("banana", "an", 2) = 3',
    errors="8 if start_index is negative",
)
def index_of(input_string: str, substring: str, start_index: int) -> int:
    """Finds the first occurrence of a text in another."""
    if start_index < 0:
        fail(ErrorCode.BOUNDS, "str.IndexOf", f"start_index is {start_index}; it counts from 0")
    # str.find takes indices of machine size alone.
    return input_string.find(substring, min(start_index, len(input_string) + 1))


@_group.tool(
    "LastIndexOf",
    _TEXT,
    _PART,
    returns=ArgType.INT,
    result="The index of the first character of the last occurrence, or -1.",
    primer="→index|-1",
    example='tool.str.LastIndexOf("banana", "an") = 3',
)
def last_index_of(input_string: str, substring: str) -> int:
    """Finds the last occurrence of a text in another."""
    if len(substring) * len(input_string) < _MUCH_WORK:
        return input_string.rfind(substring)
    # From the end Python compares at each place anew, which may take the product of the lengths; from the start not.
    found = input_string[::-1].find(substring[::-1])
    return found if found < 0 else len(input_string) - found - len(substring)


@_group.tool(
    "Count",
    _TEXT,
    _PART,
    returns=ArgType.INT,
    result="How often the substring occurs, without overlap; the empty one before each character and at the end.",
    example='tool.str.Count("banana", "an") = 2',
)
def count(input_string: str, substring: str) -> int:
    """Counts the occurrences of a text in another."""
    return input_string.count(substring)


@_group.tool(
    "LineCount",
    _TEXT,
    returns=ArgType.INT,
    result="The number of lines; a newline at the end begins no further one, and the empty text has none.",
    example='tool.str.LineCount("a\\nb\\n") = 2',
)
def line_count(input_string: str) -> int:
    """Counts the lines of a text."""
    return input_string.count("\n") + (1 if input_string and not input_string.endswith("\n") else 0)


# --- changing ---------------------------------------------------------------------------------------------------------


@_group.tool(
    "ToUpper",
    _TEXT,
    returns=ArgType.STRING,
    result="The text in upper case.",
    example='tool.str.ToUpper("straße ñ") = "STRAßE Ñ"',
)
def to_upper(input_string: str) -> str:
    """Maps each character to its upper case. A character that has none of one character, like ß, stays."""
    if len(input_string) > _LONG and not input_string.isascii():
        # Python makes room for the three characters that each might become, of four bytes each.
        return _by_character(input_string, _upper_character)
    upper = input_string.upper()
    # Each character maps to at least one, so equal lengths mean that each mapped to exactly one.
    return upper if len(upper) == len(input_string) else _by_character(input_string, _upper_character)


def _by_character(text: str, change: Callable[[str], str]) -> str:
    """Each character changed: by a table, since an object for each would fill the memory."""
    return text.translate({ord(char): change(char) for char in set(text)})


def _upper_character(character: str) -> str:
    upper = character.upper()
    if len(upper) > 1:
        # Greek letters with iota subscript have a single-character form, which Python gives as the title case.
        upper = character.title()
    return upper if len(upper) == 1 else character


@_group.tool(
    "ToLower",
    _TEXT,
    returns=ArgType.STRING,
    result="The text in lower case.",
    example='tool.str.ToLower("ABC") = "abc"',
)
def to_lower(input_string: str) -> str:
    """Maps each character to its lower case, whatever stands next to it."""
    if "Σ" in input_string or "İ" in input_string:
        # The two letters whose lower case depends on the next one, or is two characters.
        return _by_character(input_string, lambda char: "i" if char == "İ" else char.lower())
    return input_string.lower()


@_group.tool(
    "TrimSpace",
    _TEXT,
    returns=ArgType.STRING,
    result="The text without white space at its beginning and end.",
    example='tool.str.TrimSpace("  x y  ") = "x y"',
)
def trim_space(input_string: str) -> str:
    """Removes white space at both ends of a text."""
    return input_string.strip(_BLANKS)


@_group.tool(
    "TrimPrefix",
    _TEXT,
    required("prefix", ArgType.STRING, "The beginning to remove."),
    returns=ArgType.STRING,
    result="The text without the prefix; the text itself if it begins otherwise.",
    example='tool.str.TrimPrefix("abcabc", "abc") = "abc"',
)
def trim_prefix(input_string: str, prefix: str) -> str:
    """Removes a beginning, once."""
    return input_string.removeprefix(prefix)


@_group.tool(
    "TrimSuffix",
    _TEXT,
    required("suffix", ArgType.STRING, "The end to remove."),
    returns=ArgType.STRING,
    result="The text without the suffix; the text itself if it ends otherwise.",
    example='tool.str.TrimSuffix("report.md", ".md") = "report"',
)
def trim_suffix(input_string: str, suffix: str) -> str:
    """Removes an end, once."""
    return input_string.removesuffix(suffix)


@_group.tool(
    "Replace",
    _TEXT,
    required("old_substring", ArgType.STRING, "The text to replace; the empty one stands before each character."),
    required("new_substring", ArgType.STRING, "The text to put there."),
    optional("count", ArgType.INT, "How many occurrences to replace, from the left; -1 for all.", -1),
    returns=ArgType.STRING,
    result="The text with the occurrences replaced.",
    example='tool.str.Replace("aXbX", "X", "-", 1) = "a-bX"',
    errors="37 if the result would be too long",
)
def replace(ctx: Context | None, input_string: str, old_substring: str, new_substring: str, count: int) -> str:
    """Replaces a text within another."""
    growth = len(new_substring) - len(old_substring)
    found = -1 if count < 0 else min(count, len(input_string) + 1)
    if growth > 0:
        times = input_string.count(old_substring)
        times = times if found < 0 else min(times, found)
        check_characters(ctx, len(input_string) + times * growth, "str.Replace")
    return input_string.replace(old_substring, new_substring, found)


@_group.tool(
    "Substring",
    _TEXT,
    required("start_index", ArgType.INT, "The index of the first character, from 0."),
    required("length", ArgType.INT, "How many characters; fewer where the text ends before."),
    returns=ArgType.STRING,
    result="That part of the text; empty where start_index is beyond the end.",
    example='tool.str.Substring("hello", 1, 3) = "ell"',
    errors="8 if start_index or length is negative",
    brief=True,
)
def substring(ctx: Context | None, input_string: str, start_index: int, length: int) -> str:
    """Takes a part of a text."""
    if start_index < 0 or length < 0:
        name, value = ("start_index", start_index) if start_index < 0 else ("length", length)
        fail(ErrorCode.BOUNDS, "str.Substring", f"{name} is {value}; it must be 0 or more")
    if length > MUCH:
        check_run(ctx, length)
    return input_string[start_index : start_index + length]


@_group.tool(
    "Repeat",
    _TEXT,
    required("count", ArgType.INT, "How often, 0 or more."),
    returns=ArgType.STRING,
    result="The text that many times.",
    example='tool.str.Repeat("ab", 3) = "ababab"',
    errors="8 if count is negative; 37 if the result would be too long",
)
def repeat(ctx: Context | None, input_string: str, count: int) -> str:
    """Repeats a text."""
    if count < 0:
        fail(ErrorCode.BOUNDS, "str.Repeat", f"count is {count}; it must be 0 or more")
    check_characters(ctx, len(input_string) * count, "str.Repeat")
    return input_string * count if input_string else ""


_WIDTH = required("width", ArgType.INT, "How many characters the result has at least.")
_FILL = optional("fill", ArgType.STRING, "What to fill up with.", " ")
_PADDED = required("input_string", ArgType.ANY, "The text; a number is taken as its text.")


def _padding(ctx: Context | None, value: Any, width: int, fill: str, tool: str) -> tuple[str, str]:
    """The text of what is to be padded, and the padding."""
    if type(value) is not str:
        if type(value) not in (int, float):
            problem = f"argument 1 (input_string) must be a string or a number, not {given(value)}"
            fail(ErrorCode.ARG_MISMATCH, tool, problem)
        value = number_text(value)
    if not fill:
        fail(ErrorCode.INVALID_VALUE, tool, "fill is empty; give at least one character")
    missing = width - len(value)
    if missing <= 0:
        return value, ""
    check_characters(ctx, width, tool)
    return value, (fill * (missing // len(fill) + 1))[:missing]


@_group.tool(
    "PadLeft",
    _PADDED,
    _WIDTH,
    _FILL,
    returns=ArgType.STRING,
    result="The text, filled up on the left.",
    example='tool.str.PadLeft(7, 3, "0") = "007"',
    errors="41 if fill is empty; 37 if the result would be too long",
)
def pad_left(ctx: Context | None, input_string: Any, width: int, fill: str) -> str:
    """Fills a text up to a width, on the left."""
    text, padding = _padding(ctx, input_string, width, fill, "str.PadLeft")
    return padding + text


@_group.tool(
    "PadRight",
    _PADDED,
    _WIDTH,
    _FILL,
    returns=ArgType.STRING,
    result="The text, filled up on the right.",
    example='tool.str.PadRight("ab", 4, ".") = "ab.."',
    errors="41 if fill is empty; 37 if the result would be too long",
)
def pad_right(ctx: Context | None, input_string: Any, width: int, fill: str) -> str:
    """Fills a text up to a width, on the right."""
    text, padding = _padding(ctx, input_string, width, fill, "str.PadRight")
    return text + padding


@_group.tool(
    "Reverse",
    _TEXT,
    returns=ArgType.STRING,
    result="The characters in the opposite order.",
    example='tool.str.Reverse("abc") = "cba"',
)
def reverse(input_string: str) -> str:
    """Reverses a text, character by character."""
    return input_string[::-1]


# --- apart and together -----------------------------------------------------------------------------------------------


@_group.tool(
    "Split",
    _TEXT,
    required("delimiter", ArgType.STRING, "What stands between the parts; empty: split into characters."),
    returns=ArgType.SLICE_STRING,
    result="The parts; the whole text as one part where the delimiter does not occur.",
    example='tool.str.Split("a,b,,c", ",") = ["a", "b", "", "c"]',
    errors="37 if there would be too many parts",
)
def split(ctx: Context | None, input_string: str, delimiter: str) -> list[str]:
    """Splits a text at each occurrence of a delimiter."""
    if not delimiter:
        check_items(ctx, len(input_string), "str.Split")
        return list(input_string)
    if len(input_string) > MUCH:
        check_items(ctx, input_string.count(delimiter) + 1, "str.Split")
    parts = input_string.split(delimiter)
    check_items(ctx, len(parts), "str.Split")
    return parts


@_group.tool(
    "SplitWords",
    _TEXT,
    returns=ArgType.SLICE_STRING,
    result="The parts between white space, none of them empty.",
    example='tool.str.SplitWords("  a  b c ") = ["a", "b", "c"]',
    errors="37 if there would be too many parts",
)
def split_words(ctx: Context | None, input_string: str) -> list[str]:
    """Splits a text into words, at white space of any length."""
    # One more than may be: a word is an object, and all of a long text would fill the memory before they are counted.
    enough = max_items(ctx) + 1
    if _MORE_BLANKS.search(input_string):
        words = [found[0] for found in islice(_WORD.finditer(input_string), enough)]
    else:
        words = input_string.split(None, enough)
    check_items(ctx, len(words), "str.SplitWords")
    return words


@_group.tool(
    "Lines",
    _TEXT,
    returns=ArgType.SLICE_STRING,
    result="The lines without their ends; as many as LineCount counts.",
    example='tool.str.Lines("a\\nb\\n") = ["a", "b"]',
    errors="37 if there would be too many lines",
)
def lines(ctx: Context | None, input_string: str) -> list[str]:
    """Splits a text into its lines, which end with a newline or a carriage return and a newline."""
    check_items(ctx, input_string.count("\n") + 1, "str.Lines")
    found = input_string.split("\n")
    if not found[-1]:
        del found[-1]
    return [line.removesuffix("\r") for line in found] if "\r" in input_string else found


def _texts(ctx: Context | None, values: Any, tool: str) -> list[str]:
    """The items of a list as texts to be joined."""
    if type(values) is not list:
        fail(ErrorCode.TYPE, tool, f"argument 1 must be a list of strings, not {given(values)}")
    check_run(ctx, len(values))
    if _ALL_STRINGS(map(type, values)):
        return values
    if len(values) <= MUCH and _ALL_WHOLE(map(type, values)):
        return list(map(str, values))
    texts = []
    size = 0
    for index, value in enumerate(values):
        kind = type(value)
        if kind not in (str, int, float, bool):
            fail(ErrorCode.TYPE, tool, f"item {index} must be a string, a number or a boolean, not {given(value)}")
        text = value if kind is str else text_of(value)
        texts.append(text)
        size += len(text)
        if not index & 1023:
            check_characters(ctx, size, tool)
    return texts


def _short_join(ctx: Context | None, values: Any, separator: str) -> str | None:
    """A few short strings joined; None for anything else."""
    if type(values) is not list or len(values) > MUCH:
        return None
    try:
        size = sum(map(len, values)) + len(separator) * len(values)
        most = MUCH if ctx is None else ctx.limits.max_string
        return separator.join(values) if size <= MUCH and (most is None or size <= most) else None
    except TypeError:  # an item is no string
        return None


@_group.tool(
    "Join",
    required("string_list", ArgType.ANY, "A list of strings; numbers and booleans are taken as their text."),
    required("separator", ArgType.STRING, "What to put between them."),
    returns=ArgType.STRING,
    result="One text.",
    example='tool.str.Join(["a", "b", 3], "-") = "a-b-3"',
    errors="7 if string_list is no list or an item is of another type; 37 if the result would be too long",
    brief=True,
)
def join(ctx: Context | None, string_list: Any, separator: str) -> str:
    """Joins the items of a list to one text, with a separator between them."""
    short = _short_join(ctx, string_list, separator)
    return short if short is not None else joined(ctx, _texts(ctx, string_list, "str.Join"), separator, "str.Join")


@_group.tool(
    "Concat",
    required("string_list", ArgType.ANY, "A list of strings; numbers and booleans are taken as their text."),
    returns=ArgType.STRING,
    result="One text.",
    example='tool.str.Concat(["x", "y", "z"]) = "xyz"',
    errors="7 if string_list is no list or an item is of another type; 37 if the result would be too long",
    brief=True,
)
def concat(ctx: Context | None, string_list: Any) -> str:
    """Joins the items of a list to one text, with nothing between them."""
    short = _short_join(ctx, string_list, "")
    return short if short is not None else joined(ctx, _texts(ctx, string_list, "str.Concat"), "", "str.Concat")


TOOLS += string_formats.TOOLS + format_.TOOLS + inspect_.TOOLS
