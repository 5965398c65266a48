"""``str.Format``: templates with Python's format specifications for numbers and text.

The template is taken apart here and each value is written by `format` on its own, so that nothing of a value can be
reached but its text: there are no attributes, indexes, conversions or specifications within specifications.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple, NoReturn

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import (
    Context,
    Group,
    fail,
    max_characters,
    max_items,
    max_nesting,
    optional,
    required,
)
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import Fuzzy, joined_text, number_text, read_number

_group = Group("str")
TOOLS = _group.tools

_TOOL = "str.Format"
_MOST = 10_000  # characters of width, and digits of precision
_KEPT = 1024  # characters of a template that is taken apart once for all its uses

_PIECE = re.compile(r"\{\{|\}\}|\{([0-9]*)(?::([^{}]*))?\}|[^{}]+|[{}]")
_SPECIFICATION = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[-+ ])?(?P<z>z)?(?P<alternate>\#)?(?P<zero>0)?(?P<width>[0-9]+)?"
    r"(?P<group>[,_])?(?:\.(?P<precision>[0-9]+))?(?P<code>[bcdeEfFgGosxX%])?",
    re.DOTALL,
)
_WHOLE_CODES = frozenset("bcdoxX")
FAR = 1e13
"""Up to here numbers times a hundred are exact as doubles."""

_EXACT = 1 << 53  # whole numbers up to which doubles are exact


class _Form(NamedTuple):
    """A format specification in its parts, each as it is written; empty where it is not."""

    fill: str
    align: str
    sign: str
    z: str
    alternate: str
    zero: str
    width: str
    group: str
    precision: str
    code: str

    @property
    def text(self) -> str:
        """The specification as Python reads it."""
        *before, precision, code = self
        return "".join(before) + (precision and f".{precision}") + code

    @property
    def of_numbers(self) -> bool:
        """Whether it is for numbers alone."""
        return (
            self.code not in ("", "s") or self.align == "=" or bool(self.sign or self.z or self.alternate or self.group)
        )

    @property
    def filling(self) -> str:
        """What numbers are filled up with."""
        return self.fill or ("0" if self.zero else " ")


class Field(NamedTuple):
    """Where a value goes: its number, its form, and how Python writes ordinary values of each kind in it.

    A specification is None where values of the kind need a closer look.
    """

    number: int
    form: _Form
    text: str | None
    whole: str | None
    fraction: str | None

    @classmethod
    def of(cls, number: int, form: _Form) -> Field:
        """The field of a form."""
        if not form.code:
            whole = form._replace(z="", code="g" if form.precision else "").text
            return cls(number, form, None if form.of_numbers else form.text, whole, form.text)
        if form.code == "s":
            return cls(number, form, None if form.of_numbers else form.text, None, None)
        return cls(number, form, None, None if form.code == "c" else form.text, _fraction(form))


def _fraction(form: _Form) -> str | None:
    return None if form.code in _WHOLE_CODES else form.text


_Part = str | Field


@_group.tool(
    "Format",
    required("template", ArgType.STRING, "The text, with `{}` where an argument goes: the next one, or by its number."),
    optional("args", ArgType.ANY, "The arguments, from 0."),
    returns=ArgType.STRING,
    result="The text with the arguments in their places. After a colon stands how one is written, as in Python: fill "
    "and side (`<` `>` `^` `=`), sign, `0`, width, `,` or `_` between thousands, precision, and a code: `d` whole, "
    "`f` with a point, `e` `g` with an exponent, `%`, `b` `o` `x` other bases, `s` text. nil is empty; `{{` and `}}` "
    "are braces.",
    primer="Templates are Python's: `{:<10} {:>8.2f} {}`.",
    example='tool.str.Format("{:<6}|{:>8.2f}|{:,}", "ab", 3.14159, 1234567) = "ab    |    3.14|1,234,567"',
    errors="4 for a template that is none, an argument that is not there, or one that is no number where the code is "
    "for numbers; 37 if the result would be too long",
    variadic=True,
)
def format_text(ctx: Context | None, template: str, args: list[Any]) -> str:
    """Puts values into a text, each in a width and form of its own."""
    parts = _taken_apart(template) if len(template) <= _KEPT else parts_of(template, ctx)
    room = max_characters(ctx)
    pieces = []
    for number, part in enumerate(parts, 1):
        if not number & 1023 and ctx is not None:
            ctx.check()
        if isinstance(part, str):
            piece = part
        else:
            index, form, *_ = part
            if index >= len(args):
                count = "is 1 argument" if len(args) == 1 else f"are {len(args)} arguments"
                _wrong(f"the template asks for argument {index} (they count from 0), but there {count}")
            quick = _quickly(args[index], part)
            piece = _written(ctx, args[index], form, room) if quick is None else quick
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            most = max_characters(ctx)
            fail(ErrorCode.RESOURCE_EXHAUSTION, _TOOL, f"the result would be longer than the {most} characters allowed")
    result = "".join(pieces)
    if ctx is not None and len(result) > _KEPT:
        ctx.check()
    return result


def _quickly(value: Any, field: Field) -> str | None:
    """A text or a number of ordinary size as its field has it; None for what needs a closer look."""
    kind = type(value)
    if kind is str:
        form = field.text
        if form is None or len(value) > _KEPT:
            return None
    elif kind is float:
        form = field.fraction
        # What is smaller or larger, Python writes with an exponent; whole doubles are whole numbers.
        if not 0.0001 <= abs(value) < FAR or value.is_integer():
            return None
    elif kind is int and -FAR < value < FAR:
        form = field.whole
    else:
        return None
    if not form:
        return None if form is None else str(value)
    try:
        return format(value, form)
    except ValueError:
        return None


def _wrong(problem: str) -> NoReturn:
    fail(ErrorCode.ARG_MISMATCH, _TOOL, problem)


# --- templates --------------------------------------------------------------------------------------------------------


def parts_of(template: str, ctx: Context | None = None) -> list[_Part]:
    """The template as texts and the fields between them.

    Raises:
        NeuroScriptError: 4, saying where it is wrong; 37 if it has more parts than a list may have items.
    """
    parts: list[_Part] = []
    most = max_items(ctx)
    count, numbered = 0, False
    for match in _PIECE.finditer(template):
        if len(parts) >= most:
            fail(ErrorCode.RESOURCE_EXHAUSTION, _TOOL, f"the template has more than the {most} parts allowed")
        if not len(parts) & 1023 and ctx is not None:
            ctx.check()
        piece = match.group()
        if piece[0] not in "{}":
            parts.append(piece)
        elif piece in ("{{", "}}"):
            parts.append(piece[0])
        elif len(piece) == 1:
            _wrong(_explained(template, match.start()))
        else:
            number, text = match.groups()
            if (number and count) or (not number and numbered):
                _wrong("the template has both {} and fields with a number like {0}; use one of the two")
            if len(number) > 6:
                _wrong(f"the template asks for argument {number[:20]}, which no call has")
            numbered = bool(number)
            index = int(number) if number else count
            count += not number
            parts.append(Field.of(index, _form(text or "")))
    return parts


_taken_apart = functools.lru_cache(maxsize=256)(parts_of)


def _explained(template: str, start: int) -> str:
    shown = template[start : start + 24]
    if template[start] == "}":
        return f"the template has a '}}' without its '{{' at character {start}: {shown!r}; '}}}}' is a brace"
    return (
        f"the template has a '{{' at character {start} that begins no field: {shown!r}; a field is {{}}, {{0}} or "
        f"{{:8.2f}}, without names, '.', '[', '!' or braces inside, and '{{{{' is a brace"
    )


def _form(text: str) -> _Form:
    match = _SPECIFICATION.fullmatch(text)
    if match is None:
        _wrong(
            f"the template has the field {{:{text[:24]}}}, whose form is none: a form is "
            "[[fill]side][sign][0][width][,][.precision][code], like >8.2f"
        )
    form = _Form(*(match.group(name) or "" for name in _Form._fields))
    for what, digits in (("width", form.width), ("precision", form.precision)):
        if len(digits) > 9 or int(digits or 0) > _MOST:
            _wrong(f"the template has the field {{:{text[:24]}}}: a {what} is {_MOST} at most")
    return form


# --- values -----------------------------------------------------------------------------------------------------------


def _written(ctx: Context | None, value: Any, form: _Form, room: int) -> str:
    """A value as its field has it."""
    if value is None:
        return (form.fill or " ") * int(form.width or 0)
    kind = type(value)
    if form.code != "s" and (kind is int or kind is float):
        return _number(value, form)
    if form.of_numbers:
        number = read_number(value) if kind is str else value.value if kind is Fuzzy else None
        if number is None:
            _wrong(f"the field {{:{form.text}}} is for a number, not {given(value)}")
        return _number(number, form)
    text = joined_text(value, max_string=max(room, 0), max_nesting=max_nesting(ctx))
    return _formatted(text, form, value) if any(form) else text


def _formatted(value: Any, form: _Form, shown: Any) -> str:
    """The value as Python writes it; what Python refuses is error 4 about the value that was given."""
    try:
        return format(value, form.text)
    except (ValueError, OverflowError) as error:
        _wrong(f"the field {{:{form.text}}} does not go with {given(shown)}: {error}")


def _number(number: int | float, form: _Form) -> str:
    """A number by its form; a double that is whole is a whole number, and whole numbers are exact of any size."""
    if type(number) is float and number.is_integer():
        number = int(number)
    code = form.code
    if type(number) is int:
        if code == "c" and (not 0 <= number < 0x110000 or 0xD800 <= number < 0xE000):
            _wrong(f"the field {{:{form.text}}} is for a character, and {given(number)} is the number of none")
        if code in ("f", "F", "%") and abs(number) * 100 > _EXACT:
            return _large(number, form)
        if not code:
            # Python knows these parts without a code for doubles only, and would show a whole one with a point.
            form = form._replace(z="", code="g" if form.precision else "")
        return _formatted(number, form, number)
    if code in _WHOLE_CODES:
        _wrong(f"the field {{:{form.text}}} is for a whole number, not {given(number)}")
    if not code and not form.precision and "e" in repr(number):
        # The language shows no exponents.  What has one here is so small that its whole part is 0, with or without "-".
        end = number_text(number).lstrip("-")[1:]
        return _joined(-1 if number < 0 else 1, end, form).replace(f"1{end}", f"0{end}")
    return _formatted(number, form, number)


def _large(number: int, form: _Form) -> str:
    """A whole number with a point or as a percentage, digit by digit where a double would round it."""
    decimals = int(form.precision or 6)
    end = "." + "0" * decimals if decimals or form.alternate else ""
    if form.code == "%":
        number, end = number * 100, f"{end}%"
    return _joined(number, end, form)


def _joined(whole: int, end: str, form: _Form) -> str:
    """A whole number with more characters behind it, as one number in the form's width."""
    width = int(form.width or 0)
    if form.align == "=" or (form.zero and not form.align):
        # What fills up stands between the sign and the digits.
        return format(whole, f"{form.filling}={form.sign}{max(width - len(end), 1)}{form.group}") + end
    text = format(whole, f"{form.sign}{form.group}") + end
    return format(text, f"{form.filling}{form.align or '>'}{width or 1}")
