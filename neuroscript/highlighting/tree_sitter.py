"""The tree-sitter grammar, made of the grammar of the language, which is LALR(1) as tree-sitter wants it.

What differs is the form: no rule may be empty, so that what can be is optional where it is used; and operands that are
only passed on are hidden, so that the tree has no dozen levels for a number.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from lark import Token, Tree
from lark.grammar import NonTerminal, Terminal

from neuroscript.highlighting import classes
from neuroscript.syntax.generate import build_lark

Node: TypeAlias = dict[str, Any]

TOKENS = {
    "NAME": "identifier",
    "NUMBER": "number",
    "STRING": "string",
    "RAW_STRING": "raw_string",
    "LITERAL_STRING": "literal_string",
    "METADATA": "metadata_line",
    "NEWLINE": "_newline",
}
"""The terminals of the grammar, and what they are called here."""

_PATTERNS = {
    "identifier": r"[A-Za-z_][A-Za-z0-9_]*",
    "number": r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?",
    "string": r'"([^"\\\r\n]|\\(\r?\n|\r|.))*"' + "|" + r"'([^'\\\r\n]|\\(\r?\n|\r|.))*'",
    "raw_string": r"```([^`]|`[^`]|``[^`])*```",
    "literal_string": r"'''([^']|'[^']|''[^'])*'''",
    "metadata_line": r"::([^\\\r\n]|\\(\r?\n|\r|.))*",
    "comment": r"(#|--|\/\/)[^\r\n]*",
}
_EXTRAS = (r"[ \t\f\r\n]", r"\\(\r\n|\r|\n)")
_BLANK: Node = {"type": "BLANK"}


def grammar() -> Node:
    """The grammar as the JSON values of ``src/grammar.json``."""
    rules = _Rules()
    patterns: dict[str, Node] = {name: {"type": "PATTERN", "value": value} for name, value in _PATTERNS.items()}
    # ''' begins with an empty string in quotes: the longer token is the one that is meant.
    for name in ("literal_string", "raw_string"):
        patterns[name] = {"type": "TOKEN", "content": {"type": "PREC", "value": 1, "content": patterns[name]}}
    return {
        "$schema": "https://tree-sitter.github.io/tree-sitter/assets/schemas/grammar.schema.json",
        "name": "neuroscript",
        "word": "identifier",
        "rules": {**rules.made, **patterns},
        "extras": [*({"type": "PATTERN", "value": value} for value in _EXTRAS), _symbol("comment")],
        "conflicts": [],
        "precedences": [],
        "externals": [_symbol("_newline")],
        "inline": [],
        "supertypes": [],
        "reserved": {},
    }


class _Rules:
    """The rules, made from those of the language's grammar."""

    def __init__(self) -> None:
        definitions: dict[str, tuple[Any, Any]] = {
            str(name): (tree, options) for name, _, tree, options in build_lark().grammar.rule_defs
        }
        self._hidden = {
            name
            for name, (tree, options) in definitions.items()
            if name != "program" and (options.expand1 or any(tree.find_data("alias")))
        }
        users: dict[str, set[str]] = {}
        for name, (tree, _) in definitions.items():
            for alias in tree.find_data("alias"):
                users.setdefault(str(alias.children[1].name), set()).add(name)
        raw: dict[str, Node] = {}
        for name, (tree, _) in definitions.items():
            if name not in self._hidden:
                raw[self.shown(name)] = self._node(tree)
                continue
            choices: list[Node] = []
            for part in tree.children:
                if part.data != "alias":
                    choices.append(self._node(part))
                    continue
                alias = str(part.children[1].name)
                own = alias if len(users[alias]) == 1 else name
                before = raw.get(own)
                node = self._node(part.children[0])
                raw[own] = node if before is None else _choice([before, node])
                if _symbol(own) not in choices:
                    choices.append(_symbol(own))
            raw[self.shown(name)] = _choice(choices)
        self._nullable: set[str] = set()
        while True:
            found = {name for name, node in raw.items() if self._is_nullable(node)}
            if found == self._nullable:
                break
            self._nullable = found
        self.made = {
            name: self._referring(node if name == "program" else self._filled(node)) for name, node in raw.items()
        }

    def shown(self, name: str) -> str:
        """The name of a rule: one that leaves no node in the tree begins with ``_``."""
        return f"_{name}" if name in self._hidden else name

    def _node(self, tree: Any) -> Node:
        if isinstance(tree, Terminal):
            return (
                _symbol(TOKENS[tree.name])
                if tree.name in TOKENS
                else {"type": "STRING", "value": _OPERATORS[tree.name]}
            )
        if isinstance(tree, NonTerminal):
            return _symbol(self.shown(str(tree.name)))
        if isinstance(tree, Token):
            return {"type": "STRING", "value": json.loads(tree)}
        assert isinstance(tree, Tree)
        children = tree.children
        match tree.data:
            case "expansions":
                return _choice([self._node(child) for child in children])
            case "expansion":
                return _sequence([self._node(child) for child in children])
            case "expr":
                inner = self._node(children[0])
                return {"?": _optional(inner), "*": _repeat(inner), "+": _repeat(inner, 1)}[str(children[1])]
            case "value" | "literal":
                return self._node(children[0])
        raise AssertionError(f"the grammar has a form that is not known here: {tree.data}")

    # --- empty rules -------------------------------------------------------------------------------------------------

    def _is_nullable(self, node: Node) -> bool:
        match node["type"]:
            case "BLANK" | "REPEAT":
                return True
            case "SYMBOL":
                return node["name"] in self._nullable
            case "CHOICE":
                return any(map(self._is_nullable, node["members"]))
            case "SEQ":
                return all(map(self._is_nullable, node["members"]))
            case "REPEAT1":
                return self._is_nullable(node["content"])
        return False

    def _filled(self, node: Node) -> Node:
        """What a rule matches that is not empty."""
        if not self._is_nullable(node):
            return node
        match node["type"]:
            case "REPEAT":
                return {"type": "REPEAT1", "content": node["content"]}
            case "CHOICE":
                return _choice([self._filled(each) for each in node["members"] if each["type"] != "BLANK"])
            case "SEQ":
                members = node["members"]
                return _choice(
                    [_sequence([self._filled(each), *members[number + 1 :]]) for number, each in enumerate(members)]
                )
        return node

    def _referring(self, node: Node) -> Node:
        """The same with what may be empty optional where it is used."""
        match node["type"]:
            case "SYMBOL":
                return _optional(node) if node["name"] in self._nullable else node
            case "CHOICE" | "SEQ":
                return {**node, "members": [self._referring(each) for each in node["members"]]}
            case "REPEAT" | "REPEAT1":
                return {**node, "content": self._referring(node["content"])}
        return node


