"""The tools of group ``regex``: regular expressions in RE2's syntax, in time linear in the text.

RE2 never backtracks, so a pattern cannot blow up.  What is left to bound is the work of one search (the size of the
compiled pattern times the text), of many searches over the same text, and the size of what is found.  Short
texts are left to Python's engine where that is known to be quick for the pattern (`neuroscript.stdlib.regex_short`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import (
    MUCH,
    Context,
    Group,
    check_characters,
    check_items,
    fail,
    max_characters,
    max_items,
    optional,
    required,
)
from neuroscript.stdlib.interruptible import interruptible
from neuroscript.stdlib.regex_patterns import (
    MAX_MEMORY,
    compiled_pattern,
    short_for,
    short_for_all,
    spans_of,
    states_of,
)
from neuroscript.stdlib.regex_short import ShortPattern
from neuroscript.tools.spec import ArgType

_group = Group("regex")
TOOLS = _group.tools

MAX_WORK = 250_000_000
"""States of the pattern times bytes of text, for one search.  Measured: at worst RE2 does 2e8 a second, when its
automaton does not fit in memory and it follows every state."""

_LONG_WORK = 20_000_000  # the work of a tenth of a second, at worst; what may be more can be interrupted

_MANY_MATCHES = 256  # after which, or after so many seconds, the limits of the run are checked
_MANY_SECONDS = 0.02

# Bytes of text that are not too much work for any pattern: the largest that was found to fit had 262,476 states, half
# of what is allowed for here.  Asking a pattern for its size takes a third of the time of a small search.
_SHORT = MAX_WORK // (MAX_MEMORY // 8)

_CACHE_SIZE = 16  # templates

PATTERN = required("pattern", ArgType.STRING, "A regular expression in RE2's syntax.")
TEXT = required("input_string", ArgType.STRING, "The text.")
REPLACEMENT = required(
    "replacement", ArgType.STRING, "What to put there: $1 or ${1} is a group, ${name} a named one, $0 all, $$ a dollar."
)


def _decoded(data: bytes, tool: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        fail(ErrorCode.INVALID_VALUE, tool, "the pattern matches a part of a character; write . in place of \\C")


_Spans = list[tuple[int, int]]  # where a match and its groups begin and end, in bytes; -1 for a group that took no part


class _Search:
    """One pattern over one text."""

    __slots__ = ("_brief", "_ctx", "_long", "_text", "compiled", "data", "tool")

    def __init__(self, ctx: Context | None, pattern: str, text: str, tool: str) -> None:
        self._ctx = ctx
        self._text = text if text.isascii() else None  # whose characters are bytes
        self.tool = tool
        compiled = compiled_pattern(pattern, tool)
        self.compiled = compiled.program
        self.data = text.encode()
        work = compiled.size * len(self.data)
        if len(self.data) > _SHORT and work > _LONG_WORK:
            states = states_of(pattern, compiled.size)
            work = states * len(self.data)
            if work > MAX_WORK:
                fail(
                    ErrorCode.RESOURCE_EXHAUSTION,
                    tool,
                    f"a pattern of {states} states over a text of {len(self.data)} bytes is too much work; "
                    "use a simpler pattern or a shorter text",
                )
        self._long = work > _LONG_WORK
        self._brief = work * len(self.data) < _LONG_WORK  # even where each search reads all of the text

    def part(self, start: int, end: int) -> str:
        """A part of the text.  Only the class ``\\C``, a single byte, can cut a character in two."""
        if self._text is not None:
            return self._text[start:end]
        return _decoded(self.data[start:end], self.tool)

    def groups(self, spans: _Spans) -> list[str | None]:
        """The parts of the text that a match and its groups took."""
        return [None if start < 0 else self.part(start, end) for start, end in spans]

    def first(self) -> _Spans | None:
        """The first match; None if there is none."""
        found = self.compiled.search(self.data) if not self._long else self._do(self._search)
        return None if found is None else spans_of(found)

    def _search(self) -> Any:
        return self.compiled.search(self.data)

    def matches(self) -> Iterator[_Spans]:
        """Each match, from the left, without overlap, as Go and Python find them.

        An empty match directly after the match before does not count.
        """
        data, last_end, count, used = self.data, -1, 0, 0.0
        searches = self.compiled.finditer(data)
        while True:
            found, seconds = (list(searches), 0.0) if self._brief else self._do(lambda: _some(searches))
            used += seconds
            for spans in map(spans_of, found):
                start, end = spans[0]
                # The search goes byte by byte after an empty match, so it finds empty matches inside characters too.
                if end > start or (start != last_end and not (start < len(data) and data[start] & 0xC0 == 0x80)):
                    yield spans
                last_end = end
            count += len(found)
            # Each search may read far beyond its match.  What progress justifies is allowed, and half a second on top.
            if used > 0.5 + 2e-5 * count + 1e-6 * max(last_end, 0):
                message = "finding all matches takes too long; use a simpler pattern"
                fail(ErrorCode.RESOURCE_EXHAUSTION, self.tool, message)
            if not found or self._brief:
                return
            if self._ctx is not None and (len(found) == _MANY_MATCHES or seconds > _MANY_SECONDS):
                self._ctx.check()

    def _do(self, work: Callable[[], Any]) -> Any:
        return work() if self._ctx is None or not self._long else interruptible(self._ctx, work)


def _some(searches: Iterator[Any]) -> tuple[list[Any], float]:
    """The next matches, none at the end, and the processor's seconds that finding them took.

    The last search, which finds nothing, does not count: it is one, and what one may take has been allowed.
    """
    found: list[Any] = []
    started, seconds = time.thread_time(), 0.0
    for match in searches:
        found.append(match)
        seconds = time.thread_time() - started
        if len(found) == _MANY_MATCHES or seconds > _MANY_SECONDS:
            return found, seconds
    return found, seconds


# --- what the tools do, also under the names of group str -----------------------------------------------------------


def matches(ctx: Context | None, pattern: str, input_string: str, tool: str) -> bool:
    """Whether the pattern matches anywhere."""
    short = short_for(pattern, input_string, tool)
    if short is not None:
        return short.whole.search(input_string) is not None
    return _Search(ctx, pattern, input_string, tool).first() is not None


@_group.tool(
    "Match",
    PATTERN,
    TEXT,
    returns=ArgType.BOOL,
    result="Whether the pattern matches anywhere in the text.",
    example='tool.regex.Match("^[a-z]+$", "abc") = true',
    errors="41 if the pattern is not valid",
)
def match(ctx: Context | None, pattern: str, input_string: str) -> bool:
    """Tells whether a regular expression matches. Use ^ and $ for the whole text."""
    return matches(ctx, pattern, input_string, "regex.Match")


@_group.tool(
    "Find",
    PATTERN,
    TEXT,
    returns=ArgType.ANY,
    result="The first match, or nil.",
    primer="→text|nil",
    example='tool.regex.Find("[0-9]+", "a12b3") = "12"',
    errors="41 if the pattern is not valid",
)
def find(ctx: Context | None, pattern: str, input_string: str) -> str | None:
    """Finds the first match of a regular expression."""
    short = short_for(pattern, input_string, "regex.Find")
    if short is not None:
        place = short.whole.search(input_string)
        return None if place is None else place[0]
    search = _Search(ctx, pattern, input_string, "regex.Find")
    found = search.first()
    return None if found is None else search.part(*found[0])


@_group.tool(
    "FindAll",
    PATTERN,
    TEXT,
    returns=ArgType.SLICE_STRING,
    result="What matched, from the left, without overlap.",
    example='tool.regex.FindAll("[0-9]+", "a12b3") = ["12", "3"]',
    errors="41 if the pattern is not valid; 37 if there is too much to find",
)
def find_all(ctx: Context | None, pattern: str, input_string: str) -> list[str]:
    """Finds all matches of a regular expression."""
    limit = max_items(ctx)
    short = short_for_all(pattern, input_string, "regex.FindAll")
    found: list[str] = [] if short is None else short.whole.findall(input_string)
    if short is not None and len(found) <= limit:
        return found
    found = []
    search = _Search(ctx, pattern, input_string, "regex.FindAll")
    for spans in search.matches():
        if len(found) >= limit:
            check_items(ctx, len(found) + 1, "regex.FindAll")
        found.append(search.part(*spans[0]))
    return found


@_group.tool(
    "Groups",
    PATTERN,
    TEXT,
    returns=ArgType.ANY,
    result="A list: the whole first match, then each group's part, nil where a group took no part. nil: no match.",
    primer="→[whole,group1,…]|nil",
    example='tool.regex.Groups("([a-z]+)=([0-9]+)", "x=1") = ["x=1", "x", "1"]',
    errors="41 if the pattern is not valid",
)
def groups(ctx: Context | None, pattern: str, input_string: str) -> list[str | None] | None:
    """Finds the first match of a regular expression, with the parts that its groups matched."""
    short = short_for(pattern, input_string, "regex.Groups")
    if short is not None and short.groups is not None:
        place = short.groups.search(input_string)
        return None if place is None else [place[0], *place.groups()]
    search = _Search(ctx, pattern, input_string, "regex.Groups")
    found = search.first()
    return None if found is None else search.groups(found)


@_group.tool(
    "NamedGroups",
    PATTERN,
    TEXT,
    returns=ArgType.ANY,
    result="A map from the name of each group (?P<name>…) to its part of the first match. nil: no match.",
    primer="→{name:text}|nil",
    example='tool.regex.NamedGroups("(?P<key>[a-z]+)=(?P<value>[0-9]+)", "x=1") = {"key": "x", "value": "1"}',
    errors="41 if the pattern is not valid",
)
def named_groups(ctx: Context | None, pattern: str, input_string: str) -> dict[str, str | None] | None:
    """Finds the first match of a regular expression, with the parts that its named groups matched."""
    compiled = compiled_pattern(pattern, "regex.NamedGroups")
    short = short_for(pattern, input_string, "regex.NamedGroups")
    if short is not None and short.groups is not None:
        place = short.groups.search(input_string)
        return None if place is None else {name: place[index] for name, index in compiled.names}
    search = _Search(ctx, pattern, input_string, "regex.NamedGroups")
    found = search.first()
    if found is None:
        return None
    texts = search.groups(found)
    return {name: texts[index] for name, index in compiled.names}


@_group.tool(
    "FindAllGroups",
    PATTERN,
    TEXT,
    returns=ArgType.SLICE_ANY,
    result="A list for each match: the whole match, then each group's part, nil where a group took no part.",
    primer="→[[whole,group1,…],…]",
    example='tool.regex.FindAllGroups("([a-z])([0-9])", "a1b2") = [["a1", "a", "1"], ["b2", "b", "2"]]',
    errors="41 if the pattern is not valid; 37 if there is too much to find",
)
def find_all_groups(ctx: Context | None, pattern: str, input_string: str) -> list[list[str | None]]:
    """Finds all matches of a regular expression, with the parts that its groups matched."""
    short = short_for_all(pattern, input_string, "regex.FindAllGroups")
    if short is not None and short.groups is not None:
        found = [[each[0], *each.groups()] for each in short.groups.finditer(input_string)]
        if len(found) * (short.groups.groups + 1) <= max_items(ctx):
            return found
    found = []
    total = 0
    search = _Search(ctx, pattern, input_string, "regex.FindAllGroups")
    for spans in search.matches():
        texts = search.groups(spans)
        total += len(texts)
        # All parts together count, since a pattern may have hundreds of groups.
        check_items(ctx, total, "regex.FindAllGroups")
        found.append(texts)
    return found


@_group.tool(
    "Replace",
    PATTERN,
    TEXT,
    REPLACEMENT,
    optional("count", ArgType.INT, "How many matches to replace, from the left; -1 for all.", -1),
    returns=ArgType.STRING,
    result="The text with the matches replaced.",
    example='tool.regex.Replace("([a-z]+)@([a-z]+)", "me@home", "$2 of ${1}") = "home of me"',
    errors="41 if the pattern is not valid, or the replacement names a group that is not there; "
    "37 if the result would be too long",
)
def replace(ctx: Context | None, pattern: str, input_string: str, replacement: str, count: int) -> str:
    """Replaces the matches of a regular expression."""
    limit = max_characters(ctx)
    short = short_for_all(pattern, input_string, "regex.Replace") if count != 0 else None
    if short is not None:
        replaced = _replaced(short, pattern, input_string, replacement, max(count, 0), limit)
        if replaced is not None:
            return replaced
    template = [part.encode() if isinstance(part, str) else part for part in _template(pattern, replacement)]
    parts: list[bytes] = []
    # Bytes are counted, which are at least as many as characters; the exact check is at the end.
    size, end, data = 0, 0, input_string.encode()
    if count != 0:
        for spans in _Search(ctx, pattern, input_string, "regex.Replace").matches():
            start, stop = spans[0]
            new = [data[end:start]]
            for part in template:
                if isinstance(part, bytes):
                    new.append(part)
                else:
                    begin, close = spans[part]
                    new.append(data[begin:close] if begin >= 0 else b"")
            parts += new
            end = stop
            size += sum(map(len, new))
            if size > 4 * limit:
                check_characters(ctx, size // 4, "regex.Replace")
            count -= 1
            if count == 0:
                break
    parts.append(data[end:])
    result = _decoded(b"".join(parts), "regex.Replace")
    check_characters(ctx, len(result), "regex.Replace")
    return result


def _replaced(short: ShortPattern, pattern: str, text: str, replacement: str, count: int, limit: int) -> str | None:
    """A short text with so many matches replaced, 0 for all; None if that is too long, or left to RE2."""
    if "$" not in replacement:
        between = short.whole.split(text, count)
        size = len(text) + len(replacement) * (len(between) - 1)
        return replacement.join(between) if size <= limit else None
    if short.groups is None:
        return None
    template = (_known_template if len(replacement) <= _SHORT_TEMPLATE else _template)(pattern, replacement)
    parts: list[str] = []
    size, end = len(text), 0
    for each in short.groups.finditer(text):
        start = each.start()
        parts.append(text[end:start])
        parts += [part if isinstance(part, str) else each[part] or "" for part in template]
        end = each.end()
        size += sum(map(len, parts[-len(template) :])) if template else 0
        count -= 1
        if count == 0 or size > limit:
            break
    parts.append(text[end:])
    return "".join(parts) if size <= limit else None


_REFERENCE = re.compile(r"\$(?:(\$)|([0-9]+)|\{([0-9]+)\}|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


_SHORT_TEMPLATE = 256  # characters


def _template(pattern: str, replacement: str) -> list[str | int]:
    """The replacement as literal parts and group numbers."""
    tool = "regex.Replace"
    parts: list[str | int] = []
    end = 0
    for found in _REFERENCE.finditer(replacement):
        parts.append(replacement[end : found.start()])
        end = found.end()
        if found[1]:
            parts.append("$")
            continue
        compiled = compiled_pattern(pattern, tool).program
        number, name = found[2] or found[3], found[4] or found[5]
        index = int(number[:9]) if number else compiled.groupindex.get(name.encode(), -1)
        if not 0 <= index <= compiled.groups:
            fail(
                ErrorCode.INVALID_VALUE,
                tool,
                f"the replacement names group {number or name}, which the pattern does not have; "
                f"write ${{1}} before letters and digits, and $$ for a dollar",
            )
        parts.append(index)
    parts.append(replacement[end:])
    return [part for part in parts if part != ""]


_known_template = lru_cache(_CACHE_SIZE)(_template)


@_group.tool(
    "Split",
    PATTERN,
    TEXT,
    returns=ArgType.SLICE_STRING,
    result="The parts between the matches.",
    example='tool.regex.Split("[,;] *", "a, b;c") = ["a", "b", "c"]',
    errors="41 if the pattern is not valid; 37 if there would be too many parts",
)
def split(ctx: Context | None, pattern: str, input_string: str) -> list[str]:
    """Splits a text at the matches of a regular expression. Empty matches split between characters."""
    limit = max_items(ctx)
    short = short_for_all(pattern, input_string, "regex.Split")
    parts: list[str] = [] if short is None else short.whole.split(input_string)
    if short is not None and len(parts) <= limit:
        return parts
    parts = []
    end, search = 0, _Search(ctx, pattern, input_string, "regex.Split")
    for spans in search.matches():
        start, stop = spans[0]
        if stop == start and (start == 0 or start == len(search.data)):
            continue
        if len(parts) + 1 >= limit:
            check_items(ctx, len(parts) + 2, "regex.Split")
        parts.append(search.part(end, start))
        end = stop
    parts.append(search.part(end, len(search.data)))
    return parts


@_group.tool(
    "Escape",
    TEXT,
    returns=ArgType.STRING,
    result="A pattern that matches exactly this text.",
    example='tool.regex.Escape("1+1") = "1\\\\+1"',
    errors="37 if the result would be too long",
)
def escape(ctx: Context | None, input_string: str) -> str:
    """Puts a backslash before every character that means something in a regular expression."""
    if len(input_string) <= MUCH:
        escaped = input_string.translate(_ESCAPES)
        check_characters(ctx, len(escaped), "regex.Escape")
        return escaped
    check_characters(ctx, len(input_string) + sum(map(input_string.count, _SPECIAL)), "regex.Escape")
    for char in _SPECIAL:
        input_string = input_string.replace(char, f"\\{char}")
    return input_string


_SPECIAL = "\\.+*?()|[]{}^$"  # the backslash first: what is put in before the others stays
_ESCAPES = str.maketrans({char: f"\\{char}" for char in _SPECIAL})
