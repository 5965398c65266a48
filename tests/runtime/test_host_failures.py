"""What the host's own code raises becomes the script's error, with its place, and never anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from neuroscript import ErrorCode, Function, Interpreter, LimitError, NeuroScriptError
from tests.compiler.support import procedure, run


def fails(*_: Any) -> Any:
    raise ValueError("no luck")


def deep(*_: Any) -> Any:
    raise RecursionError


@pytest.mark.parametrize(
    ("statement", "options", "what"),
    [
        ("emit 1", {"emit": fails}, "the host's emit sink"),
        ("whisper self, 1", {"whisper": fails}, "the host's whisper sink"),
        ('promptuser "?" into x', {"prompt": fails}, "the host's prompt source"),
        ("call host(1)", {"globals": {"host": Function("host", fails)}}, "the function 'host'"),
        ('call tool.event.Emit("x")', {"on_error": fails}, "the host's error callback"),
    ],
)
def test_a_failing_host_is_error_21(statement: str, options: dict[str, Any], what: str) -> None:
    shown: list[Any] = []
    text = f'on event "x" do\n  fail "x"\nendon\n{statement}'
    with Interpreter(plugins=False, **({"emit": shown.append} | options)) as interpreter:
        interpreter.load(procedure(text))
        with pytest.raises(NeuroScriptError, match=f"{what} failed: ValueError: no luck") as raised:
            interpreter.run("main")
    error = raised.value
    assert (error.code, error.line) == (ErrorCode.TOOL_EXECUTION_FAILED, 5)
    assert type(error.__cause__) is ValueError
    assert [frame.procedure for frame in error.stack] == ["main"]


def test_a_host_that_runs_out_of_stack_ends_the_run() -> None:
    text = "on error do\n  clear_error\nendon\nemit 1"
    with Interpreter(plugins=False, emit=deep) as interpreter:
        interpreter.load(procedure(text))
        with pytest.raises(LimitError, match="out of call depth"):
            interpreter.run("main")


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_failure_passes_through(exception: type[BaseException]) -> None:
    def interrupt(value: Any) -> None:
        raise exception

    with Interpreter(plugins=False, emit=interrupt) as interpreter:
        interpreter.load(procedure("on error do\n  clear_error\nendon\nwhile true\n  emit 1\nendwhile"))
        with pytest.raises(exception):
            interpreter.run("main")
        interpreter.emit_sink = lambda value: None
        interpreter.load("func fine means\n  return 5\nendfunc\n")
        assert interpreter.run("fine") == 5


def test_a_functions_arguments_by_name_reach_the_host() -> None:
    def area(width: int, height: int) -> int:
        return width * height

    globals_ = {"area": Function("area", area)}
    assert run("return area(2, height: 4)", globals=globals_).result == 8
    outcome = run("return area(2)", globals=globals_)
    assert outcome.code == 21
    assert "the function 'area' failed: TypeError" in str(outcome.error)


def test_a_function_of_another_interpreter_is_called_there() -> None:
    with Interpreter(plugins=False) as other:
        other.load(
            "func twice(needs x) means\n  return x * 2\nendfunc\nfunc get means\n  return twice\nendfunc\n", "other.ns"
        )
        twice = other.run("get")
        assert run("return a([1, 2][1])", twice).result == 4
        outcome = run("return a(nil)", twice)
        assert (outcome.code, outcome.place) == (7, (2, 12))
        assert outcome.error is not None
        assert outcome.error.file == "other.ns"


@pytest.mark.parametrize(
    "raising", [ValueError("bad"), KeyError("k"), ZeroDivisionError(), NameError("n"), OverflowError()]
)
@pytest.mark.parametrize("argument", ["1", "{}", "x: 1"])
def test_whatever_a_tool_raises_is_its_failure(raising: Exception, argument: str) -> None:
    def bad(x: Any) -> int:
        raise raising

    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Bad")(bad)
        interpreter.load(procedure(f"call tool.host.Bad({argument})"))
        with pytest.raises(NeuroScriptError, match=f"tool.host.Bad failed: {type(raising).__name__}") as raised:
            interpreter.run("main")
    assert (raised.value.code, raised.value.line, raised.value.column) == (21, 2, 8)
    assert raised.value.__cause__ is raising


def test_details_that_are_no_values_do_not_hide_the_error() -> None:
    def bad(x: int) -> int:
        raise NeuroScriptError(1234, "mine", details={"object": object(), "n": 5, "when": {1, 2}})

    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Bad")(bad)
        interpreter.load(procedure("on error do\n  clear_error\nendon\ncall tool.host.Bad(1)\nreturn system_error"))
        fields = interpreter.run("main")
    assert (fields["code"], fields["n"], fields["object"]) == (1234, 5, "<object>")


@pytest.mark.parametrize(
    ("raising", "cause"), [(ValueError("bad"), ValueError), (NeuroScriptError(1500, "mine"), type(None))]
)
def test_the_cause_of_an_error_is_kept_through_procedures_and_handlers(
    raising: Exception, cause: type[BaseException]
) -> None:
    def bad(x: int) -> int:
        raise raising

    more = (
        "func inner means\n  on error do\n    set seen = system_error_code\n  endon\n  call tool.host.Bad(1)\nendfunc\n"
    )
    with Interpreter(plugins=False) as interpreter:
        interpreter.tool("host.Bad")(bad)
        interpreter.load(procedure("call inner()") + more)
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
    assert type(raised.value.__cause__) is cause
    assert [(frame.procedure, frame.line) for frame in raised.value.stack] == [("inner", 8), ("main", 2)]


def test_an_error_in_a_handler_has_the_old_one_as_its_cause() -> None:
    outcome = run('on error do\n  fail "second"\nendon\nfail "first"')
    assert outcome.error is not None
    assert (outcome.error.message, outcome.place) == ("second", (3, 5))
    cause = outcome.error.__cause__
    assert isinstance(cause, NeuroScriptError)
    assert (cause.message, cause.line) == ("first", 5)


def failing_sources() -> list[Callable[[], Any]]:
    return [lambda: 1 / 0, lambda: {}["x"], lambda: [].pop()]


@pytest.mark.parametrize("number", range(3))
def test_a_failing_argument_of_the_host_is_an_error_too(number: int) -> None:
    class Strange:
        def __iter__(self) -> Any:
            return iter([failing_sources()[number]])

    outcome = run("return a", Strange())
    assert outcome.code == 7
