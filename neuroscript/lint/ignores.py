"""Comments that silence findings: ``# ns: ignore NS101`` for a statement, ``# ns: ignore-file NS101`` for a file.

A comment holds for the statement at whose end or in whose brackets it stands; on a line of its own, for the next one.
Of a statement with blocks it is the first line.  Without a rule, it silences all.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.lint.rules import RULES, rule_of
from neuroscript.runtime.errors import nearest
from neuroscript.syntax.lexer import END, NEWLINE, Positions, tokenize
from neuroscript.syntax.source import LINE_END

if TYPE_CHECKING:
    from neuroscript.errors import Diagnostic
    from neuroscript.syntax import nodes as n

_MARK = re.compile(r"(?:#|--|//)[ \t]*ns:[ \t]*ignore(-file)?(?![\w-])(.*)")
_WORD = re.compile(r"[\w-]+")
_ALL = ""
_MOST_UNKNOWN = 100  # unknown rules whose nearest names are told

Wrong: TypeAlias = tuple[str, "n.Span", str]
"""What is wrong with a comment: the name of the rule that says so, the place, and what to say."""


@dataclass(slots=True)
class _Mark:
    """A rule that a comment names, or all rules, and whether a finding has been silenced by it."""

    code: str
    span: n.Span
    for_file: bool
    used: bool = False


@dataclass(slots=True)
class _Statement:
    """The lines of one statement and what is ignored there, by the code of the rule."""

    first: int
    last: int
    marks: dict[str, _Mark]


@dataclass(slots=True)
class _Ignores:
    """All comments of a program that silence findings, and what is wrong with them."""

    marks: list[_Mark] = field(default_factory=list)
    statements: list[_Statement] = field(default_factory=list)  # from the top; they do not overlap
    file: dict[str, _Mark] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    def silences(self, found: Diagnostic) -> bool:
        """Whether a finding is silenced; takes note of what silences it."""
        place = bisect_right(self.statements, found.line, key=lambda each: each.first) - 1
        here = self.statements[place] if place >= 0 else None
        silenced = False
        for marks in (here.marks if here is not None and found.line <= here.last else {}, self.file):
            for code in (found.rule, _ALL):
                if code in marks:
                    marks[code].used = silenced = True
        return silenced

    def read(self, row: str, line: int, column: int) -> Iterator[_Mark]:
        """What the comment at the end of a line names; those for the whole file are kept here."""
        mark = _MARK.search(row)
        if mark is None:
            return
        start = column + mark.start()
        span = (line, start, line, start + len(mark[0].rstrip()) - 1)
        words = [first[0] for part in mark[2].split(",") if (first := _WORD.search(part))]
        codes = [] if words else [_ALL]
        for word in words:
            rule = rule_of(word)
            if rule is not None:
                codes.append(rule.code)
            else:
                known = [*RULES, *(each.code for each in RULES.values())] if len(self.wrong) < _MOST_UNKNOWN else []
                self.wrong.append(("unknown-rule", span, f"there is no rule '{word}'{nearest(word, known)}"))
        for code in codes:
            one = _Mark(code, span, bool(mark[1]))
            self.marks.append(one)
            if one.for_file:
                self.file.setdefault(code, one)
            else:
                yield one


def silence(source: str, found: list[Diagnostic]) -> tuple[list[Diagnostic], list[Wrong]]:
    """The findings that no comment silences, and what is wrong with the comments.

    Args:
        source: the program.
        found: the findings of the linter.
    """
    if not _MARK.search(source):
        return found, []
    ignores = _ignores(source)
    kept = [one for one in found if not ignores.silences(one)]
    for mark in ignores.marks:
        if not mark.used:
            where = "in this file" if mark.for_file else "here"
            told = f"no finding of {mark.code} is silenced {where}" if mark.code else f"no finding is silenced {where}"
            ignores.wrong.append(("unused-ignore", mark.span, f"{told}: remove the comment"))
    return kept, ignores.wrong


def _ignores(source: str) -> _Ignores:
    tokens = tokenize(source, every_newline=True)
    positions = Positions(tokens)
    ignores = _Ignores()
    waiting: list[_Mark] = []  # for the end of the statement, or for the next one
    first = last = depth = 0
    for place, code in enumerate(tokens.codes):
        text = tokens.texts[place]
        line, column, end_line, _ = positions.span(place, place)
        if code not in (NEWLINE, END):
            first, last = first or line, end_line
            depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
            continue
        rows = LINE_END.split(text)
        waiting += ignores.read(rows[0], line, column)
        if first and (depth <= 0 or code == END):
            if waiting:
                # The first of two for the same rule counts, and the other one silences nothing.
                marks = {mark.code: mark for mark in reversed(waiting)}
                ignores.statements.append(_Statement(first, last, marks))
            waiting, first, depth = [], 0, 0
        for number, row in enumerate(rows[1:], 1):
            waiting += ignores.read(row, line + number, 0)
    return ignores
