"""Registries: finding, layering, listing and calling tools."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from neuroscript.errors import (
    AccessError,
    ArgumentError,
    ConflictError,
    ErrorCode,
    LimitError,
    NeuroScriptError,
    NotFoundError,
    StateError,
    ToolError,
)
from neuroscript.tools import ArgSpec, ArgType, Policy, ToolRegistry, ToolSpec

UPPER = ToolSpec(name="str.ToUpper", args=(ArgSpec("input_string", ArgType.STRING),), return_type=ArgType.STRING)


@pytest.fixture
def registry() -> ToolRegistry:
    made = ToolRegistry()
    made.register(UPPER, str.upper)
    return made


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["str.ToUpper", "STR.toupper", "tool.str.ToUpper", "Tool.STR.TOUPPER", "str__ToUpper"])
def test_case_and_prefix_do_not_matter(registry: ToolRegistry, name: str) -> None:
    assert registry.lookup(name).spec is UPPER
    assert name in registry
    assert registry.call(name, "a") == "A"


def test_an_unknown_tool_is_told_with_the_nearest_names(registry: ToolRegistry) -> None:
    with pytest.raises(NotFoundError, match=r"there is no tool tool\.str\.ToUper; did you mean tool\.str\.ToUpper\?"):
        registry.lookup("str.ToUper")
    with pytest.raises(NotFoundError, match=r"did you mean tool\.str\.ToUpper\?"):
        registry.lookup("text.ToUpper")
    with pytest.raises(NotFoundError, match=r"there is no tool tool\.zz\.Q; the groups are str"):
        registry.lookup("tool.zz.Q")
    assert registry.get("zz.Q") is None
    assert 5 not in registry


def test_a_name_is_registered_once(registry: ToolRegistry) -> None:
    with pytest.raises(ConflictError, match=r"there is a tool tool\.str\.ToUpper already"):
        registry.register(ToolSpec(name="STR.TOUPPER", args=UPPER.args), str.upper)


@pytest.mark.parametrize("name", ["ToUpper", "str.", ".ToUpper", "str.To Upper", "str.Größe", "str.a__b", ""])
def test_a_name_is_a_group_and_a_name(name: str) -> None:
    with pytest.raises(NeuroScriptError, match="a tool's name is"):
        ToolSpec(name=name)


# --- layers -----------------------------------------------------------------------------------------------------------


def test_a_layer_shares_its_parent_and_keeps_its_own(registry: ToolRegistry) -> None:
    first, second = ToolRegistry(registry), ToolRegistry(registry)
    first.register(ToolSpec(name="mine.Own"), lambda: 1)
    assert first.names() == ["mine.Own", "str.ToUpper"]
    assert second.names() == ["str.ToUpper"]
    assert first.lookup("str.ToUpper") is second.lookup("str.ToUpper")
    with pytest.raises(ConflictError):
        first.register(UPPER, str.upper)


def test_a_parent_is_frozen(registry: ToolRegistry) -> None:
    ToolRegistry(registry)
    with pytest.raises(AccessError, match="shared and frozen"):
        registry.register(ToolSpec(name="a.B"), lambda: 1)
    with pytest.raises(AccessError, match="shared and frozen"):
        registry.unregister("str.ToUpper")


def test_a_layer_can_hide_and_replace_a_tool(registry: ToolRegistry) -> None:
    layer = ToolRegistry(registry)
    layer.unregister("tool.str.toupper")
    assert "str.ToUpper" not in layer
    assert layer.names() == []
    layer.register(UPPER, lambda text: text + "!")
    assert layer.call("str.ToUpper", "a") == "a!"
    assert registry.call("str.ToUpper", "a") == "A"
    with pytest.raises(NotFoundError):
        layer.unregister("no.Such")


def test_a_tool_can_be_taken_away_again(registry: ToolRegistry) -> None:
    registry.unregister("str.ToUpper")
    assert len(registry) == 0


@pytest.fixture
def module() -> Iterator[str]:
    """A module with a group of tools, that nothing has imported yet."""
    name = "neuroscript_test_group"
    made = types.ModuleType(name)
    made.TOOLS = [(ToolSpec(name="lazy.One"), lambda: 1), (ToolSpec(name="lazy.Two"), lambda: 2)]  # type: ignore[attr-defined]
    sys.modules[name] = made
    yield name
    del sys.modules[name]


def test_a_group_is_loaded_when_it_is_wanted(module: str) -> None:
    registry = ToolRegistry(groups={"Lazy": module, "broken": "no_such_module_at_all"})
    assert registry.call("lazy.two") == 2
    assert registry.get("other.One") is None
    with pytest.raises(ModuleNotFoundError):
        registry.names()


def test_threads_find_a_group_s_tools_while_it_is_loaded(module: str) -> None:
    registry = ToolRegistry(groups={"lazy": module})
    registry.freeze()
    ready = threading.Barrier(4)
    found: list[int] = []

    def look() -> None:
        ready.wait()
        found.append(ToolRegistry(registry).call("lazy.One"))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]


def test_more_tools_may_come_later(registry: ToolRegistry) -> None:
    layer = ToolRegistry(registry)
    asked: list[str] = []

    def load() -> None:
        asked.append("once")
        layer.register(ToolSpec(name="plugin.Hello"), lambda: "hello")

    layer.later(load)
    assert layer.call("str.ToUpper", "a") == "A"
    assert asked == []
    assert layer.call("plugin.Hello") == "hello"
    assert layer.get("no.Such") is None
    assert asked == ["once"]


def test_listing(registry: ToolRegistry) -> None:
    registry.register(ToolSpec(name="Ask.Me"), lambda: 1)
    assert registry.names() == ["Ask.Me", "str.ToUpper"]
    assert [spec.name for spec in registry.specs()] == registry.names()
    assert [tool.spec.name for tool in registry] == registry.names()
    assert len(registry) == 2


# --- functions --------------------------------------------------------------------------------------------------------


class ToolContext:
    """Stands for the call context."""


def with_ctx(ctx: Any, x: int) -> tuple[Any, int]:
    return type(ctx).__name__, x


def with_annotation(world: ToolContext, x: int) -> tuple[Any, int]:
    return type(world).__name__, x


async def waits(ctx: Any, x: int) -> tuple[Any, int]:
    await asyncio.sleep(0)
    return type(ctx).__name__, x


class Callables:
    def method(self, context: Any, x: int) -> tuple[Any, int]:
        return type(context).__name__, x


@pytest.mark.parametrize("function", [with_ctx, with_annotation, waits, Callables().method])
def test_functions_that_take_the_context(function: Callable[..., Any]) -> None:
    registry = ToolRegistry()
    tool = registry.register(ToolSpec(name="a.B", args=(ArgSpec("x", ArgType.INT),)), function)
    assert tool.takes_context
    assert registry.call("a.B", 5, context=ToolContext()) == ["ToolContext", 5]
    with pytest.raises(StateError, match="needs an interpreter"):
        registry.call("a.B", 5)


def test_a_context_may_be_optional() -> None:
    registry = ToolRegistry()

    @registry.tool("a.B")
    def anywhere(ctx: ToolContext | None, x: int) -> bool:
        return ctx is None

    assert registry.call("a.B", 5) is True


def test_an_async_tool_is_waited_for_inside_a_running_loop_too() -> None:
    registry = ToolRegistry()
    registry.register(ToolSpec(name="a.B", args=(ArgSpec("x", ArgType.INT),)), waits)

    async def host() -> Any:
        return registry.call("a.B", 1, context=ToolContext())

    assert asyncio.run(host()) == ["ToolContext", 1]


def test_keyword_only_and_variadic_parameters() -> None:
    registry = ToolRegistry()

    @registry.tool("a.Keyword")
    def keyword(x: int, *, scale: int = 2) -> int:
        return x * scale

    @registry.tool("a.Rest")
    def rest(x: int, *more: int) -> int:
        return x + sum(more)

    assert registry.call("a.Keyword", 3) == 6
    assert registry.call("a.Keyword", 3, scale=5) == 15
    assert registry.call("a.Rest", 1) == 1
    assert registry.call("a.Rest", 1, 2, "3") == 6


def test_a_function_that_cannot_take_the_arguments_is_refused() -> None:
    registry = ToolRegistry()
    with pytest.raises(NeuroScriptError, match="the spec has 2 arguments") as caught:
        registry.register(ToolSpec(name="a.B", args=(ArgSpec("x"), ArgSpec("y"))), lambda x: x)
    assert caught.value.code == ErrorCode.INVALID_VALUE
    with pytest.raises(NeuroScriptError, match="the spec has 0 arguments"):
        registry.register(ToolSpec(name="a.B"), lambda x: x)
    with pytest.raises(NeuroScriptError, match="is not a function"):
        registry.register(ToolSpec(name="a.B"), 5)  # type: ignore[arg-type]


def test_a_pydantic_model_is_made_of_a_map() -> None:
    pydantic = pytest.importorskip("pydantic")
    Point = pydantic.create_model("Point", x=(int, ...), y=(int, 0))
    registry = ToolRegistry()

    def norm(point: Any) -> int:
        return int(abs(point.x) + abs(point.y))

    norm.__annotations__["point"] = Point
    registry.register(ToolSpec.from_function("geo.Norm", norm), norm)
    assert registry.lookup("geo.Norm").spec.args[0].type is ArgType.MAP
    assert registry.call("geo.Norm", {"x": -3}) == 3
    with pytest.raises(ArgumentError, match=r"argument 1 \(point\) is not a valid Point: x: "):
        registry.call("geo.Norm", {"x": "far"})


def test_lists_are_copied_for_a_tool_unless_it_only_reads() -> None:
    registry = ToolRegistry()
    items = [1]

    def spoil(xs: list[int]) -> list[int]:
        xs.append(2)
        return xs

    def read(xs: Sequence[int]) -> int:
        return len(xs)

    spec = ToolSpec(name="a.Spoil", args=(ArgSpec("xs", ArgType.SLICE_ANY), ArgSpec("n", ArgType.INT, required=False)))
    spoiler = registry.register(spec, lambda xs, n: spoil(xs))
    assert spoiler.shared_args == {1}
    assert spoiler.invoke(None, [items, 0]) == [1, 2]
    assert items == [1]
    assert registry.register(ToolSpec.from_function("a.Read", read), read).shared_args == {0}
    pure = registry.register(
        ToolSpec(name="a.Same", args=(ArgSpec("xs", ArgType.SLICE_ANY),), pure=True), lambda xs: xs
    )
    assert pure.invoke(None, [items]) is items


def test_a_result_becomes_a_value_of_the_language() -> None:
    registry = ToolRegistry()
    registry.register(ToolSpec(name="a.Tuple"), lambda: (1, {"k": {2}}))
    assert registry.call("a.Tuple") == [1, {"k": [2]}]
    registry.register(ToolSpec(name="a.Odd"), object)
    with pytest.raises(NeuroScriptError, match="cannot be a value of a script"):
        registry.call("a.Odd")


def test_a_tool_s_failure_is_an_error_of_the_language() -> None:
    registry = ToolRegistry()

    def broken() -> None:
        raise ValueError("bad luck")

    def coded() -> None:
        raise NeuroScriptError(1234, "my own")

    def endless() -> None:
        endless()

    for name, function in (("a.Broken", broken), ("a.Coded", coded), ("a.Endless", endless)):
        registry.register(ToolSpec(name=name), function)
    with pytest.raises(ToolError, match=r"tool\.a\.Broken failed: ValueError: bad luck") as caught:
        registry.call("a.Broken")
    assert caught.value.code == ErrorCode.TOOL_EXECUTION_FAILED
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ToolError) as caught:
        registry.call("a.Coded")
    assert caught.value.code == 1234
    with pytest.raises(LimitError, match=r"tool\.a\.Endless ran out of stack"):
        registry.call("a.Endless")


def test_the_policy_of_a_registry_holds_for_calls(registry: ToolRegistry) -> None:
    layer = ToolRegistry(registry, policy=Policy(deny=("str.*",)))
    with pytest.raises(AccessError):
        layer.call("STR__toupper", "a")
    with pytest.raises(AccessError):
        ToolRegistry(layer).call("str.ToUpper", "a")
