"""The page of the syntax: the words, signs and constants of the language from its tables, and its grammar."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generators import NOTE
from neuroscript.highlighting import classes
from neuroscript.syntax.tables import PUNCTUATION

GRAMMAR = Path(__file__).parent.parent.parent / "grammars" / "neuroscript.lark"
_WORDS = {
    "of the flow of control": classes.CONTROL,
    "of definitions": classes.DEFINITION,
    "that begin other statements": classes.STATEMENT,
    "that are operators": classes.OPERATOR,
    "that are values": classes.CONSTANT,
    "that begin a tool's name": classes.TOOL,
}


def syntax_page() -> str:
    """The words by what they are for, and the grammar as the parser has it."""
    return "\n".join(
        [
            NOTE,
            "# Syntax\n",
            "The words, signs and rules of the language as the parser has them. What they mean is said in",
            "[The language](../language.md).\n",
            "## Reserved words\n",
            "These name nothing but themselves, except after a dot.\n",
            "| words | |",
            "| --- | --- |",
            *(f"| {kind} | {_code(words)} |" for kind, words in _WORDS.items()),
            "",
            "## Words that are reserved in places\n",
            f"They may name variables and parameters, and no procedures: {_code(classes.SOFT)}.\n",
            "## Names that mean something\n",
            f"Built-in functions: {_code(classes.BUILTIN_FUNCTIONS)}.\n",
            f"Types: {_code(classes.TYPES)}.\n",
            f"Variables: {_code(classes.VARIABLES)}.\n",
            "## Signs\n",
            f"{_code(PUNCTUATION)}.\n",
            "## Grammar\n",
            "This is the one description of the syntax (`grammars/neuroscript.lark`), in the notation of",
            "[Lark](https://lark-parser.readthedocs.io/en/stable/grammar.html). The parser's tables, the colours of",
            "editors and the grammars for tree-sitter and TextMate are made from it.\n",
            f"```text\n{GRAMMAR.read_text(encoding='utf-8').rstrip()}\n```\n",
        ]
    )


def _code(words: Iterable[str]) -> str:
    return " ".join(f"`{word}`" for word in sorted(words))
