"""Explains errors inside one token: in characters, numbers, strings and metadata."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from neuroscript.syntax.errors.common_mistakes import CHARACTERS
from neuroscript.syntax.lexer import (
    BAD_ESCAPE,
    BAD_METADATA,
    BAD_NUMBER,
    BAD_RANGE,
    BAD_STRING,
    Tokens,
)
from neuroscript.syntax.source import LINE_END
from neuroscript.syntax.tables import PATTERNS
from neuroscript.values import MAX_INT_BITS

_ESCAPES = re.compile(r"\\(?:\r\n?|[\s\S])[0-9A-Fa-f]{0,4}")
_PAIR = re.compile(r"\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}")
_GOOD_ESCAPE = re.compile(r"\\(?:[\"'\\btnfrv~`]|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[0-7]{2}|u[0-9A-Fa-f]{4}|\r\n?|\n)")
_SURROGATE = re.compile(r"\\u[Dd][89A-Fa-f]")
_RADIX = re.compile(r"0[xX][0-9A-Fa-f]+|0[bB][01]+|0[oO][0-7]+")


_PAIRS = {
    "??": "`tool.map.Get(map, key, default)` has a default; else test with `if x == nil`",
    "?:": "there is no default operator: test with `if x == nil`",
    "?.": "a missing key of a map is nil; whether there is a map, test with `if x != nil`",
    "${": "placeholders are `{{name}}`, in a raw string ```…```",
    "!!": "truth is `some x`",
}


@dataclass(frozen=True, slots=True)
class LexicalError:
    """The message, the hint, and the part of the token that they are about (all of it without a width)."""

    message: str
    hint: str = ""
    offset: int = 0
    width: int = 0


def lexical_error(code: int, tokens: Tokens, place: int) -> LexicalError:
    """What is wrong with a token whose code no rule knows."""
    text = tokens.texts[place]
    if code == BAD_STRING:
        start = tokens.starts[place]
        if text[0] == '"' and tokens.source[max(0, start - 2) : start] == '""':
            hint = "text over many lines stands between ``` and ```, or between ''' and ''' without placeholders"
            return LexicalError('there is no `"""`', hint, width=1)
        return _open_string(text)
    if code == BAD_ESCAPE:
        return _escape(text)
    if code == BAD_NUMBER:
        return _number(text)
    if code == BAD_RANGE:
        if text.isdigit():
            return LexicalError(f"the number is out of range: a whole number has at most {MAX_INT_BITS:,} bits")
        return LexicalError("the number is out of range: a number with a fraction or exponent is below 1.8e308")
    if code == BAD_METADATA:
        line = tokens.source[: tokens.starts[place]].replace("\r", "\n").rpartition("\n")[2]
        if line.strip("\ufeff \t"):
            hint = "a field is read with a point: `value.name`"
            return LexicalError("`::` begins metadata, which has a line of its own", hint, width=2)
        hint = "a key has letters, digits, `_`, `.`, `-` and `:`"
        return LexicalError("metadata is written `:: key: value`", hint)
    return _character(text, tokens.source, tokens.starts[place])


def _open_string(text: str) -> LexicalError:
    if text.startswith(("'''", "```")):
        return LexicalError(f"the string that begins here is never closed: expected {text[:3]}", width=3)
    width = len(LINE_END.split(text, maxsplit=1)[0])
    return LexicalError(
        f"the string is not closed on its line: expected {text[0]}",
        "for text over many lines write ``` … ```, or ''' … ''' without placeholders",
        width=width,
    )


def _escape(text: str) -> LexicalError:
    """The first escape of a string that is none."""
    offset = 1
    while True:
        offset = text.index("\\", offset)
        pair = _PAIR.match(text, offset)
        good = pair or _GOOD_ESCAPE.match(text, offset)
        if good and (pair or not _SURROGATE.match(text, offset)):
            offset = good.end()
            continue
        break
    match = _ESCAPES.match(text, offset)
    escape = match[0] if match else text[offset : offset + 2]
    kind = escape[1]
    if kind == "u" and _SURROGATE.match(text, offset):
        message = f"`{escape}` is half of a surrogate pair"
        hint = "write both halves one after the other, or the character itself"
    elif kind == "u":
        escape = escape[:6]
        message, hint = f"`{escape}` is no escape: \\u takes four hexadecimal digits", ""
    elif kind == "x":
        escape = escape[:4]
        message, hint = f"`{escape}` is no escape: \\x takes two hexadecimal digits", ""
    elif kind.isdigit():
        escape = escape[:3]
        message, hint = f"`{escape}` is no escape: octal escapes have two digits, or three up to \\377", ""
    else:
        escape = escape[:2]
        message = f"`{escape}` is no escape"
        hint = "a backslash itself is written `\\\\`; a literal raw string '''…''' has no escapes"
    return LexicalError(message, hint, offset, len(escape))


def _number(text: str) -> LexicalError:
    digits = re.match(PATTERNS["NUMBER"], text)
    number = digits[0] if digits else text
    if _RADIX.fullmatch(text):
        return LexicalError(f"`{text}` is no number: numbers are decimal", f"write {int(text, 0)}")
    if text.endswith(".") and text.count(".") == 1:
        return LexicalError(f"`{text}` is no number: a point is followed by digits", f"write {text[:-1]} or {text}0")
    if re.fullmatch(r"[0-9_]+", text):
        return LexicalError(f"`{text}` is no number: digits are not grouped", f"write {text.replace('_', '')}")
    if re.fullmatch(r"[0-9.]+[eE][+-]?", text):
        return LexicalError(
            f"`{text}` is no number: an exponent has digits", f"write {text}0, or a blank after {number}"
        )
    if ".." in text:
        return LexicalError(
            f"`{text}` is no number", "there are no ranges: use tool.list.Range, tool.list.Slice or tool.str.Substring"
        )
    if text.count(".") > 1:
        return LexicalError(f"`{text}` is no number: it has more than one point", "a version is a string")
    return LexicalError(f"`{text}` is neither a number nor a name", "a name begins with a letter or `_`")


def _character(text: str, source: str, offset: int) -> LexicalError:
    pair = source[offset : offset + 2]
    if pair in _PAIRS:
        return LexicalError(f"there is no `{pair}`", _PAIRS[pair], width=2)
    before, after = source[max(0, offset - 1) : offset], source[offset + 1 : offset + 2]
    if text in "?!" and (before.isalnum() or before == "_") and (after in "\r\n)" or not after):
        return LexicalError(f"found `{text}`, which has no meaning here", "a name has letters, digits and `_` alone")
    if text in CHARACTERS:
        shown = "a backquote" if text == "`" else f"`{text}`"
        return LexicalError(f"found {shown}, which has no meaning here", CHARACTERS[text])
    if text == "\\":
        rest = LINE_END.split(source[offset + 1 : offset + 200], maxsplit=1)[0]
        hint = "remove the blanks after it" if not rest.strip() else "the rest of the line goes on the next one"
        return LexicalError("a backslash joins two lines only as the last character of the line", hint)
    if text.isascii() and text.isprintable():
        return LexicalError(f"found `{text}`, which has no meaning here")
    name = unicodedata.name(text, "unnamed")
    if text.isalpha():
        hint = "names have the letters A to Z, digits and `_`; other text stands in quotes"
    else:
        hint = "if it is a blank or came with a copied text, remove it"
    return LexicalError(f"found U+{ord(text):04X} ({name}), which has no meaning here", hint)
