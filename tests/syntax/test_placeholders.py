"""Placeholders: the form that is one, and all else staying text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse
from neuroscript.syntax.placeholders import Placeholder, placeholder_spans, placeholders


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{name}}", ("name", [])),
        ("{{  name\t}}", ("name", [])),
        ("{{last}}", ("last", [])),
        ("{{a.b.if}}", ("a", ["b", "if"])),
        ("{{a[0][12]}}", ("a", [0, 12])),
        ("{{a[\"k\"]['l'].m}}", ("a", ["k", "l", "m"])),
        ('{{a[ "" ]}}', ("a", [""])),
        ('{{a["x.y[0]"]}}', ("a", ["x.y[0]"])),
    ],
)
def test_forms(text: str, found: Placeholder) -> None:
    assert placeholders(text) == [found]
    assert placeholders(f"a{text}{{b}}") == ["a", found, "{b}"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{{}}",
        "{{ 1 + 1 }}",
        "{{x y}}",
        "{{9}}",
        "{x}",
        "{{x",
        "x}}",
        "{{f()}}",
        "{{a[-1]}}",
        "{{a.}}",
        "{{a[b]}}",
        "{{a\n}}",
    ],
)
def test_what_is_not_of_the_form_stays_text(text: str) -> None:
    assert placeholders(text) == ([text] if text else [])


def test_braces_beside_a_placeholder_are_text() -> None:
    assert placeholders("{{{x}}}{{y}}") == ["{", ("x", []), "}", ("y", [])]


def test_many_open_braces_cost_little() -> None:
    text = "{{" * 200_000
    assert placeholders(text) == [text]


@given(st.text(alphabet='{}ab.[]"0 ', max_size=40))
def test_any_text(text: str) -> None:
    pieces = placeholders(text)
    literal = "".join(piece for piece in pieces if isinstance(piece, str))
    assert len(literal) <= len(text)
    assert "" not in pieces
    if all(isinstance(piece, str) for piece in pieces):
        assert literal == text


def _strings(source: str) -> list[tuple[str, tuple[int, int, int, int], bool]]:
    """The raw strings and the literals of `eval` in a program's first procedure."""
    found = []
    for statement in parse(source).procedures[0].body:
        value = statement.value
        if isinstance(value, n.Raw):
            found.append((value.text, value.span, True))
        elif isinstance(value, n.Eval):
            found.append((value.text.value, value.text.span, False))
    return found


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_each_placeholder_has_the_place_where_it_is_written(newline: str) -> None:
    source = newline.join(
        [
            "func f() means",
            "  emit ```{{a}} \N{BLACK HEART SUIT} {{ b.c }}",
            "{{a}}",
            "   {{d[0]}}{{e}} ```",
            '  emit eval("é {{f}}")',
            "endfunc",
            "",
        ]
    )
    rows = source.split(newline)
    told = []
    for text, span, raw in _strings(source):
        for line, column, end_line, end_column in placeholder_spans(text, span, raw=raw):
            assert line == end_line
            told.append((line, rows[line - 1][column:end_column]))
    assert told == [(2, "{{a}}"), (2, "{{ b.c }}"), (3, "{{a}}"), (4, "{{d[0]}}"), (4, "{{e}}"), (5, "{{f}}")]


def test_in_a_string_with_escapes_each_has_the_place_of_the_string() -> None:
    ((text, span, raw),) = _strings('func f() means\n  emit eval("\\t{{a}} {{b}}")\nendfunc\n')
    assert placeholder_spans(text, span, raw=raw) == [span, span]
