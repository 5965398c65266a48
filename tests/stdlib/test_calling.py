"""``error.Try`` and ``script.Call``: calls whose failure, or whose procedure, is a value."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import ErrorCode, Function, Interpreter, NeuroScriptError
from tests.compiler.support import Outcome, run

PROCEDURES = """
func half(needs x) means
  must x % 2 == 0
  return x / 2
endfunc
func hello(needs name optional greeting) means
  if greeting == nil
    set greeting = "hello"
  endif
  return greeting + " " + name
endfunc
func two(returns a, b) means
  return 1, 2
endfunc
func give_error() means
  return tool.error.New(1001, "mine")
endfunc
func fail_with_fields() means
  fail tool.error.New(1001, "mine")
endfunc
"""


def called(text: str, **options: Any) -> Outcome:
    return run(text, more=PROCEDURES, **options)


# --- error.Try --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("tool.error.Try(half, 4)", 2),
        ("tool.error.Try(two)", [1, 2]),
        ('tool.error.Try(hello, "Ann", "hi")', "hi Ann"),
        ("typeof tool.error.Try(give_error)", "error"),
        ("tool.error.Try(half, 3).code", 5),
        ("tool.error.Try(half, 3).line", 6),
        ("tool.error.Try(half, 3).column", 8),
        ("tool.error.Try(half, 3).procedure", "half"),
        ("tool.error.Try(half, 3).stack", ["half (main.ns:6:8)", "main (main.ns:2:10)"]),
        ("tool.error.Try(fail_with_fields).code", 1001),
        ("tool.error.Try(fail_with_fields).message", "mine"),
        ("tool.error.Try(half).code", 4),
        ("tool.error.Try(half, 1, 2).code", 4),
        ("is_error(tool.error.Try(half, 3))", True),
        ("no tool.error.Try(half, 3)", True),
        ("tool.error.Try(function: half, args: [6])", 3),
    ],
)
def test_try_gives_the_result_or_the_error(call: str, result: Any) -> None:
    outcome = called(f"return {call}")
    assert outcome.error is None
    assert outcome.result == result


def test_what_try_gives_is_raised_again_by_must_and_fail() -> None:
    for statement in ("must x", "fail x", "set y = must x"):
        outcome = called(f"set x = tool.error.Try(half, 3)\n{statement}")
        assert (outcome.code, outcome.place[0]) == (5, 3)


def test_try_reaches_no_error_handler() -> None:
    text = 'on error do\n  emit "handled"\n  clear_error\nendon\nemit tool.error.Try(half, 3).code\nemit "on"'
    assert called(text).emitted == [5, "on"]


def test_a_loop_goes_on_with_try() -> None:
    text = "set out = []\nfor each n in [2, 3, 4]\n  set h = tool.error.Try(half, n)\n"
    text += "  if is_error(h)\n    set h = nil\n  endif\n  set out[len(out)] = h\nendfor\nreturn out"
    assert called(text).result == [1, None, 2]


def test_the_details_of_an_error_are_values_of_the_language() -> None:
    def refuse() -> None:
        raise NeuroScriptError(1002, "no", details={"retry_after_seconds": 1.5, "object": object()})

    text = "func wrap() means\n  return tool.host.Refuse()\nendfunc\nfunc main() means\n"
    text += "  return tool.json.Stringify(tool.error.Try(wrap))\nendfunc"
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Refuse")(refuse)
        interpreter.load(text)
        assert '"retry_after_seconds":1.5,"object":"<object>","code":1002' in interpreter.run("main")


def test_what_is_no_function_is_not_tried() -> None:
    assert called("return tool.error.Try(5)").code == ErrorCode.ARG_MISMATCH
    assert called('return tool.error.Try("half", 4)').code == ErrorCode.ARG_MISMATCH


def test_the_function_of_a_host_may_be_tried() -> None:
    def divide(a: float, b: float) -> float:
        return a / b

    with Interpreter(plugins=False) as interpreter:
        interpreter.load("func main(needs f) means\n  return tool.error.Try(f, 1, 0).code\nendfunc")
        assert interpreter.run("main", Function("divide", divide)) == ErrorCode.TOOL_EXECUTION_FAILED


# --- script.Call ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ('tool.script.Call("half", [8])', 4),
        ('tool.script.Call("two")', [1, 2]),
        ('tool.script.Call("two", [])', [1, 2]),
        ('tool.script.Call("two", {})', [1, 2]),
        ('tool.script.Call("hello", ["Ann"])', "hello Ann"),
        ('tool.script.Call("hello", {"greeting": "hi", "name": "Bob"})', "hi Bob"),
        ('tool.script.Call(args: {"x": 2}, name: "half")', 1),
        ('tool.script.Call("ha" + "lf", [8])', 4),
    ],
)
def test_a_procedure_is_called_by_its_name(call: str, result: Any) -> None:
    outcome = called(f"return {call}")
    assert outcome.error is None
    assert outcome.result == result


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ('tool.script.Call("hafl", [8])', 2, "did you mean 'half'?"),
        ('tool.script.Call("len", ["x"])', 2, "no procedure 'len'"),
        ('tool.script.Call("half")', 4, "half() needs 'x'"),
        ('tool.script.Call("half", [1, 2])', 4, "half() takes 1 argument, not 2"),
        ('tool.script.Call("half", {"y": 2})', 4, "half(x)"),
        ('tool.script.Call("half", 8)', 4, "a list for positions or a map for names, not number 8"),
        ("tool.script.Call(half, [8])", 4, "must be a string"),
        ('tool.script.Call("half", [3])', 5, "x % 2 == 0"),
    ],
)
def test_a_call_that_cannot_be_made_says_why(call: str, code: int, words: str) -> None:
    outcome = called(f"return {call}")
    assert outcome.code == code
    assert words in str(outcome.error)


def test_the_arguments_of_a_call_are_the_callees_own() -> None:
    text = "set xs = [1]\nset ys = tool.script.Call('change', [xs])\nreturn [xs, ys]"
    assert run(text, more="func change(needs xs) means\n  set xs[0] = 2\n  return xs\nendfunc\n").result == [[1], [2]]


def test_a_host_calls_a_procedure_through_the_tool() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(PROCEDURES)
        context = interpreter.host_context()
        assert interpreter.tools.call("script.Call", "half", [8], context=context) == 4
        assert interpreter.tools.call("error.Try", interpreter.runtime.function("half"), 6, context=context) == 3
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.tools.call("script.Call", "nothing", context=context)
        assert caught.value.code == ErrorCode.PROC_NOT_FOUND


def test_calls_through_the_tools_count_towards_the_call_depth() -> None:
    for statement in ('return tool.script.Call("again")', "return tool.error.Try(again)"):
        outcome = run("return again()", more=f"func again() means\n  {statement}\nendfunc\n")
        assert outcome.code == ErrorCode.RESOURCE_EXHAUSTION
        assert outcome.error is not None
        assert "deep" in outcome.error.message
