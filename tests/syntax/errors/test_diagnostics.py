"""Syntax errors, as golden files: each line of `golden/*.ns` says in a comment which error stands on it.

A file has programs between lines of ``---``.  ``#! message | hint`` gives a part of the message, and of the hint if it
matters, of the error on that line; a program has the errors that it says and no others.  A last line that is such a
comment alone is where the file ends.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroscript.errors import Diagnostic, ErrorCode, NeuroScriptSyntaxError
from neuroscript.syntax.parser import parse

GOLDEN = Path(__file__).with_name("golden")
MARK = "#! "


def programs() -> dict[str, str]:
    """The programs of the golden files; one whose last line is a mark has no newline at its end."""
    return {
        f"{path.stem}-{number}": text.removesuffix("\n") if f"\n{MARK}" in text else text
        for path in sorted(GOLDEN.glob("*.ns"))
        for number, text in enumerate(path.read_text(encoding="utf-8").split("---\n"), 1)
    }


PROGRAMS = programs()


def errors_of(source: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(NeuroScriptSyntaxError) as caught:
        parse(source, "golden.ns")
    return caught.value.diagnostics


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden(name: str) -> None:
    source = PROGRAMS[name]
    errors = errors_of(source)
    found = {diagnostic.line: diagnostic for diagnostic in errors}
    assert len(found) == len(errors)
    expected = {number: line.split(MARK)[1] for number, line in enumerate(source.split("\n"), 1) if MARK in line}
    assert {line: diagnostic.message for line, diagnostic in found.items()}.keys() == expected.keys()
    for line, text in expected.items():
        message, _, hint = text.strip().partition(" | ")
        assert message in found[line].message
        assert hint in found[line].hint


def test_a_diagnostic_shows_the_place() -> None:
    (found,) = errors_of('func f() means\n\temit "a" "bc" # x\nendfunc\n')
    assert (found.line, found.column, found.end_column) == (2, 11, 15)
    assert (found.severity, found.code, found.file) == ("error", ErrorCode.SYNTAX, "golden.ns")
    assert found.render().split("\n")[1:3] == ['  2 | \temit "a" "bc" # x', "    | \t         ^^^^"]


def test_the_end_of_the_file_is_the_line_after_the_last_newline() -> None:
    assert [(d.line, d.column, d.source_line) for d in errors_of("func f() means\n  emit 1\n")] == [(3, 1, "")]
    assert [(d.line, d.column) for d in errors_of("func f() means\n  emit 1")] == [(2, 9)]


def test_errors_come_in_the_order_of_the_text() -> None:
    source = "func f(needs a needs b) means\n  emit 1 2\n  emit 1e999\n"
    assert [(d.line, d.code) for d in errors_of(source)] == [(1, 15), (2, 15), (3, 41), (4, 15)]


def test_a_backslash_with_blanks_after_it_joins_the_lines_all_the_same() -> None:
    (found,) = errors_of("func f() means\n  emit 1 \\ \n    + 2\nendfunc")
    assert (found.line, found.column) == (2, 10)
    assert "the last character of the line" in found.message
    assert found.hint == "remove the blanks after it"


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("/*", "*/"), ('"""', '"""'), ("<!--", "-->"), ("=begin", "=end"), ("COMMENT:", "ENDCOMMENT")],
)
def test_a_foreign_comment_over_several_lines_is_one_error(opening: str, closing: str) -> None:
    source = f"func f() means\n{opening}\n isn't it\n x = 1\n{closing}\n  emit 1\n  emit 2 3\nendfunc\n"
    assert [diagnostic.line for diagnostic in errors_of(source)] == [2, 7]
