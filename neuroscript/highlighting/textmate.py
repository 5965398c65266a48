"""The TextMate grammar, which VS Code, Sublime Text, JetBrains' IDEs and many sites colour programs by."""

from __future__ import annotations

from typing import Any

from neuroscript.highlighting import classes
from neuroscript.highlighting.classes import alternatives

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_END = ".neuroscript"


def grammar() -> dict[str, Any]:
    """The grammar as the JSON values of its file."""
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": "Made by `python -m neuroscript.highlighting.generate`; do not edit.",
        "name": "NeuroScript",
        "scopeName": "source.neuroscript",
        "fileTypes": ["ns"],
        "patterns": [{"include": "#metadata"}, {"include": "#code"}],
        "repository": {
            "code": {
                "patterns": [
                    {"include": f"#{part}"}
                    for part in (
                        "comments",
                        "strings",
                        "numbers",
                        "tools",
                        "members",
                        "definitions",
                        "keywords",
                        "names",
                        "operators",
                    )
                ]
            },
            "comments": {"patterns": [_match("(?:#|--|//).*$", "comment.line")]},
            "metadata": {
                "begin": r"^[ \t\f]*(::)[ \t\f]*([A-Za-z0-9_.-][A-Za-z0-9_.:-]*)?",
                "beginCaptures": _captures("punctuation.definition.metadata", "entity.other.attribute-name.metadata"),
                "end": r"(?<!\\)$",
                "name": f"meta.metadata{_END}",
                "contentName": f"string.unquoted.metadata{_END}",
                "patterns": [
                    _match(r"\\[\s\S]", "constant.character.escape"),
                    _match(r"\\$", "punctuation.continuation"),
                ],
            },
            "strings": {"patterns": [_raw(), _literal(), _quoted('"', "double"), _quoted("'", "single")]},
            "placeholders": {
                "patterns": [
                    {
                        "match": rf"(\{{\{{)[ \t]*({_NAME})([^{{}}\r\n]*)(\}}\}})",
                        "name": f"meta.placeholder{_END}",
                        "captures": _captures(
                            "punctuation.section.embedded.begin",
                            "variable.other",
                            "variable.other.property",
                            "punctuation.section.embedded.end",
                        ),
                    }
                ]
            },
            "numbers": {"patterns": [_match(r"\b[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\b", "constant.numeric")]},
            "tools": {
                "patterns": [
                    {
                        "match": rf"\b(tool)((?:\.{_NAME})*\.)({_NAME})",
                        "captures": _captures(
                            "keyword.other.tool", "entity.name.namespace", "entity.name.function.tool support.function"
                        ),
                    },
                    _match(r"\btool\b", "keyword.other.tool"),
                ]
            },
            "members": {
                "patterns": [
                    {
                        "match": rf"(\.)({_NAME})",
                        "captures": _captures("punctuation.accessor", "variable.other.property"),
                    }
                ]
            },
            "definitions": {
                "patterns": [
                    {
                        "match": rf"\b(func)[ \t]+({_NAME})",
                        "captures": _captures("storage.type.function", "entity.name.function"),
                    },
                    {
                        "match": r"^[ \t\f]*(command)(?=[ \t\f]*(?:$|#|--|//))",
                        "captures": _captures("storage.type.command"),
                    },
                ]
            },
            "keywords": {"patterns": list(_keywords())},
            "names": {
                "patterns": [
                    _match(
                        rf"\b(?:{alternatives(classes.BUILTIN_FUNCTIONS)})\b(?=[ \t]*\()", "support.function.builtin"
                    ),
                    _match(rf"\b(?:{alternatives(classes.VARIABLES)})\b", "variable.language"),
                    _match(rf"\b(?:{alternatives(classes.TYPES)})\b", "support.constant.type"),
                    _match(rf"\b{_NAME}(?=[ \t]*\()", "entity.name.function.call"),
                    _match(rf"\b{_NAME}(?=[ \t]*:(?!:))", "variable.parameter.named"),
                    _match(rf"\b{_NAME}\b", "variable.other"),
                ]
            },
            "operators": {
                "patterns": [
                    _match("|".join(_escaped(sign) for sign in classes.OPERATOR_SIGNS), "keyword.operator"),
                    _match(r"\\$", "punctuation.continuation"),
                ]
            },
        },
    }


def _keywords() -> list[dict[str, Any]]:
    found = [
        _match(rf"\b{word}(?=[ \t]+(?:{'|'.join(_following(word))})\b)", "keyword.control") for word in ("on", "clear")
    ]
    for word, firsts in classes.AFTER.items():
        behind = "|".join(f"(?<=\\b{first}[ \\t])" for first in firsts)
        found.append(_match(rf"(?:{behind}){word}\b", "keyword.control"))
    others = classes.SOFT - classes.AFTER.keys() - {"command"}
    no_name = _escaped(classes.NO_NAME_BEFORE)
    found.append(_match(rf"(?<=[^\s.])[ \t]+\b(?:{alternatives(others)})\b(?=[ \t]+[^{no_name}\s])", "keyword.other"))
    return [
        *found,
        _match(rf"\b(?:{alternatives(classes.CONTROL)})\b", "keyword.control"),
        _match(rf"\b(?:{alternatives(classes.DEFINITION)})\b", "storage.modifier"),
        _match(rf"\b(?:{alternatives(classes.STATEMENT)})\b", "keyword.other.statement"),
        _match(rf"\b(?:{alternatives(classes.OPERATOR)})\b", "keyword.operator.word"),
        _match(rf"\b(?:{alternatives(classes.CONSTANT)})\b", "constant.language"),
    ]


def _following(first: str) -> list[str]:
    return [word for word, firsts in classes.AFTER.items() if first in firsts]


def _match(pattern: str, scope: str) -> dict[str, Any]:
    return {"match": pattern, "name": f"{scope}{_END}"}


def _captures(*scopes: str) -> dict[str, dict[str, str]]:
    return {
        str(number): {"name": " ".join(f"{part}{_END}" for part in scope.split())}
        for number, scope in enumerate(scopes, 1)
    }


def _quoted(quote: str, name: str) -> dict[str, Any]:
    return {
        "begin": quote,
        "end": rf"{quote}|(?<!\\)$",
        "name": f"string.quoted.{name}{_END}",
        "patterns": [
            _match(
                r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[0-7]{2}|[\"'\\btnfrv~`])",
                "constant.character.escape",
            ),
            _match(r"\\$", "punctuation.continuation"),
            _match(r"\\.", "invalid.illegal.escape"),
        ],
    }


def _raw() -> dict[str, Any]:
    return {
        "begin": "```",
        "end": "```",
        "name": f"string.quoted.other.raw{_END}",
        "patterns": [{"include": "#placeholders"}],
    }


def _literal() -> dict[str, Any]:
    return {"begin": "'''", "end": "'''", "name": f"string.quoted.triple.literal{_END}"}


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in r"\^$.|?*+()[]{}-" else char for char in text)
