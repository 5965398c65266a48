"""A lexer for Pygments, which colours programs in documents, on terminals and in notebooks.

It is found by the name ``neuroscript``, or ``ns``, and by the ending ``.ns``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pygments.lexer import Lexer
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Text

from neuroscript.highlighting import classes
from neuroscript.syntax.lexer import (
    BAD_ESCAPE,
    BAD_METADATA,
    BAD_NUMBER,
    BAD_RANGE,
    BAD_STRING,
    DOT,
    END,
    HIDDEN,
    LITERAL_STRING,
    METADATA,
    NAME,
    NEWLINE,
    NUMBER,
    RAW_STRING,
    STRING,
    pieces,
)
from neuroscript.syntax.tables import PUNCTUATION

_PLACEHOLDER = re.compile(r"\{\{[^{}\r\n]*\}\}")
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-7]{2,3}|\r\n|[\s\S])")
_METADATA = re.compile(r"(::)([ \t\f]*)([\w.:-]*\w)?", re.ASCII)
_LINE = re.compile(r"[^\r\n]+|[\r\n]+")
_SIGNS = frozenset(PUNCTUATION.values())
_KINDS: dict[int, Any] = {
    NUMBER: Number,
    BAD_NUMBER: Error,
    BAD_RANGE: Error,
    LITERAL_STRING: String.Single,
    HIDDEN: Text.Whitespace,
}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(classes.CONTROL | classes.STATEMENT, Keyword),
    **dict.fromkeys(classes.DEFINITION | classes.SOFT, Keyword.Declaration),
    **dict.fromkeys(classes.SOFT - {"command"}, Keyword),
    **dict.fromkeys(classes.OPERATOR, Operator.Word),
    **dict.fromkeys(classes.CONSTANT, Keyword.Constant),
    **dict.fromkeys(classes.TOOL, Name.Namespace),
}
_NAMES: dict[str, Any] = {
    **dict.fromkeys(classes.BUILTIN_FUNCTIONS, Name.Builtin),
    **dict.fromkeys(classes.VARIABLES, Name.Builtin.Pseudo),
    **dict.fromkeys(classes.TYPES, Name.Constant),
}

Piece = tuple[int, Any, str]


class NeuroScriptLexer(Lexer):
    """Reads programs with the lexer of the language itself."""

    name = "NeuroScript"
    aliases: ClassVar = ["neuroscript", "ns"]
    filenames: ClassVar = ["*.ns"]
    mimetypes: ClassVar = ["text/x-neuroscript"]
    url = "https://pypi.org/project/neuroscript/"

    def get_tokens_unprocessed(self, text: str) -> Iterator[Piece]:
        """The pieces of a text, each with its place and its kind."""
        found = list(pieces(text))
        at = 0
        is_tool = False
        for number, (code, blanks, token) in enumerate(found):
            if blanks:
                yield at, Text.Whitespace, blanks
                at += len(blanks)
            before = found[number - 1] if number else (NEWLINE, "", "\n")
            after = found[number + 1] if number + 1 < len(found) else (END, "", "")
            is_tool = (token == "tool" and code != NAME) or (is_tool and (code == DOT or before[0] == DOT))
            yield from _pieces(at, code, token, before, after, is_tool)
            at += len(token)


def _pieces(
    at: int, code: int, token: str, before: tuple[int, str, str], after: tuple[int, str, str], is_tool: bool
) -> Iterator[Piece]:
    if not token:
        return
    if code == NEWLINE:
        for match in _LINE.finditer(token):
            kind = Text.Whitespace if match[0].isspace() else Comment.Single
            yield at + match.start(), kind, match[0]
    elif code in (METADATA, BAD_METADATA):
        yield from _metadata(at, token)
    elif code == RAW_STRING or (code == BAD_STRING and token.startswith("```")):
        yield from _inside(at, token, _PLACEHOLDER, String.Backtick, String.Interpol)
    elif code in (STRING, BAD_ESCAPE, BAD_STRING):
        yield from _inside(at, token, _ESCAPE, String if code == STRING else Error, String.Escape)
    elif code in _KINDS:
        yield at, _KINDS[code], token
    elif code in _SIGNS:
        yield at, Operator if token in classes.OPERATOR_SIGNS else Punctuation, token
    elif code == NAME:
        yield at, _name(token, before, after, is_tool), token
    elif token in _WORDS:
        yield at, _name(token, before, after, False) if _is_name(token, before, after) else _WORDS[token], token
    else:
        yield at, Error, token


def _metadata(at: int, token: str) -> Iterator[Piece]:
    match = _METADATA.match(token)
    assert match is not None, "metadata begins with two colons"
    yield at, Punctuation, match[1]
    if match[2]:
        yield at + match.start(2), Text.Whitespace, match[2]
    if match[3]:
        yield at + match.start(3), Name.Attribute, match[3]
    if match.end() < len(token):
        yield at + match.end(), String.Doc, token[match.end() :]


def _inside(at: int, token: str, pattern: re.Pattern[str], kind: Any, inner: Any) -> Iterator[Piece]:
    """A string, with what is of another kind in it."""
    end = 0
    for match in pattern.finditer(token):
        if match.start() > end:
            yield at + end, kind, token[end : match.start()]
        yield at + match.start(), inner, match[0]
        end = match.end()
    if end < len(token):
        yield at + end, kind, token[end:]


def _name(token: str, before: tuple[int, str, str], after: tuple[int, str, str], is_tool: bool) -> Any:
    if is_tool:
        return Name.Namespace if after[0] == DOT else Name.Function
    if before[0] == DOT:
        return Name.Attribute
    if before[2] == "func":
        return Name.Function
    if token in _NAMES:
        return _NAMES[token]
    return Name.Function if after[2] == "(" else Name.Variable


def _is_name(token: str, before: tuple[int, str, str], after: tuple[int, str, str]) -> bool:
    """Whether a soft word is a name where it stands."""
    if token not in classes.SOFT:
        return False
    if token in classes.AFTER:
        return before[2] not in classes.AFTER[token]
    if token == "command":
        return before[0] != NEWLINE
    return before[0] == NEWLINE or after[2] in tuple(classes.NO_NAME_BEFORE) or after[0] == NEWLINE
