"""``neuroscript explain``: the rules of ``check`` and the error codes of the language, each in words."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import Any

from neuroscript.cli.error_meanings import MEANINGS
from neuroscript.cli.options import add_format
from neuroscript.cli.parser import set_completer
from neuroscript.cli.report import print_json
from neuroscript.cli.status import OK, UsageError
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.lint.rules import RULES, Rule, rule_of
from neuroscript.output import write_line
from neuroscript.runtime.errors import nearest

SUMMARY = "explain a rule of check, such as NS101, or an error code, such as 9"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    more = "without any, all are listed"
    code = parser.add_argument(
        "code", metavar="CODE", nargs="*", help=f"a code or a name: NS101, stale-value, 9; {more}"
    )
    set_completer(code, lambda given: [*(rule.code for rule in RULES.values()), *RULES, *map(str, map(int, ErrorCode))])
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Explains what is named, or lists everything.

    Raises:
        UsageError: for a code that there is not; it names the nearest.
    """
    found = [_find(word) for word in options.code]
    if options.format == "jsonl":
        for one in found or [*RULES.values(), *ErrorCode]:
            print_json(_row(one))
    elif found:
        write_line(sys.stdout, "\n\n".join(_page(one) for one in found))
    else:
        write_line(sys.stdout, _list())
    return OK


def page_of(word: str) -> str:
    """Explains a rule or an error code in words.

    Raises:
        UsageError: if there is none of that code or name; it names the nearest.
    """
    return _page(_find(word))


def _find(word: str) -> Rule | ErrorCode:
    rule = rule_of(word)
    if rule is not None:
        return rule
    name = word.upper().replace("-", "_")
    for code in ErrorCode:
        if word == str(int(code)) or name == code.name:
            return code
    known = [*RULES, *(rule.code for rule in RULES.values()), *(code.name for code in ErrorCode)]
    hint = nearest(word, known) or nearest(name, known) or "; `neuroscript explain` lists all"
    raise UsageError(f"there is no rule or error code {word!r}{hint}")


def _row(one: Rule | ErrorCode) -> dict[str, Any]:
    if isinstance(one, Rule):
        return {
            "rule": one.code,
            "name": one.name,
            "severity": one.severity,
            "summary": one.summary,
            "explanation": one.explanation,
            "wrong": one.wrong,
            "right": one.right,
        }
    return {"code": int(one), "name": one.name, "class": _class(one), "explanation": MEANINGS[one]}


def _page(one: Rule | ErrorCode) -> str:
    if isinstance(one, Rule):
        wrong, right = (textwrap.indent(example, "    ") for example in (one.wrong, one.right))
        text = textwrap.fill(f"{one.summary} {one.explanation}", 100, break_on_hyphens=False)
        return f"{one.code} {one.name} ({one.severity})\n\n{text}\n\nWrong:\n\n{wrong}\n\nRight:\n\n{right}"
    text = textwrap.fill(MEANINGS[one], 100, break_on_hyphens=False)
    return f"error {int(one)} {one.name} ({_class(one)} in Python)\n\n{text}"


def _list() -> str:
    width = max(map(len, RULES))
    rules = [f"  {rule.code} {rule.name:{width}}  {rule.summary}" for rule in RULES.values()]
    errors = [f"  {int(code):5} {code.name.lower():{width}}  {MEANINGS[code]}" for code in ErrorCode]
    return "\n".join(["rules of check", *rules, "", "errors of the language", *errors])


def _class(code: ErrorCode) -> str:
    return type(NeuroScriptError(code)).__name__
