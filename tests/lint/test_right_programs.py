"""Programs that are right get no finding: the conformance cases, the examples, the blocks of the docs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuroscript import Interpreter
from tests.conformance.case import run_cases

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```neuroscript[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

JUSTIFIED = {
    # An error in one turn leaves the command of the turn before, which is run again.
    "programs/26-dispatcher": {"stale-value"},
    # A name that is not set, whose error a handler shows.
    "programs/24-template-mail": {"never-set"},
    "run/610-callback-errors": {"never-set"},
    # Each shows what a habit of other languages means here.
    "run/046-eval": {"plain-placeholder"},
    "run/124-op-logic": {"value-of-or"},
    "run/149-precedence": {"comment-for-minus"},
    "run/217-index-access": {"duplicate-key"},
    "run/228-control-flow": {"constant-condition"},
    "run/260-functions": {"no-result"},
    "run/283-functions": {"no-result"},
    "run/385-truthiness": {"value-of-or"},
    "run/573-lexical": {"comment-for-quotient"},
    "language.md 6": {"negated-comparison"},
    # Each uses the file that it tests, which stands in another block.
    "tests.md 2": {"", "unknown-procedure"},
    "tests.md 5": {"", "unknown-procedure"},
    # Uses what stands in another file.
    "3-tools-and-files.md 1": {"", "unknown-procedure"},
    "6-conversations-and-tools.md 3": {"", "unknown-procedure"},
    # Shows a mistake, and how it is told.
    "1-hello.md 2": {""},
    # Shows what a procedure without a result gives.
    "from-go.md 1": {"no-result"},
    # Each has what fails, on purpose, under a handler or where nothing comes.
    "run/278-functions": {"unknown-procedure"},
    "run/342-on-error": {"no-collection"},
    "run/362-on-error": {"unknown-tool", "wrong-count", "wrong-type"},
    "run/476-events": {"unreachable"},
    "run/534-on-error": {"nil-operand", "wrong-type"},
}
"""What is found in programs that do what their authors lay down, and is to be found all the same."""


def pages() -> list[Path]:
    """The pages with programs; those of the page on errors fail on purpose, which its own test holds them to."""
    return [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "errors.md")]


def programs() -> Iterator[tuple[str, str | Path]]:
    """The name of each program, and its text, or its file."""
    for path in sorted((ROOT / "examples").glob("*.ns")):
        yield path.name, path.read_text(encoding="utf-8")
    for page in pages():
        for number, block in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), 1):
            whole = re.match(r"\s*(func|command|on\s+event|::)", block)
            yield f"{page.name} {number}", block if whole else f"command\n{block}\nendcommand\n"
    for case in run_cases():
        if case.error is None:
            yield case.name, case.path


def found_in(source: str | bytes | Path) -> set[str]:
    """The names of the rules that find something."""
    with Interpreter() as interpreter:
        return {found.rule_name for found in interpreter.check(source)}


@pytest.mark.parametrize(("name", "source"), [pytest.param(*each, id=each[0]) for each in programs()])
def test_a_right_program_gets_no_finding(name: str, source: str | Path) -> None:
    assert found_in(source) == JUSTIFIED.get(name, set())