_OPERATORS = {"EQUAL_TO": "==", "UNEQUAL_TO": "!=", "AT_MOST": "<=", "AT_LEAST": ">=", "POWER": "**"}


def _symbol(name: str) -> Node:
    return {"type": "SYMBOL", "name": name}


def _choice(members: list[Node]) -> Node:
    flat = [part for member in members for part in (member["members"] if member["type"] == "CHOICE" else [member])]
    return flat[0] if len(flat) == 1 else {"type": "CHOICE", "members": flat}


def _sequence(members: list[Node]) -> Node:
    if not members:
        return _BLANK
    return members[0] if len(members) == 1 else {"type": "SEQ", "members": members}


def _optional(node: Node) -> Node:
    return {"type": "CHOICE", "members": [node, _BLANK]}


def _repeat(node: Node, least: int = 0) -> Node:
    return {"type": "REPEAT1" if least else "REPEAT", "content": node}


# --- files -----------------------------------------------------------------------------------------------------------


def grammar_js() -> str:
    """The text of ``grammar.js``."""
    found = grammar()
    rules = ",\n\n".join(f"    {name}: $ => {_js(node)}" for name, node in found["rules"].items())
    extras = ", ".join(_js(node) for node in found["extras"])
    return (
        "// Made by `python -m neuroscript.highlighting.generate` from grammars/neuroscript.lark; do not edit.\n\n"
        f"module.exports = grammar({{\n  name: {json.dumps(found['name'])},\n\n"
        f"  word: $ => $.{found['word']},\n\n  extras: $ => [{extras}],\n\n"
        "  // A newline ends a statement, and is white space where none can end: src/scanner.c.\n"
        f"  externals: $ => [{', '.join(map(_js, found['externals']))}],\n\n  rules: {{\n{rules},\n  }},\n}});\n"
    )


