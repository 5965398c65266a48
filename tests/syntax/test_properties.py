"""Any text at all is either a program or refused with its place; and what a tree says of its text is true."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from neuroscript.errors import Diagnostic, NeuroScriptSyntaxError
from neuroscript.limits import Limits
from neuroscript.syntax import nodes
from neuroscript.syntax.parser import parse
from neuroscript.syntax.tables import KEYWORDS, PUNCTUATION
from tests.syntax.shapes import expression, shape, text_of_span, walk

# Pieces that programs are made of, and pieces that break them.
PIECES = [
    *KEYWORDS,
    *PUNCTUATION,
    *(
        "x",
        "f(",
        "1",
        "1.5",
        "1e999",
        "1.",
        "'s'",
        '"t"',
        '"',
        "'",
        "```",
        "'''",
        "\\",
        "\\\n",
        "\n",
        "\n",
        "\r\n",
        "\r",
    ),
    *(
        "# c\n",
        "--",
        "//",
        ":: a: b\n",
        ":: a",
        "@",
        "é",
        "\0",
        "\u00a0",
        "\t",
        "tool.a.b(",
        "x.",
        "elif",
        "end",
        "{{x}}",
    ),
]
SOUP = st.lists(st.sampled_from(PIECES), max_size=60).flatmap(
    lambda pieces: st.sampled_from([" ".join(pieces), "".join(pieces), "func f() means\n" + " ".join(pieces)])
)


def errors_of(source: str | bytes, limits: Limits) -> tuple[Diagnostic, ...]:
    """The diagnostics of a source, none for a program.  Nothing but a syntax error may come."""
    refused = None
    try:
        program = parse(source, limits=limits)
    except NeuroScriptSyntaxError as error:
        refused = error
    if refused is None:
        assert parse(program.source, limits=limits) == program
        return ()
    assert refused.diagnostics
    assert refused.render()
    return refused.diagnostics


def check(source: str) -> None:
    """The places of all errors are in the text, and they come in its order."""
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    for limits in (Limits(), Limits(max_nesting=3)):
        errors = errors_of(source, limits)
        assert [(e.line, e.column) for e in errors] == sorted((e.line, e.column) for e in errors)
        assert len({(e.line, e.column, e.code) for e in errors}) == len(errors) <= 25
        for error in errors:
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1
            assert error.column < error.end_column <= max(len(lines[error.line - 1]), error.column) + 1
            assert error.code in (15, 38, 41)


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text(source: str) -> None:
    check(source)


@given(SOUP)
@settings(max_examples=300, deadline=None)
def test_any_words(source: str) -> None:
    check(source)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes(source: bytes) -> None:
    errors_of(source, Limits())


def spaced(*parts: str) -> st.SearchStrategy[str]:
    """The parts with some white space between them."""
    blanks = st.lists(st.sampled_from(["", " ", "\t", " \\\n "]), min_size=len(parts), max_size=len(parts))
    return blanks.map(lambda gaps: "".join(gap + part for gap, part in zip(gaps, parts, strict=True)))


def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions made of smaller ones, which keep their meaning in brackets."""
    held = st.one_of(inner.map("({})".format), inner.map("(\n{}\n)".format))
    operators = st.sampled_from(["or", "and", "|", "^", "&", "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "**"])
    prefixes = st.sampled_from(["-", "not", "no", "some", "~", "typeof"])
    pair = st.tuples(held, held)
    return st.one_of(
        st.tuples(pair, operators).flatmap(lambda p: spaced(p[0][0], p[1] + " ", p[0][1])),
        st.tuples(prefixes, held).map(" ".join),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(pair, max_size=2).map(lambda items: "{" + ",\n".join(f"{key}: {value}" for key, value in items) + "}"),
        pair.flatmap(lambda p: spaced(p[0], "[", p[1], "]")),
        held.flatmap(lambda value: spaced(value, ".", "if")),
        st.lists(inner, max_size=2).map(lambda items: f"f({', '.join([*items, 'key: 1'])})"),
        st.lists(inner, max_size=2).map(lambda items: f"tool.g.F({', '.join(items)})"),
    )


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "0.5", "'s\\n'", '"é\\\n"', "```raw\n{{x}}```", "'''a\nb'''", "last", "nil", "true"]),
    extend,
    max_leaves=12,
)


@given(EXPRESSIONS)
@settings(deadline=None)
def test_the_text_under_a_span_has_the_same_tree(text: str) -> None:
    source = f"func f() means\nemit ({text})\nendfunc"
    program = parse(source)
    emit: Any = program.procedures[0].body[0]
    for node in walk(emit.value):
        if isinstance(node, nodes.Expr) and not is_key(node, source):
            again = expression(f"({text_of_span(source, node.span)})")
            assert shape(again) == shape(node)


def is_key(node: nodes.Expr, source: str) -> bool:
    """Whether a node is the ``if`` of ``x.if``, which is no expression by itself."""
    return isinstance(node, nodes.Literal) and text_of_span(source, node.span) == "if"


@given(EXPRESSIONS)
@settings(deadline=None)
def test_a_span_lies_within_that_of_the_node_above(text: str) -> None:
    emit: Any = parse(f"func f() means\nemit ({text})\nendfunc").procedures[0].body[0]
    for node in walk(emit):
        for below in walk([getattr(node, name) for name in type(node).__slots__ if name != "span"]):
            assert node.span[:2] <= below.span[:2]
            assert below.span[2:] <= node.span[2:]
