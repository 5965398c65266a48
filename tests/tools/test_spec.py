"""Specs: what they tell people, models, and how they are made of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Optional, TypedDict

import pytest

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools import ArgSpec, ArgType, ToolSpec
from neuroscript.values import Handle

SEARCH = ToolSpec(
    name="tool.web.Search",
    description="Searches.",
    args=[  # type: ignore[arg-type]
        ArgSpec("query", "string", "What to look for."),  # type: ignore[arg-type]
        ArgSpec("limit", ArgType.INT, "How many.", required=False, default=10),
        ArgSpec("sites", ArgType.SLICE_STRING, required=False),
        ArgSpec("options", ArgType.MAP, required=False),
        ArgSpec("tags", ArgType.FUZZY, required=False),
    ],
    return_type="list",  # type: ignore[arg-type]
    capabilities="net",  # type: ignore[arg-type]
    variadic=True,
)


def test_a_spec_is_put_in_order() -> None:
    assert SEARCH.name == "web.Search"
    assert SEARCH.full_name == "tool.web.Search"
    assert (SEARCH.group, SEARCH.category) == ("web", "web")
    assert SEARCH.return_type is ArgType.SLICE_ANY is ArgType.LIST
    assert SEARCH.capabilities == ("net",)
    assert isinstance(SEARCH.args, tuple)
    assert SEARCH.usage == "tool.web.Search(query, limit?, sites?, options?, tags…)"
    assert SEARCH.signature == (
        "tool.web.Search(query: string, limit?: int, sites?: slice_string, options?: map, tags…: fuzzy) -> slice_any"
    )


def test_json_schema() -> None:
    assert SEARCH.to_function_schema() == {
        "name": "web__Search",
        "description": "Searches.",
        "parameters": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What to look for."},
                "limit": {"type": "integer", "description": "How many.", "default": 10},
                "sites": {"type": "array", "items": {"type": "string"}},
                "options": {"type": "object"},
                "tags": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    }


@pytest.mark.parametrize("kind", list(ArgType))
def test_every_type_has_a_schema_and_words(kind: ArgType) -> None:
    schema = ToolSpec(name="a.B", args=(ArgSpec("x", kind),)).to_json_schema()
    assert isinstance(schema["properties"]["x"], dict)
    assert kind.expected


def test_a_spec_as_json_values() -> None:
    facts = SEARCH.to_map()
    assert facts["args"][1] == {
        "name": "limit",
        "type": "int",
        "description": "How many.",
        "required": False,
        "default": 10,
    }
    assert facts["capabilities"] == ["net"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"args": (ArgSpec("a"), ArgSpec("a"))}, ErrorCode.DUPLICATE),
        ({"variadic": True}, ErrorCode.INVALID_VALUE),
        ({"variadic": True, "args": (ArgSpec("a", required=False, default=5),)}, ErrorCode.INVALID_VALUE),
        ({"return_type": "strange"}, ErrorCode.INVALID_VALUE),
    ],
)
def test_what_is_no_spec(fields: dict[str, Any], code: ErrorCode) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        ToolSpec(name="a.B", **fields)
    assert caught.value.code == code


def test_what_is_no_argument() -> None:
    with pytest.raises(NeuroScriptError, match="an argument's name is an identifier"):
        ArgSpec("two words")
    with pytest.raises(NeuroScriptError, match="the types are any, nil, string"):
        ArgSpec("x", "text")  # type: ignore[arg-type]


# --- from functions ---------------------------------------------------------------------------------------------------


class Options(TypedDict):
    depth: int


def everything(
    ctx: Any,
    a: int,
    b: float,
    c: str,
    d: bool,
    e: bytes,
    f: list[str],
    g: list[dict[str, int]],
    h: dict[str, Any],
    i: Sequence[int],
    j: Mapping[str, int],
    k: Callable[[int], int],
    l_: datetime,
    m: Handle,
    n: Options,
    o: Any,
    p: int | float,
    q: Literal["x", "y"],
    r: Iterable[Any],
    s: tuple[int, str],
    t: Annotated[str, "noted"],
    u: str | int,
    v: str | None,
    w: Optional[int] = 3,  # noqa: UP045 - the old spelling is read too
    *rest: float,
) -> list[int]:
    """Does everything.

    At length.

    Args:
        a: the first,
            which goes on
        b (float): the second
        *rest: the others

    Returns:
        What it makes.

    Raises:
        ValueError: never.
    """
    return []


def test_a_spec_from_type_hints_and_docstring() -> None:
    spec = ToolSpec.from_function("all.Things", everything, category="Tests")
    kinds = {arg.name: str(arg.type) for arg in spec.args}
    assert " ".join(kinds.values()) == (
        "int float string bool bytes slice_string slice_map map slice_int map function timedate handle map any number "
        "string slice_any slice_any string any string int float"
    )
    assert {arg.name for arg in spec.args if not arg.required} == {"v", "w", "rest"}
    described = {arg.name: arg.description for arg in spec.args if arg.description}
    assert described == {"a": "the first, which goes on", "b": "the second", "t": "noted", "rest": "the others"}
    assert spec.args[-2].default == 3
    assert spec.variadic
    assert spec.description == "Does everything."
    assert spec.return_help == "What it makes."
    assert spec.error_conditions == "ValueError: never."
    assert spec.return_type is ArgType.SLICE_INT
    assert spec.category == "Tests"


def test_without_hints_any_value_will_do() -> None:
    spec = ToolSpec.from_function("a.B", lambda x, y=1: x)
    assert [(arg.type, arg.required, arg.default) for arg in spec.args] == [
        (ArgType.ANY, True, None),
        (ArgType.ANY, False, 1),
    ]


def test_a_type_that_no_value_fits_is_refused() -> None:
    class Strange: ...

    def strange(x: Strange) -> None: ...

    def keywords(**options: int) -> None: ...

    def after(*rest: int, x: int) -> None: ...

    complaints = {strange: "x is annotated .*Strange", keywords: "collects keywords", after: r"after \*args"}
    for function, complaint in complaints.items():
        with pytest.raises(NeuroScriptError, match=complaint) as caught:
            ToolSpec.from_function("a.B", function)
        assert caught.value.code == ErrorCode.INVALID_VALUE
