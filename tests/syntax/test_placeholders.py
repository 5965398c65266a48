"""Placeholders: the form that is one, and all else staying text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.syntax.placeholders import Placeholder, placeholders


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
