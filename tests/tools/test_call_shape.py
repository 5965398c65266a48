"""How Python functions take the arguments of a spec: by position, by name, or not at all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from neuroscript import ArgSpec, Interpreter, NeuroScriptError, ToolRegistry, ToolSpec
from neuroscript.errors import ErrorCode

if TYPE_CHECKING:
    from decimal import Decimal

    from neuroscript import ToolContext


def arg(text: str) -> ArgSpec:
    """``x`` is required, ``x?`` optional, ``x=5`` optional with a default."""
    name, _, default = text.partition("=")
    optional = text.endswith("?") or default != ""
    return ArgSpec(name.rstrip("?"), required=not optional, default=int(default) if default else None)


def spec_of(arguments: str, **fields: Any) -> ToolSpec:
    """A spec from its arguments in one string; one that ends with ``…`` is variadic."""
    words = arguments.replace("…", "").split()
    return ToolSpec(name="a.B", args=tuple(map(arg, words)), variadic="…" in arguments, **fields)


# --- functions of every kind ------------------------------------------------------------------------------------------


def spread_with_defaults(*a: Any, _t: str = "kept", _n: str = "kept2") -> Any:
    return a, _t, _n


def keyword(a: Any, *, b: Any, c: Any = "own") -> Any:
    return a, b, c


def spread_and_keyword(*a: Any, b: Any) -> Any:
    return a, b


def collects(a: Any, **more: Any) -> Any:
    return a, more


def positional_only(a: Any, b: Any = None, /) -> Any:
    return a, b


def head_and_rest(a: Any, *rest: Any) -> Any:
    return a, rest


def of_rest(a: Any, b: Any = None, *rest: Any) -> Any:
    return a, b, rest


def default_of_five(a: Any, b: Any = 5) -> Any:
    return a, b


def default_of_none(a: Any, b: Any = None) -> Any:
    return a, b


def with_context(ctx: Any, a: Any, *, b: Any) -> Any:
    return ctx is not None, a, b


async def asynchronous(a: Any, *, b: Any = 2) -> Any:
    return a, b


def three(a: Any, b: Any, c: Any = 3) -> Any:
    return a, b, c


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        return function(*args, **named)

    return wrapper


class Holder:
    def method(self, a: Any, *, b: Any) -> Any:
        return a, b

    @classmethod
    def of_class(cls, a: Any, *, b: Any) -> Any:
        return a, b

    @staticmethod
    def static(a: Any, *, b: Any) -> Any:
        return a, b

    def __call__(self, a: Any, *, b: Any) -> Any:
        return a, b


class AsyncHolder:
    async def __call__(self, a: Any, *, b: Any) -> Any:
        return a, b


# (function, arguments of the spec, positional values, result)
ACCEPTED: list[tuple[Callable[..., Any], str, list[Any], Any]] = [
    (spread_with_defaults, "x y", [1, 2], [[1, 2], "kept", "kept2"]),
    (spread_with_defaults, "", [], [[], "kept", "kept2"]),
    (spread_with_defaults, "x _n", [1, 2], [[1], "kept", 2]),
    (spread_with_defaults, "_n x _t", [1, 2, 3], [[2], 3, 1]),
    (spread_with_defaults, "xs…", [1, 2, 3], [[1, 2, 3], "kept", "kept2"]),
    (spread_with_defaults, "_t xs…", [1, 2, 3], [[2, 3], 1, "kept2"]),
    (keyword, "a b", [1, 2], [1, 2, "own"]),
    (keyword, "b a", [1, 2], [2, 1, "own"]),
    (keyword, "x c b", [1, 2, 3], [1, 3, 2]),
    (spread_and_keyword, "x b…", [1, 2, 3], [[1], [2, 3]]),
    (collects, "a", [1], [1, {}]),
    (collects, "a limit sort?", [1, 2], [1, {"limit": 2, "sort": None}]),
    (collects, "a more…", [1, 2, 3], [1, {"more": [2, 3]}]),
    (positional_only, "x y", [1, 2], [1, 2]),
    (head_and_rest, "x y", [1, 2], [1, [2]]),
    (head_and_rest, "x ys…", [1, 2, 3], [1, [2, 3]]),
    (head_and_rest, "x ys?…", [1], [1, []]),
    (head_and_rest, "xs…", [1, 2], [1, [2]]),
    (of_rest, "x ys…", [1, 2, 3], [1, 2, [3]]),
    (of_rest, "x y z zs?…", [1, 2, 3, 4], [1, 2, [3, 4]]),
    (default_of_five, "x", [1], [1, 5]),
    (default_of_five, "x y", [1, 2], [1, 2]),
    (default_of_five, "x y=5", [1], [1, 5]),
    (default_of_none, "x y=7", [1], [1, 7]),
    (with_context, "a b", [1, 2], [True, 1, 2]),
    (with_context, "b x", [1, 2], [True, 2, 1]),
    (asynchronous, "a b", [1, 3], [1, 3]),
    (asynchronous, "a", [1], [1, 2]),
    (functools.partial(three, 9), "b c=3", [1, 2], [9, 1, 2]),
    (functools.partial(three, b=9), "x", [1], [1, 9, 3]),
    (functools.partial(three, b=9), "x c=3", [1, 2], [1, 9, 2]),
    (functools.partial(asynchronous, b=9), "a", [1], [1, 9]),
    (decorated(keyword), "b a", [1, 2], [2, 1, "own"]),
    (Holder().method, "b a", [1, 2], [2, 1]),
    (Holder.of_class, "b a", [1, 2], [2, 1]),
    (Holder.static, "b a", [1, 2], [2, 1]),
    (Holder(), "b a", [1, 2], [2, 1]),
    (AsyncHolder(), "b a", [1, 2], [2, 1]),
    (lambda x, y: (x, y), "a b", [1, 2], [1, 2]),
    (pow, "x y", [2, 5], 32),
    (max, "x y", [2, 5], 5),  # which has no signature
    (str.upper, "text", ["a"], "A"),
]


def label(value: Any) -> str | None:
    return getattr(value, "__qualname__", None) or (type(value).__name__ if callable(value) else None)


@pytest.mark.parametrize(("function", "arguments", "values", "result"), ACCEPTED, ids=label)
def test_arguments_reach_the_parameters_they_are_meant_for(
    function: Callable[..., Any], arguments: str, values: list[Any], result: Any
) -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.tools.register(spec_of(arguments), function)
        assert interpreter.tools.call("a.B", *values, context=interpreter.host_context()) == result
        interpreter.load(f"func main() means\n  return tool.a.B({', '.join(map(repr, values))})\nendfunc")
        assert interpreter.run("main") == result


# (function, arguments of the spec, what the message says)
REFUSED: list[tuple[Callable[..., Any], str, str]] = [
    (lambda x: x, "a b", "the spec has 2 arguments (a, b), but <lambda> takes x"),
    (lambda x: x, "", "the spec has 0 arguments (), but <lambda> takes x"),
    (keyword, "a", "takes a, b (by name), c (by name): b can be passed by name alone, and the spec has no"),
    (keyword, "a x", "the spec has 2 arguments (a, x), but keyword takes a, b (by name), c (by name)"),
    (spread_and_keyword, "x y", "takes *a, b (by name): b can be passed by name alone"),
    (head_and_rest, "", "the spec has 0 arguments (), but head_and_rest takes a, *rest"),
    (head_and_rest, "xs?…", "the spec has 1 argument (xs), but head_and_rest takes a, *rest"),
    (three, "b a", "the argument b would be passed as a; give both the same order"),
    (collects, "x a", "takes a, **more: the argument a would be passed as more; give both the same order"),
    (three, "x a", "the argument a would be passed as b; give both the same order"),
    (head_and_rest, "x a", "the argument a would be passed as rest"),
    (default_of_five, "a b?", "the argument b is None by default, but b is 5; give both the same default"),
    (default_of_five, "a x=6", "the argument x is 6 by default, but b is 5"),
    (keyword, "a b c?", "the argument c is None by default, but c is 'own'"),
    (lambda a, ctx: a, "a b", "the argument b would be passed as ctx, which must be the first parameter"),
    (functools.partial(three, b=9), "x b?", "the argument b is None by default, but b is 9"),
    (Holder.method, "a b", "takes self, a, b (by name)"),
]


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize(("function", "arguments", "message"), REFUSED, ids=label)
def test_a_function_that_would_misread_its_arguments_is_refused(
    function: Callable[..., Any], arguments: str, message: str, pure: bool
) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        ToolRegistry().register(spec_of(arguments, pure=pure), function)
    assert caught.value.code == ErrorCode.INVALID_VALUE
    assert caught.value.message.startswith("tool.a.B: the spec has ")
    assert message in caught.value.message


def test_the_context_comes_first() -> None:
    def last(a: Any, world: ToolContext) -> Any: ...

    def left_out(a: Any, world: ToolContext | None = None) -> Any: ...

    def by_name(*, world: ToolContext) -> Any: ...

    for function in (last, left_out, by_name):
        for pure in (False, True):
            with pytest.raises(NeuroScriptError, match="the call context, which must be the first parameter") as caught:
                ToolRegistry().register(spec_of("a", pure=pure), function)
            assert caught.value.code == ErrorCode.INVALID_VALUE
        with pytest.raises(NeuroScriptError, match="the call context, which must be the first parameter"):
            ToolSpec.from_function("a.B", function)

    def annotated(world: ToolContext, a: Any) -> Any:
        return type(world).__name__, a

    with Interpreter(plugins=False) as interpreter:
        for pure in (False, True):
            tools = ToolRegistry()
            tools.register(spec_of("a", pure=pure), annotated)
            assert list(tools.call("a.B", 1, context=interpreter.host_context())) == ["ToolContext", 1]


def test_one_that_is_given_the_context_already_needs_none() -> None:
    def report(a: Any, world: ToolContext) -> Any:
        return a, world

    tools = ToolRegistry()
    tools.register(spec_of("a"), functools.partial(report, world="given"))  # type: ignore[arg-type]
    assert tools.call("a.B", 1) == [1, "given"]


# --- what annotations say ---------------------------------------------------------------------------------------------


class Point(BaseModel):
    x: int


class Name(BaseModel):
    name: str


def by_name_alone(a: Any, *, point: Point) -> Any:
    return a, point.x


def of_either(a: Any, point: Point | Name | None) -> Any:
    return type(point).__name__


class Drawer:
    def __call__(self, point: Point) -> int:
        """Draw a point.

        Args:
            point: where.
        """
        return point.x


def at(dx: int, point: Point) -> int:
    """Move a point."""
    return point.x + dx


def test_models_are_made_wherever_the_parameter_stands() -> None:
    tools = ToolRegistry()
    tools.register(ToolSpec(name="a.Name", args=(ArgSpec("point"), ArgSpec("a"))), by_name_alone)
    assert tools.call("a.Name", {"x": 3}, 1) == [1, 3]
    tools.register(ToolSpec(name="a.Either", args=(ArgSpec("a"), ArgSpec("p", required=False))), of_either)
    assert tools.call("a.Either", 1, {"x": 3}) == "Point"
    assert tools.call("a.Either", 1, {"name": "n"}) == "Name"
    assert tools.call("a.Either", 1) == "NoneType"
    with pytest.raises(NeuroScriptError, match=r"argument 2 \(p\) is not a valid Point or Name"):
        tools.call("a.Either", 1, {"z": 1})


@pytest.mark.parametrize("function", [Drawer(), functools.partial(at, 0), functools.partial(at, dx=0)])
def test_partial_functions_and_objects_have_hints_too(function: Callable[..., Any]) -> None:
    spec = ToolSpec.from_function("a.B", function)
    assert (spec.args[-1].name, str(spec.args[-1].type)) == ("point", "map")
    assert spec.description in ("Move a point.", "")
    tools = ToolRegistry()
    tools.register(spec, function)
    assert tools.call("a.B", point={"x": 4}) == 4


def test_hints_for_type_checkers_alone_hide_no_others() -> None:
    def count(ctx: ToolContext, words: Sequence[str], options: Mapping[str, int] | None = None) -> list[int]:
        return [len(words)]

    spec = ToolSpec.from_function("a.B", count)
    assert spec.signature == "tool.a.B(words: slice_string, options?: map of int) -> slice_int"

    def exact(amount: Decimal) -> None: ...

    with pytest.raises(NeuroScriptError, match="parameter amount is annotated 'Decimal'"):
        ToolSpec.from_function("a.B", exact)


def test_a_function_without_a_signature_is_refused() -> None:
    with pytest.raises(
        NeuroScriptError, match=r"max has no signature that can be read; describe it with ToolSpec"
    ) as e:
        ToolSpec.from_function("a.B", max)
    assert e.value.code == ErrorCode.INVALID_VALUE


def test_what_a_function_only_reads_is_shared_by_name_and_by_position() -> None:
    def read(xs: list[Any], *rest: Sequence[Any], ys: Sequence[Any]) -> None: ...

    tools = ToolRegistry()
    args = tuple(ArgSpec(name, "slice_any") for name in ("ys", "xs", "zs"))  # type: ignore[arg-type]
    assert tools.register(ToolSpec(name="a.B", args=args), read).shared_args == {0, 2}
