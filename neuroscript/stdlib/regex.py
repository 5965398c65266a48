"""The tools of group ``regex``: regular expressions in RE2's syntax, in time linear in the text.

RE2 never backtracks, so a pattern cannot blow up.  What is left to bound is the work of one search (the size of the
compiled pattern times the text), of many searches over the same text, and the size of what is found.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import (
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
from neuroscript.tools.spec import ArgType

_group = Group("regex")
TOOLS = _group.tools

MAX_PATTERN = 4096
"""Characters of a pattern."""

MAX_WORK = 250_000_000
"""States of the pattern times bytes of text, for one search.  Measured: at worst RE2 does 2e8 a second, when its
automaton does not fit in memory and it follows every state."""

_LONG_WORK = 20_000_000  # the work of a tenth of a second, at worst; what may be more can be interrupted

_MANY_MATCHES = 256  # after which, or after so many seconds, the limits of the run are checked
_MANY_SECONDS = 0.02

MAX_MEMORY = 4 * 1024 * 1024
"""Bytes that RE2 may use for one pattern."""

# Bytes of text that are not too much work for any pattern: the largest that was found to fit had 262,476 states, half
# of what is allowed for here.  Asking a pattern for its size takes a third of the time of a small search.
_SHORT = MAX_WORK // (MAX_MEMORY // 8)

_CACHE_SIZE = 16

PATTERN = required("pattern", ArgType.STRING, "A regular expression in RE2's syntax.")
TEXT = required("input_string", ArgType.STRING, "The text.")
REPLACEMENT = required(
    "replacement", ArgType.STRING, "What to put there: $1 or ${1} is a group, ${name} a named one, $0 all, $$ a dollar."
)

_compiled: dict[str, Any] = {}


def _compile(pattern: str, tool: str) -> Any:
    """The compiled pattern, over UTF-8 bytes."""
    found = _compiled.get(pattern)
    if found is not None:
        return found
    if len(pattern) > MAX_PATTERN:
        fail(ErrorCode.INVALID_VALUE, tool, f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN} will do")
    import re2  # type: ignore[import-untyped]  # the package has no type information

    if len(_compiled) >= _CACHE_SIZE:
        # The library keeps 128 patterns of its own, too many at this size.
        _compiled.clear()
        re2.purge()
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        found = re2.compile(pattern.encode(), options)
    except re2.error as error:
        fail(ErrorCode.INVALID_VALUE, tool, _explain(pattern, error))
    if len(found.groupindex) < found.groups:  # a name twice is one name in the index
        _refuse_doubled_names(pattern, tool)
    _compiled[pattern] = found
    return found


_NAMES = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\(\?P?<(?P<name>\w+)>", re.DOTALL)


def _refuse_doubled_names(pattern: str, tool: str) -> None:
    """Raises error 41 where two groups have one name, of which the library would keep the first."""
    seen: set[str] = set()
    for match in _NAMES.finditer(pattern):
        name = match["name"]
        if name in seen:
            place = (
                f"the name {name!r} twice, again at character {match.start() + 1}; give the groups names of their own"
            )
            fail(ErrorCode.INVALID_VALUE, tool, f"the pattern holds {place}")
        if name is not None:
            seen.add(name)


def _explain(pattern: str, error: Exception) -> str:
    """RE2's message with the place of the fragment that it names, where that is one place."""
    raw = error.args[0] if error.args else ""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    problem, _, fragment = text.partition(": ")
    where = ""
    if problem.startswith("missing )"):
        where = f" at the end, after {pattern[-20:]!r}"
    elif fragment and fragment != pattern:
        where = f" near {fragment!r}"
        if pattern.count(fragment) == 1:
            where += f", at character {pattern.find(fragment) + 1}"
    return f"the pattern is not valid: {problem}{where}; the syntax is RE2's, without look-around and back-references"


@lru_cache(_CACHE_SIZE)
def _states(pattern: str, size: int) -> int:
    """How many states the pattern may be in at once, roughly.

    A class such as ``\\pL`` takes a thousand instructions over UTF-8, of which one text is in few; compiled for
    single-byte characters it counts as what it is.  ``size`` is the answer where it cannot be compiled so.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    try:
        return int(re2.compile(pattern.encode(), options).programsize)
    except re2.error:  # a character beyond Latin-1 in a class
        return size


def _text(data: bytes, tool: str) -> str:
    """A part of the text.  Only the class ``\\C``, a single byte, can cut a character in two."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        fail(ErrorCode.INVALID_VALUE, tool, "the pattern matches a part of a character; write . in place of \\C")


