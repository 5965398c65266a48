"""Tools whose parameters and results have types of Python: what a script passes, what the function gets, what comes
back, and what models are told."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from neuroscript import Interpreter, TimeDate, ToolRegistry


class Color(Enum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Line(BaseModel):
    item: str
    qty: int = Field(ge=1, description="how many")


class Order(BaseModel):
    """An order of a customer."""

    lines: list[Line]
    due: date | None = None
    color: Color = Color.RED


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")
    class_: str = Field(alias="class")


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    depth: int
    colors: list[Color]


class Span(NamedTuple):
    start: int
    end: int = 9


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tail: bool


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
Tree = dict[str, list[int]]

ID = "12345678-1234-5678-1234-567812345678"
NOON = TimeDate(2026, 1, 31, 12, tzinfo=UTC)
DAY = TimeDate(2026, 1, 31, tzinfo=UTC)

# (annotation, value of the script, what the function gets, part of the schema, result back, type for people)
TABLE: list[tuple[Any, Any, Any, dict[str, Any], Any, str]] = [
    (Literal["s", "l"], "l", "l", {"enum": ["s", "l"], "type": "string"}, "l", '"s" | "l"'),
    (Literal[1, "a"], 1.0, 1, {"enum": [1, "a"]}, 1, '1 | "a"'),
    (Color, "green", Color.GREEN, {"$ref": "#/$defs/Color"}, "green", '"red" | "green"'),
    (Level, 2, Level.HIGH, {"$ref": "#/$defs/Level"}, 2, "1 | 2"),
    (Annotated[int, Field(ge=1, le=5)], 3, 3, {"type": "integer", "minimum": 1, "maximum": 5}, 3, "int >= 1, <= 5"),
    (Annotated[int, Field(ge=1)], "3", 3, {"minimum": 1}, 3, "int >= 1"),
    (Annotated[float, Field(gt=0)], 2, 2.0, {"exclusiveMinimum": 0, "type": "number"}, 2.0, "number > 0"),
    (Annotated[str, Field(max_length=3)], "abc", "abc", {"maxLength": 3}, "abc", "string"),
    (Line, {"item": "a", "qty": 2}, Line(item="a", qty=2), {"$ref": "#/$defs/Line"}, {"item": "a", "qty": 2}, "Line"),
    (
        Order,
        {"lines": [{"item": "a", "qty": "2"}], "due": "2026-01-31"},
        Order(lines=[Line(item="a", qty=2)], due=date(2026, 1, 31)),
        {"$ref": "#/$defs/Order"},
        {"lines": [{"item": "a", "qty": 2}], "due": DAY, "color": "red"},
        "Order",
    ),
    (Aliased, {"class": "x"}, Aliased(**{"class": "x"}), {"$ref": "#/$defs/Aliased"}, {"class": "x"}, "Aliased"),
    (Point, {"x": 1}, Point(1.0), {"$ref": "#/$defs/Point"}, {"x": 1.0, "y": 0.0}, "Point"),
    (Options, {"depth": 1}, {"depth": 1}, {"$ref": "#/$defs/Options"}, {"depth": 1}, "Options"),
    (Options, {"colors": ["red"]}, {"colors": [Color.RED]}, {}, {"colors": ["red"]}, "Options"),
    (Span, [1, 2], Span(1, 2), {"$ref": "#/$defs/Span"}, [1, 2], "[int, int]"),
    (Span, {"start": 1}, Span(1), {}, [1, 9], "[int, int]"),
    (Pet, {"kind": "dog", "tail": True}, Dog(kind="dog", tail=True), {}, {"kind": "dog", "tail": True}, "Cat | Dog"),
    (dict[str, int], {"a": 1}, {"a": 1}, {"additionalProperties": {"type": "integer"}}, {"a": 1}, "map of int"),
    (dict[Color, int], {"red": 1}, {Color.RED: 1}, {"type": "object"}, {"red": 1}, "map of int"),
    (dict[int, str], {"3": "x"}, {3: "x"}, {"type": "object"}, {"3": "x"}, "map of string"),
    (dict[date, int], {"2026-01-31": 1}, {date(2026, 1, 31): 1}, {}, {"2026-01-31": 1}, "map of int"),
    (Mapping[str, int], {"a": 1}, {"a": 1}, {"type": "object"}, {"a": 1}, "map of int"),
    (Tree, {"a": [1]}, {"a": [1]}, {"type": "object"}, {"a": [1]}, "map of list of int"),
    (list[Point], [{"x": 1}], [Point(1)], {"type": "array"}, [{"x": 1.0, "y": 0.0}], "list of Point"),
    (list[str | None], ["a", None], ["a", None], {"type": "array"}, ["a", None], "list of (string | nil)"),
    (list[Color], ["red"], [Color.RED], {"items": {"$ref": "#/$defs/Color"}}, ["red"], 'list of ("red" | "green")'),
    (Sequence[date], ["2026-01-31"], [date(2026, 1, 31)], {"type": "array"}, [DAY], "list of date"),
    (Line | Literal["none"], "none", "none", {"anyOf": [{"$ref": "#/$defs/Line"}, {"const": "none", "type": "string"}]},
     "none", 'Line | "none"'),
    (int | date, "2026-01-31", date(2026, 1, 31), {}, DAY, "int | date"),
    (int | date, 5, 5, {}, 5, "int | date"),
    (datetime, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC), {}, NOON, "timedate"),
    (datetime, NOON, datetime(2026, 1, 31, 12, tzinfo=UTC), {"format": "date-time"}, NOON, "timedate"),
    (date, "2026-01-31", date(2026, 1, 31), {"format": "date"}, DAY, "date"),
    (date, DAY, date(2026, 1, 31), {"type": "string"}, DAY, "date"),
    (time, "12:30:00", time(12, 30), {"format": "time"}, "12:30:00", "time"),
    (timedelta, 90, timedelta(seconds=90), {"format": "duration"}, 90.0, "duration"),
    (timedelta, "PT1M30S", timedelta(seconds=90), {"type": "string"}, 90.0, "duration"),
    (Decimal, "19.90", Decimal("19.90"), {}, 19.9, "number | string"),
    (Decimal, 0.1, Decimal("0.1"), {}, 0.1, "number | string"),
    (Decimal, "0.12345678901234567890123", Decimal("0.12345678901234567890123"), {}, "0.12345678901234567890123",
     "number | string"),
    (UUID, ID, UUID(ID), {"format": "uuid"}, ID, "uuid"),
    (Path, "a/b", Path("a/b"), {"format": "path"}, "a/b", "path"),
    (IPv4Address, "127.0.0.1", IPv4Address("127.0.0.1"), {"format": "ipv4"}, "127.0.0.1", "ipv4"),
    (set[int], [1, 1], {1}, {"type": "array", "uniqueItems": True}, [1], "list of int"),
    (frozenset[Color], ["red"], frozenset({Color.RED}), {"uniqueItems": True}, ["red"], 'list of ("red" | "green")'),
    (tuple[int, str], [1, "a"], (1, "a"), {"prefixItems": [{"type": "integer"}, {"type": "string"}]}, [1, "a"],
     "[int, string]"),
    (tuple[int, ...], [1, 2], (1, 2), {"items": {"type": "integer"}}, [1, 2], "list of int"),
    (tuple, [1, "a"], (1, "a"), {"type": "array"}, [1, "a"], "list"),
    (dict[str, bytes], {"a": b"\xff"}, {"a": b"\xff"}, {}, {"a": b"\xff"}, "map of bytes"),
    (Annotated[bytes, Field(max_length=2)], b"\xff", b"\xff", {"maxLength": 2}, b"\xff", "bytes"),
    (SecretStr, "hidden", SecretStr("hidden"), {"type": "string", "writeOnly": True}, "**********", "password"),
]  # fmt: skip


def tool_of(annotation: Any, result: Any = Any, name: str = "x") -> tuple[ToolRegistry, list[Any]]:
    """A registry with a tool ``t.T`` of one parameter, and the list of what it got."""
    seen: list[Any] = []

    def keep(x: Any) -> Any:
        seen.append(x)
        return x

    keep.__annotations__ = {"x": annotation, "return": result}
    registry = ToolRegistry()
    registry.tool("t.T")(keep)
    return registry, seen


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


@pytest.mark.parametrize(
    ("annotation", "value", "seen", "schema", "back", "text"), TABLE, ids=[f"{row[0]}: {row[1]!r}" for row in TABLE]
)
def test_every_type(annotation: Any, value: Any, seen: Any, schema: dict[str, Any], back: Any, text: str) -> None:
    registry, got = tool_of(annotation, annotation)
    interpreter = Interpreter(tools=registry, plugins=False)
    interpreter.load("func main(needs value) means\n  return tool.t.T(value)\nendfunc")
    result = interpreter.run("main", value)
    assert got == [seen]
    assert isinstance(got[0], type(seen))
    assert same(result, back) or isinstance(result, TimeDate)
    assert result == back
    assert registry.call("t.T", x=value) == back  # as a model calls it
    spec = registry.lookup("t.T").spec
    described = spec.to_json_schema()
    assert described["properties"]["x"].items() >= schema.items()
    assert spec.signature == f"tool.t.T(x: {text}) -> {text}"
    assert spec.to_map()["args"][0]["type"] == text


def test_what_comes_back_can_be_given_again() -> None:
    for annotation, value, *_ in TABLE:
        if annotation is not SecretStr:
            registry, got = tool_of(annotation, annotation)
            registry.call("t.T", registry.call("t.T", value))
            assert got[0] == got[1], annotation


MOMENTS = st.datetimes(timezones=st.just(UTC))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=9)
ROUND_TRIPS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (date, st.dates()),
    (datetime, MOMENTS),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-10_000), timedelta(days=10_000))),
    (Decimal, DECIMALS),
    (UUID, st.uuids()),
    (Color, st.sampled_from(Color)),
    (Level, st.sampled_from(Level)),
    (set[int], st.sets(st.integers())),
    (tuple[int, str, bool], st.tuples(st.integers(), st.text(), st.booleans())),
    (dict[str, float], st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False))),
    (dict[str, Decimal | None], st.dictionaries(st.text(), st.none() | DECIMALS)),
    (list[bytes], st.lists(st.binary())),
    (Point, st.builds(Point, *[st.floats(allow_nan=False, allow_infinity=False)] * 2)),
    (Span, st.builds(Span, st.integers(), st.integers())),
    (
        Order,
        st.builds(
            Order,
            lines=st.lists(st.builds(Line, item=st.text(), qty=st.integers(1))),
            due=st.none() | st.dates(),
            color=st.sampled_from(Color),
        ),
    ),
    (list[Color | int | None], st.lists(st.none() | st.integers() | st.sampled_from(Color))),
]


@pytest.mark.parametrize(("annotation", "objects"), ROUND_TRIPS, ids=[str(row[0]) for row in ROUND_TRIPS])
@given(data=st.data())
def test_an_object_survives_being_a_value(annotation: Any, objects: st.SearchStrategy[Any], data: Any) -> None:
    given_object = data.draw(objects)
    made, got = _source(annotation)
    made.clear()
    made.append(given_object)
    registry = _registry_of(annotation)
    registry.call("t.Take", registry.call("t.Give"))
    assert got.pop() == given_object


@functools.cache
def _source(annotation: Any) -> tuple[list[Any], list[Any]]:
    return [], []


@functools.cache
def _registry_of(annotation: Any) -> ToolRegistry:
    made, got = _source(annotation)

    def give() -> Any:
        return made[0]

    def take(x: Any) -> None:
        got.append(x)

    give.__annotations__ = {"return": annotation}
    take.__annotations__ = {"x": annotation}
    registry = ToolRegistry()
    registry.tool("t.Give")(give)
    registry.tool("t.Take")(take)
    return registry
