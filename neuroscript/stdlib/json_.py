"""The tools of group ``json``: JSON (RFC 8259) as values and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NoReturn

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.stdlib.declare import (
    MUCH,
    Context,
    Group,
    check_characters,
    check_items,
    fail,
    limits_of,
    max_characters,
    max_items,
    max_nesting,
    max_nesting_of,
    optional,
    required,
)
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import INT_LIMIT, MAX_INT_BITS, ErrorValue, EventValue, Fuzzy, TimeDate, text_of

_group = Group("json")
TOOLS = _group.tools

BYTE_ORDER_MARK = "\ufeff"
NOT_JSON = "the text is not JSON: "
"""How the message of a text that is none begins, behind the tool's name; numbers out of range are another matter."""

PARSE = "json.Parse"
_WRITE = "json.Stringify"

# The closing quote is optional, so that a string without one is passed over once and not looked for again and again.
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_SHORT = 512  # characters up to which the values take so little memory that the run need not look at it
_SHORT_MEMORY = 200 * _SHORT  # bytes that they take at most
_ODD_NUMBER = re.compile(r"-0|[0-9][eE]")
_LEFT: Any = object()
_LONG = 1 << 20  # characters from which on a text is not taken apart to look at it
# What Python's decoder says, in the language's words; "at line …" follows.
_FAULTS = {
    "Expecting value": "expected a value",
    "Expecting property name enclosed in double quotes": "expected a key in double quotes",
    "Expecting ':' delimiter": "expected ':'",
    "Expecting ',' delimiter": "expected ',' or the end of the list or map",
    "Illegal trailing comma before end of object": "a comma before the end of the map",
    "Illegal trailing comma before end of array": "a comma before the end of the list",
    "Extra data": "more text after the value",
    "Unterminated string starting": "a string that is not closed, and begins",
    "Invalid control character": "a control character in a string, which is written as an escape such as \\n,",
    "Invalid \\escape": "an escape that JSON does not have",
    "Invalid \\uXXXX escape": "an escape \\u without four hexadecimal digits",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}
_ONLY_BRACKETS = dict.fromkeys(code for code in range(128) if chr(code) not in _STEP)
_DIGITS = 617  # so many characters from any multiple of them on are all digits where 1,234 digits, or 4,096 bits, are
_DECIMALS = 150  # and so many where 300 digits are; what has fewer is in the range of floats
_MOST_ITEMS = 100_000  # of a value that is looked at without knowing which of its lists and maps are the same
_LARGE = 1 << 62
_LONGEST_NUMBER = 32  # characters of a smaller whole number, or a double, and of what stands round an item


# --- reading ----------------------------------------------------------------------------------------------------------


def fault_of(error: json.JSONDecodeError) -> str:
    """Says in the language's words what is wrong with a text that is not JSON, before the place."""
    words = error.msg.removesuffix(" at").removesuffix(": ")
    return _FAULTS.get(words, words)


@_group.tool(
    "Parse",
    required("json_string", ArgType.STRING, "JSON text."),
    returns=ArgType.ANY,
    result="The value; of a key given twice, the last one counts.",
    example="""tool.json.Parse('{"a": [1, 2.5, null]}') = {"a": [1, 2.5, nil]}""",
    errors="41 if the text is not JSON, with line and column; 37 and 38 if it is too large or nested too deeply",
)
def parse(ctx: Context | None, json_string: str) -> Any:
    """Reads JSON."""
    if len(json_string) <= _SHORT:
        value = _parsed_at_once(limits_of(ctx), json_string)
        if value is not _LEFT:
            return value
    elif ctx is not None:
        ctx.check()
    if json_string.startswith(BYTE_ORDER_MARK):
        problem = "a byte order mark (U+FEFF) at line 1, column 1"
        _invalid(f'{problem}; tool.str.TrimPrefix(text, "\\uFEFF") removes it')
    outside = _check_size(ctx, json_string)
    try:
        value = _decoder_for(json_string, outside).decode(json_string)
    except json.JSONDecodeError as error:
        _invalid(f"{fault_of(error)} at line {error.lineno}, column {error.colno}", error)
    except RecursionError as error:
        raise NeuroScriptError(
            ErrorCode.NESTING_DEPTH_EXCEEDED, f"tool.{PARSE}: the text is nested too deeply"
        ) from error
    if json_string.count(",") >= max_items(ctx):
        _check_lengths(ctx, value)
    if "\\" in json_string and _SURROGATE.search(json_string):
        _check_surrogates(value)
    return value


