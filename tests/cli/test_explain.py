"""``neuroscript explain``: rules and error codes in words."""

from __future__ import annotations

import pytest

from neuroscript.cli.error_meanings import MEANINGS
from neuroscript.errors import ErrorCode
from neuroscript.lint.rules import RULES
from tests.cli.conftest import Command


@pytest.mark.parametrize("word", ["NS101", "ns101", "stale-value"])
def test_a_rule_by_its_code_or_name(neuroscript: Command, word: str) -> None:
    done = neuroscript("explain", word)
    assert done.status == 0
    assert done.out.startswith("NS101 stale-value (warning)\n")
    assert "Wrong:\n\n    func main means\n" in done.out
    assert "\nRight:\n\n    func main means\n" in done.out


@pytest.mark.parametrize("word", ["9", "KEY_NOT_FOUND", "key-not-found"])
def test_an_error_code(neuroscript: Command, word: str) -> None:
    done = neuroscript("explain", word)
    assert done.status == 0
    assert done.out.startswith("error 9 KEY_NOT_FOUND (NotFoundError in Python)\n")
    assert MEANINGS[ErrorCode.KEY_NOT_FOUND] in done.out


def test_every_error_code_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(ErrorCode)


@pytest.mark.parametrize(
    ("word", "near"), [("NS1011", "NS101"), ("stale-values", "stale-value"), ("99", "lists all"), ("syntaxx", "SYNTAX")]
)
def test_an_unknown_code_names_the_nearest(neuroscript: Command, word: str, near: str) -> None:
    done = neuroscript("explain", word)
    assert done.status == 2
    assert near in done.err


def test_without_a_code_all_are_listed(neuroscript: Command) -> None:
    listed = neuroscript("explain").out
    for rule in RULES.values():
        assert f"  {rule.code} {rule.name} " in listed
        assert rule.summary in listed
    assert len(listed.splitlines()) == len(RULES) + len(ErrorCode) + 3


def test_as_lines_of_json(neuroscript: Command) -> None:
    rule, error = neuroscript("explain", "--format", "jsonl", "NS104", "7").rows
    assert (rule["rule"], rule["name"], rule["severity"]) == ("NS104", "lost-change", "warning")
    assert (error["code"], error["name"], error["class"]) == (7, "TYPE", "EvaluationError")
    assert len(neuroscript("explain", "--format", "jsonl").rows) == len(RULES) + len(ErrorCode)
