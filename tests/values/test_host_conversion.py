"""What the host gives becomes values of the language, exactly; what it gets is its own."""

from __future__ import annotations

import enum
from collections import OrderedDict, UserDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from neuroscript import ErrorValue, EventValue, Function, Fuzzy, Handle, NeuroScriptError, TimeDate, ToolValue
from neuroscript.values import from_host, to_host, to_json, type_name


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


class Number(int):
    pass


@dataclass
class Point:
    x: int
    y: float


class Model(BaseModel):
    name: str
    tags: list[str] = []


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (Number(5), 5),
        (1.5, 1.5),
        ("a", "a"),
        (Text("a"), "a"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (b"a", b"a"),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
        ((1, (2,)), [1, [2]]),
        (deque([1]), [1]),
        ({3}, [3]),
        (range(3), [0, 1, 2]),
        ((n for n in (1, 2)), [1, 2]),
        ({"a": (1,)}.keys(), ["a"]),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        ({True: "a", 1.5: "b"}, {"true": "a", "1.5": "b"}),
        ({2: "a", 2.5: "b"}, {"2": "a", "2.5": "b"}),
        (Decimal("2.5"), 2.5),
        (Decimal(10) ** 30, 10**30),
        (Point(1, 2.5), {"x": 1, "y": 2.5}),
        (Model(name="m", tags=["t"]), {"name": "m", "tags": ["t"]}),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ({"\udc00": 1}, {"\ufffd": 1}),
    ],
)
def test_python_values_become_exact_ones(given: Any, value: Any) -> None:
    found = from_host(given)
    assert found == value
    assert type(found) is type(value)
    if isinstance(found, list):
        assert [type(item) for item in found] == [type(item) for item in value]


def test_moments_become_timedates() -> None:
    moment = from_host(datetime(2024, 1, 2, 3, 4, 5))
    assert (type(moment), moment.tzinfo, moment.hour) == (TimeDate, UTC, 3)
    assert from_host(date(2024, 1, 2)) == TimeDate(2024, 1, 2, tzinfo=UTC)


def test_values_of_the_language_stay_themselves() -> None:
    handle, function = Handle("door"), Function("f", lambda: None)
    for value in (handle, function, ToolValue("a.B"), Fuzzy(0.5), TimeDate(2024, 1, 1, tzinfo=UTC)):
        assert from_host(value) is value
        assert to_host(value) is value


def test_errors_become_values_with_their_details() -> None:
    value = from_host(NeuroScriptError(20, "wait", details={"seconds": (1, 2)}))
    assert type(value) is ErrorValue
    assert value.fields() == {"code": 20, "message": "wait", "seconds": [1, 2]}
    assert type(value.fields()["code"]) is int


@pytest.mark.parametrize("given", [object(), 1j, lambda: 1, int, [object()], {"a": object()}, {(1,): 1}, {None: 1}])
def test_what_is_no_value_is_error_7(given: Any) -> None:
    with pytest.raises(NeuroScriptError) as raised:
        from_host(given)
    assert raised.value.code == 7


@pytest.mark.parametrize("given", [float("inf"), float("nan"), 2**4096, -(2**4096), Decimal("NaN"), Decimal("1e5000")])
def test_what_is_out_of_range_is_error_41(given: Any) -> None:
    with pytest.raises(NeuroScriptError) as raised:
        from_host(given)
    assert raised.value.code == 41


def test_what_is_nested_without_end_is_error_38() -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    mutual: dict[str, Any] = {}
    mutual["m"] = [mutual]
    for given in (cyclic, mutual, (cyclic,)):
        with pytest.raises(NeuroScriptError) as raised:
            from_host(given)
        assert raised.value.code == 38


def test_the_two_sides_share_nothing() -> None:
    given = {"list": [1, {"k": [2]}]}
    value = from_host(given)
    given["list"].append(3)  # type: ignore[attr-defined]
    assert value == {"list": [1, {"k": [2]}]}
    copied = to_host(value)
    copied["list"][1]["k"].append(4)
    assert value == {"list": [1, {"k": [2]}]}


def test_parts_held_twice_are_shared_inside_and_apart_outside() -> None:
    row = [1]
    value = from_host([row, row])
    assert value[0] is value[1]
    copied = to_host(value)
    assert copied[0] is not copied[1]


