"""The tools of group ``str`` that read and write formats: regular expressions, JSON, encodings, numbers."""

from __future__ import annotations

import base64
import binascii
import functools
from decimal import ROUND_HALF_UP, Decimal
from decimal import Context as DecimalContext
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib import json_, regex
from neuroscript.stdlib.declare import Context, Group, check_characters, check_run, fail, max_characters, required
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import number_text, read_number, text_of

_group = Group("str")
TOOLS = _group.tools

_TEXT = required("input_string", ArgType.STRING, "The text.")


# --- regular expressions and JSON, under the names of this group -----------------------------------------------------


@_group.tool(
    "MatchRegex",
    regex.PATTERN,
    _TEXT,
    returns=ArgType.BOOL,
    result="Whether the pattern matches anywhere in the text.",
    example='tool.str.MatchRegex("^a+$", "aaa") = true',
    errors="41 if the pattern is not valid",
)
def match_regex(ctx: Context | None, pattern: str, input_string: str) -> bool:
    """Tells whether a regular expression (RE2 syntax) matches."""
    return regex.matches(ctx, pattern, input_string, "str.MatchRegex")


@_group.tool(
    "FindAllRegex",
    regex.PATTERN,
    _TEXT,
    returns=ArgType.SLICE_STRING,
    result="What matched, from the left, without overlap.",
    example='tool.str.FindAllRegex("[0-9]+", "a1b22c333") = ["1", "22", "333"]',
    errors="41 if the pattern is not valid; 37 if there is too much to find",
)
def find_all_regex(ctx: Context | None, pattern: str, input_string: str) -> list[str]:
    """Finds all matches of a regular expression (RE2 syntax)."""
    return regex.find_all(ctx, pattern, input_string)


@_group.tool(
    "ReplaceRegex",
    regex.PATTERN,
    _TEXT,
    regex.REPLACEMENT,
    returns=ArgType.STRING,
    result="The text with all matches replaced.",
    example='tool.str.ReplaceRegex("[0-9]", "a1b2", "#") = "a#b#"',
    errors="41 if the pattern is not valid; 37 if the result would be too long",
)
def replace_regex(ctx: Context | None, pattern: str, input_string: str, replacement: str) -> str:
    """Replaces all matches of a regular expression (RE2 syntax)."""
    return regex.replace(ctx, pattern, input_string, replacement, -1)


@_group.tool(
    "ParseJsonString",
    required("json_string", ArgType.STRING, "JSON text."),
    returns=ArgType.ANY,
    result="The value.",
    example="""tool.str.ParseJsonString('{"a": [1, null]}') = {"a": [1, nil]}""",
    errors="41 if the text is not JSON; 37 and 38 if it is too large or nested too deeply",
)
def parse_json_string(ctx: Context | None, json_string: str) -> Any:
    """Reads JSON, as tool.json.Parse does."""
    return json_.parse(ctx, json_string)


@_group.tool(
    "ToJsonString",
    required("value", ArgType.ANY, "The value."),
    returns=ArgType.STRING,
    result="JSON without blanks.",
    example="""tool.str.ToJsonString({"k": [1.5, nil]}) = '{"k":[1.5,null]}'""",
    errors="7 for a value that JSON has no form for; 37 and 38 if it is too large or nested too deeply",
    brief=True,
)
def to_json_string(ctx: Context | None, value: Any) -> str:
    """Writes a value as JSON, as tool.json.Stringify does."""
    return json_.stringify(ctx, value, 0)


# --- encodings --------------------------------------------------------------------------------------------------------

_BYTES = required("input_string", ArgType.BYTES, "The text, taken as UTF-8, or bytes.")


