"""Comments that silence findings, each for its own statement, and the findings about such comments."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter
from neuroscript.lint.rules import RULES, Rule, example_program
from neuroscript.tools import Policy


def rules(source: str) -> list[tuple[int, str]]:
    """The line and the code of each finding."""
    with Interpreter(plugins=False) as interpreter:
        return [(found.line, found.rule) for found in interpreter.check(source)]


def body(*lines: str) -> list[tuple[int, str]]:
    """The findings in a command block of these lines, with lines counted from 1."""
    found = rules("\n".join(("command", *lines, "endcommand")))
    return [(line - 1, rule) for line, rule in found]


@pytest.mark.parametrize("sign", ["#", "--", "//", "# why, and # ", "#\t"])
@pytest.mark.parametrize("names", ["NS105", "ns105", "never-set", "", "NS105 the host sets it"])
def test_a_comment_at_the_end_of_the_line(sign: str, names: str) -> None:
    assert body(f"emit unset {sign} ns: ignore {names}", "emit unset") == [(2, "NS105")]


@pytest.mark.parametrize("sign", ["#", "--", "//"])
def test_a_comment_on_a_line_of_its_own_is_for_the_next_statement(sign: str) -> None:
    assert body(f"{sign} ns: ignore NS105", "", "# and more", "emit unset", "emit unset") == [(5, "NS105")]
    assert body("emit 1", f"  {sign} ns: ignore NS105", "emit unset", "emit unset") == [(4, "NS105")]


def test_it_is_for_all_lines_of_a_statement() -> None:
    assert body("# ns: ignore NS105", "emit [", "  1,", "  unset,", "]", "emit unset") == [(6, "NS105")]
    assert body("emit [", "  unset,", "  1 # ns: ignore NS105", "]", "emit unset") == [(5, "NS105")]
    assert body("emit \\", "  unset # ns: ignore NS105", "emit unset") == [(3, "NS105")]
    assert body("emit ```", "{{unset}}``` # ns: ignore NS105", "emit unset") == [(3, "NS105")]


def test_of_a_statement_with_a_block_it_is_for_the_first_line() -> None:
    assert body("if unset # ns: ignore NS105", "  emit unset", "endif") == [(2, "NS105")]


def test_several_rules() -> None:
    assert body("emit unset - nil # ns: ignore NS105,NS303") == []
    assert body("emit unset - nil # ns: ignore NS105") == [(1, "NS303")]
    assert body("# ns: ignore NS105", "emit unset - nil # ns: ignore NS303") == []


def test_a_whole_file() -> None:
    assert body("emit unset", "# ns: ignore-file NS105", "emit unset - nil") == [(3, "NS303")]
    assert body("emit unset", "# ns: ignore-file", "emit unset - nil") == []
    assert rules("# ns: ignore-file NS105\ncommand\nemit unset\nendcommand") == []
    assert rules("command\nemit unset\nendcommand\n# ns: ignore-file NS105") == []


def test_errors_of_the_linter_are_silenced_and_those_of_the_language_are_not() -> None:
    assert body("call tool.some.Thing() # ns: ignore NS201") == []
    assert body("break # ns: ignore") == [(1, ""), (1, "NS402")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("emit 1 # ns: ignore NS105", ["NS402"]),
        ("emit 1 # ns: ignore", ["NS402"]),
        ("emit 1 # ns: ignore-file NS105", ["NS402"]),
        ("emit unset # ns: ignore NS105, NS303", ["NS402"]),
        ("emit unset # ns: ignore NS105, NS105", ["NS402"]),
        ("emit unset # ns: ignore NS404", ["NS105", "NS401"]),
        ("emit unset # ns: ignore never-sett, NS105", ["NS401"]),
        ("emit 1 # ns: ignored", []),
        ("emit 1 # the word ns: ignore NS105", []),
        ('emit "# ns: ignore NS105"', []),
        ("emit ```\n# ns: ignore NS105\n```", []),
    ],
)
def test_what_is_wrong_with_a_comment(line: str, found: list[str]) -> None:
    assert [rule for _, rule in body(line)] == found


def test_an_unknown_rule_is_told_with_the_nearest() -> None:
    with Interpreter(plugins=False) as interpreter:
        (found,) = interpreter.check("command\nemit 1 # ns: ignore never-sett\nendcommand")
    assert found.message == "there is no rule 'never-sett'; did you mean 'never-set'?"
    assert (found.line, found.column) == (2, 8)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(end: str) -> None:
    assert rules(end.join(("command", "# ns: ignore NS105", "emit unset", "emit unset", "endcommand"))) == [
        (4, "NS105")
    ]


@pytest.mark.parametrize("rule", [each for each in RULES.values() if each.code < "NS4"], ids=lambda rule: rule.name)
def test_every_rule_can_be_silenced(rule: Rule) -> None:
    source = example_program(rule.wrong)
    with Interpreter(plugins=False, globals={"region": "eu"}, policy=Policy(deny=("fs.Delete",))) as interpreter:
        (found,) = interpreter.check(source)
        rows = source.split("\n")
        rows.insert(found.line - 1, f"# ns: ignore {rule.name}")
        assert interpreter.check("\n".join(rows)) == []