def test_what_several_parts_hold_is_shared_inside_and_apart_outside() -> None:
    row = {"cells": [1]}
    given = {"first": [{"row": row}], "second": {"row": row}}
    value = from_host(given)
    assert value["first"][0]["row"] is value["second"]["row"]
    assert value["second"]["row"] is not row
    copied = to_host(value)
    copied["first"][0]["row"]["cells"].append(2)
    assert copied["second"] == value["second"] == {"row": {"cells": [1]}}


def test_a_value_that_shares_its_parts_is_converted_once() -> None:
    value: Any = {"end": True}
    for _ in range(45):
        value = [{"left": value}, {"right": value}]
    found = from_host(value)
    assert found[0]["left"] is found[1]["right"]


def test_what_is_held_by_a_part_that_comes_again_counts_each_time() -> None:
    value = [[[0] * 1000]] * 2000
    with pytest.raises(NeuroScriptError) as raised:
        to_host(value)
    assert raised.value.code == 37


def test_what_errors_and_events_hold_is_copied_for_the_host() -> None:
    error = ErrorValue(1000, "x", {"list": [1]})
    event = EventValue("e", [1], "s", TimeDate(2024, 1, 1, tzinfo=UTC), "id")
    to_host(error).details["list"].append(2)
    to_host([event])[0].payload.append(2)
    assert (error.details, event.payload) == ({"list": [1]}, [1])
    assert to_host(event) == event


def test_a_value_that_shares_its_parts_is_copied_only_so_far() -> None:
    value: list[Any] = [1, 2, 3]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(NeuroScriptError) as raised:
        to_host(value)
    assert raised.value.code == 37


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ([1, 2.0, 2.5, None, True, "a"], [1, 2, 2.5, None, True, "a"]),
        ({"k": [Fuzzy(0.5)]}, {"k": [0.5]}),
        (ErrorValue(7, "bad", {"n": 1}), {"error": {"n": 1, "code": 7, "message": "bad"}}),
        (b"abc", "bytes(3)"),
        (Handle("door"), "<handle door>"),
        (Function("f", lambda: None), "function<f>"),
        (2.0**60, 2.0**60),
    ],
)
def test_json(value: Any, written: Any) -> None:
    found = to_json(value)
    assert found == written
    assert type(found) is type(written)


def test_an_event_as_json() -> None:
    event = EventValue("e", {"n": 1}, "host", TimeDate(2024, 1, 1, tzinfo=UTC), "id")
    assert to_json(event) == {
        "name": "e",
        "payload": {"n": 1},
        "source": "host",
        "timestamp": "2024-01-01T00:00:00Z",
        "id": "id",
    }


def test_every_type_has_its_name() -> None:
    named = {
        "nil": None,
        "boolean": True,
        "number": 1.5,
        "string": "",
        "bytes": b"",
        "list": [],
        "map": {},
        "function": Function("f", lambda: None),
        "tool": ToolValue("a.B"),
        "error": ErrorValue(1, ""),
        "event": EventValue("e", 1, "s", TimeDate(2024, 1, 1), "id"),
        "timedate": TimeDate(2024, 1, 1),
        "fuzzy": Fuzzy(1),
        "handle": Handle("h"),
        "unknown": object(),
    }
    for name, value in named.items():
        assert type_name(value) == name


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.5", True])
def test_a_fuzzy_is_a_number_from_0_to_1(value: Any) -> None:
    with pytest.raises(NeuroScriptError) as raised:
        Fuzzy(value)
    assert raised.value.code == 41


def test_truth() -> None:
    truthy = [Fuzzy(0.6), TimeDate(2024, 1, 1), Handle("h"), Function("f", lambda: None), "0", [0], b"0"]
    falsy = [
        Fuzzy(0.5),
        TimeDate(1, 1, 1),
        TimeDate(1, 1, 1, tzinfo=UTC),
        ErrorValue(1, "x"),
        "",
        [],
        {},
        b"",
        0,
        0.0,
        None,
    ]
    assert [bool(value) for value in truthy] == [True] * len(truthy)
    assert [bool(value) for value in falsy] == [False] * len(falsy)
