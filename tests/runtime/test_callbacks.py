"""A procedure that a tool calls is as any other: its errors, limits and place on the stack are what they would be."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, Limits, NeuroScriptError, ToolValue
from neuroscript.stdlib import standard_registry
from neuroscript.tools import ArgType

# A call of each tool that calls functions; `f` takes whatever it is given.
CALLS = {
    "list.SortBy": "tool.list.SortBy([1, 2], f)",
    "list.GroupBy": "tool.list.GroupBy([1, 2], f)",
    "list.CountBy": "tool.list.CountBy([1, 2], f)",
    "list.SumBy": "tool.list.SumBy([1, 2], f)",
    "list.Map": "tool.list.Map([1, 2], f)",
    "list.Filter": "tool.list.Filter([1, 2], f, 3)",
    "list.Reduce": "tool.list.Reduce([1, 2], f, 0, 3)",
    "list.Find": "tool.list.Find([1, 2], f)",
    "list.FindIndex": "tool.list.FindIndex([1, 2], f)",
    "list.Any": "tool.list.Any([1, 2], f)",
    "list.All": "tool.list.All([1, 2], f)",
    "map.MapValues": 'tool.map.MapValues({"k": 1}, f)',
    "map.Filter": 'tool.map.Filter({"k": 1}, f)',
    "error.Try": "tool.error.Try(f, 1)",
    "script.Call": 'tool.script.Call("f", [1])',
    "event.Emit": 'tool.event.Emit("go")',
    "host.Call": "tool.host.Call(f)",
    "host.Wait": "tool.host.Wait(f)",
}
RAISING = [name for name in CALLS if name not in ("error.Try", "event.Emit")]

FAILURES = {
    "unset": ("return nothing", ErrorCode.KEY_NOT_FOUND),
    "division": ("return 1 / 0", ErrorCode.DIVISION_BY_ZERO),
    "overflow": ("return 10.5 ** 400", ErrorCode.INVALID_VALUE),
    "fail": ('fail "no"', ErrorCode.FAIL_STATEMENT),
    "own code": ('fail tool.error.New(1234, "mine")', 1234),
    "must": ("must a == 5", ErrorCode.MUST_FAILED),
    "type": ("return 5 - {}", ErrorCode.TYPE),
    "bounds": ("return [1][9]", ErrorCode.BOUNDS),
    "a tool's": ("return tool.list.Chunk([1], 0)", ErrorCode.BOUNDS),
    "a host tool's": ("return tool.host.Break()", ErrorCode.TOOL_EXECUTION_FAILED),
    "a procedure's": ("return g()", ErrorCode.BOUNDS),
    "a handler's": ("on error do\n    emit [][1]\n  endon\n  fail", ErrorCode.BOUNDS),
}


def source(statement: str) -> str:
    """A library whose `f` does that, and which calls `f` directly and through each tool."""
    text = [
        f"func f(optional a, b, c) means\n  {statement}\nendfunc",
        "func g() means\n  return [1][9]\nendfunc",
        "func directly() means\n  return f(1)\nendfunc",
        f'on event "go" as event_value do\n  {statement}\nendon' if "return" not in statement else "",
    ]
    for name, call in CALLS.items():
        text.append(f"func {name.replace('.', '_')}() means\n  return {call}\nendfunc")
    return "\n".join(text)


def loaded(statement: str, **options: Any) -> Interpreter:
    interpreter = Interpreter(plugins=False, **options)

    async def wait(ctx: Any, function: Any) -> Any:
        return ctx.call(function, 1)

    interpreter.tool("host.Call")(lambda ctx, function: ctx.call(function, 1))
    interpreter.tool("host.Wait")(wait)

    def fails() -> None:
        raise ValueError("broken")

    interpreter.tool("host.Break")(fails)
    interpreter.load(source(statement), "callbacks.ns")
    return interpreter


def error_of(interpreter: Interpreter, procedure: str) -> NeuroScriptError:
    with pytest.raises(NeuroScriptError) as caught:
        interpreter.run(procedure)
    return caught.value


def test_every_tool_that_calls_functions_is_here() -> None:
    takes = {
        spec.name
        for spec in standard_registry().specs()
        if any(arg.type in (ArgType.FUNCTION, ArgType.FUNCTION_OR_KEY) for arg in spec.args)
    }
    assert takes == set(CALLS) - {"script.Call", "event.Emit", "host.Call", "host.Wait"}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("tool", RAISING)
def test_an_error_is_what_it_is_in_a_direct_call(tool: str, failure: str) -> None:
    statement, code = FAILURES[failure]
    with loaded(statement) as interpreter:
        directly = error_of(interpreter, "directly")
        through = error_of(interpreter, tool.replace(".", "_"))
    assert (through.code, through.message) == (directly.code, directly.message)
    assert through.code == code
    assert (through.file, through.line, through.column) == (directly.file, directly.line, directly.column)
    # The stack differs in who called `f`, and nowhere else.
    assert through.stack[:-1] == directly.stack[:-1]
    assert through.stack[-1].procedure == tool.replace(".", "_")
    assert type(through.__cause__) is type(directly.__cause__)


@pytest.mark.parametrize("failure", [name for name, (text, _) in FAILURES.items() if "return" not in text])
def test_an_event_handler_that_a_tool_runs_keeps_its_place(failure: str) -> None:
    statement, code = FAILURES[failure]
    reported: list[NeuroScriptError] = []
    with loaded(statement, on_error=reported.append) as interpreter:
        interpreter.run("event_Emit")
    [error] = reported
    assert error.code == code
    assert [frame.procedure for frame in error.stack] == ["event handler", "event_Emit"]
    assert error.file == "callbacks.ns"
    assert error.line == error.stack[0].line > 0


@pytest.mark.parametrize("tool", RAISING)
def test_a_handler_sees_the_place_inside_the_callback(tool: str) -> None:
    with loaded("return nothing") as interpreter:
        interpreter.load(
            f"func main() means\n  on error do\n    set seen = system_error\n    clear_error\n  endon\n"
            f"  set x = {CALLS[tool]}\n  return seen\nendfunc",
            "main.ns",
        )
        seen = interpreter.run("main")
    assert (seen["code"], seen["procedure"], seen["line"], seen["column"]) == (9, "f", 2, 10)
    assert seen["stack"] == ["f (callbacks.ns:2:10)", "main (main.ns:6:11)"]


LIMITS = {
    "steps": ("while true\n  endwhile", {"max_steps": 1000}, 37),
    "depth": ("return f()", {"max_depth": 50}, 37),
    "a string": ('return tool.str.Repeat("x", 99999)', {"max_string": 100}, 37),
    "nesting": ("set x = []\n  while true\n    set x = [x]\n  endwhile", {}, 38),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("tool", [name for name in CALLS if name != "event.Emit"])
def test_a_limit_in_a_callback_ends_the_run(tool: str, limit: str) -> None:
    statement, limits, code = LIMITS[limit]
    with loaded(statement, limits=Limits(**limits)) as interpreter:  # type: ignore[arg-type]
        interpreter.load(
            f"func main() means\n  on error do\n    clear_error\n  endon\n  set x = {CALLS[tool]}\n  return 5\nendfunc",
            "main.ns",
        )
        error = error_of(interpreter, "main")
        assert error.code == code
    assert error.stack[-1].procedure == "main"


@pytest.mark.parametrize("tool", [name for name in CALLS if name != "event.Emit"])
def test_a_run_that_is_cancelled_in_a_callback_ends(tool: str) -> None:
    emitted: list[Any] = []

    def emit(value: Any) -> None:
        emitted.append(value)
        interpreter.cancel()

    with loaded("emit 1\n  while true\n  endwhile", emit=emit) as interpreter:
        interpreter.load(
            f"func main() means\n  on error do\n    clear_error\n  endon\n  set x = {CALLS[tool]}\n  emit 2\nendfunc"
        )
        assert error_of(interpreter, "main").code == ErrorCode.CANCELLED
    assert emitted == [1]


@pytest.mark.parametrize("tool", CALLS)
def test_a_callback_never_sets_the_last_value_of_its_caller(tool: str) -> None:
    with loaded("set x = tool.math.Add(40, 2)\n  set y = last") as interpreter:
        interpreter.load(f"func main() means\n  set x = {CALLS[tool]}\n  return last == x\nendfunc", "main.ns")
        interpreter.load(f"func around() means\n  call tool.math.Add(1, 1)\n  return [last, {CALLS[tool]}]\nendfunc")
        if tool not in ("list.SortBy", "list.GroupBy", "list.CountBy", "list.SumBy"):  # which refuse nil
            assert interpreter.run("main") is True
            assert interpreter.run("around")[0] == 2


@pytest.mark.parametrize(
    ("callback", "result"),
    [
        (ToolValue("str.ToUpper"), ["A", "B"]),
        (ToolValue("tool.STR.toupper"), ["A", "B"]),
        ("len", [1, 1]),
        ("is_number", [False, False]),
        ("twice", ["aa", "bb"]),
    ],
)
def test_tools_built_ins_and_procedures_may_be_called_back(callback: Any, result: list[Any]) -> None:
    text = "func twice(needs x) means\n  return x * 2\nendfunc\nfunc main(needs f) means\n"
    text += '  return tool.list.Map(["a", "b"], f)\nendfunc'
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(text)
        function = interpreter.runtime.function(callback) if isinstance(callback, str) else callback
        assert interpreter.run("main", function) == result


def test_a_tool_that_is_called_back_fails_where_it_was_passed() -> None:
    text = "func main(needs f) means\n  return tool.list.Map([1], f)\nendfunc"
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Secret", capabilities=("secret:read",))(lambda x: x)
        interpreter.load(text, "main.ns")
        for function, code in (
            (ToolValue("str.ToUpper"), ErrorCode.ARG_MISMATCH),
            (ToolValue("str.Nothing"), ErrorCode.TOOL_NOT_FOUND),
            (ToolValue("host.Secret"), ErrorCode.SECURITY),
            (interpreter.runtime.function("len"), ErrorCode.TYPE),
            (interpreter.runtime.function("nothing"), ErrorCode.PROC_NOT_FOUND),
        ):
            with pytest.raises(NeuroScriptError) as caught:
                interpreter.run("main", function)
            error = caught.value
            assert error.code == code
            assert [str(frame) for frame in error.stack] == ["main (main.ns:2:10)"]


def test_a_host_tool_that_swallows_an_error_cannot_swallow_a_limit() -> None:
    def swallow(ctx: Any, function: Any) -> str:
        try:
            return str(ctx.call(function))
        except Exception:
            return "swallowed"

    text = """
func wrong() means
  return nothing
endfunc
func long() means
  return tool.str.Repeat("x", 101)
endfunc
func main(needs f) means
  return tool.host.Swallow(f)
endfunc
"""
    with Interpreter(plugins=False, limits=Limits(max_string=100)) as interpreter:
        interpreter.tool("host.Swallow")(swallow)
        interpreter.load(text)
        assert interpreter.run("main", interpreter.runtime.function("wrong")) == "swallowed"
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main", interpreter.runtime.function("long"))
    assert caught.value.code == ErrorCode.RESOURCE_EXHAUSTION
