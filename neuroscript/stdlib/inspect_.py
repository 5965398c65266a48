"""``str.Inspect``: values of any size as short texts for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import Context, Group, check_characters, fail, max_nesting, optional, required
from neuroscript.tools.spec import ArgType
from neuroscript.values import text_of

_group = Group("str")
TOOLS = _group.tools

_TOOL = "str.Inspect"
_CUT = "..."
_quote = json.encoder.encode_basestring


@_group.tool(
    "Inspect",
    required("input_variable", ArgType.ANY, "Any value."),
    optional("max_length", ArgType.INT, "How many characters of a string, and items of a list or map, are shown.", 128),
    optional("max_depth", ArgType.INT, "How many levels of lists and maps are shown.", 5),
    returns=ArgType.STRING,
    result="One line: as emit shows the value, but strings in quotes, and what is left out as `...`.",
    example="""tool.str.Inspect({"a": ["long text", [1]]}, 7, 2) = '{"a": ["long...", ...]}'""",
    errors="8 if max_length is less than 4 or max_depth less than 0; 37 if the result would be too long",
)
def inspect(ctx: Context | None, input_variable: Any, max_length: int, max_depth: int) -> str:
    """Shows a value in short, with its inner structure, whatever its size."""
    for name, number, least in (("max_length", max_length, 4), ("max_depth", max_depth, 0)):
        if number < least:
            fail(ErrorCode.BOUNDS, _TOOL, f"{name} is {number}; it must be {least} or more")
    parts: list[str] = []
    length = checked = 0
    for part in _shown(input_variable, max_length, min(max_depth, max_nesting(ctx))):
        parts.append(part)
        length += len(part)
        if length > checked:
            check_characters(ctx, length, _TOOL)
            checked = length + 4096
    check_characters(ctx, length, _TOOL)
    return "".join(parts)


def _shown(value: Any, most: int, depth: int) -> Iterator[str]:
    """The text of a value in parts."""
    kind = type(value)
    if kind is str:
        yield _quote(_cut(value, most))
    elif kind is not list and kind is not dict:
        text = text_of(value)
        yield text if kind is int or kind is float else _cut(text, most)
    elif not value:
        yield "[]" if kind is list else "{}"
    elif depth <= 0:
        yield _CUT
    else:
        yield "[" if kind is list else "{"
        for index, item in enumerate(value):
            if index:
                yield ", "
            if index == most:
                yield f"{_CUT} {len(value) - most} more"
                break
            if kind is dict:
                yield from _shown(item, most, 0)
                yield ": "
                item = value[item]
            yield from _shown(item, most, depth - 1)
        yield "]" if kind is list else "}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT
