"""Signatures with Python types: defaults, descriptions, local names, and functions of every kind."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict

import pytest
from pydantic import BaseModel, Field

from neuroscript import ArgSpec, ArgType, Handle, Interpreter, NeuroScriptError, ToolRegistry, ToolSpec
from tests.tools.test_python_types import Color, Line, Order, Point


def call(function: Any, *args: Any, **named: Any) -> Any:
    registry = ToolRegistry()
    registry.register(ToolSpec.from_function("t.T", function), function)
    return registry.call("t.T", *args, context=object(), **named)


# --- defaults and descriptions ----------------------------------------------------------------------------------------


def show(
    a: Color = Color.RED,
    b: date | None = None,
    c: Decimal = Decimal("1.5"),
    d: int = Field(5, ge=1, description="how often"),
    e: list[int] = Field(default_factory=list),  # noqa: B008
    f: dict[str, int] = {"n": 1},  # noqa: B006 - each call has a copy
    g: Line = Line(item="a", qty=1),  # noqa: B008
) -> list[str]:
    """Show what came.

    Args:
        a: the colour.
        d: not this.
    """
    e.append(1)
    f["n"] += 1
    return [repr(value) for value in (a, b, c, d, e, f, g)]


def test_defaults_reach_the_function_as_they_are() -> None:
    shown = ["<Color.RED: 'red'>", "None", "Decimal('1.5')", "5", "[1]", "{'n': 2}", "Line(item='a', qty=1)"]
    registry = ToolRegistry()
    registry.tool("t.T")(show)
    assert registry.call("t.T") == shown
    assert registry.call("t.T") == shown
    assert registry.call("t.T", None, "2026-01-31", d="2")[:4] == [
        "<Color.RED: 'red'>",
        "datetime.date(2026, 1, 31)",
        "Decimal('1.5')",
        "2",
    ]
    interpreter = Interpreter(tools=registry, plugins=False)
    interpreter.load('func main means\n  return [tool.t.T(), tool.t.T("green", e: [5])]\nendfunc')
    assert interpreter.run("main") == [shown, ["<Color.GREEN: 'green'>", *shown[1:4], "[5, 1]", *shown[5:]]]
    with pytest.raises(NeuroScriptError, match=r"argument 4 \(d\) must be at least 1, not number 0"):
        registry.call("t.T", d=0)


def test_a_schema_has_all_that_annotations_and_the_docstring_say() -> None:
    spec = ToolSpec.from_function("t.T", show)
    assert spec.to_json_schema() == {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/Color", "description": "the colour.", "default": "red"},
            "b": {"type": "string", "format": "date"},
            "c": {"anyOf": [{"type": "number"}, {"type": "string"}], "default": "1.5"},
            "d": {"type": "integer", "minimum": 1, "description": "how often", "default": 5},
            "e": {"type": "array", "items": {"type": "integer"}},
            "f": {"type": "object", "additionalProperties": {"type": "integer"}, "default": {"n": 1}},
            "g": {"$ref": "#/$defs/Line", "default": {"item": "a", "qty": 1}},
        },
        "required": [],
        "additionalProperties": False,
        "$defs": {
            "Color": {"title": "Color", "type": "string", "enum": ["red", "green"]},
            "Line": {
                "title": "Line",
                "type": "object",
                "properties": {
                    "item": {"type": "string"},
                    "qty": {"type": "integer", "minimum": 1, "description": "how many"},
                },
                "required": ["item", "qty"],
            },
        },
    }
    assert spec.to_map()["args"][0] == {
        "name": "a",
        "type": '"red" | "green"',
        "description": "the colour.",
        "required": False,
        "default": "red",
    }


def test_two_types_of_one_name_have_definitions_of_their_own() -> None:
    def other() -> type[BaseModel]:
        class Line(BaseModel):
            text: str

        return Line

    def use(a: Any, b: Any) -> None: ...

    use.__annotations__ |= {"a": Line, "b": other()}
    schema = ToolSpec.from_function("t.T", use).to_json_schema()
    references = [schema["properties"][name]["$ref"].removeprefix("#/$defs/") for name in "ab"]
    assert [sorted(schema["$defs"][name]["properties"]) for name in references] == [["item", "qty"], ["text"]]


def test_a_default_that_json_cannot_hold_is_in_no_schema() -> None:
    missing = object()

    def use(a: Any = missing) -> bool:
        return a is missing

    use.__annotations__["a"] = dict[str, int]
    assert "default" not in ToolSpec.from_function("t.T", use).to_json_schema()["properties"]["a"]
    assert call(use) is True


def test_required_fields_and_notes() -> None:
    def use(a: int = Field(ge=1), b: Annotated[Color, "noted"] = Color.RED) -> None:
        """Use.

        Args:
            a: from the docstring.
        """

    spec = ToolSpec.from_function("t.T", use)
    assert [(arg.name, arg.required, arg.description) for arg in spec.args] == [
        ("a", True, "from the docstring."),
        ("b", False, "noted"),
    ]


# --- where names stand ------------------------------------------------------------------------------------------------


def test_local_types_are_found_by_their_names() -> None:
    class Size(Enum):
        BIG = "big"

    @dataclasses.dataclass
    class Box:
        size: Size
        inner: Box | None = None

    class Shelf(TypedDict):
        boxes: list[Box]
        name: str

    class Pair(NamedTuple):
        left: Box
        right: Box

    def box(box: Box) -> str:
        return repr(box.size)

    def shelf(shelf: Shelf) -> Shelf:
        assert isinstance(shelf["boxes"][0], Box)
        return shelf

    def pair(pair: Pair) -> str:
        return type(pair.right).__name__

    class Holder:
        def method(self, box: Box) -> str:
            return repr(box.size)

    big = {"size": "big"}
    assert call(box, {"size": "big", "inner": big}) == "<Size.BIG: 'big'>"
    assert call(Holder().method, big) == "<Size.BIG: 'big'>"
    assert call(shelf, {"boxes": [big], "name": "a"}) == {"boxes": [{"size": "big", "inner": None}], "name": "a"}
    assert call(pair, [big, big]) == "Box"


def ordinary(x: Color, *rest: date) -> list[str]:
    return [x.name, *map(str, rest)]


async def waiting(x: Point) -> Point:
    return Point(x.x + 1)


def by_name(*, x: Point, y: Literal["a"] = "a") -> float:
    return x.x


def with_context(ctx: Any, x: timedelta) -> timedelta:
    return x * 2


class Shop:
    def buy(self, x: Order) -> int:
        return len(x.lines)

    @classmethod
    def of_class(cls, x: Optional[Order] = None) -> str:  # noqa: UP045 - the old spelling is read too
        return type(x).__name__

    @staticmethod
    def static(x: list[Line]) -> list[Line]:
        return x

    def __call__(self, x: Decimal) -> Decimal:
        return x * 2


@pytest.mark.parametrize(
    ("function", "args", "named", "result"),
    [
        (ordinary, ["red", "2026-01-31", "2026-02-01"], {}, ["RED", "2026-01-31", "2026-02-01"]),
        (ordinary, ["red"], {"rest": ["2026-01-31"]}, ["RED", "2026-01-31"]),
        (ordinary, ["green"], {}, ["GREEN"]),
        (waiting, [{"x": 1}], {}, {"x": 2.0, "y": 0.0}),
        (by_name, [], {"x": {"x": 3}}, 3.0),
        (with_context, [45], {}, 90.0),
        (Shop().buy, [{"lines": [{"item": "a", "qty": 1}]}], {}, 1),
        (Shop.of_class, [], {}, "NoneType"),
        (Shop.of_class, [{"lines": []}], {}, "Order"),
        (Shop.static, [[{"item": "a", "qty": 1}]], {}, [{"item": "a", "qty": 1}]),
        (Shop(), ["1.25"], {}, 2.5),
        (functools.partial(ordinary, Color.RED), ["2026-01-31"], {}, ["RED", "2026-01-31"]),
        (functools.partial(by_name, y="a"), [], {"x": {"x": 3}}, 3.0),
    ],
)
def test_functions_of_every_kind(function: Callable[..., Any], args: list[Any], named: Any, result: Any) -> None:
    assert call(function, *args, **named) == result


def test_an_argument_by_position_among_many_says_its_own_number() -> None:
    with pytest.raises(NeuroScriptError, match=r"argument 3 \(rest\) must be a date such as 2026-01-31, not string"):
        call(ordinary, "red", "2026-01-31", "x")


# --- what stays as it was ---------------------------------------------------------------------------------------------


def test_what_a_script_keeps_is_not_what_the_tool_changes() -> None:
    class Bag(BaseModel):
        things: list[Any]

    kept: list[Bag] = []

    def spoil(bag: Bag, counts: dict[str, list[int]]) -> dict[str, list[int]]:
        bag.things[0].append(2)
        counts["a"].append(2)
        kept.append(bag)
        return counts

    interpreter = Interpreter(plugins=False)
    interpreter.tool("t.Spoil")(spoil)
    interpreter.load(
        'func main means\n  set xs = [[1]]\n  set m = {"a": [1]}\n'
        '  set r = tool.t.Spoil({"things": xs}, m)\n  return [xs, m, r]\nendfunc'
    )
    assert interpreter.run("main") == [[[1]], {"a": [1]}, {"a": [1, 2]}]


def test_a_spec_by_hand_decides_what_the_function_gets() -> None:
    registry = ToolRegistry()

    def keep(x: Color) -> str:
        return repr(x)

    registry.register(ToolSpec(name="t.T", args=(ArgSpec("x", ArgType.STRING),)), keep)
    assert registry.call("t.T", "red") == "'red'"


def test_a_pure_tool_has_python_types_too() -> None:
    registry = ToolRegistry()

    @registry.tool("t.Twice", pure=True)
    def twice(x: Decimal) -> Decimal:
        return x * 2

    interpreter = Interpreter(tools=registry, plugins=False)
    interpreter.load('func main means\n  return [tool.t.Twice("1.25"), tool.t.Twice(x: 3)]\nendfunc')
    assert interpreter.run("main") == [2.5, 6]


PLAIN = """
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Optional
from neuroscript import Interpreter

