"""Patterns of the ``regex`` tools, compiled once, by RE2 and for short texts by Python's own engine."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import fail
from neuroscript.stdlib.regex_short import ShortPattern, short_pattern

MAX_PATTERN = 4096
"""Characters of a pattern."""

MAX_MEMORY = 4 * 1024 * 1024
"""Bytes that RE2 may use for one pattern."""

_CACHE_SIZE = 16  # of what takes so much
_MOST_PATTERNS = 128

_OFTEN = 3  # uses of a pattern after which it pays to read it for Python's engine


class Compiled:
    """A compiled pattern.

    Attributes:
        pattern: its text.
        size: of RE2's program.
        short: the pattern for short texts; None if there is none.
        names: of its groups, in order, with their numbers.
    """

    __slots__ = ("names", "pattern", "short", "size", "uses")

    def __init__(self, pattern: str, program: Any) -> None:
        self.pattern = pattern
        self.size = int(program.programsize)
        self.short: ShortPattern | None = None
        numbers = ((name.decode(), int(number)) for name, number in program.groupindex.items())
        self.names: list[tuple[str, int]] = sorted(numbers, key=lambda item: item[1])
        self.uses = 0

    @property
    def program(self) -> Any:
        """RE2's program, over UTF-8 bytes."""
        program = _programs.get(self.pattern)
        return program if program is not None else _program_of(self.pattern)

    def used(self) -> None:
        """Counts a use, and makes what pays for patterns that are used often."""
        self.uses += 1
        if self.uses == _OFTEN:
            self.short = short_pattern(self.pattern)


_compiled: dict[str, Compiled] = {}
_programs: dict[str, Any] = {}  # the latest; a pattern that is only searched for in short texts needs none


def compiled_pattern(pattern: str, tool: str) -> Compiled:
    """The compiled pattern."""
    known = _compiled.get(pattern)
    if known is not None:
        return known
    if len(pattern) > MAX_PATTERN:
        fail(ErrorCode.INVALID_VALUE, tool, f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN} will do")
    import re2  # type: ignore[import-untyped]  # the package has no type information

    try:
        found = _program_of(pattern)
    except re2.error as error:
        fail(ErrorCode.INVALID_VALUE, tool, _explain(pattern, error))
    if len(found.groupindex) < found.groups:  # a name twice is one name in the index
        _refuse_doubled_names(pattern, tool)
    if len(_compiled) >= _MOST_PATTERNS:
        _compiled.clear()
    _compiled[pattern] = made = Compiled(pattern, found)
    return made


def _program_of(pattern: str) -> Any:
    """RE2's program of a pattern.

    Raises:
        re2.error: if the pattern is not valid.
    """
    import re2

    if len(_programs) >= _CACHE_SIZE:
        # The library keeps 128 patterns of its own, too many at this size.
        _programs.clear()
        re2.purge()
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    _programs[pattern] = made = re2.compile(pattern.encode(), options)
    return made


def short_for(pattern: str, text: str, tool: str) -> ShortPattern | None:
    """The pattern for Python's engine, where that is quick to search this text; else None."""
    compiled = _compiled.get(pattern)
    if compiled is None:
        compiled = compiled_pattern(pattern, tool)
    short = compiled.short
    if short is None:
        compiled.used()
        return None
    return short if len(text) <= (short.most_ascii if text.isascii() else short.most) else None


def short_for_all(pattern: str, text: str, tool: str) -> ShortPattern | None:
    """As `short_for`, to find all matches: those of no characters are left to RE2, which counts them differently."""
    short = short_for(pattern, text, tool)
    return None if short is None or short.nullable else short


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
def states_of(pattern: str, size: int) -> int:
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


_SPANS = "_spans"


def spans_of(match: Any) -> list[tuple[int, int]]:
    """Where a match of RE2 and its groups begin and end; -1 for a group that took no part.

    The library has them in a list, which it does not promise; to ask for each takes as long as the search.
    """
    spans = getattr(match, _SPANS, None)
    return spans if type(spans) is list else [match.span(index) for index in range(match.re.groups + 1)]
