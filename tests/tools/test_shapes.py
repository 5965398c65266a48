"""Shapes of maps: what they know of their keys, their JSON Schema, and those that Python types have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, model_serializer

from neuroscript import ArgSpec, ArgType, NeuroScriptError, Shape, ShapeField, ToolSpec
from neuroscript.tools.shapes import nearest_key

LIMITS = Shape(
    "rate limits",
    [
        ShapeField("max_calls", ArgType.INT, "Calls a minute.", spellings=("maxCalls",)),
        ShapeField("max_cost", ArgType.NUMBER, "Money a day.", required=True),
    ],
)
SETTINGS = Shape("configuration", [ShapeField("temperature"), ShapeField("seed"), ShapeField("top_p")], open=True)
WORKER = Shape(
    "worker",
    [
        ShapeField("name", "string"),
        ShapeField("limits", ArgType.MAP, "Its limits.", shape=LIMITS),
        ShapeField("past", ArgType.SLICE_MAP, "Earlier limits.", shape=LIMITS),
        ShapeField("settings", ArgType.MAP, shape=SETTINGS),
    ],
)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "key", "problem"),
    [
        (LIMITS, "max_calls", ""),
        (LIMITS, "maxCalls", ""),
        (LIMITS, "max_call", "'max_call' is no key of the rate limits; did you mean 'max_calls'?"),
        (LIMITS, "maxCost", "'maxCost' is no key of the rate limits; did you mean 'max_cost'?"),
        (LIMITS, "zone", "'zone' is no key of the rate limits; the keys are max_calls, max_cost"),
        (SETTINGS, "temprature", "'temprature' is no key of the configuration; did you mean 'temperature'?"),
        (SETTINGS, "Top-P", "'Top-P' is no key of the configuration; did you mean 'top_p'?"),
        (SETTINGS, "sed", "'sed' is no key of the configuration; did you mean 'seed'?"),
        (SETTINGS, "thinking", ""),
        (SETTINGS, "top_k", ""),
    ],
)
def test_a_key_that_is_not_there_is_told_with_the_nearest(shape: Shape, key: str, problem: str) -> None:
    assert shape.problem(key) == problem


@pytest.mark.parametrize(
    ("name", "keys", "near"),
    [
        ("summary", ["name", "aggregate_performance_summary"], "aggregate_performance_summary"),
        ("cost", ["total_cost_incurred", "cost_incurred"], "cost_incurred"),
        ("outptu", ["output", "input_tokens"], "output"),
        ("zone", ["output", "input_tokens"], None),
        ("", ["output"], None),
        ("x" * 10_000, ["x" * 9_999], None),
    ],
)
def test_the_nearest_key_looks_alike_or_has_the_words(name: str, keys: list[str], near: str | None) -> None:
    assert nearest_key(name, keys) == near


def test_fields_are_asked_for_once_and_not_before_they_are_wanted() -> None:
    asked = []

    def fields() -> list[ShapeField]:
        asked.append(True)
        return [ShapeField("a")]

    shape = Shape("thing", fields)
    assert asked == []
    assert [list(shape.fields), list(shape.fields), asked] == [["a"], ["a"], [True]]


def test_a_shape_is_walked_with_the_shapes_in_it_once_each() -> None:
    assert [shape.name for shape in WORKER.walk()] == ["worker", "rate limits", "configuration"]


# --- specs ------------------------------------------------------------------------------------------------------------


def test_the_json_schema_of_a_tool_has_the_keys() -> None:
    spec = ToolSpec(name="a.B", args=(ArgSpec("worker", ArgType.MAP, "Which.", shape=WORKER),))
    worker = spec.to_json_schema()["properties"]["worker"]
    limits = {
        "type": "object",
        "properties": {
            "max_calls": {"type": "integer", "description": "Calls a minute."},
            "max_cost": {"type": "number", "description": "Money a day."},
        },
        "additionalProperties": False,
        "required": ["max_cost"],
    }
    assert worker["description"] == "Which."
    assert worker["additionalProperties"] is False
    assert worker["properties"]["name"] == {"type": "string"}
    assert worker["properties"]["limits"] == {**limits, "description": "Its limits."}
    assert worker["properties"]["past"] == {"type": "array", "items": limits, "description": "Earlier limits."}
    assert worker["properties"]["settings"]["additionalProperties"] is True


def test_a_spec_as_a_map_has_the_keys() -> None:
    spec = ToolSpec(
        name="a.B",
        args=(ArgSpec("limits", ArgType.MAP, shape=LIMITS),),
        return_type=ArgType.SLICE_MAP,
        result_shape=WORKER,
    )
    keys = {
        "max_calls": {"type": "int", "description": "Calls a minute."},
        "max_cost": {"type": "number", "description": "Money a day."},
    }
    assert spec.to_map()["args"][0]["keys"] == keys
    assert spec.to_map()["return_keys"]["limits"] == {"type": "map", "description": "Its limits.", "keys": keys}
    assert "return_keys" not in ToolSpec(name="a.B").to_map()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ArgSpec("x", ArgType.STRING, shape=LIMITS),
        lambda: ShapeField("x", ArgType.INT, shape=LIMITS),
        lambda: ToolSpec(name="a.B", return_type=ArgType.STRING, result_shape=LIMITS),
        lambda: ShapeField("x", "no such type"),
    ],
)
def test_only_maps_and_lists_of_maps_have_a_shape(make: Callable[[], object]) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        make()
    assert caught.value.code == 41


# --- Python types -----------------------------------------------------------------------------------------------------


class Item(typing_extensions.TypedDict):
    sku: str
    count: int


class Order(BaseModel):
    """An order."""

    number: int = Field(description="Its number.")
    items: list[Item] = Field(default_factory=list)
    buyer_name: str | None = Field(None, alias="buyerName")


@dataclass
class Point:
    x: float
    next: Point | None = None


class Extensible(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int


class Flat(BaseModel):
    a: int

    @model_serializer
    def _text(self) -> str:
        return str(self.a)


def gives(hint: Any) -> ToolSpec:
    def function() -> Any: ...

    function.__annotations__["return"] = hint
    return ToolSpec.from_function("a.B", function)


def takes(hint: Any) -> ArgSpec:
    def function(value: Any) -> None: ...

    function.__annotations__["value"] = hint
    return ToolSpec.from_function("a.B", function).args[0]


@pytest.mark.parametrize(
    ("hint", "keys"),
    [
        (Item, ["sku", "count"]),
        (list[Item], ["sku", "count"]),
        (Item | None, ["sku", "count"]),
        (Order, ["number", "items", "buyerName"]),
        (list[Order], ["number", "items", "buyerName"]),
        (Point, ["x", "next"]),
        (Point | None, ["x", "next"]),
        (Extensible, ["a"]),
        (Flat, None),
        (dict[str, int], None),
        (list[Order] | None, None),
        (int, None),
        (dict, None),
    ],
)
def test_a_result_of_a_python_type_has_its_keys(hint: Any, keys: list[str] | None) -> None:
    shape = gives(hint).result_shape
    assert (None if shape is None else list(shape.fields)) == keys


def test_the_keys_of_a_python_type_are_described_to_the_bottom() -> None:
    shape = gives(Order).result_shape
    assert shape is not None
    assert shape.name == "Order"
    assert shape.fields["number"] == ShapeField("number", ArgType.INT, "Its number.", required=True)
    items = shape.fields["items"]
    assert items.type is ArgType.SLICE_MAP
    assert items.shape is not None
    assert {name: one.type for name, one in items.shape.fields.items()} == {"sku": "string", "count": "int"}
    point = gives(Point).result_shape
    assert point is not None
    assert point.fields["next"].shape is not None
    assert list(point.fields["next"].shape.fields) == ["x", "next"]


def test_an_argument_of_a_python_type_has_its_keys() -> None:
    order = takes(Order).shape
    assert order is not None
    assert order.problem("buyerName") == ""
    assert order.problem("buyer_name") == ""  # a model may be read by the names of its fields
    assert order.problem("numbr") == "'numbr' is no key of the Order; did you mean 'number'?"
    assert takes(list[Item]).shape is not None
    assert takes(dict[str, int]).shape is None


def test_a_type_that_takes_other_keys_is_open() -> None:
    shape = takes(Extensible).shape
    assert shape is not None
    assert shape.open
    assert shape.problem("other") == ""


def test_a_return_type_that_is_given_has_no_shape_of_the_annotation() -> None:
    def function() -> Order: ...

    assert ToolSpec.from_function("a.B", function, return_type=ArgType.MAP).result_shape is None