class _Search:
    """One pattern over one text."""

    __slots__ = ("_ctx", "_long", "compiled", "data", "tool")

    def __init__(self, ctx: Context | None, pattern: str, text: str, tool: str) -> None:
        self._ctx = ctx
        self.tool = tool
        self.compiled = _compile(pattern, tool)
        self.data = text.encode()
        work = self.compiled.programsize * len(self.data)
        if len(self.data) > _SHORT and work > _LONG_WORK:
            states = _states(pattern, self.compiled.programsize)
            work = states * len(self.data)
            if work > MAX_WORK:
                fail(
                    ErrorCode.RESOURCE_EXHAUSTION,
                    tool,
                    f"a pattern of {states} states over a text of {len(self.data)} bytes is too much work; "
                    "use a simpler pattern or a shorter text",
                )
        self._long = work > _LONG_WORK

    def first(self) -> Any:
        """The first match; None if there is none."""
        return self._do(lambda: self.compiled.search(self.data))

    def matches(self) -> Iterator[Any]:
        """Each match, from the left, without overlap, as Go and Python find them.

        An empty match directly after the match before does not count.
        """
        data, last_end, count, used = self.data, -1, 0, 0.0
        searches = self.compiled.finditer(data)
        while True:
            found, seconds = self._do(lambda: _some(searches))
            used += seconds
            for match in found:
                start, end = match.span()
                # The search goes byte by byte after an empty match, so it finds empty matches inside characters too.
                inside = start < len(data) and data[start] & 0xC0 == 0x80
                if end > start or (start != last_end and not inside):
                    yield match
                last_end = end
            count += len(found)
            # Each search may read far beyond its match.  What progress justifies is allowed, and half a second on top.
            if used > 0.5 + 2e-5 * count + 1e-6 * max(last_end, 0):
                message = "finding all matches takes too long; use a simpler pattern"
                fail(ErrorCode.RESOURCE_EXHAUSTION, self.tool, message)
            if not found:
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


def _group_texts(data: bytes, match: Any, tool: str) -> list[str | None]:
    spans = [match.span(index) for index in range(match.re.groups + 1)]
    return [None if start < 0 else _text(data[start:end], tool) for start, end in spans]


# --- what the tools do, also under the names of group str -----------------------------------------------------------


def matches(ctx: Context | None, pattern: str, input_string: str, tool: str) -> bool:
    """Whether the pattern matches anywhere."""
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
    found = _Search(ctx, pattern, input_string, "regex.Find").first()
    return None if found is None else _text(found.group(), "regex.Find")


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
    found: list[str] = []
    limit = max_items(ctx)
    for each in _Search(ctx, pattern, input_string, "regex.FindAll").matches():
        if len(found) >= limit:
            check_items(ctx, len(found) + 1, "regex.FindAll")
        found.append(_text(each.group(), "regex.FindAll"))
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
    search = _Search(ctx, pattern, input_string, "regex.Groups")
    found = search.first()
    return None if found is None else _group_texts(search.data, found, search.tool)


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
    search = _Search(ctx, pattern, input_string, "regex.NamedGroups")
    found = search.first()
    if found is None:
        return None
    texts = _group_texts(search.data, found, search.tool)
    names = sorted(search.compiled.groupindex.items(), key=lambda item: int(item[1]))
    return {name.decode(): texts[index] for name, index in names}


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
    found: list[list[str | None]] = []
    total = 0
    search = _Search(ctx, pattern, input_string, "regex.FindAllGroups")
    for each in search.matches():
        texts = _group_texts(search.data, each, search.tool)
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
    template = _template(pattern, replacement)
    limit = max_characters(ctx)
    parts: list[bytes] = []
    # Bytes are counted, which are at least as many as characters; the exact check is at the end.
    size, end, data = 0, 0, input_string.encode()
    if count != 0:
        for each in _Search(ctx, pattern, input_string, "regex.Replace").matches():
            start, stop = each.span()
            new = [data[end:start]]
            for part in template:
                if isinstance(part, bytes):
                    new.append(part)
                else:
                    begin, close = each.span(part)
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
    result = _text(b"".join(parts), "regex.Replace")
    check_characters(ctx, len(result), "regex.Replace")
    return result


_REFERENCE = re.compile(r"\$(?:(\$)|([0-9]+)|\{([0-9]+)\}|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def _template(pattern: str, replacement: str) -> list[bytes | int]:
    """The replacement as literal parts and group numbers."""
    tool = "regex.Replace"
    parts: list[bytes | int] = []
    end = 0
    for found in _REFERENCE.finditer(replacement):
        parts.append(replacement[end : found.start()].encode())
        end = found.end()
        if found[1]:
            parts.append(b"$")
            continue
        compiled = _compile(pattern, tool)
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
    parts.append(replacement[end:].encode())
    return [part for part in parts if part != b""]


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
    parts: list[str] = []
    limit = max_items(ctx)
    end, data = 0, input_string.encode()
    for each in _Search(ctx, pattern, input_string, "regex.Split").matches():
        start, stop = each.span()
        if stop == start and (start == 0 or start == len(data)):
            continue
        if len(parts) + 1 >= limit:
            check_items(ctx, len(parts) + 2, "regex.Split")
        parts.append(_text(data[end:start], "regex.Split"))
        end = stop
    parts.append(_text(data[end:], "regex.Split"))
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
    check_characters(ctx, len(input_string) + sum(map(input_string.count, _SPECIAL)), "regex.Escape")
    for char in _SPECIAL:
        input_string = input_string.replace(char, f"\\{char}")
    return input_string


_SPECIAL = "\\.+*?()|[]{}^$"  # the backslash first: what is put in before the others stays
