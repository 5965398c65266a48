"""The lexer for Pygments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Error

from neuroscript.highlighting.pygments_lexer import NeuroScriptLexer

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "examples").rglob("*.ns"))


def kinds(text: str) -> list[tuple[str, str]]:
    found = NeuroScriptLexer().get_tokens_unprocessed(text)
    return [(token, str(kind).removeprefix("Token.")) for _, kind, token in found if not token.isspace()]


def test_it_is_found_by_name_and_by_ending() -> None:
    for lexer in (get_lexer_by_name("neuroscript"), get_lexer_by_name("ns"), get_lexer_for_filename("x.ns")):
        assert lexer.name == "NeuroScript"


def test_what_is_coloured_how() -> None:
    text = (
        ":: uses: a.ns\nfunc f(needs a) means # note\n  on error do\n  endon\n"
        '  set error = tool.str.ToUpper("x\\n") + a.event\n  emit ```{{a}} b```\n'
        "  call g(len(error), nil, 1.5)\nendfunc\n"
    )
    assert kinds(text) == [
        ("::", "Punctuation"),
        ("uses", "Name.Attribute"),
        (": a.ns", "Literal.String.Doc"),
        ("func", "Keyword.Declaration"),
        ("f", "Name.Function"),
        ("(", "Punctuation"),
        ("needs", "Keyword.Declaration"),
        ("a", "Name.Variable"),
        (")", "Punctuation"),
        ("means", "Keyword.Declaration"),
        ("# note", "Comment.Single"),
        ("on", "Keyword"),
        ("error", "Keyword"),
        ("do", "Keyword"),
        ("endon", "Keyword"),
        ("set", "Keyword"),
        ("error", "Name.Variable"),
        ("=", "Operator"),
        ("tool", "Name.Namespace"),
        (".", "Punctuation"),
        ("str", "Name.Namespace"),
        (".", "Punctuation"),
        ("ToUpper", "Name.Function"),
        ("(", "Punctuation"),
        ('"x', "Literal.String"),
        ("\\n", "Literal.String.Escape"),
        ('"', "Literal.String"),
        (")", "Punctuation"),
        ("+", "Operator"),
        ("a", "Name.Variable"),
        (".", "Punctuation"),
        ("event", "Name.Attribute"),
        ("emit", "Keyword"),
        ("```", "Literal.String.Backtick"),
        ("{{a}}", "Literal.String.Interpol"),
        (" b```", "Literal.String.Backtick"),
        ("call", "Keyword"),
        ("g", "Name.Function"),
        ("(", "Punctuation"),
        ("len", "Name.Builtin"),
        ("(", "Punctuation"),
        ("error", "Name.Variable"),
        (")", "Punctuation"),
        (",", "Punctuation"),
        ("nil", "Keyword.Constant"),
        (",", "Punctuation"),
        ("1.5", "Literal.Number"),
        (")", "Punctuation"),
        ("endfunc", "Keyword.Declaration"),
    ]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_no_program_has_a_piece_without_a_kind(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [token for _, kind, token in NeuroScriptLexer().get_tokens_unprocessed(text) if kind in Error] == []
    assert "<span" in highlight(text, NeuroScriptLexer(), HtmlFormatter())


@given(st.text(alphabet="ab \n\r\t\"'`\\{}:#-/.=()[]é1tool"))
def test_the_pieces_of_any_text_make_the_text(text: str) -> None:
    at = 0
    for place, _, token in NeuroScriptLexer().get_tokens_unprocessed(text):
        assert place == at
        at += len(token)
    assert "".join(token for _, _, token in NeuroScriptLexer().get_tokens_unprocessed(text)) == text
