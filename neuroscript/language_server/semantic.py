"""Semantic tokens, by which editors colour names for what they mean, and inlay hints of inferred types."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types as lsp

from neuroscript.language_server import describing
from neuroscript.language_server.document import Document, every_statement
from neuroscript.language_server.names import Kind, Occurrence, Role, is_local
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n
from neuroscript.syntax.lexer import (
    BAD_STRING,
    DOT,
    LITERAL_STRING,
    METADATA,
    NAME,
    NEWLINE,
    NUMBER,
    RAW_STRING,
    STRING,
)
from neuroscript.syntax.source import LINE_END
from neuroscript.syntax.tables import KEYWORDS, PUNCTUATION
from neuroscript.values import TYPE_CONSTANTS

TYPES = [
    "keyword",
    "variable",
    "parameter",
    "function",
    "method",
    "namespace",
    "property",
    "string",
    "number",
    "comment",
    "operator",
    "macro",
]
MODIFIERS = ["declaration", "modification", "defaultLibrary", "readonly"]

_TYPE = {name: number for number, name in enumerate(TYPES)}
_MODIFIER = {name: 1 << number for number, name in enumerate(MODIFIERS)}
_STRINGS = frozenset({STRING, RAW_STRING, LITERAL_STRING, BAD_STRING})
_KEYWORDS = frozenset(KEYWORDS.values())
_OPERATORS = frozenset(code for sign, code in PUNCTUATION.items() if sign not in "()[]{},.:")
_TOOL = KEYWORDS["tool"]

Token = tuple[int, int, str, int]
"""The offsets of a token, its type and its modifiers."""


def semantic_tokens(document: Document, procedures: frozenset[str]) -> list[int]:
    """The tokens of a text in the protocol's form: each relative to the one before.

    Args:
        document: the text.
        procedures: the names of the procedures that it may call.
    """
    data: list[int] = []
    line = column = 0
    for start, end, kind, modifiers in _split(document, _tokens(document, procedures)):
        place = document.text.position(start)
        shift = place.character - column if place.line == line else place.character
        data += [place.line - line, shift, document.text.units(start, end), _TYPE[kind], modifiers]
        line, column = place.line, place.character
    return data


def _split(document: Document, found: Iterator[Token]) -> Iterator[Token]:
    """The tokens, those over several lines one by one line."""
    for start, end, kind, modifiers in found:
        at = start
        for piece in LINE_END.split(document.content[start:end]):
            if piece.strip():
                lead = len(piece) - len(piece.lstrip()) if at > start else 0
                yield at + lead, at + len(piece), kind, modifiers
            at += len(piece)
            at += 2 if document.content.startswith("\r\n", at) else 1


def _tokens(document: Document, procedures: frozenset[str]) -> Iterator[Token]:
    tokens = document.tokens
    names = {each.start: each for each in document.names}
    starts = sorted(names)
    at = 0
    for place, code in enumerate(tokens.codes):
        start, end = tokens.starts[place], tokens.ends[place]
        while at < len(starts) and starts[at] < start:
            at += 1
        within = []
        while at < len(starts) and start < starts[at] < end:
            within.append(names[starts[at]])
            at += 1
        if code == NEWLINE:
            yield from _comments(tokens.texts[place], start)
        elif code in _STRINGS or code == METADATA:
            kind = "macro" if code == METADATA else "string"
            for each in within:
                if each.start > start:
                    yield start, each.start, kind, 0
                yield each.start, each.end, *_meaning(each, procedures)
                start = each.end
            if end > start:
                yield start, end, kind, 0
        elif code == NUMBER:
            yield start, end, "number", 0
        elif code in _OPERATORS:
            yield start, end, "operator", 0
        elif code == NAME and place > 1 and tokens.codes[place - 1] == DOT:
            yield start, end, *_after_dot(document, place)
        elif start in names and names[start].kind is not Kind.TOOL:
            yield start, end, *_meaning(names[start], procedures)
        elif code in _KEYWORDS:
            yield start, end, "keyword", 0
        elif code == NAME:
            yield start, end, "variable", 0


def _after_dot(document: Document, place: int) -> tuple[str, int]:
    """What a name after a dot is: a part of a tool's name, or a key."""
    tokens = document.tokens
    first = place
    while first > 1 and tokens.codes[first - 1] == DOT:
        first -= 2
    if tokens.codes[first] != _TOOL:
        return "property", 0
    if tokens.codes[place + 1] == DOT:
        return "namespace", _MODIFIER["defaultLibrary"]
    return "method", _MODIFIER["defaultLibrary"]


def _meaning(found: Occurrence, procedures: frozenset[str]) -> tuple[str, int]:
    modifiers = 0
    if found.role is Role.DEFINITION:
        modifiers = _MODIFIER["declaration"]
    elif found.role is Role.WRITE:
        modifiers = _MODIFIER["modification"]
    if found.kind is Kind.PARAMETER or found.kind is Kind.ARGUMENT:
        return "parameter", modifiers
    if found.kind is Kind.VARIABLE:
        return "variable", modifiers
    if found.name in procedures or found.role in (Role.CALL, Role.DEFINITION):
        known = found.name not in procedures and (found.name in BUILTINS or found.name == "len")
        return "function", modifiers | (_MODIFIER["defaultLibrary"] if known else 0)
    if found.name in TYPE_CONSTANTS:
        return "variable", _MODIFIER["readonly"] | _MODIFIER["defaultLibrary"]
    return "variable", modifiers


def _comments(text: str, start: int) -> Iterator[Token]:
    at = start
    for row in LINE_END.split(text):
        shown = row.strip()
        if shown:
            begin = at + row.index(shown)
            yield begin, begin + len(shown), "comment", 0
        at += len(row)
        at += 2 if text.startswith("\r\n", at - start) else 1


# --- hints -----------------------------------------------------------------------------------------------------------


def inlay_hints(document: Document, wanted: lsp.Range) -> list[lsp.InlayHint]:
    """The inferred types of variables, each where it is set first; not where a literal says it."""
    first, last = document.text.offset(wanted.start), document.text.offset(wanted.end)
    plain = _set_to_literals(document)
    seen: set[tuple[int, str]] = set()
    found = []
    for each in document.names:
        if each.body is None or not is_local(each) or (id(each.body), each.name) in seen:
            continue
        seen.add((id(each.body), each.name))
        if each.kind is Kind.PARAMETER or each.role is not Role.WRITE or each.start in plain:
            continue
        if document.content[each.end : each.end + 1] in (".", "["):
            continue
        told = describing.type_name(document.types(each.body).types[each.name])
        held = document.shapes(each.body).held(n.Name(each.body.span, each.name))
        if held is not None and not held.may_fail:
            told = f"list of {held.shape.name}" if held.is_list else held.shape.name
        if told and told != "nil" and first <= each.end <= last:
            place = document.text.position(each.end)
            found.append(lsp.InlayHint(place, f": {told}", lsp.InlayHintKind.Type, padding_left=False))
    return found


def _set_to_literals(document: Document) -> set[int]:
    """Where the variables stand that a statement sets to a literal."""
    found = set()
    for body in document.resolved.bodies:
        for statement in every_statement(body.block):
            match statement:
                case n.Set(targets=[target], value=n.Literal() | n.Raw()):
                    found.add(document.text.offset_of(target.span[0], target.span[1]))
    return found
