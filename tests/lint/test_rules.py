"""The table of rules: each finds its wrong example and nothing in its right one."""

from __future__ import annotations

import re

import pytest

from neuroscript import Interpreter
from neuroscript.errors import Diagnostic
from neuroscript.lint.rules import RULES, Rule, example_program
from neuroscript.tools import Policy


def findings(example: str) -> list[Diagnostic]:
    with Interpreter(plugins=False, globals={"region": "eu"}, policy=Policy(deny=("fs.Delete",))) as interpreter:
        return interpreter.check(example_program(example), "example.ns")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_the_wrong_example_gets_exactly_this_finding(rule: Rule) -> None:
    (found,) = findings(rule.wrong)
    assert (found.rule, found.rule_name) == (rule.code, rule.name)
    assert (found.severity, found.code) == (rule.severity, rule.error)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_the_right_example_gets_none(rule: Rule) -> None:
    assert findings(rule.right) == []


def test_codes_and_names_are_regular_and_unique() -> None:
    assert len({rule.code for rule in RULES.values()}) == len(RULES)
    for rule in RULES.values():
        assert re.fullmatch(r"NS[1-9]\d\d", rule.code)
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
        assert rule.summary.endswith(".")
        assert rule.severity in ("error", "warning")


def test_a_finding_shows_its_rule() -> None:
    (found,) = findings("emit totl")
    assert found.render().splitlines()[0].endswith(" [NS105 never-set]")