def _parsed_at_once(limits: Limits, text: str) -> Any:
    """The value of a short text; `_LEFT` where something has to be looked at, or is wrong."""
    depth = max_nesting_of(limits)
    if len(text) > depth and text.count("[") + text.count("{") > depth:
        return _LEFT
    memory, items = limits.max_memory, limits.max_items
    if (memory is not None and memory < _SHORT_MEMORY) or (items is not None and items < _SHORT) or "\\" in text:
        return _LEFT
    try:
        # Numbers of so few digits are in range, but for those with exponents and negative zeros.
        odd = len(text) > 2 * _DECIMALS or _ODD_NUMBER.search(text)
        value, end = (_decoder if odd else _simple).raw_decode(text)
    except json.JSONDecodeError:
        return _LEFT
    return value if end == len(text) else _LEFT


@_group.tool(
    "Valid",
    required("json_string", ArgType.STRING, "The text."),
    returns=ArgType.BOOL,
    result="Whether tool.json.Parse would read it.",
    example='tool.json.Valid("[1, 2") = false',
    errors="37 and 38 if it is too large or nested too deeply",
)
def valid(ctx: Context | None, json_string: str) -> bool:
    """Tells whether a text is JSON."""
    try:
        parse(ctx, json_string)
    except NeuroScriptError as error:
        if error.code == ErrorCode.INVALID_VALUE:
            return False
        raise
    return True


def _invalid(problem: str, cause: Exception | None = None) -> NoReturn:
    raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"tool.{PARSE}: {NOT_JSON}{problem}") from cause


def _check_size(ctx: Context | None, text: str) -> str | None:
    """Refuses what would be nested too deeply or take too much memory, before anything is made.

    Returns:
        What stands outside of its strings, where that had to be found out.
    """
    openings = check_memory(ctx, text, PARSE)
    depth = max_nesting(ctx)
    if openings <= depth:
        return None
    outside = None if "\\" in text or len(text) > _LONG else "".join(text.split('"')[::2])
    if outside is None or not _is_shallow(outside, depth):
        brackets = _NO_BRACKETS.sub("", _STRINGS.sub("", text))
        if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > depth:
            fail(ErrorCode.NESTING_DEPTH_EXCEEDED, PARSE, f"the text is nested deeper than {depth} levels")
    return outside


def check_memory(ctx: Context | None, text: str, tool: str) -> int:
    """Raises error 37 if what a text says in JSON would take too much memory; gives how many lists and maps begin."""
    lists, maps = text.count("["), text.count("{")
    memory = limits_of(ctx).max_memory
    # Bytes that CPython takes for each: a map with an entry, a list, a number in a list, half a string.
    if memory is not None and 200 * maps + 72 * lists + 32 * text.count(",") + 30 * text.count('"') > memory:
        fail(ErrorCode.RESOURCE_EXHAUSTION, tool, f"the values would take more than {memory} bytes")
    return lists + maps


