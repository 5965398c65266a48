"""Where two values differ that should be equal."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript.observing.masking import Mask
from neuroscript.runtime.assertions import Operand
from neuroscript.testing.differences import differences, explain_operands, shown


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (5, 6, []),
        ("short", "texts", []),
        (5, "a", ["one is a number, the other a string"]),
        (5, "6", []),
        (None, [], ["one is a nil, the other a list"]),
        ([1, 2], [1, 3], ["they differ in", "  [1]: 2 and 3"]),
        ([1], [1, "x"], ["they differ in", '  [1]: "x" on the right alone']),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ["they differ in", '  ["a"]["b"][0]: 1 and 2']),
        (
            {"a": 1, "c": 2},
            {"a": 1, "d": 2},
            ["they differ in", '  ["c"]: 2 on the left alone', '  ["d"]: 2 on the right alone'],
        ),
        ([5], ["5"], ["they differ in", '  [0]: 5 and "5"']),
        (
            "a" * 70 + "x",
            "a" * 70 + "y",
            ["they differ from character 70 on:", f'  "{"a" * 30}x"', f'  "{"a" * 30}y"'],
        ),
        ("a\nb", "a\nc", ["they differ in", "  --- left", "  +++ right", "  @@ -1,2 +1,2 @@", "   a", "  -b", "  +c"]),
        ("a\nb", "a\nb\n", ["their line ends differ"]),
    ],
)
def test_differences(left: Any, right: Any, told: list[str]) -> None:
    assert differences(left, right, Mask()) == told


def test_a_long_difference_is_cut() -> None:
    rows = differences(list(range(100)), list(range(1, 101)), Mask())
    assert len(rows) == 14
    assert rows[-1] == "  …"


def test_values_that_share_their_parts_take_no_time() -> None:
    left, right = [1, 2], [1, 3]
    for _ in range(60):
        left, right = [left, [7]], [right, [7]]
    rows = differences(left, right, Mask())
    assert len(rows) == 2
    whole = [1, 2]
    for _ in range(90):
        whole = [whole, whole]
    assert differences([whole, 1], [whole, 2], Mask()) == ["they differ in", "  [1]: 1 and 2"]
    assert shown(whole, Mask()) == "a list"


def test_values_are_on_one_line_and_cannot_steer_a_terminal() -> None:
    assert shown("a\nb\x1b[31m", Mask()) == '"a\\nb\\u001b[31m"'
    assert len(shown("x" * 100_000, Mask())) < 400
    assert shown({"k": [1, None]}, Mask()) == '{"k": [1, nil]}'


def test_operands_are_told_once_and_literals_not_at_all() -> None:
    operands = [
        Operand("a", 1, "left", False),
        Operand("2", 2, "right", True),
        Operand("a", 1, "", False),
        Operand("b", "x", "", False),
    ]
    assert explain_operands(operands) == ["where a is 1", '      b is "x"']


KEY = "sk-" + "abcd1234" * 20


@pytest.mark.parametrize(
    "operand",
    [
        Operand("api_key", "hunter2hunter2", "", False),
        Operand("m.password", "hunter2hunter2", "", False),
        Operand("m", {"password": ["hunter2hunter2"], "copy": "-hunter2hunter2-"}, "left", False),
        Operand("x", "x" * 280 + " " + KEY, "left", False),
        Operand("x", [KEY, {KEY: KEY}], "left", False),
        Operand("x", "line\n" + KEY, "left", False),
        Operand("told", "the key is from-the-environment", "left", False),
    ],
)
@pytest.mark.parametrize("other", [{}, [1], "", "x" * 280 + " sk-none", "line\nsk-none"])
def test_secrets_are_masked(operand: Operand, other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "from-the-environment")
    rows = "\n".join(explain_operands([operand, Operand("other", other, "right", False)]))
    for secret in ("hunter2", "abcd", "environment"):
        assert secret not in rows
    assert "***" in rows
