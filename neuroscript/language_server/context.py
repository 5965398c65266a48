"""What surrounds a place in a text, found from its tokens: the call, the map and the word that it is in."""

from __future__ import annotations

from dataclasses import dataclass, field

from neuroscript.language_server.document import Document
from neuroscript.syntax.lexer import CODES, DOT, METADATA, NAME, NEWLINE, STRING
from neuroscript.syntax.tables import KEYWORDS
from neuroscript.syntax.tolerant import LINE_WORDS

_LPAR, _LSQB, _LBRACE = (CODES[name] for name in ("LPAR", "LSQB", "LBRACE"))
_CLOSERS = {CODES["RPAR"]: _LPAR, CODES["RSQB"]: _LSQB, CODES["RBRACE"]: _LBRACE}
_COMMA, _COLON, _WITH = (CODES[name] for name in ("COMMA", "COLON", "WITH"))
_WORDS = frozenset({NAME, *KEYWORDS.values()})


@dataclass(frozen=True)
class Call:
    """A call whose arguments a place is in.

    Attributes:
        name: what is called; of a tool with ``tool.``.
        argument: the number of the argument, from 0.
        named: the name that the argument is given by; empty for one by its position.
        given: the names of all arguments that are given by name up to there.
        begins_argument: whether nothing but the word at the place stands in the argument.
    """

    name: str
    argument: int
    named: str
    given: frozenset[str]
    begins_argument: bool


@dataclass(frozen=True)
class Map:
    """A map that is written out and that a place is in.

    Attributes:
        path: the keys that lead to it in the outermost map.
        call: the call that has the outermost one as an argument, if any.
        is_ask: whether that is the settings of an ``ask``.
        at_key: whether a key stands at the place.
        keys: those that the map has up to there.
    """

    path: tuple[str, ...]
    call: Call | None
    is_ask: bool
    at_key: bool
    keys: frozenset[str]


@dataclass
class _Bracket:
    place: int
    code: int
    commas: int = 0
    part: int = 0  # the place where its last part begins
    names: set[str] = field(default_factory=set)


def word_start(document: Document, offset: int) -> int:
    """Where the word begins that ends at, or goes through, an offset; the offset itself if there is none."""
    place = document.token_at(offset)
    if place is None or document.tokens.codes[place] not in _WORDS:
        return offset
    return document.tokens.starts[place]


def chain_before(document: Document, start: int) -> list[str] | None:
    """The names before a name at an offset, up to the dot before it: ``["tool", "str"]``; None without a dot."""
    tokens = document.tokens
    place = _last_before(document, start)
    if place < 0 or tokens.codes[place] != DOT:
        return None
    names: list[str] = []
    while place > 0 and tokens.codes[place] == DOT and tokens.codes[place - 1] in _WORDS:
        names.insert(0, tokens.texts[place - 1])
        place -= 2
    return names


def call_at(document: Document, offset: int) -> Call | None:
    """The innermost call whose parentheses an offset is in."""
    calls = (_call(document, bracket, offset) for bracket in _brackets(document, offset))
    return next((call for call in calls if call is not None), None)


def map_at(document: Document, offset: int) -> Map | None:
    """The innermost map that an offset is in, if it is the innermost bracket; a list of maps may be round it."""
    brackets = _brackets(document, offset)
    if not brackets or brackets[0].code != _LBRACE:
        return None
    tokens = document.tokens
    path: list[str] = []
    outer = 0
    while outer < len(brackets) and brackets[outer].code in (_LBRACE, _LSQB):
        before = brackets[outer].place - 1
        while before > 1 and tokens.codes[before] == NEWLINE:
            before -= 1
        if tokens.codes[before] == _COLON and tokens.codes[before - 1] == STRING and outer + 1 < len(brackets):
            path.insert(0, str(tokens.values[tokens.texts[before - 1]]))
        outer += 1
    call = _call(document, brackets[outer], offset) if outer < len(brackets) else None
    first = brackets[outer - 1].place
    is_ask = call is None and tokens.codes[first - 1] == _WITH
    inner = brackets[0]
    after_colon = any(tokens.codes[place] == _COLON for place in range(inner.part, _last_before(document, offset) + 1))
    return Map(tuple(path), call, is_ask, not after_colon, frozenset(inner.names))


def _last_before(document: Document, offset: int) -> int:
    """The place of the last token that ends at or before an offset; -1 without one."""
    tokens = document.tokens
    low, high = 0, len(tokens.starts)
    while low < high:
        middle = (low + high) // 2
        if tokens.starts[middle] < offset:
            low = middle + 1
        else:
            high = middle
    place = low - 1
    while place >= 0 and tokens.ends[place] > offset:
        place -= 1
    return place


def _brackets(document: Document, offset: int) -> list[_Bracket]:
    """The brackets of the statement that are open at an offset, the innermost first."""
    tokens = document.tokens
    codes = tokens.codes
    last = _last_before(document, offset)
    first = last
    while first > 0 and not (codes[first - 1] == NEWLINE and codes[first] in LINE_WORDS):
        first -= 1
    stack: list[_Bracket] = []
    for place in range(max(first, 0), last + 1):
        code = codes[place]
        if code == METADATA or (code == NEWLINE and not stack):
            stack.clear()
        elif code in (_LPAR, _LSQB, _LBRACE):
            stack.append(_Bracket(place, code, part=place + 1))
        elif code in _CLOSERS:
            while stack and stack.pop().code != _CLOSERS[code]:
                pass
        elif stack and code == _COMMA:
            stack[-1].commas += 1
            stack[-1].part = place + 1
        elif stack and code == _COLON and stack[-1].part < place:
            name = codes[place - 1]
            if stack[-1].code == _LBRACE and name == STRING:
                stack[-1].names.add(str(tokens.values[tokens.texts[place - 1]]))
            elif stack[-1].code == _LPAR and name in _WORDS:
                stack[-1].names.add(tokens.texts[place - 1])
    return stack[::-1]


def _call(document: Document, bracket: _Bracket, offset: int) -> Call | None:
    tokens = document.tokens
    if bracket.code != _LPAR or not bracket.place or tokens.codes[bracket.place - 1] not in _WORDS:
        return None
    name = tokens.texts[bracket.place - 1]
    chain = chain_before(document, tokens.starts[bracket.place - 1])
    if chain is not None:
        if chain[:1] != ["tool"]:
            return None
        name = ".".join([*chain, name])
    elif tokens.codes[bracket.place - 1] != NAME:
        return None
    part = bracket.part
    while part < len(tokens.codes) - 1 and tokens.codes[part] == NEWLINE:
        part += 1
    is_named = tokens.codes[part] in _WORDS and tokens.codes[part + 1] == _COLON and tokens.ends[part + 1] <= offset
    begins = tokens.starts[part] >= offset or (tokens.codes[part] in _WORDS and tokens.ends[part] >= offset)
    named = tokens.texts[part] if is_named else ""
    return Call(name, bracket.commas, named, frozenset(bracket.names), begins)