def _is_shallow(outside: str, depth: int) -> bool:
    """Whether a text is surely nested no deeper than that, by what is outside of strings; if not, it may still be.

    Removing first the pairs ``[]`` and then ``{}`` takes away two levels at most, at a fiftieth of the time that
    looking at each bracket takes.
    """
    brackets = outside.translate(_ONLY_BRACKETS)
    for _ in range(depth // 2):
        fewer = brackets.replace("[]", "").replace("{}", "")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return not brackets


def _decoder_for(text: str, outside: str | None) -> json.JSONDecoder:
    """The fastest decoder for a text, given what is outside of its strings where that is known."""
    if _has_digits(text, _DIGITS):
        return _careful
    if outside is None or _has_digits(outside, _DECIMALS) or "-0" in outside:
        return _decoder
    words = outside.replace("true", "").replace("false", "")
    return _decoder if "e" in words or "E" in words else _simple


def _has_digits(text: str, count: int) -> bool:
    """Whether there are so many digits from any multiple of the number on."""
    return any(text[start : start + count].isdigit() for start in range(0, len(text) - count + 1, count))


def _check_lengths(ctx: Context | None, value: Any) -> None:
    left = [value]
    while left:
        value = left.pop()
        if type(value) is list:
            check_items(ctx, len(value), PARSE)
            left += [item for item in value if type(item) is list or type(item) is dict]
        elif type(value) is dict:
            check_items(ctx, len(value), PARSE, "map")
            left += [item for item in value.values() if type(item) is list or type(item) is dict]


def _check_surrogates(value: Any) -> None:
    left = [value]
    while left:
        value = left.pop()
        if type(value) is str:
            try:
                value.encode()
            except UnicodeEncodeError:
                _invalid("a string has half of a surrogate pair, which is no character")
        elif type(value) is list:
            left += value
        elif type(value) is dict:
            left += value
            left += value.values()


def _whole(text: str) -> int:
    # 4096 bits are 1234 digits; Python's own limit is beyond that.
    number = int(text) if len(text) <= 1235 else INT_LIMIT
    if not -INT_LIMIT < number < INT_LIMIT:
        fail(ErrorCode.INVALID_VALUE, PARSE, f"a whole number has at most {MAX_INT_BITS} bits, not {len(text)} digits")
    return number


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        fail(ErrorCode.INVALID_VALUE, PARSE, f"the number {text[:40]} is out of range")
    return number + 0.0  # a negative zero is zero


def _constant(word: str) -> NoReturn:
    _invalid(f"{word} is not a number of JSON")


_simple = json.JSONDecoder(parse_constant=_constant)  # of numbers in range, and no negative zeros
_decoder = json.JSONDecoder(parse_float=_double, parse_constant=_constant)
_careful = json.JSONDecoder(parse_int=_whole, parse_float=_double, parse_constant=_constant)


# --- writing ----------------------------------------------------------------------------------------------------------


@_group.tool(
    "Stringify",
    required("value", ArgType.ANY, "The value."),
    optional("indent", ArgType.INT, "Blanks for each level, 0 to 16; 0 writes one line without blanks.", 0),
    returns=ArgType.STRING,
    result="JSON. A timedate is its text, a fuzzy its number, an error or event a map of its fields.",
    example="""tool.json.Stringify({"k": [1.5, nil]}) = '{"k":[1.5,null]}'""",
    errors="7 for a function, tool, handle or bytes; 8 if indent is out of range; 37 and 38 if the value is too large "
    "or nested too deeply",
    brief=True,
)
def stringify(ctx: Context | None, value: Any, indent: int) -> str:
    """Writes a value as JSON."""
    if not 0 <= indent <= 16:
        fail(ErrorCode.BOUNDS, _WRITE, f"indent is {indent}; it must be from 0 to 16")
    plain = value
    if not (_is_flat(value) or _is_short(ctx, value, indent)):
        plain, size = _Writer(ctx, indent).measure(value, 0)
        check_characters(ctx, size, _WRITE)
    text = (_pretty(indent) if indent else _compact).encode(plain)
    # The measure is exact but for whole numbers and the blanks before closing brackets.
    check_characters(ctx, len(text), _WRITE)
    return text


def _is_flat(value: Any) -> bool:
    """Whether a value is a list or map of a few strings, numbers, booleans and nils."""
    if type(value) is not list and type(value) is not dict:
        return False
    items: Iterable[Any] = value
    characters = len(value)
    if type(value) is dict:
        characters += sum(map(len, value))
        items = value.values()
    if characters > _SHORT:
        return False
    for item in items:
        kind = type(item)
        if kind is str:
            characters += len(item)
        elif kind is float:
            if item.is_integer():
                return False
        elif kind is not int and item is not None and kind is not bool:
            return False
    return characters <= MUCH


def _is_short(ctx: Context | None, value: Any, indent: int) -> bool:
    """Whether a value certainly is of plain JSON types as it is, not nested too deeply, and its text not too long."""
    if type(value) is not list and type(value) is not dict:
        return False
    level, count, characters = [value], 0, 0
    most = max_characters(ctx)
    for depth in range(1, max_nesting(ctx) + 1):
        inner: list[Any] = []
        for container in level:
            count += len(container)
            items: Iterable[Any] = container
            if type(container) is dict:
                characters += len("".join(container))
                items = container.values()
            if count > _MOST_ITEMS or characters > most:
                return False
            for item in items:
                kind = type(item)
                if kind is str:
                    characters += len(item)
                elif kind is dict or kind is list:
                    inner.append(item)
                elif kind is int:
                    if not -_LARGE < item < _LARGE:
                        return False
                elif (kind is float and item.is_integer()) or (kind not in _PLAIN):
                    return False
        if not inner:
            # A character is written as six at most.
            return 6 * characters + (count + 1) * (_LONGEST_NUMBER + 2 * indent * depth) <= most
        level = inner
    return False


_PLAIN = frozenset({float, bool, type(None)})
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


def _pretty(indent: int) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, indent=indent)