def _js(node: Node) -> str:
    match node["type"]:
        case "SYMBOL":
            return f"$.{node['name']}"
        case "STRING":
            return json.dumps(node["value"])
        case "PATTERN":
            return f"/{node['value']}/"
        case "SEQ":
            return f"seq({', '.join(map(_js, node['members']))})"
        case "CHOICE" if node["members"][-1] == _BLANK:
            rest = node["members"][:-1]
            return f"optional({_js(_choice(rest))})"
        case "CHOICE":
            return f"choice({', '.join(map(_js, node['members']))})"
        case "REPEAT":
            return f"repeat({_js(node['content'])})"
        case "REPEAT1":
            return f"repeat1({_js(node['content'])})"
        case "TOKEN":
            return f"token({_js(node['content'])})"
        case "PREC":
            return f"prec({node['value']}, {_js(node['content'])})"
    raise AssertionError(f"{node['type']} has no form in JavaScript here")


def highlights() -> str:
    """The text of ``queries/highlights.scm``: which nodes are coloured how."""
    groups = (
        ("keyword", classes.CONTROL | classes.STATEMENT | classes.TOOL),
        ("keyword.function", classes.DEFINITION | {"command"}),
        ("keyword.operator", classes.OPERATOR),
        ("keyword", classes.SOFT - {"command"}),
    )
    rows = ["; Made by `python -m neuroscript.highlighting.generate`; do not edit.", "", "(identifier) @variable", ""]
    for scope, words in groups:
        rows.append(f"[{' '.join(json.dumps(word) for word in sorted(words))}] @{scope}")
    rows.append(f"[{' '.join(json.dumps(sign) for sign in classes.OPERATOR_SIGNS)}] @operator")
    functions = " ".join(json.dumps(name) for name in sorted(classes.BUILTIN_FUNCTIONS))
    return "\n".join(
        [
            *rows,
            "",
            "(soft) @variable",
            "[(true) (false)] @boolean",
            "(nil) @constant.builtin",
            "(number) @number",
            "[(string) (literal_string) (raw_string)] @string",
            "(metadata_line) @attribute",
            "(comment) @comment",
            "(procedure (identifier) @function)",
            "(call_value (name (identifier) @function.call))",
            "(call_value (key (identifier) @function.call .))",
            f"((name (identifier) @function.builtin) (#any-of? @function.builtin {functions}))",
            "(key (identifier) @property)",
            "(tool (identifier) @module)",
            "(clause (identifier) @variable.parameter)",
            "(named_argument (identifier) @variable.parameter)",
            "",
        ]
    )


SCANNER = """\
/* Finds the newlines that end statements: where none can end, a newline is white space.
   Made by `python -m neuroscript.highlighting.generate`; do not edit. */

#include "tree_sitter/parser.h"

enum TokenType { NEWLINE };

void *tree_sitter_neuroscript_external_scanner_create(void) { return 0; }

void tree_sitter_neuroscript_external_scanner_destroy(void *payload) { (void)payload; }

unsigned tree_sitter_neuroscript_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}

void tree_sitter_neuroscript_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

bool tree_sitter_neuroscript_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid_symbols) {
  (void)payload;
  if (!valid_symbols[NEWLINE]) return false;
  while (lexer->lookahead == ' ' || lexer->lookahead == '\\t' || lexer->lookahead == '\\f') lexer->advance(lexer, true);
  /* The last line needs no newline. */
  if (lexer->eof(lexer)) {
    lexer->mark_end(lexer);
    lexer->result_symbol = NEWLINE;
    return true;
  }
  if (lexer->lookahead != '\\r' && lexer->lookahead != '\\n') return false;
  while (lexer->lookahead == '\\r' || lexer->lookahead == '\\n') lexer->advance(lexer, false);
  lexer->mark_end(lexer);
  lexer->result_symbol = NEWLINE;
  return true;
}
"""
"""The text of ``src/scanner.c``."""
