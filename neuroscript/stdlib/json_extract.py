"""``json.Extract``: the JSON in a model's reply, among whatever else the reply says.

What begins as JSON and breaks off is passed over up to where it breaks, and not searched for something smaller that
happens to be whole: the first item of a list that was cut off is not what the model meant to say.
"""

from __future__ import annotations

import json
import re
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib.declare import Context, Group, fail, required
from neuroscript.stdlib.json_ import BYTE_ORDER_MARK, NOT_JSON, PARSE, check_memory, fault_of, parse
from neuroscript.tools.spec import ArgType

_group = Group("json")
TOOLS = _group.tools

_TOOL = "json.Extract"

# Three backquotes or tildes, or more, open a fence: on a line of their own, or at the end of a line of text, as models
# write it too.  As many on a line of their own close it, but for the last one, which may not be closed.  No text inside
# of a JSON string is taken for a fence, since no line ends there; so a fence in a single line is none.
_FENCE = re.compile(
    r"(?:(?P<line>^[ \t]*+)(?P<mark>`{3,}+|~{3,}+)(?P<label>[^\n`~]*+)"
    r"|(?<=[^`~\n])(?P<mark_inside>`{3,}+|~{3,}+)[ \t]*+(?P<label_inside>[\w.+-]*+)[ \t]*+\r?)\n"
    r"(?P<content>.*?)(?:^[ \t>]*+(?:(?P=mark)|(?P=mark_inside))[`~]*+[ \t]*+\r?$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_OPENING = re.compile(r"[\[{]")
_REST_OF_STRING = re.compile(r'(?:[^"\\]|\\.)*+"?', re.DOTALL)

_SMALLEST_PART = 4096
_LONGEST_WORD = 16  # characters at the end of a part that may be a word or escape which it cuts off

# Only the end of what is read is wanted; Python itself reads no numbers of more than 4,300 digits.
_decoder = json.JSONDecoder(parse_int=len)


@_group.tool(
    "Extract",
    required("text", ArgType.STRING, "The text, such as a model's reply."),
    returns=ArgType.ANY,
    result="The value: all of the text if it is JSON, else the first object or array between lines of three "
    "backquotes or tildes, or more, else the first one anywhere.",
    example="""tool.json.Extract('Here you are: {"a": [1, 2]} - anything else?') = {"a": [1, 2]}""",
    errors="41 if there is none, or the one between such lines is not whole; 37 and 38 if it is too large or nested "
    "too deeply",
)
def extract(ctx: Context | None, text: str) -> Any:
    """Finds the JSON in a text."""
    text = text.lstrip(BYTE_ORDER_MARK)
    whole = text.strip()
    found, value = _all_of(ctx, whole)
    if found:
        return value
    for fence in _FENCE.finditer(text):
        content = fence["content"].strip()
        found, value = _all_of(ctx, content) if content[:1] in ("{", "[") else (False, None)
        if found:
            return value
    check_memory(ctx, text, _TOOL)
    for fence in _FENCE.finditer(text):
        mark = fence["mark"] or fence["mark_inside"]
        label, content = (fence["label"] or fence["label_inside"] or "").strip().lower(), fence["content"].strip()
        opens = content[:1] in ("{", "[")
        # A line of tildes may be a heading's; backquotes at the end of a line may be what the text speaks of.
        is_sure = fence["line"] is not None and bool(label or mark[0] == "`")
        if label.startswith("json") or (not label and (opens or is_sure)):
            found, value = _first(ctx, content)
            if found:
                return value
            if opens or (label and is_sure):
                signs = "backquotes" if mark[0] == "`" else "tildes"
                problem = f"what stands between {signs} is not JSON{value and f': {value}'}"
                fail(ErrorCode.INVALID_VALUE, _TOOL, problem)
    found, value = _first(ctx, text)
    if not found:
        fail(ErrorCode.INVALID_VALUE, _TOOL, f"there is no object or array of JSON in the text{value and f': {value}'}")
    return value


def _all_of(ctx: Context | None, text: str) -> tuple[bool, Any]:
    """Whether all of a text is JSON, and its value."""
    try:
        return text != "", parse(ctx, text) if text else None
    except NeuroScriptError as error:
        if error.code == ErrorCode.INVALID_VALUE or text[0] not in "{[":
            return False, None  # a scalar is short; brackets in other text do not count
        raise


def _first(ctx: Context | None, text: str) -> tuple[bool, Any]:
    """Whether there is an object or array in a text, and its value; else what is wrong with the best attempt."""
    problem, beyond, furthest = "", "", 0
    position = 0
    while opening := _OPENING.search(text, position):
        start = opening.start()
        try:
            end, error = _attempt(text, start)
            if error is None:
                return True, parse(ctx, text[start:end])
            position = _after(text, start, error)
            if position - start > furthest:
                furthest = position - start
                place = start + error.pos
                column = place - text.rfind("\n", 0, place)
                line = text.count("\n", 0, place) + 1
                problem = f"{fault_of(error)} at line {line}, column {column}"
        except RecursionError as deep:
            message = f"tool.{_TOOL}: the text is nested too deeply"
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, message) from deep
        except NeuroScriptError as refused:  # what is no JSON though Python reads it, or too large
            if refused.code != ErrorCode.INVALID_VALUE:
                raise
            position, problem = end, refused.message.rpartition(NOT_JSON)[2]
            if NOT_JSON not in refused.message:
                beyond = refused.message.removeprefix(f"tool.{PARSE}: ")
    if beyond:  # a number that is out of range
        fail(ErrorCode.INVALID_VALUE, _TOOL, beyond)
    return False, problem


def _attempt(text: str, start: int) -> tuple[int, json.JSONDecodeError | None]:
    """Where the object or array that begins at ``start`` ends; or why not, with the place counted from there.

    It is read in a part of the text that grows as long as what is read does: for each error Python counts the lines of
    all the text before it.
    """
    size = _SMALLEST_PART
    while True:
        part = text[start : start + size]
        try:
            return start + _decoder.raw_decode(part)[1], None
        except json.JSONDecodeError as error:
            cut_off = error.msg.startswith("Unterminated") or error.pos > size - _LONGEST_WORD
            if start + size >= len(text) or not cut_off:
                return start, error
        size *= 16


def _after(text: str, start: int, error: json.JSONDecodeError) -> int:
    """Where to go on searching behind what breaks off: never inside of the string that it breaks off in."""
    if error.msg.startswith("Unterminated string"):
        return len(text)
    if error.msg.startswith("Invalid"):  # a control character, or an escape
        rest = _REST_OF_STRING.match(text, start + error.pos)
        return len(text) if rest is None else rest.end()
    return start + max(error.pos, 1)
