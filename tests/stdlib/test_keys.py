"""Keys where the tools over lists and maps take functions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.stdlib import keys, list_functions
from neuroscript.values import ErrorValue, Function
from tests.compiler.support import run
from tests.stdlib.calls import Small, code, outcome, raw, tool

ROWS: list[dict[str, Any]] = [
    {"name": "b", "price": 3, "team": {"name": "red", "id": 2}, "sold": True},
    {"name": "a", "price": 1, "team": {"name": "blue", "id": 1}, "sold": False},
    {"name": "c", "price": 3, "team": {"name": "red", "id": 1}},
]


def names(rows: list[dict[str, Any]]) -> str:
    return "".join(row["name"] for row in rows)


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Map", ["price"], [3, 1, 3]),
        ("Map", ["team.name"], ["red", "blue", "red"]),
        ("Map", [["name", "team.id"]], [["b", 2], ["a", 1], ["c", 1]]),
        ("Map", ["-price"], [3, 1, 3]),
        ("Map", ["nothing"], [None, None, None]),
        ("Map", ["nothing.at.all"], [None, None, None]),
        ("Map", ["sold"], [True, False, None]),
        ("GroupBy", ["team.name"], {"red": [ROWS[0], ROWS[2]], "blue": [ROWS[1]]}),
        ("GroupBy", ["price"], {"3": [ROWS[0], ROWS[2]], "1": [ROWS[1]]}),
        ("CountBy", ["team.name"], {"red": 2, "blue": 1}),
        ("CountBy", ["team.id"], {"2": 1, "1": 2}),
        ("SumBy", ["price"], 7),
        ("SumBy", ["team.id"], 4),
        ("Filter", ["sold"], [ROWS[0]]),
        ("Find", ["sold"], ROWS[0]),
        ("Find", ["nothing", "none"], "none"),
        ("FindIndex", ["sold"], 0),
        ("FindIndex", ["nothing"], -1),
        ("Any", ["sold"], True),
        ("All", ["sold"], False),
        ("All", ["price"], True),
        ("All", [["nothing"]], True),  # a list of one value is not empty
    ],
)
def test_a_key_is_read_of_each_item(name: str, args: list[Any], result: Any) -> None:
    assert tool(f"list.{name}", ROWS, *args) == result


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("name", "abc"),
        ("-name", "cba"),
        ("price", "abc"),
        ("-price", "bca"),
        (["-price", "-name"], "cba"),
        (["price", "-name"], "acb"),
        (["team.name", "team.id", "name"], "acb"),
        (["-team.name", "-team.id"], "bca"),
        ("nothing", "bac"),
        ("-nothing", "bac"),
    ],
)
def test_rows_are_sorted_by_keys(key: Any, order: str) -> None:
    assert names(tool("list.SortBy", ROWS, key)) == order


def test_descending_turns_every_key_round() -> None:
    assert names(tool("list.SortBy", ROWS, ["price", "name"], True)) == "cba"
    assert names(tool("list.SortBy", ROWS, ["-price", "name"], True)) == "acb"


@pytest.mark.parametrize("key", ["n", "-n", "x.n", ["-x.n"]])
@pytest.mark.parametrize("descending", [False, True])
def test_a_missing_value_comes_last_in_either_order(key: Any, descending: bool) -> None:
    rows = [{"n": n, "x": {"n": n}} if n is not None else {"x": None, "i": i} for i, n in enumerate([None, 2, 1, None])]
    found = [row.get("n") for row in tool("list.SortBy", rows, key, descending)]
    falling = str(key).startswith(("-", "['-")) != descending
    assert found == ([2, 1] if falling else [1, 2]) + [None, None]
    assert [row["i"] for row in tool("list.SortBy", rows, key, descending)[2:]] == [0, 3]


def test_the_exact_key_counts_before_a_path_and_a_path_before_an_order() -> None:
    dotted = [{"a.b": 1, "a": {"b": 2}}, {"a": {"b": 0}}]
    assert tool("list.Map", dotted, "a.b") == [1, 0]
    minus = [{"-n": 2, "n": 1}, {"-n": 1, "n": 2}, {"n": 3}]
    assert tool("list.Map", minus, "-n") == [2, 1, None]
    assert [row["n"] for row in tool("list.SortBy", minus, "-n")] == [2, 1, 3]
    path = [{"-a": {"b": 2}}, {"-a": {"b": 1}}]
    assert tool("list.SortBy", path, "-a.b") == path[::-1]
    assert tool("list.SortBy", [{"-": 2}, {"-": 1}], "-") == [{"-": 1}, {"-": 2}]


def test_the_values_of_a_map_have_keys_too() -> None:
    teams = {"x": {"n": 1, "in": {"m": 2}}, "y": {"n": None}}
    assert tool("map.MapValues", teams, "n") == {"x": 1, "y": None}
    assert tool("map.MapValues", teams, "in.m") == {"x": 2, "y": None}


def test_errors_have_keys() -> None:
    assert tool("list.Map", [ErrorValue(1001, "no", {"at": {"line": 3}})], "at.line") == [3]
    assert tool("list.SortBy", [ErrorValue(2, "x"), ErrorValue(1, "y")], "code")[0].code == 1


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("Map", [[1], "a"], 7),
        ("Map", [[None], "a"], 7),
        ("Map", [[["a"]], "a"], 7),
        ("Map", [[{"a": 5}], "a.b"], 7),
        ("Map", [[{"a": "x"}], "a.b.c"], 7),
        ("Map", [[{}], []], 4),
        ("Map", [[{}], ["a", 1]], 4),
        ("Map", [[{}], 5], 4),
        ("Map", [[{}], None], 4),
        ("Map", [[{}], "a", 1], 4),
        ("SortBy", [[{}], "a", False, 1], 4),
        ("SortBy", [[{"a": 1}, {"a": "x"}], "a"], 7),
        ("SortBy", [[{"a": []}, {"a": []}], "a"], 7),
        ("GroupBy", [[{"a": [1]}], "a"], 7),
        ("GroupBy", [[{}], "a"], 7),
        ("CountBy", [[{"a": 1}], ["a"]], 7),
        ("SumBy", [[{"a": "3"}], "a"], 7),
        ("SumBy", [[{}], "a"], 7),
        ("SumBy", [[{"a": 1e308}, {"a": 1e308}], "a"], 41),
        ("Reduce", [[1], "a", 0], 4),
    ],
)
def test_what_has_no_such_key_is_an_error(name: str, args: list[Any], error: int) -> None:
    assert code(f"list.{name}", *args) == error


def test_further_arguments_go_to_the_function() -> None:
    add = Function("add", lambda *args: sum(args))
    for name, args, result in (
        ("Map", [[1, 2], add, 10, 20], [31, 32]),
        ("Filter", [[1, 2], Function("over", lambda x, limit: x > limit), 1], [2]),
        ("Reduce", [[1, 2], add, 0, 10], 23),
        ("SortBy", [[1, 2], Function("times", lambda x, n: x * n), False, -1], [2, 1]),
        ("GroupBy", [[1, 2], add, 1], {"2": [1], "3": [2]}),
        ("CountBy", [[1, 1], add, 1], {"2": 2}),
        ("SumBy", [[1, 2], add, 1], 5),
        ("Find", [[1, 2], Function("is", lambda x, y: x == y), None, 2], 2),
        ("FindIndex", [[1, 2], Function("is", lambda x, y: x == y), 2], 1),
        ("Any", [[1, 2], Function("is", lambda x, y: x == y), 3], False),
        ("All", [[1, 2], Function("below", lambda x, y: x < y), 3], True),
    ):
        assert tool(f"list.{name}", *args, context=Small()) == result
    over = Function("over", lambda key, value, limit: value > limit)
    assert tool("map.Filter", {"a": 1, "b": 3}, over, 2, context=Small()) == {"b": 3}
    assert tool("map.MapValues", {"a": 1}, add, 2, context=Small()) == {"a": 3}


def test_a_key_needs_no_interpreter_and_a_function_does() -> None:
    assert tool("list.Map", [{"a": 1}], "a") == [1]
    assert code("list.SortBy", [1], Function("f", lambda x: x)) == 18


def test_a_procedures_name_in_quotes_is_explained() -> None:
    outcome = run('return tool.list.Map([1, 2], "double")', more="func double(needs x) means\n  return x\nendfunc\n")
    assert outcome.code == 7
    assert "has no quotes" in str(outcome.error)


def test_errors_of_wrong_types_name_what_is_wanted() -> None:
    outcome = run("return tool.list.Filter([1], 5)")
    assert outcome.code == 4
    assert "must be a function, a key's name or a list of names, not number 5" in str(outcome.error)


rows = st.lists(
    st.fixed_dictionaries({}, optional={"a": st.integers(-2, 2), "b": st.none() | st.sampled_from(["x", "y", "z"])}),
    max_size=8,
)


@given(rows, st.permutations(["a", "b"]), st.booleans(), st.booleans(), st.booleans())
def test_sorting_by_keys_is_sorting_by_the_lists_of_their_values(
    rows: list[dict[str, Any]], keys: list[str], minus_first: bool, minus_second: bool, descending: bool
) -> None:
    falling = [minus_first, minus_second]
    chosen = ["-" * minus + key for key, minus in zip(keys, falling, strict=True)]

    def place(row: dict[str, Any]) -> list[Any]:
        parts: list[Any] = []
        for key, minus in zip(keys, falling, strict=True):
            value = row.get(key)
            number = -1 if value is None else value if key == "a" else "xyz".index(value)
            parts += [value is None, -number if minus != descending else number]
        return parts

    assert tool("list.SortBy", rows, chosen, descending) == sorted(rows, key=place)


_CELLS = st.sampled_from([None, True, 0, 1, 2.5, "a", "b", "", [1], {"x": 1}, {"x": "y"}])
_ROWS = st.lists(
    st.dictionaries(st.sampled_from(["x", "-x", "y", "x.x", "y.x"]), _CELLS, max_size=3)
    | st.sampled_from([3, "x", ErrorValue(1, "x")]),
    max_size=5,
)
_CHOSEN = st.sampled_from(["x", "-x", "y", "y.x", "x.x", "-y.x", "", "-"])


@given(st.lists(st.fixed_dictionaries({"x": _CELLS, "y": _CELLS}), max_size=5) | _ROWS, _CHOSEN | st.lists(_CHOSEN))
def test_a_key_that_all_rows_have_is_read_as_any_other(rows: list[Any], chosen: str | list[str]) -> None:
    calls = ["Map", "Filter", "GroupBy", "CountBy", "SumBy", "SortBy", "Find", "FindIndex", "Any", "All"]
    at_once = [outcome(lambda name=name: raw(f"list.{name}", rows, chosen)) for name in calls]
    with pytest.MonkeyPatch.context() as patch:
        for module in (keys, list_functions):
            patch.setattr(module, "values_of", lambda items, name: None)
        one_by_one = [outcome(lambda name=name: raw(f"list.{name}", rows, chosen)) for name in calls]
    assert at_once == one_by_one
