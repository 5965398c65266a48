"""The grammars for editors are what the tables of the language give, and describe the language."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token
from lark.exceptions import UnexpectedInput
from lark.lexer import Lexer

from neuroscript.errors import NeuroScriptSyntaxError
from neuroscript.highlighting import classes, generate, textmate, tree_sitter
from neuroscript.syntax.generate import lark_of
from neuroscript.syntax.lexer import END, tokenize
from neuroscript.syntax.parser import parse
from neuroscript.syntax.tables import KEYWORDS, PUNCTUATION, TERMINALS

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / "editors"
PROGRAMS = sorted((ROOT / "tests" / "conformance").rglob("*.ns"))
TIMEOUT = 60


@pytest.mark.parametrize("name", generate.files())
def test_the_files_are_up_to_date(name: str) -> None:
    text = (EDITORS / name).read_text(encoding="utf-8")
    assert text == generate.files()[name], "run `python -m neuroscript.highlighting.generate`"


def test_every_keyword_has_one_class() -> None:
    every = [word for words in (*classes.HARD_CLASSES, classes.SOFT) for word in words]
    assert sorted(every) == sorted(KEYWORDS)


# --- tree-sitter -----------------------------------------------------------------------------------------------------


class Stream(Lexer):
    """Gives the tokens of the language to a parser of Lark's."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, data: str) -> Iterator[Token]:
        tokens = tokenize(data)
        for code, text in zip(tokens.codes, tokens.texts, strict=True):
            if code == END:
                return
            yield Token(TERMINALS[code] if code < len(TERMINALS) else "BAD", text)


def as_lark(grammar: dict[str, Any]) -> str:
    """The grammar of tree-sitter's as one of Lark's, without the patterns of its tokens."""
    written = {**KEYWORDS, **PUNCTUATION}
    tokens = {name: terminal for terminal, name in tree_sitter.TOKENS.items()}

    def text(node: dict[str, Any]) -> str:
        match node["type"]:
            case "SYMBOL":
                return tokens.get(node["name"], f"r{node['name']}".lower())
            case "STRING":
                return TERMINALS[written[node["value"]]]
            case "SEQ":
                return "(" + " ".join(map(text, node["members"])) + ")"
            case "CHOICE":
                filled = [each for each in node["members"] if each["type"] != "BLANK"]
                return f"({' | '.join(map(text, filled))})" + ("?" if len(filled) < len(node["members"]) else "")
            case "REPEAT":
                return f"({text(node['content'])})*"
            case "REPEAT1":
                return f"({text(node['content'])})+"
        raise AssertionError(node["type"])

    rules = {
        name: node
        for name, node in grammar["rules"].items()
        if name not in tokens and node["type"] not in ("PATTERN", "TOKEN")
    }
    rows = [f"{'program' if name == 'program' else f'r{name}'.lower()}: {text(node)}" for name, node in rules.items()]
    return "\n".join([*rows, f"%declare {' '.join(TERMINALS[1:])} BAD"])


def test_the_tree_sitter_grammar_is_lalr_1_and_no_rule_is_empty() -> None:
    """Lark's strict analysis finds every conflict, as tree-sitter's does."""
    grammar = tree_sitter.grammar()
    assert next(iter(grammar["rules"])) == "program"
    lark = lark_of(as_lark(grammar))
    assert {rule.origin.name for rule in lark.rules if not rule.expansion} == {Token("RULE", "program")}


def test_the_tree_sitter_grammar_accepts_what_the_parser_does() -> None:
    lark = Lark(as_lark(tree_sitter.grammar()), parser="lalr", lexer=Stream, start="program")
    wrong = []
    accepted = 0
    for path in PROGRAMS:
        source = path.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
        try:
            parse(source)
            valid = True
        except NeuroScriptSyntaxError as error:
            if any("reserved word" in one.message or "second" in one.message for one in error.diagnostics):
                continue  # what the grammar cannot say
            valid = False
        try:
            lark.parse(source)
        except UnexpectedInput:
            if valid:
                wrong.append(path.name)
            continue
        accepted += valid
        if not valid and not _is_of_the_builder(source):
            wrong.append(path.name)
    assert wrong == []
    assert accepted > 300