def _decoded(data: bytes, tool: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        fail(ErrorCode.INVALID_VALUE, tool, f"what is encoded is not text: byte {error.start} is not valid UTF-8")


@_group.tool(
    "ToBase64",
    _BYTES,
    returns=ArgType.STRING,
    result="Base64 with padding (RFC 4648, section 4).",
    example='tool.str.ToBase64("hello") = "aGVsbG8="',
    errors="37 if the result would be too long",
)
def to_base64(ctx: Context | None, input_string: bytes) -> str:
    """Encodes a text as base64."""
    check_characters(ctx, (len(input_string) + 2) // 3 * 4, "str.ToBase64")
    return base64.b64encode(input_string).decode("ascii")


@_group.tool(
    "FromBase64",
    required("input_string", ArgType.STRING, "Base64 with padding; newlines in it are skipped."),
    returns=ArgType.STRING,
    result="The text that was encoded.",
    example='tool.str.FromBase64("aGVsbG8=") = "hello"',
    errors="41 if it is not base64, or not of a text",
)
def from_base64(input_string: str) -> str:
    """Decodes base64."""
    try:
        data = base64.b64decode(input_string.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        fail(ErrorCode.INVALID_VALUE, "str.FromBase64", f"{given(input_string)} is not base64: {error}")
    return _decoded(data, "str.FromBase64")


@_group.tool(
    "ToHex",
    _BYTES,
    returns=ArgType.STRING,
    result="Two lower-case hexadecimal digits for each byte.",
    example='tool.str.ToHex("AB") = "4142"',
    errors="37 if the result would be too long",
)
def to_hex(ctx: Context | None, input_string: bytes) -> str:
    """Encodes a text as hexadecimal digits."""
    check_characters(ctx, len(input_string) * 2, "str.ToHex")
    return input_string.hex()


@_group.tool(
    "FromHex",
    required("input_string", ArgType.STRING, "Hexadecimal digits, two for each byte."),
    returns=ArgType.STRING,
    result="The text that was encoded.",
    example='tool.str.FromHex("4142") = "AB"',
    errors="41 if it is not hexadecimal, or not of a text",
)
def from_hex(input_string: str) -> str:
    """Decodes hexadecimal digits."""
    try:
        data = binascii.unhexlify(input_string)
    except (binascii.Error, ValueError) as error:
        fail(ErrorCode.INVALID_VALUE, "str.FromHex", f"{given(input_string)} is not hexadecimal: {error}")
    return _decoded(data, "str.FromHex")


# --- numbers and values -----------------------------------------------------------------------------------------------


@_group.tool(
    "ToNumber",
    _TEXT,
    returns=ArgType.NUMBER,
    result="The number.",
    example='tool.str.ToNumber(" 2.50 ") = 2.5',
    errors="41 if the text does not read as a number",
)
def to_number(input_string: str) -> int | float:
    """Reads a text as a decimal number; blanks round it do not matter."""
    number = read_number(input_string)
    if number is None:
        fail(ErrorCode.INVALID_VALUE, "str.ToNumber", f"{given(input_string)} does not read as a number")
    return number


@_group.tool(
    "ToString",
    required("value", ArgType.ANY, "Any value."),
    returns=ArgType.STRING,
    result="Its text form, as emit shows it.",
    example='tool.str.ToString([1, "a"]) = \'[1, "a"]\'',
    errors="37 and 38 if the value is too large or nested too deeply",
    brief=True,
)
def to_string(ctx: Context | None, value: Any) -> str:
    """Gives the text form of a value."""
    if type(value) is float:
        return number_text(value)
    text = text_of(value, max_string=max_characters(ctx))
    check_run(ctx, len(text))
    return text


@_group.tool(
    "FormatNumber",
    required("number", ArgType.NUMBER, "The number."),
    required("decimals", ArgType.INT, "How many digits after the point, 0 to 100; halves are rounded away from zero."),
    returns=ArgType.STRING,
    result="The number with exactly that many digits after the point.",
    example='tool.str.FormatNumber(2.5, 2) = "2.50"',
    errors="8 if decimals is out of range",
)
def format_number(number: float, decimals: int) -> str:
    """Writes a number with a fixed count of digits after the point."""
    if not 0 <= decimals <= 100:
        fail(ErrorCode.BOUNDS, "str.FormatNumber", f"decimals is {decimals}; it must be from 0 to 100")
    if type(number) is float and decimals <= _FEW:
        # Far from a half, Python rounds as the digits do; near it, they tell.
        last = number * 10**decimals
        if -_EXACT < last < _EXACT and not 0.4999 < last % 1.0 < 0.5001:
            return _unsigned_zero(format(number, f".{decimals}f"))
    text = number_text(number)
    _, point, digits = text.partition(".")
    if len(digits) <= decimals:
        return f"{text}{'' if point or not decimals else '.'}{'0' * (decimals - len(digits))}"
    if digits[decimals:] != "5" and "e" not in text and type(number) is float:
        # Python rounds what the double exactly is.  Its shortest digits lie on the same side of a half, unless they are
        # that half: else the half would be the shorter or the nearer text.
        return _unsigned_zero(format(number, f".{decimals}f"))
    if type(number) is float and decimals <= _FEW and abs(number) * 10**decimals < _EXACT:
        return format(float(f"{text[:-1]}6"), f".{decimals}f")  # a half, and what is a little more
    rounded = Decimal(text).quantize(_last_digit(decimals), context=_ROUNDING)
    return format(rounded if rounded else abs(rounded), "f")


def _unsigned_zero(text: str) -> str:
    """A text of digits, without the sign of a zero."""
    return text if text[0] != "-" or text.strip("-0.") else text[1:]


_FEW = 15
_EXACT = 1e10  # below it a double is exact to a millionth

_ROUNDING = DecimalContext(prec=2000, rounding=ROUND_HALF_UP)  # more digits than a number has, and room for 100 more


@functools.cache
def _last_digit(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)
