"""What is said of values that do not fit the Python types of a tool, and what of annotations that no value fits."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, FilePath

from neuroscript import ArgSpec, ArgType, Handle, Interpreter, NeuroScriptError, TimeDate, ToolRegistry, ToolSpec
from neuroscript.errors import ErrorCode
from tests.tools.test_python_types import Cat, Color, Dog, Level, Options, Order, Pet, Point, Span, tool_of

LINE = {"item": "a", "qty": 1}


def even(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


# (annotation, value of the script, what the error says of it)
WRONG: list[tuple[Any, Any, str]] = [
    (Literal["s", "l"], "m", 'must be "s" or "l", not string "m"'),
    (Literal["it's", "l"], "m", 'must be "it\'s" or "l", not string "m"'),
    (Color, 5, 'must be "red" or "green", not number 5'),
    (Level, "low", 'must be 1 or 2, not string "low"'),
    (Annotated[int, Field(ge=1)], 0, "must be at least 1, not number 0"),
    (Annotated[int, Field(ge=1)], 1.5, "must be a whole number, not number 1.5"),
    (Annotated[int, Field(lt=9, multiple_of=2)], 3, "must be a multiple of 2, not number 3"),
    (Annotated[int, AfterValidator(even)], 3, "3 is odd"),
    (Annotated[str, Field(max_length=2)], "abc", 'must be text of at most 2 characters, not string "abc"'),
    (Annotated[str, Field(pattern="^a")], "b", 'must be text that matches ^a, not string "b"'),
    (Annotated[list[int], Field(min_length=1)], [], "must have at least 1 items, not a list of 0 items"),
    (Order, 5, "must be a map, not number 5"),
    (Order, {}, "is not a valid Order: lines: is missing"),
    (Order, {"lines": [LINE, {"item": "a"}]}, "is not a valid Order: lines[1].qty: is missing"),
    (
        Order,
        {"lines": [{"item": 5, "qty": 1}], "color": "blue"},
        """is not a valid Order: lines[0].item: must be a string, not number 5; color: must be "red" or "green", not""",
    ),
    (Point, {"x": "far"}, 'is not a valid Point: x: must be a number, not string "far"'),
    (Options, {"deep": 1, "depth": "x"}, 'is not a valid Options: depth: must be a whole number, not string "x"'),
    (Span, [1, "x"], 'is not a valid [int, int]: [1]: must be a whole number, not string "x"'),
    (Pet, {"kind": "cow"}, 'must have kind "cat" or "dog", not a map of 1 entry'),
    (dict[str, int], {"b c": "x"}, 'is not a valid map of int: ["b c"]: must be a whole number, not string "x"'),
    (dict[str, int], [1], "must be a map, not a list of 1 item"),
    (set[int], {"a": 1}, "must be a list, not a map of 1 entry"),
    (tuple[int, str], [1], "is not a valid [int, string]: [1]: is missing"),
    (int | date, [1], "must be a whole number or a date such as 2026-01-31, not a list of 1 item"),
    (datetime, "soon", 'must be a date and time such as 2026-01-31T12:00:00Z, not string "soon"'),
    (date, TimeDate(2026, 1, 31, 12, tzinfo=UTC), "must be a date such as 2026-01-31, without a time, not timedate"),
    (time, "noon", 'must be a time such as 12:30:00, not string "noon"'),
    (timedelta, "long", 'must be a number of seconds, or a duration such as PT1H30M, not string "long"'),
    (Decimal, "x", 'must be a number, not string "x"'),
    (UUID, "x", 'must be a UUID such as 123e4567-e89b-12d3-a456-426614174000, not string "x"'),
    (Path, 5, "must be a path, not number 5"),
    (FilePath, "/nowhere", "Path does not point to a file; usage"),
    (Cat | Dog, {"kind": "cat", "lives": 1.5, "tail": 1}, "is not a valid Cat or Dog: lives: must be a whole number"),
    (
        dict[str, int],
        {"password": "hunter2"},
        "is not a valid map of int: password: must be a whole number, not ",
    ),
]

# What pydantic converts by itself, and the language does not.
LOSSY: list[tuple[Any, Any]] = [
    (Annotated[int, Field(ge=0)], True),
    (Annotated[float, Field(ge=0)], True),
    (Annotated[bool, Field()], 1),
    (Annotated[bool, Field()], "yes"),
    (Annotated[str, Field()], b"x"),
    (Annotated[float, Field()], "nan"),
    (Annotated[int, Field()], "1_000"),
    (Annotated[float, Field()], 2**60 + 1),
    (Level, True),
    (Literal[1, 2], True),
    (Literal[True, "a"], 1),
    (list[Literal[0, 1] | None], [False]),
    (dict[str, Level], {"a": True}),
    (datetime, 5),
    (datetime, "20260101"),
    (datetime, "1700000000"),
    (date, 0),
    (time, 60),
    (Decimal, True),
    (Decimal, "1_0"),
    (dict[str, bool], {"a": 0}),
    (set[int], [True]),
    (tuple[int, bool], [1, 1]),
    (Span, [True]),
    (Span, {"start": True}),
    (Point, {"x": False}),
    (Order, {"lines": [{"item": "a", "qty": True}]}),
    (Order, {"lines": [], "due": 5}),
    (list[Point], [{"x": 1}, {"x": True}]),
]


def called_by_script(annotation: Any, value: Any) -> NeuroScriptError:
    registry, got = tool_of(annotation)
    interpreter = Interpreter(tools=registry, plugins=False)
    interpreter.load("func main(needs value) means\n  return tool.t.T(value)\nendfunc")
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run("main", value)
    assert got == []
    with pytest.raises(NeuroScriptError) as by_model:
        registry.call("t.T", x=value)
    assert by_model.value.message == caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    WRONG,
    ids=[re.sub(" at 0x[0-9a-f]+", "", f"{row[0]}: {row[1]!r}") for row in WRONG],
)
def test_what_is_wrong_is_said(annotation: Any, value: Any, said: str) -> None:
    error = called_by_script(annotation, value)
    assert error.code == ErrorCode.ARG_MISMATCH
    assert error.message.startswith(f"tool.t.T: argument 1 (x) {said}")
    assert "pydantic" not in error.message
    assert "hunter2" not in error.message
    assert error.message.endswith("; usage: tool.t.T(x)")


@pytest.mark.parametrize(("annotation", "value"), LOSSY, ids=[f"{row[0]}: {row[1]!r}" for row in LOSSY])
def test_what_would_lose_something_is_refused(annotation: Any, value: Any) -> None:
    error = called_by_script(annotation, value)
    assert error.code == ErrorCode.ARG_MISMATCH
    assert " must be " in error.message


def test_what_a_validator_of_the_host_makes_is_taken() -> None:
    def said(value: Any) -> Any:
        return value == "yes"

    def kilograms(value: Any) -> Any:
        return float(value.removesuffix(" kg"))

    def basic(value: Any) -> Any:
        return date.fromisoformat(value)

    for kind, validator, value, seen in (
        (bool, said, "yes", True),
        (float, kilograms, "1.5 kg", 1.5),
        (date, basic, "20260131", date(2026, 1, 31)),
    ):
        registry, got = tool_of(Annotated[kind, BeforeValidator(validator)])
        registry.call("t.T", value)
        assert got == [seen]


def test_errors_are_short_however_much_is_wrong() -> None:
    values = {f"key{number}": "x" * 10_000 for number in range(1000)}
    error = called_by_script(dict[str, int], values)
    assert "; and 995 more" in error.message
    assert len(error.message) < 1000


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    registry = ToolRegistry()

    @registry.tool("t.Open")
    def login(api_key: Annotated[str, Field(max_length=3)]) -> None: ...

    with pytest.raises(NeuroScriptError) as caught:
        registry.call("t.Open", "hunter2")
    assert "must be text of at most 3 characters" in caught.value.message
    assert "hunter2" not in caught.value.message


# --- results ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Loose:
    """A dataclass does not check its fields when it is made."""

    n: int


def result_of(annotation: Any, result: Any) -> Any:
    def give() -> Any:
        return result

    give.__annotations__["return"] = annotation
    registry = ToolRegistry()
    registry.tool("t.Give")(give)
    return registry.call("t.Give")


@pytest.mark.parametrize(
    ("annotation", "result", "value"),
    [
        (Point, {"x": 1}, {"x": 1.0, "y": 0.0}),
        (Color, "red", "red"),
        (tuple[int, ...], [1, 2], [1, 2]),
        (dict[str, int], {"a": 2.0}, {"a": 2}),
        (dict[str, int] | None, None, None),
        (Annotated[int, Field(ge=0)], "5", 5),
        (date, "2026-01-31", TimeDate(2026, 1, 31, tzinfo=UTC)),
        (dict[Color, Path], {Color.RED: Path("a")}, {"red": "a"}),
        (Decimal, Decimal("1E+3"), 1000),
    ],
)
def test_a_result_is_what_an_argument_could_be(annotation: Any, result: Any, value: Any) -> None:
    assert result_of(annotation, result) == value


@pytest.mark.parametrize(
    ("annotation", "result", "said"),
    [
        (dict[str, int], {"a": "x"}, 'is not a valid map of int: a: must be a whole number, not string "x"'),
        (Annotated[int, Field(ge=0)], -1, "must be at least 0, not number -1"),
        (Annotated[int, Field(ge=0)], True, "must be a whole number, not boolean true"),
        (Color, "blue", 'must be "red" or "green", not string "blue"'),
        (Point, None, "must be a map, not nil"),
        (Loose, Loose("many"), 'is not a valid Loose: n: must be a whole number, not string "many"'),  # type: ignore[arg-type]
        (Order, object(), "is no Order: a object cannot be a value of a script"),
    ],
)
def test_a_result_that_does_not_fit_is_the_tools_failure(annotation: Any, result: Any, said: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        result_of(annotation, result)
    assert caught.value.code == ErrorCode.TOOL_EXECUTION_FAILED
    assert caught.value.message == f"tool.t.Give gave a result that {said}"


def test_a_result_in_a_circle_is_an_error() -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(NeuroScriptError):
        result_of(dict[str, dict[str, Any]], circle)


# --- annotations ------------------------------------------------------------------------------------------------------


class Foreign:
    """A class that pydantic knows nothing of."""


class Circular(TypedDict):
    """A type that holds itself, which pydantic knows only of `typing_extensions` on Python 3.11."""

    parts: list[Circular]


class Holds(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    foreign: Foreign


@pytest.mark.parametrize("annotation", [Foreign, list[Foreign], dict[str, Foreign], Foreign | None, Holds, "Nowhere"])
def test_what_no_value_fits_is_refused_when_it_is_registered(annotation: Any) -> None:
    def use(first: int, thing: Any) -> None: ...

    use.__annotations__["thing"] = annotation
    with pytest.raises(NeuroScriptError, match=r"use: parameter thing is annotated .*; use str") as caught:
        ToolSpec.from_function("t.T", use)
    assert caught.value.code == ErrorCode.INVALID_VALUE


def test_types_of_the_language_may_stand_in_containers() -> None:
    for annotation in (list[Handle], dict[str, Handle], Callable[[int], int], list[TimeDate]):
        registry, _ = tool_of(annotation)
        assert registry.lookup("t.T").spec.is_plain


def test_a_result_that_nothing_is_known_of_is_converted_as_it_comes() -> None:
    assert result_of(Foreign, [1]) == [1]
    assert result_of("Nowhere", {"a": 1}) == {"a": 1}


# --- code of the host's own -------------------------------------------------------------------------------------------


def broken(value: Any) -> Any:
    raise KeyError("rates")


def test_a_validator_that_fails_is_a_failure_of_the_tool() -> None:
    registry, got = tool_of(Annotated[int, BeforeValidator(broken)])
    interpreter = Interpreter(tools=registry, plugins=False)
    interpreter.load("func main means\n  return tool.t.T(5)\nendfunc")
    with pytest.raises(NeuroScriptError, match=r"tool\.t\.T failed: KeyError: 'rates'") as caught:
        interpreter.run("main")
    assert caught.value.code == ErrorCode.TOOL_EXECUTION_FAILED
    assert got == []
    with pytest.raises(NeuroScriptError, match=r"tool\.t\.Give failed: KeyError: 'rates'"):
        result_of(Annotated[int, BeforeValidator(broken)], 5)


def test_a_default_that_cannot_be_made_is_a_failure_of_the_tool() -> None:
    registry = ToolRegistry()

    @registry.tool("t.T")
    def use(x: dict[str, int] = Field(default_factory=lambda: broken(None))) -> None: ...  # noqa: B008

    with pytest.raises(NeuroScriptError, match=r"tool\.t\.T failed: KeyError: 'rates'"):
        registry.call("t.T")


def test_a_return_type_by_hand_leaves_the_result_as_it_is() -> None:
    registry = ToolRegistry()

    @registry.tool("t.T", return_type="any")
    def give() -> Color:
        return "blue"  # type: ignore[return-value]

    assert registry.call("t.T") == "blue"


def test_a_model_without_a_schema_serves_a_spec_by_hand() -> None:
    class Parsed(BaseModel):
        model_config = {"arbitrary_types_allowed": True}
        foreign: Annotated[Foreign, BeforeValidator(lambda value: Foreign())]

    def use(x: Parsed) -> str:
        return type(x.foreign).__name__

    registry = ToolRegistry()
    registry.register(ToolSpec(name="t.T", args=(ArgSpec("x", ArgType.MAP),)), use)
    assert registry.call("t.T", {"foreign": 1}) == "Foreign"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later versions have the TypedDict that pydantic knows")
def test_a_typed_dict_that_holds_itself_is_refused_on_python_3_11() -> None:
    def use(x: Circular) -> None: ...

    with pytest.raises(NeuroScriptError, match=r"Circular holds itself; .* typing_extensions\.TypedDict"):
        ToolSpec.from_function("t.T", use)