def _is_of_the_builder(source: str) -> bool:
    """Whether a program fits the grammar and is refused for what the grammar cannot say."""
    from neuroscript.syntax.builder import Builder
    from neuroscript.syntax.lexer import Positions
    from neuroscript.syntax.parser import program_of

    tokens = tokenize(source)
    return program_of(tokens, Builder(tokens, Positions(tokens), "x")) is not None


STUB = """\
const node = x => typeof x === "string" ? {type: "STRING", value: x}
  : x instanceof RegExp ? {type: "PATTERN", value: x.source} : x;
const many = type => (...members) => ({type, members: members.map(node)});
global.seq = many("SEQ");
global.choice = many("CHOICE");
global.optional = x => choice(x, {type: "BLANK"});
global.repeat = x => ({type: "REPEAT", content: node(x)});
global.repeat1 = x => ({type: "REPEAT1", content: node(x)});
global.token = x => ({type: "TOKEN", content: node(x)});
global.prec = (value, x) => ({type: "PREC", value, content: node(x)});
global.grammar = found => {
  const $ = new Proxy({}, {get: (_, name) => ({type: "SYMBOL", name})});
  const rules = {};
  for (const [name, rule] of Object.entries(found.rules)) rules[name] = node(rule($));
  return {rules, extras: found.extras($).map(node), externals: found.externals($).map(node), word: found.word($).name};
};
console.log(JSON.stringify(require(process.argv[1])));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here")
def test_both_forms_of_the_tree_sitter_grammar_say_the_same() -> None:
    command = ["node", "-e", STUB, str(EDITORS / "tree-sitter" / "grammar.js")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    found, wanted = json.loads(ended.stdout), tree_sitter.grammar()

    def flat(node: Any) -> Any:
        """Choices in choices are one."""
        if isinstance(node, list):
            return [flat(each) for each in node]
        if not isinstance(node, dict):
            return node
        made = {key: flat(value) for key, value in node.items()}
        if made.get("type") == "CHOICE":
            members = [p for m in made["members"] for p in (m["members"] if m["type"] == "CHOICE" else [m])]
            made["members"] = members
        return made

    for key in ("rules", "extras", "externals", "word"):
        assert flat(found[key]) == flat(wanted[key])


def test_the_queries_name_nodes_that_there_are() -> None:
    rules = tree_sitter.grammar()["rules"]
    named = set(re.findall(r"\((\w+)[ )]", tree_sitter.highlights()))
    assert named - rules.keys() == set()


@pytest.mark.parametrize("name", ["string", "raw_string", "literal_string", "number", "identifier", "metadata_line"])
def test_the_tokens_of_the_tree_sitter_grammar_match_what_the_lexer_does(name: str) -> None:
    node = tree_sitter.grammar()["rules"][name]
    while "content" in node:
        node = node["content"]
    pattern = re.compile(node["value"])
    terminal = next(key for key, value in tree_sitter.TOKENS.items() if value == name)
    seen = 0
    for path in PROGRAMS:
        tokens = tokenize(path.read_bytes().decode("utf-8", "replace"))
        for code, text in zip(tokens.codes, tokens.texts, strict=True):
            if code < len(TERMINALS) and TERMINALS[code] == terminal:
                assert pattern.fullmatch(text), text
                seen += 1
    assert seen > 3


# --- TextMate --------------------------------------------------------------------------------------------------------


def patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("match", "begin", "end"):
                yield value
            yield from patterns(value)
    elif isinstance(node, list):
        for each in node:
            yield from patterns(each)


def test_the_textmate_grammar_is_whole() -> None:
    grammar = textmate.grammar()
    text = json.dumps(grammar)
    assert set(re.findall(r'"#(\w+)"', text)) <= grammar["repository"].keys()
    for pattern in patterns(grammar):
        re.compile(pattern)
    for word in KEYWORDS.keys() - classes.SOFT:
        assert any(re.search(rf"(?<!\w){word}(?!\w)", pattern) for pattern in patterns(grammar)), word
