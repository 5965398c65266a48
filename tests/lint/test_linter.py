"""Findings: what is certainly not meant; and nothing is said of what may be."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter
from tests.compiler.support import procedure


def findings(text: str, more: str = "") -> list[tuple[int, str, int, str]]:
    with Interpreter(plugins=False, globals={"HOST": 1}) as interpreter:
        found = interpreter.check(procedure(text) + more, "x.ns")
    return [(one.line, one.severity, int(one.code), one.message) for one in found]


@pytest.mark.parametrize(
    ("text", "line", "code", "part"),
    [
        ("emit unset", 2, 9, "'unset' is never set"),
        ("set total = 1\nemit totl", 3, 9, "did you mean 'total'"),
        ("emit None", 2, 9, "did you mean 'nil'"),
        ("emit ```{{unset}}```", 2, 9, "'unset'"),
        ("emit ```\n{{a}}\n {{unset}}```", 4, 9, "'unset'"),
        ("set x = nil + 1", 2, 7, "its left operand is nil"),
        ("set x = a - nil", 2, 7, "its right operand is nil"),
        ("if a == None\nendif", 2, 9, "did you mean 'nil'"),
        ("set x = json.loads(a)", 2, 9, "write `tool.json.Parse(text)`"),
        ("emit a.upper()", 2, 7, "write `tool.str.ToUpper(text)`"),
        ("set xs = [1]\nemit xs.length", 3, 7, "write `len(xs)`"),
        ("return 1\nemit 2", 3, 39, "never reached: it stands after 'return'"),
        ("fail 1\nemit 2", 3, 39, "after 'fail'"),
        ("while true\n  break\n  emit 2\nendwhile", 4, 39, "after 'break'"),
        ("for each x in a\n  continue\n  emit 2\nendfor", 4, 39, "after 'continue'"),
        ("call missing()", 2, 2, "there is no procedure 'missing'"),
        ("call mian()", 2, 2, "did you mean 'main'"),
        ("call main(1, 2, 3)", 2, 4, "takes at most 2 arguments, not 3"),
        ("call main(c: 1)", 2, 4, "has no parameter 'c'"),
        ("set x = len()", 2, 4, "takes one value"),
        ("set x = is_int(1, 2)", 2, 4, "takes one value"),
        ("call tool.str.ToUper(1)", 2, 3, "tool.str.ToUpper"),
        ("call tool.str.ToUpper()", 2, 4, "needs 'input_string'"),
        ("call tool.str.ToUpper(1, 2)", 2, 4, "at most 1 argument"),
        ("call tool.str.ToUpper(nope: 1)", 2, 4, "has no argument 'nope'"),
        ("set HOST = 1", 2, 43, "set by the host"),
        ("for each HOST in [1]\nendfor", 2, 43, "set by the host"),
        ("on error do\n  emit unset\nendon", 3, 9, "'unset'"),
        ('on event "e" do\n  emit unset\nendon', 3, 9, "'unset'"),
    ],
)
def test_a_finding(text: str, line: int, code: int, part: str) -> None:
    found = findings(text)
    severity = "error" if code in (3, 4) else "warning"  # which are certain to fail
    assert [(one[0], one[1], one[2]) for one in found] == [(line, severity, code)]
    assert part in found[0][3]


@pytest.mark.parametrize(
    "text",
    [
        "set x = 1\nemit x",
        "if a\n  set x = 1\nelse\n  set x = 2\nendif\nemit x",
        "emit typeof unset == TYPE_NIL",
        "emit unset == nil",
        "emit no unset",
        "emit HOST + 1",
        'set m = {"upper": main}\nemit m.upper()',
        "set a.split = main\nemit a.split(1)",
        "emit a.length",
        "set xs = [1]\nset xs = a\nemit xs.length",
        'set x = nil + "a"',
        "emit main",
        "set f = main\ncall f(1, 2, 3, 4)",
        "whisper self, 1",
        "on error do\n  clear_error\nendon\nfail 1\nemit 2",
        "return 1\n# a comment",
        "return 1\non error do\nendon",
        "emit tool.list.Concat([1], [2], [3])",
        "emit tool.list.Slice([1], 0, end: 1)",
        "emit eval(a)",
        "emit ```{{last}}{{a}} {{ 1 + x }}```",
        'on event "e" as ev do\n  emit ev\nendon',
        "on error do\n  emit system_error_message\nendon",
    ],
)
def test_no_warning(text: str) -> None:
    assert findings(text) == []


def test_errors_and_warnings_come_in_the_order_of_the_text() -> None:
    assert [one[:3] for one in findings("emit unset\nif a\n  break\nendif\nemit unset2")] == [
        (2, "warning", 9),
        (4, "error", 39),
        (6, "warning", 9),
    ]


def test_a_syntax_error_is_all_that_is_found() -> None:
    assert [one[:3] for one in findings("set = 1\nemit unset")] == [(2, "error", 15)]