with Interpreter(plugins=False) as interpreter:
    @interpreter.tool
    def plain(a: int, b: float | None, c: list[str], d: dict[str, Any], e: Any, f: str | int, g: Sequence[int],
              h: Mapping[str, Any], i: Callable[..., Any], j: Annotated[bool, "noted"] = True, *k: Optional[str]
              ) -> list[dict[str, Any]]:
        return []

    interpreter.load("func main means\\n  return tool.host.plain(1, nil, [], {}, 1, 2, [], {}, main)\\nendfunc")
    assert interpreter.run("main") == []
    assert "pydantic" not in sys.modules

    @interpreter.tool
    def other(a: dict[str, int]) -> None: ...

    assert "pydantic" in sys.modules
"""


def test_pydantic_is_imported_when_a_signature_needs_it() -> None:
    done = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_plain_types_are_called_directly() -> None:
    def plain(a: int, b: float | None, c: list[str]) -> str: ...

    def other(a: int, b: Color) -> str: ...

    def result(a: int) -> Color: ...

    assert [ToolSpec.from_function("t.T", function).is_plain for function in (plain, other, result)] == [
        True,
        False,
        False,
    ]


def test_help_shows_types_for_people() -> None:
    interpreter = Interpreter(plugins=False)

    @interpreter.tool("shop.Buy")
    def buy(order: Order, size: Literal["s", "l"] = "s") -> Decimal:
        """Buy."""
        return Decimal(1)

    interpreter.load('func main means\n  return tool.Meta.ToolsHelp("shop.Buy")\nendfunc')
    text = interpreter.run("main")
    assert 'tool.shop.Buy(order: Order, size?: "s" | "l") -> number | string' in text
    assert '- `size` ("s" | "l", optional)' in text


# --- unions of plain types --------------------------------------------------------------------------------------------

UNIONS: list[tuple[Any, str, list[tuple[Any, Any]], list[Any]]] = [
    (int | str, "int | string", [(5, 5), ("5", "5"), (5.0, 5)], [[5], True, 1.5, {}, b"x"]),
    (str | list[str], "string | slice_string", [("a", "a"), (["a"], ["a"])], [5, [5], {}]),
    (int | bool, "int | bool", [(5, 5), (True, True), ("5", 5)], ["x", 1.5, []]),
    (dict[str, Any] | list[Any], "map | slice_any", [({}, {}), ([1], [1])], ["x", 1]),
    (str | int | float, "string | int | float", [("a", "a"), (1, 1), (0.5, 0.5)], [True, []]),
    (str | bytes, "string | bytes", [("a", "a"), (b"a", b"a")], [5]),
    (int | Handle, "int | handle", [(5, 5)], ["x"]),
]


@pytest.mark.parametrize(("annotation", "text", "taken", "refused"), UNIONS, ids=[row[1] for row in UNIONS])
def test_unions_of_plain_types_are_checked(annotation: Any, text: str, taken: list[Any], refused: list[Any]) -> None:
    seen: list[Any] = []

    def take(x: Any, y: Any = None) -> None:
        seen.append(x)

    take.__annotations__ |= {"x": annotation, "y": annotation | None}
    interpreter = Interpreter(plugins=False)
    interpreter.tool("t.T")(take)
    interpreter.load(
        "func main(needs x) means\n  call tool.t.T(x)\n  call tool.t.T(x, nil)\n  call tool.t.T(y: x, x: x)\nendfunc"
    )
    spec = interpreter.tools.lookup("t.T").spec
    assert spec.signature == f"tool.t.T(x: {text}, y?: {text}) -> nil"
    assert len(spec.to_json_schema()["properties"]["x"]["anyOf"]) == len(spec.args[0].options) > 1
    for value, got in taken:
        interpreter.run("main", value)
        interpreter.tools.call("t.T", x=value)
        assert seen == [got] * 4
        assert {type(each) for each in seen} == {type(got)}
        seen.clear()
    for value in refused:
        with pytest.raises(NeuroScriptError, match=r"argument 1 \(x\) must be .* or ") as caught:
            interpreter.run("main", value)
        assert caught.value.code == 4
    assert seen == []


def test_literals_in_the_place_of_unions() -> None:
    interpreter = Interpreter(plugins=False)

    @interpreter.tool("t.T")
    def take(x: int | str) -> str:
        return type(x).__name__

    interpreter.load(
        'func main means\n  return [tool.t.T(5), tool.t.T("5"), tool.t.T(10 / 2), tool.t.T(len([1]))]\nendfunc'
    )
    assert interpreter.run("main") == ["int", "str", "int", "int"]
    interpreter.load("func other means\n  return tool.t.T([1])\nendfunc")
    with pytest.raises(NeuroScriptError, match=r"must be a whole number or a string, not a list of 1 item"):
        interpreter.run("other")