_quote = json.encoder.encode_basestring


class _Writer:
    """Finds a value's form in JSON and the length of its text.

    A list or map that occurs many times is measured once, so that a small value whose text would be astronomically
    long is refused in no time.
    """

    def __init__(self, ctx: Context | None, indent: int) -> None:
        self.ctx = ctx
        self.limit = max_characters(ctx)
        self.depth = max_nesting(ctx)
        self.indent = indent
        # Each entry holds the list or map itself too, so that its id stays its own.
        self.known: dict[tuple[int, int], tuple[Any, tuple[Any, int]]] = {}

    def measure(self, value: Any, level: int) -> tuple[Any, int]:
        """The value as plain JSON types and the characters of its text; the value itself where nothing changes."""
        kind = type(value)
        if kind is list or kind is dict:
            key = (id(value), level)
            found = self.known.get(key)
            if found is None:
                if level >= self.depth:
                    fail(
                        ErrorCode.NESTING_DEPTH_EXCEEDED, _WRITE, f"the value is nested deeper than {self.depth} levels"
                    )
                found = self.known[key] = (value, self._container(value, level))
            return found[1]
        if kind is str:
            return value, len(_quote(value))
        if kind is int:
            # Digits are at most this many, and not far fewer.
            return value, value.bit_length() * 30103 // 100000 + 2
        if kind is float:
            value = int(value) if value.is_integer() and abs(value) < 2**53 else value
            return value, len(repr(value))
        if value is None or kind is bool:
            return value, 5
        return self.measure(_plain(value), level)

    def _container(self, value: Any, level: int) -> tuple[Any, int]:
        margin = 2 + self.indent * (level + 1) if self.indent else 0
        if type(value) is list:
            size = 2 + len(value) * (1 + margin)
            items: Iterable[tuple[Any, Any]] = enumerate(value)
        else:
            # The keys are quoted as one, which takes away all quotes but the first and the last.
            size = len(value) * (4 + margin) + len(_quote("".join(value)))
            items = value.items()
        plain = value
        for key, item in items:
            # The common items are measured here as in `measure`, without a call for each.
            kind = type(item)
            if kind is str:
                size += len(_quote(item))
                if size > self.limit:
                    # The same long string may stand here a million times.
                    check_characters(self.ctx, size, _WRITE)
            elif kind is int:
                size += item.bit_length() * 30103 // 100000 + 2
            elif item is None or kind is bool:
                size += 5
            elif kind is float and not item.is_integer():
                size += len(repr(item))
            else:
                written, length = self.measure(item, level + 1)
                size += length
                if written is not item:
                    if plain is value:
                        plain = value.copy()
                    plain[key] = written
        return plain, size


def _plain(value: Any) -> Any:
    """The form in JSON of a value that JSON has no type for."""
    kind = type(value)
    if kind is TimeDate:
        return text_of(value)
    if kind is Fuzzy:
        return value.value
    if kind is not ErrorValue and kind is not EventValue:
        fail(ErrorCode.TYPE, _WRITE, f"{given(value)} has no form in JSON; convert it first")
    return value.fields()
