"""Changes of parameters and loop items that nothing reads."""

from __future__ import annotations

import pytest

from tests.lint.test_linter import findings


def lost(text: str) -> list[tuple[int, str]]:
    return [(line, message) for line, _, _, message in findings(text) if "is lost" in message]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("set a.x = 1", 2, "return it"),
        ("set a = tool.list.Append(a, 1)", 2, "return it"),
        ("emit a\nset a[0] = 1\nreturn 5", 3, "return it"),
        ("for each x in b\n  set a = a + x\nendfor", 3, "return it"),
        ("if b\n  set a.x = 1\nendif", 3, "return it"),
        ("set xs = [{}]\nfor each row in xs\n  set row.x = 1\nendfor\nreturn xs", 4, "a copy of the item"),
        ("set xs = [1]\nfor each x in xs\n  set x = x * 2\nendfor\nreturn xs", 4, "a copy of the item"),
        ("for each row in a\n  if row.y\n    set row.x = row.y\n  endif\nendfor", 4, "a copy of the item"),
    ],
)
def test_a_change_that_nothing_reads(text: str, line: int, words: str) -> None:
    ((found, message),) = lost(text)
    assert found == line
    assert words in message


@pytest.mark.parametrize(
    "text",
    [
        "set a.x = 1\nreturn a",
        "set a = a + 1\nemit a",
        "set a = a + 1\nemit ```{{a}}```",
        "set a = 1",
        "if a == nil\n  set a = []\nendif\nset a[0] = 1\nreturn a",
        "while a > 0\n  set a = a - 1\nendwhile",
        "while b\n  emit a\n  set a = a + 1\nendwhile",
        'set a = a + 1\ncall tool.fs.Write("x", eval(b))',
        "on error do\n  emit a\n  clear_error\nendon\nset a.x = 1",
        "for each row in a\n  set row.x = 1\n  set b = tool.list.Append(b, row)\nendfor\nreturn b",
        "for each x in a\n  set x = x + 1\nendfor\nreturn x",
        "while b\n  emit x\n  for each x in a\n    set x = x + 1\n  endfor\nendwhile",
        "for each x in a\n  while x > 0\n    set x = x - 1\n  endwhile\nendfor",
        "set a, b = [b, a]\nreturn a + b",
        "if b\n  set a = a + 1\nelse\n  set a = a - 1\nendif\nreturn a",
    ],
)
def test_a_change_that_may_be_read(text: str) -> None:
    assert lost(text) == []
