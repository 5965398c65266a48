"""What an interactive session takes for a whole input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.syntax.errors.completeness import incomplete


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("", False),
        ("1", False),
        ("1 +", False),
        ("set x =", False),
        ("if", False),
        ("if x", True),
        ("if x\nelse", True),
        ("if x\nendif", False),
        ("if x\nendwhile", False),
        ("endif", False),
        ("while x\n  set = 1", False),
        ("func f() means", True),
        ("func f() means\nendfunc", False),
        ("func f(needs a,", True),
        ("command\n  emit 1", True),
        ('on event "x" do', True),
        ("on error do", True),
        ("f(1,", True),
        ("[1, {", True),
        ('{"a": [1]}', False),
        ("'''", True),
        ("''' '''", False),
        ("```a", True),
        ("set x = '''a\nb", True),
        ('"open', False),
        ("emit 1 \\", True),
        (":: author: me", False),
        ("\ud800", False),
        ("\0", False),
        ("((((", True),
        (")", False),
    ],
)
def test_incomplete_input_is_known(text: str, more: bool) -> None:
    assert incomplete(text) is more


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert incomplete(text) in (True, False)
