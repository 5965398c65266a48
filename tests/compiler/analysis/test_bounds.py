"""What tests and assignments tell of the least value of a variable."""

from __future__ import annotations

import pytest

from neuroscript.compiler.analysis.bounds import Bounds
from neuroscript.compiler.analysis.infer import Inference
from neuroscript.compiler.analysis.types import Type
from neuroscript.compiler.resolve import resolve
from neuroscript.syntax import nodes as n
from neuroscript.syntax.parser import parse

WHOLE = Type(4, 62)


def bounds(condition: str, *, holds: bool = True, handler: str = "") -> dict[str, int]:
    """The bounds of whole numbers ``i`` and ``j`` where a condition holds, or does not."""
    source = f"func main(needs i, j) means\n{handler}if {condition}\nendif\nendfunc\n"
    body = resolve(parse(source)).bodies[0]
    found = Bounds(body, Inference(body, frozenset(), params={"i": WHOLE, "j": WHOLE}))
    statement = body.block[-1]
    assert isinstance(statement, n.If)
    found.assume(statement.branches[0][0], holds=holds)
    return found.known


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ("i >= 0", {"i": 0}),
        ("i > 2", {"i": 3}),
        ("3 < i", {"i": 4}),
        ("i == 5", {"i": 5}),
        ("i < 9", {}),
        ("i > j", {}),
        ("i >= len([1])", {"i": 0}),
        ("i > 0 and j >= 1", {"i": 1, "j": 1}),
        ("i > 0 or j >= 1", {}),
        ("not (i < 0)", {"i": 0}),
        ("not (i < 0 or j < 2)", {"i": 0, "j": 2}),
        ("i * i + j ** 2 <= 4", {"|i|": 0, "|j|": 0}),
        ("i * j + j * j <= 4", {}),
        ("i * i - j * j <= 4", {}),
        ("i * i + j * j > 4", {}),
    ],
)
def test_where_a_condition_holds(condition: str, known: dict[str, int]) -> None:
    assert bounds(condition) == known


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ("i < 0", {"i": 0}),
        ("i <= 0", {"i": 1}),
        ("i < 0 or j < 1", {"i": 0, "j": 1}),
        ("i < 0 and j < 1", {}),
        ("i == 0", {}),
        ("i * i + j * j > 4", {"|i|": 0, "|j|": 0}),
    ],
)
def test_where_a_condition_does_not_hold(condition: str, known: dict[str, int]) -> None:
    assert bounds(condition, holds=False) == known


def test_nothing_is_known_where_execution_may_go_on_behind_a_failure() -> None:
    assert bounds("i > 0", handler="on error do\n  clear_error\nendon\n") == {}


def test_at_the_end_of_branches_holds_what_each_tells() -> None:
    body = resolve(parse("func main(needs i) means\nendfunc\n")).bodies[0]
    found = Bounds(body, Inference(body, frozenset()))
    found.join([{"i": 2, "j": 0}, {"i": 1}])
    assert found.known == {"i": 1}
