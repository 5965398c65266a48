"""The public names, and uses of them that a type checker accepts.

The functions called ``use_…`` are what hosts write.  They run here, and mypy reads this file in its strict mode.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, assert_type

import pytest

import neuroscript
from neuroscript import (
    ArgSpec,
    ArgType,
    Diagnostic,
    ErrorCode,
    ErrorValue,
    Function,
    Fuzzy,
    Interpreter,
    Limits,
    NeuroScriptError,
    NeuroScriptSyntaxError,
    Policy,
    RateLimitedError,
    Session,
    TimeDate,
    ToolContext,
    ToolRegistry,
    ToolSpec,
    map_validated_args_by_name,
    validate_and_convert_args,
)

ROOT = Path(__file__).parents[1]
SOURCE = """
func main(needs a, b optional key) means
  emit tool.bench.Add(a, b)
  return {"sum": a + b, "key": key}
endfunc
"""


def use_the_interpreter() -> None:
    emitted: list[Any] = []
    with Interpreter(
        sandbox=ROOT / "tests",
        limits=Limits(max_steps=1000, max_seconds=None),
        emit=emitted.append,
        globals={"NAME": "host", "NUMBERS": [1, 2.5]},
        plugins=False,
        policy=Policy(allow=("*",), deny=("fs.*",)),
        environment=["HOME"],
        on_error=lambda error: None,
    ) as interp:
        assert_type(interp, Interpreter)

        @interp.tool("bench.Add")
        def add(a: int, b: int) -> int:
            """Add."""
            return a + b

        assert_type(add(1, 2), int)
        assert_type(interp.load(SOURCE, name="x.ns"), list[str])
        assert interp.run("main", 1, 2, key=3) == {"sum": 3, "key": 3}
        interp.execute("command\n  emit NAME\nendcommand\n")
        interp.emit_event("name", {"payload": [1]})
        interp.cancel()
        assert_type(interp.tools, ToolRegistry)
        assert_type(interp.session(), Session)
    assert emitted == [3, "host"]


def use_tools() -> None:
    spec = ToolSpec(
        name="shop.Price",
        description="Gives the price.",
        args=(
            ArgSpec("item", ArgType.STRING, "What."),
            ArgSpec("count", ArgType.INT, "How many.", required=False, default=1),
        ),
        return_type=ArgType.NUMBER,
        return_help="The price.",
        example='tool.shop.Price("tea")',
    )

    def price(ctx: ToolContext, item: str, count: int) -> float:
        ctx.check()
        return 2.5 * count

    async def later(items: Sequence[str], options: Mapping[str, Any] | None = None) -> list[str]:
        """Gives them back."""
        return [*items, *(options or {})]

    registry = ToolRegistry()
    registry.register(spec, price)
    interp = Interpreter(plugins=False, tools=registry)
    interp.tools.register(ToolSpec.from_function("shop.Later", later), later)
    assert interp.tools.call("shop.Price", "tea", 2, context=interp.host_context()) == 5
    assert interp.tools.call("shop.Later", ["a"], options={"b": 1}) == ["a", "b"]
    validated = validate_and_convert_args(spec, ["tea", 2.0])
    assert_type(validated, list[Any])
    assert map_validated_args_by_name(spec, validated) == {"item": "tea", "count": 2}
    schema: dict[str, Any] = spec.to_json_schema()
    assert schema["required"] == ["item"]


def use_errors() -> None:
    interp = Interpreter(plugins=False)
    try:
        interp.load("func main means\n  set = 1\nendfunc\n")
    except NeuroScriptSyntaxError as error:
        findings: tuple[Diagnostic, ...] = error.diagnostics
        assert findings[0].line == 2
    with pytest.raises(NeuroScriptError) as raised:
        interp.run("missing")
    assert_type(raised.value.file, str)
    assert_type(raised.value.line, int)
    assert_type(raised.value.column, int)
    assert [frame.procedure for frame in raised.value.stack] == []
    assert raised.value.code == ErrorCode.PROC_NOT_FOUND
    limited = NeuroScriptError(ErrorCode.RATE_LIMITED, "wait", details={"retry_after_seconds": 2})
    assert isinstance(limited, RateLimitedError)


def use_values() -> None:
    interp = Interpreter(plugins=False)

    @interp.tool("shop.Look")
    def look(ctx: ToolContext, found: Function) -> ErrorValue | Fuzzy:
        return Fuzzy(0.75) if ctx.call(found) else ErrorValue(1000, "nothing")

    interp.load("func yes means\n  return true\nendfunc\nfunc main means\n  return tool.shop.Look(yes)\nendfunc\n")
    result = interp.run("main")
    assert isinstance(result, Fuzzy)
    assert result.value == 0.75
    assert not TimeDate(1, 1, 1)


@pytest.mark.parametrize("use", [use_the_interpreter, use_tools, use_errors, use_values])
def test_the_uses_work(use: Any) -> None:
    use()


def test_every_public_name_is_there_and_sorted() -> None:
    assert neuroscript.__all__ == sorted(neuroscript.__all__)
    for name in neuroscript.__all__:
        assert getattr(neuroscript, name).__doc__


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(neuroscript.__file__).parent / "py.typed").exists()


@pytest.mark.slow
def test_a_type_checker_accepts_the_uses() -> None:
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version=3.11", __file__]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)
    assert done.returncode == 0, done.stdout


def test_nothing_heavy_is_imported() -> None:
    code = """
import sys, neuroscript
interpreter = neuroscript.Interpreter()
interpreter.load("func main means\\n  return 1\\nendfunc\\n")
assert interpreter.run("main") == 1
print(*{"lark", "pydantic", "httpx", "rich", "prompt_toolkit", "asyncio"}.intersection(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
